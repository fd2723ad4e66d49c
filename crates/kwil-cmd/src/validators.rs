//! `validators`: the validator set and the way into it.

mod approve;
mod join;
mod join_status;
mod leave;
mod list;
mod list_join_requests;
mod remove;
mod replace_leader;

pub use approve::Approve;
pub use join::Join;
pub use join_status::JoinStatus;
pub use leave::Leave;
pub use list::List;
pub use list_join_requests::ListJoinRequests;
pub use remove::Remove;
pub use replace_leader::ReplaceLeader;

use crate::context::Context;
use crate::error::CliError;
use crate::remote::RpcArgs;

/// Show and change the validator set.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  {program} validators list\n  {program} validators join --wait\n  {program} validators approve \"03dbe22b…#secp256k1\""
)]
pub struct ValidatorsGroup {
    #[command(flatten)]
    rpc: RpcArgs,
    #[command(subcommand)]
    command: ValidatorsCommand,
}

#[derive(Debug, clap::Subcommand)]
enum ValidatorsCommand {
    Join(Join),
    Leave(Leave),
    Approve(Approve),
    Remove(Remove),
    JoinStatus(JoinStatus),
    #[command(visible_alias = "list-validators")]
    List(List),
    ListJoinRequests(ListJoinRequests),
    #[command(alias = "promote")]
    ReplaceLeader(ReplaceLeader),
}

impl ValidatorsGroup {
    /// Runs the chosen command.
    ///
    /// # Errors
    /// What the command says.
    pub fn run(self, context: &mut Context) -> Result<(), CliError> {
        match self.command {
            ValidatorsCommand::Join(command) => command.run(&self.rpc, context),
            ValidatorsCommand::Leave(command) => command.run(&self.rpc, context),
            ValidatorsCommand::Approve(command) => command.run(&self.rpc, context),
            ValidatorsCommand::Remove(command) => command.run(&self.rpc, context),
            ValidatorsCommand::JoinStatus(command) => command.run(&self.rpc, context),
            ValidatorsCommand::List(command) => command.run(&self.rpc, context),
            ValidatorsCommand::ListJoinRequests(command) => command.run(&self.rpc, context),
            ValidatorsCommand::ReplaceLeader(command) => command.run(&self.rpc, context),
        }
    }
}
