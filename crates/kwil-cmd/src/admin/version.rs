//! `admin version`.

use crate::context::Context;
use crate::error::CliError;
use crate::remote::RpcArgs;

/// Show the version of the running node.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  {program} admin version")]
pub struct NodeVersion {}

impl NodeVersion {
    /// Asks the node and prints its version.
    ///
    /// # Errors
    /// What the node or the way to it says.
    pub fn run(self, rpc: &RpcArgs, context: &mut Context) -> Result<(), CliError> {
        let answer = rpc.ask(context, async |node| node.version().await)?;
        context.output.emit(&answer.kwil_ver, || answer.kwil_ver.clone())
    }
}
