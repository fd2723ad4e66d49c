//! `block`: the block in execution.

mod abort;
mod status;

pub use abort::AbortBlock;
pub use status::BlockStatus;

use crate::context::Context;
use crate::error::CliError;
use crate::remote::RpcArgs;

/// Watch and stop the execution of a block.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  {program} block status\n  {program} block abort 1200 --txns 8f0c…"
)]
pub struct BlockGroup {
    #[command(flatten)]
    rpc: RpcArgs,
    #[command(subcommand)]
    command: BlockCommand,
}

#[derive(Debug, clap::Subcommand)]
enum BlockCommand {
    Status(BlockStatus),
    Abort(AbortBlock),
}

impl BlockGroup {
    /// Runs the chosen command.
    ///
    /// # Errors
    /// What the command says.
    pub fn run(self, context: &mut Context) -> Result<(), CliError> {
        match self.command {
            BlockCommand::Status(command) => command.run(&self.rpc, context),
            BlockCommand::Abort(command) => command.run(&self.rpc, context),
        }
    }
}
