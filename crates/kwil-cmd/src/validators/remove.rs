//! `validators remove`.

use kwil_crypto::NodeId;

use crate::context::Context;
use crate::error::CliError;
use crate::node_id::parse;
use crate::remote::RpcArgs;
use crate::submit::{SubmitArgs, print};

/// Vote to remove a validator. Two thirds of the voting power must agree.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  {program} validators remove \"03dbe22b…#secp256k1\"")]
pub struct Remove {
    /// Validator to remove, PUBKEY#TYPE
    #[arg(value_name = "NODE ID", value_parser = parse)]
    validator: NodeId,
    #[command(flatten)]
    submit: SubmitArgs,
}

impl Remove {
    /// Lets the node sign and send the vote.
    ///
    /// # Errors
    /// What the node or the way to it says.
    pub fn run(self, rpc: &RpcArgs, context: &mut Context) -> Result<(), CliError> {
        let sent = rpc
            .ask(context, async |node| node.remove(&self.validator, self.submit.options()).await)?;
        print(&sent, context)
    }
}
