//! `validators leave`.

use crate::context::Context;
use crate::error::CliError;
use crate::remote::RpcArgs;
use crate::submit::{SubmitArgs, print};

/// Take this node out of the validator set.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  {program} validators leave")]
pub struct Leave {
    #[command(flatten)]
    submit: SubmitArgs,
}

impl Leave {
    /// Lets the node sign and send the transaction.
    ///
    /// # Errors
    /// What the node or the way to it says.
    pub fn run(self, rpc: &RpcArgs, context: &mut Context) -> Result<(), CliError> {
        let sent = rpc.ask(context, async |node| node.leave(self.submit.options()).await)?;
        print(&sent, context)
    }
}
