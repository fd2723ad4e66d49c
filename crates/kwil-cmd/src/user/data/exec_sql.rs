//! `exec-sql`.

use kwil_client::TxDraft;

use super::{arguments, statement::StatementArgs};
use crate::context::Context;
use crate::error::CliError;
use crate::user::tx::TxArgs;
use crate::user::{Settings, UserArgs};

/// Run SQL in a transaction: tables, actions, roles, rows.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  kwil-cli exec-sql \"CREATE TABLE users (id INT PRIMARY KEY, name TEXT)\" \\\n    --sync\n  kwil-cli exec-sql \"{social}INSERT INTO users VALUES ($id, $name)\" \\\n    -p id:int8=1 -p 'name:text=Ann' --sync\n  kwil-cli exec-sql --file schema.sql --sync"
)]
pub struct ExecSql {
    #[command(flatten)]
    statement: StatementArgs,
    /// Value of a parameter, name:type=value; may be repeated
    #[arg(short = 'p', long = "param", value_name = "NAME:TYPE=VALUE")]
    params: Vec<String>,
    #[command(flatten)]
    tx: TxArgs,
}

impl ExecSql {
    /// Signs and sends.
    ///
    /// # Errors
    /// Wrong arguments or SQL, no key, what the node or the way to it says, or a failed transaction with --sync.
    pub fn run(self, user: &UserArgs, context: &mut Context) -> Result<(), CliError> {
        let text = self.statement.text(context)?;
        let parameters = arguments::named(&self.params)?;
        let settings = Settings::merge(user, context)?;
        let draft = TxDraft::raw_statement(&text, &parameters)
            .map_err(|error| CliError::usage(error.to_string()))?;
        self.tx.send(draft, user, &settings, context)
    }
}
