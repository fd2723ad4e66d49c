//! `validators approve`.

use kwil_crypto::NodeId;

use crate::context::Context;
use crate::error::CliError;
use crate::node_id::parse;
use crate::remote::RpcArgs;
use crate::submit::{SubmitArgs, print};

/// Approve the join request of a node. More than two thirds of the voting power must approve.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  {program} validators approve \"03dbe22b…#secp256k1\"")]
pub struct Approve {
    /// Node that asked to join, PUBKEY#TYPE
    #[arg(value_name = "NODE ID", value_parser = parse)]
    candidate: NodeId,
    #[command(flatten)]
    submit: SubmitArgs,
}

impl Approve {
    /// Lets the node sign and send the approval.
    ///
    /// # Errors
    /// What the node or the way to it says.
    pub fn run(self, rpc: &RpcArgs, context: &mut Context) -> Result<(), CliError> {
        let sent = rpc.ask(context, async |node| {
            node.approve(&self.candidate, self.submit.options()).await
        })?;
        print(&sent, context)
    }
}
