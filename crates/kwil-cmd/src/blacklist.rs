//! `blacklist`: nodes that are refused.

mod add;
mod list;
mod remove;

pub use add::AddToBlacklist;
pub use list::ShowBlacklist;
pub use remove::RemoveFromBlacklist;

use crate::context::Context;
use crate::error::CliError;
use crate::remote::RpcArgs;

/// Show and change which nodes are refused.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  {program} blacklist add \"03dbe22b…#secp256k1\" --reason flooding \\\n    --duration 1h\n  {program} blacklist list"
)]
pub struct BlacklistGroup {
    #[command(flatten)]
    rpc: RpcArgs,
    #[command(subcommand)]
    command: BlacklistCommand,
}

#[derive(Debug, clap::Subcommand)]
enum BlacklistCommand {
    Add(AddToBlacklist),
    Remove(RemoveFromBlacklist),
    List(ShowBlacklist),
}

impl BlacklistGroup {
    /// Runs the chosen command.
    ///
    /// # Errors
    /// What the command says.
    pub fn run(self, context: &mut Context) -> Result<(), CliError> {
        match self.command {
            BlacklistCommand::Add(command) => command.run(&self.rpc, context),
            BlacklistCommand::Remove(command) => command.run(&self.rpc, context),
            BlacklistCommand::List(command) => command.run(&self.rpc, context),
        }
    }
}
