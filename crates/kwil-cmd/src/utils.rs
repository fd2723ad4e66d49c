//! `utils` of the operator.

use crate::context::Context;
use crate::error::CliError;
use crate::query_tx::QueryTxArgs;
use crate::remote::RpcArgs;

/// Look at transactions.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  {program} utils query-tx 8f0c… --wait")]
pub struct UtilsGroup {
    #[command(flatten)]
    rpc: RpcArgs,
    #[command(subcommand)]
    command: UtilsCommand,
}

#[derive(Debug, clap::Subcommand)]
enum UtilsCommand {
    /// Show a transaction and what became of it
    #[command(after_help = "Example:\n  {program} utils query-tx 8f0c… --wait")]
    QueryTx(QueryTxArgs),
}

impl UtilsGroup {
    /// Runs the chosen command.
    ///
    /// # Errors
    /// What the command says.
    pub fn run(self, context: &mut Context) -> Result<(), CliError> {
        let UtilsCommand::QueryTx(args) = self.command;
        let hash = args.hash()?;
        let answer = self.rpc.ask(context, async |node| args.ask(&node.user(), hash).await);
        let answer = answer.map_err(|error| error.within("error querying transaction"))?;
        args.show(hash, &answer, context)
    }
}
