//! `query`.

use super::{arguments, rows, statement::StatementArgs};
use crate::context::Context;
use crate::error::CliError;
use crate::table::TableArgs;
use crate::user::{Settings, UserArgs, tx};

/// Run SQL that reads, at the last committed block of the node.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  kwil-cli query \"SELECT name, type FROM info.namespaces\"\n  kwil-cli query \"{social}SELECT * FROM users WHERE id = $id\" -p id:int8=1 \\\n    --output json"
)]
pub struct Query {
    #[command(flatten)]
    statement: StatementArgs,
    /// Value of a parameter, name:type=value; may be repeated
    #[arg(short = 'p', long = "param", value_name = "NAME:TYPE=VALUE")]
    params: Vec<String>,
    /// Sign the query, as private nodes want it
    #[arg(long)]
    rpc_auth: bool,
    /// Wait until the node has this block, for example that of a transaction sent elsewhere
    #[arg(long, value_name = "HEIGHT")]
    min_height: Option<u64>,
    #[command(flatten)]
    table: TableArgs,
}

impl Query {
    /// Asks and prints.
    ///
    /// # Errors
    /// Wrong arguments or SQL, no key with --rpc-auth, what the node or the way to it says.
    pub fn run(self, user: &UserArgs, context: &mut Context) -> Result<(), CliError> {
        let text = self.statement.text(context)?;
        let parameters = arguments::named(&self.params)?;
        let settings = Settings::merge(user, context)?;
        let signer = if self.rpc_auth { Some(tx::reader(&settings, context)?) } else { None };
        let result = user.ask(&settings, context, async |node| {
            let node = self.min_height.map_or_else(|| node.clone(), |height| node.at_least(height));
            match &signer {
                Some(signer) => node.query_as(signer, &text, &parameters).await,
                None => node.query(&text, &parameters).await,
            }
        })?;
        context.output.emit(&result, || rows::table(&result, self.table))
    }
}
