//! `whitelist`: nodes that may connect.

mod add;
mod list;
mod remove;

pub use add::AddToWhitelist;
pub use list::ShowWhitelist;
pub use remove::RemoveFromWhitelist;

use crate::context::Context;
use crate::error::CliError;
use crate::remote::RpcArgs;

/// Show and change which nodes may connect in private mode.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  {program} whitelist add \"03dbe22b…#secp256k1\"\n  {program} whitelist list"
)]
pub struct WhitelistGroup {
    #[command(flatten)]
    rpc: RpcArgs,
    #[command(subcommand)]
    command: WhitelistCommand,
}

#[derive(Debug, clap::Subcommand)]
enum WhitelistCommand {
    Add(AddToWhitelist),
    Remove(RemoveFromWhitelist),
    List(ShowWhitelist),
}

impl WhitelistGroup {
    /// Runs the chosen command.
    ///
    /// # Errors
    /// What the command says.
    pub fn run(self, context: &mut Context) -> Result<(), CliError> {
        match self.command {
            WhitelistCommand::Add(command) => command.run(&self.rpc, context),
            WhitelistCommand::Remove(command) => command.run(&self.rpc, context),
            WhitelistCommand::List(command) => command.run(&self.rpc, context),
        }
    }
}
