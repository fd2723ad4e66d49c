//! `consensus approve`.

use uuid::Uuid;

use crate::context::Context;
use crate::error::CliError;
use crate::remote::RpcArgs;
use crate::submit::{SubmitArgs, print};

/// Approve a change of network parameters. More than half of the voting power must approve.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  {program} consensus approve 6a1f8a8e-…")]
pub struct ApproveProposal {
    /// Id that `propose` printed
    #[arg(value_name = "ID")]
    id: Uuid,
    #[command(flatten)]
    submit: SubmitArgs,
}

impl ApproveProposal {
    /// Lets the node sign and send the approval.
    ///
    /// # Errors
    /// What the node or the way to it says.
    pub fn run(self, rpc: &RpcArgs, context: &mut Context) -> Result<(), CliError> {
        let sent = rpc.ask(context, async |node| {
            node.approve_resolution(self.id, self.submit.options()).await
        })?;
        print(&sent, context)
    }
}
