//! `utils`: small things around a network.

mod chain_info;
mod decode_tx;
mod generate_key;
mod known_nodes;
mod ping;
mod print_config;

pub use chain_info::ShowChainInfo;
pub use decode_tx::DecodeTx;
pub use generate_key::GenerateKey;
pub use known_nodes::KnownNodesCommand;
pub use ping::Ping;
pub use print_config::PrintSettings;

use super::{Settings, UserArgs};
use crate::context::Context;
use crate::error::CliError;
use crate::query_tx::QueryTxArgs;

/// Ask a node about its network, look at transactions, make keys.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  kwil-cli utils chain-info\n  kwil-cli utils ping --provider quic://node.example:8484\n  kwil-cli utils query-tx 8f0c… --wait"
)]
pub struct ToolsGroup {
    #[command(subcommand)]
    command: ToolsCommand,
}

#[derive(Debug, clap::Subcommand)]
enum ToolsCommand {
    ChainInfo(ShowChainInfo),
    Ping(Ping),
    /// Show a transaction and what became of it
    #[command(after_help = "Example:\n  kwil-cli utils query-tx 8f0c… --wait")]
    QueryTx(QueryTxArgs),
    DecodeTx(DecodeTx),
    GenerateKey(GenerateKey),
    PrintConfig(PrintSettings),
    KnownNodes(KnownNodesCommand),
}

impl ToolsGroup {
    /// Runs the chosen command.
    ///
    /// # Errors
    /// What the command says.
    pub fn run(self, user: &UserArgs, context: &mut Context) -> Result<(), CliError> {
        match self.command {
            ToolsCommand::ChainInfo(command) => command.run(user, context),
            ToolsCommand::Ping(command) => command.run(user, context),
            ToolsCommand::QueryTx(args) => query_tx(&args, user, context),
            ToolsCommand::DecodeTx(command) => command.run(context),
            ToolsCommand::GenerateKey(command) => command.run(context),
            ToolsCommand::PrintConfig(command) => command.run(user, context),
            ToolsCommand::KnownNodes(command) => command.run(user, context),
        }
    }
}

fn query_tx(args: &QueryTxArgs, user: &UserArgs, context: &mut Context) -> Result<(), CliError> {
    let settings = Settings::merge(user, context)?;
    let hash = args.hash()?;
    let answer = user.ask(&settings, context, async |node| args.ask(node, hash).await);
    let answer = answer.map_err(|error| error.within("error querying transaction"))?;
    args.show(hash, &answer, context)
}
