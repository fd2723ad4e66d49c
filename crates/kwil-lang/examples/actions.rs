//! Lists the actions of a schema, as somebody would who has the text and nothing else of Kwil.
//!
//! ```text
//! cargo run -p kwil-lang --example actions -- examples/schemas/token.sql
//! ```

#![expect(clippy::print_stdout, reason = "prints its result")]

use std::error::Error;

use kwil_lang::ast::StatementKind;
use kwil_lang::parse_script;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: actions FILE")?;
    let schema = std::fs::read_to_string(path)?;
    let statements = parse_script(&schema).map_err(|errors| errors.report())?;
    for statement in statements {
        if let StatementKind::CreateAction(action) = statement.kind {
            let parameters: Vec<_> = action.parameters.iter().map(ToString::to_string).collect();
            println!("{}({})", action.name, parameters.join(", "));
        }
    }
    Ok(())
}
