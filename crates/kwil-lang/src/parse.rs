//! The parser: recursive descent for statements, operator precedence for expressions.
//!
//! Bounded by construction: what nests is counted ([`MAX_NESTING`], [`MAX_DEPTH`]), what repeats is a loop, and
//! nothing outlives a call.

mod action;
mod column;
mod cursor;
mod expr;
mod literal;
mod operand;
mod query;
mod roles;
mod select;
mod statement;
mod step;
mod table;
mod types;

use cursor::{Failed, Parsed, Parser};

use crate::ast::{CreateAction, Statement, StatementKind, TypeRef};
use crate::{ErrorClass, ParseError, ParseErrors, Span};

/// Parentheses, brackets, blocks and subqueries that may stand inside each other.
pub const MAX_NESTING: u32 = 256;

/// Height of the tree of one expression, subqueries included.
pub const MAX_DEPTH: u32 = 1024;

/// Longest name of an action, parameter, alias and the like, in bytes.
pub const MAX_IDENTIFIER: usize = 64;

/// Longest name of a table, column, index, constraint or namespace, in bytes: PostgreSQL cuts longer ones.
pub const MAX_OBJECT_NAME: usize = 63;

/// Errors reported of one text; behind so many, the rest is noise.
pub const MAX_ERRORS: usize = 20;

/// Reads a script: statements separated by semicolons.
///
/// # Errors
/// All faults of the text, up to [`MAX_ERRORS`]. After a fault the parser goes on behind the next semicolon, where the
/// next statement certainly starts.
pub fn parse_script(source: &str) -> Result<Vec<Statement>, ParseErrors> {
    run(source, Parser::script)
}

/// Reads a script from bytes that may not be text.
///
/// # Errors
/// Like [`parse_script`]; also when the bytes are not UTF-8.
pub fn parse_script_bytes(source: &[u8]) -> Result<Vec<Statement>, ParseErrors> {
    match std::str::from_utf8(source) {
        Ok(source) => parse_script(source),
        Err(error) => {
            let (valid, _) = source.split_at(error.valid_up_to().min(source.len()));
            let valid = std::str::from_utf8(valid).unwrap_or("");
            let at = u32::try_from(valid.len()).unwrap_or(u32::MAX);
            let span = Span { start: at, end: at };
            let detail = "unexpected bytes that are not UTF-8".to_owned();
            let first = ParseError::new(valid, ErrorClass::Syntax, span, detail);
            Err(ParseErrors::new(first, []))
        }
    }
}

/// Reads the stored text of an action: one `CREATE ACTION` statement, with or without its namespace prefix.
///
/// # Errors
/// The text is anything else.
pub fn parse_action(source: &str) -> Result<CreateAction, ParseErrors> {
    run(source, |parser| {
        let mut statements = parser.script()?;
        match statements.pop() {
            Some(Statement { kind: StatementKind::CreateAction(action), .. })
                if statements.is_empty() =>
            {
                Ok(*action)
            }
            Some(Statement { span, .. }) => {
                Err(parser.fault(ErrorClass::Syntax, span, "expected one CREATE ACTION statement"))
            }
            None => Err(parser.unexpected("a CREATE ACTION statement")),
        }
    })
}

/// Reads a type, such as `numeric(10,2)[]`.
///
/// # Errors
/// The text is anything else.
pub fn parse_type(source: &str) -> Result<TypeRef, ParseErrors> {
    run(source, |parser| {
        let data_type = parser.data_type()?;
        parser.expect_end("the end of the type")?;
        Ok(data_type)
    })
}

fn run<'s, T>(
    source: &'s str,
    read: impl FnOnce(&mut Parser<'s>) -> Parsed<T>,
) -> Result<T, ParseErrors> {
    if u32::try_from(source.len()).is_err() {
        let detail = "text longer than 4 GiB".to_owned();
        let first = ParseError::new("", ErrorClass::Syntax, Span::default(), detail);
        return Err(ParseErrors::new(first, []));
    }
    let mut parser = Parser::new(source);
    let read = read(&mut parser);
    let mut errors = parser.into_errors().into_iter();
    match (errors.next(), read) {
        (None, Ok(read)) => Ok(read),
        (Some(first), _) => Err(ParseErrors::new(first, errors)),
        (None, Err(Failed)) => {
            let detail = "the text cannot be read".to_owned();
            let first = ParseError::new(source, ErrorClass::Syntax, Span::default(), detail);
            Err(ParseErrors::new(first, []))
        }
    }
}
