//! Where the SQL of a command comes from.

use crate::context::Context;
use crate::error::CliError;

/// SQL as an argument, a flag, a file, or stdin.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct StatementArgs {
    /// The SQL; '-' reads it from stdin
    #[arg(value_name = "STATEMENT")]
    statement: Option<String>,
    /// The SQL
    #[arg(short = 's', long, value_name = "SQL")]
    stmt: Option<String>,
    #[arg(long, hide = true, value_name = "SQL")]
    sql: Option<String>,
    /// File with the SQL; '-' is stdin
    #[arg(short = 'f', long, value_name = "FILE")]
    file: Option<String>,
}

impl StatementArgs {
    /// The one statement that is given, known to be in the language.
    pub(super) fn text(&self, context: &Context) -> Result<String, CliError> {
        let Self { statement, stmt, sql, file } = self;
        if statement.is_some() && (stmt.is_some() || sql.is_some()) {
            return Err(CliError::usage("cannot provide both a --stmt flag and an argument"));
        }
        let given: Vec<&String> = [statement, stmt, sql].into_iter().flatten().collect();
        let text = match (given.as_slice(), file) {
            ([first, second, ..], _) => return Err(two(first, second)),
            ([first], Some(file)) => return Err(two(first, &format!("file {file}"))),
            ([], None) => return Err(CliError::usage("no SQL statement provided")),
            ([text], None) if text.as_str() == "-" => stdin()?,
            ([text], None) => (*text).clone(),
            ([], Some(file)) if file == "-" => stdin()?,
            ([], Some(file)) => context.read_text("the SQL file", &context.path(file))?,
        };
        if text.trim().is_empty() {
            return Err(CliError::usage("no SQL statement provided"));
        }
        match kwil_lang::parse_script(&text) {
            Ok(_) => Ok(text),
            Err(errors) => {
                let report = errors.report();
                Err(CliError::usage(format!("failed to parse SQL statement: {report}")))
            }
        }
    }
}

fn two(first: &str, second: &str) -> CliError {
    CliError::usage(format!("received two SQL statements: {first:?} and {second:?}"))
}

fn stdin() -> Result<String, CliError> {
    std::io::read_to_string(std::io::stdin().lock())
        .map_err(|error| CliError::because("cannot read the SQL from stdin", &error))
}
