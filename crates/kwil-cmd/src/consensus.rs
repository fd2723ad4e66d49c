//! `consensus`: network parameters.

mod approve;
mod list_proposals;
mod params;
mod propose;
mod update_status;

pub use approve::ApproveProposal;
pub use list_proposals::ListProposals;
pub use params::Params;
pub use propose::Propose;
pub use update_status::UpdateStatus;

use crate::context::Context;
use crate::error::CliError;
use crate::remote::RpcArgs;

/// Propose and approve changes of the network parameters.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  {program} consensus params\n  {program} consensus list-proposals\n  {program} consensus approve 6a1f8a8e-…"
)]
pub struct ConsensusGroup {
    #[command(flatten)]
    rpc: RpcArgs,
    #[command(subcommand)]
    command: ConsensusCommand,
}

#[derive(Debug, clap::Subcommand)]
enum ConsensusCommand {
    Propose(Propose),
    Approve(ApproveProposal),
    #[command(visible_alias = "list")]
    ListProposals(ListProposals),
    #[command(visible_alias = "status")]
    UpdateStatus(UpdateStatus),
    Params(Params),
}

impl ConsensusGroup {
    /// Runs the chosen command.
    ///
    /// # Errors
    /// What the command says.
    pub fn run(self, context: &mut Context) -> Result<(), CliError> {
        match self.command {
            ConsensusCommand::Propose(command) => command.run(&self.rpc, context),
            ConsensusCommand::Approve(command) => command.run(&self.rpc, context),
            ConsensusCommand::ListProposals(command) => command.run(&self.rpc, context),
            ConsensusCommand::UpdateStatus(command) => command.run(&self.rpc, context),
            ConsensusCommand::Params(command) => command.run(&self.rpc, context),
        }
    }
}
