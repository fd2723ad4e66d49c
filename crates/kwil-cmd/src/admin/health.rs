//! `admin health`.

use crate::context::Context;
use crate::error::{CliError, ErrorCode};
use crate::remote::RpcArgs;

/// Show whether the node is well; exits with 8 when it is not.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  {program} admin health --output json")]
pub struct Health {}

impl Health {
    /// Asks the node and prints a JSON object in both forms.
    ///
    /// # Errors
    /// What the node or the way to it says, or that the node is not healthy.
    pub fn run(self, rpc: &RpcArgs, context: &mut Context) -> Result<(), CliError> {
        let answer = rpc.ask(context, async |node| node.health().await)?;
        if !answer.healthy {
            return Err(CliError::new(ErrorCode::CheckFailed, "the node is not healthy")
                .hint("see 'kwild admin status' and the log"));
        }
        context.output.emit_json(&answer)
    }
}
