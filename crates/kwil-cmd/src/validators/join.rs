//! `validators join`.

use crate::context::Context;
use crate::error::CliError;
use crate::remote::RpcArgs;
use crate::submit::{SubmitArgs, print};

/// Ask the validators to let this node in.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  {program} validators join --wait")]
pub struct Join {
    #[command(flatten)]
    submit: SubmitArgs,
}

impl Join {
    /// Lets the node sign and send the request.
    ///
    /// # Errors
    /// What the node or the way to it says.
    pub fn run(self, rpc: &RpcArgs, context: &mut Context) -> Result<(), CliError> {
        let sent = rpc.ask(context, async |node| node.join(self.submit.options()).await)?;
        print(&sent, context)
    }
}
