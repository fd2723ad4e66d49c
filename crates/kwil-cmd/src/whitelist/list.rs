//! `whitelist list`.

use crate::context::Context;
use crate::error::CliError;
use crate::remote::RpcArgs;

/// List the nodes that may connect in private mode.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  {program} whitelist list")]
pub struct ShowWhitelist {}

impl ShowWhitelist {
    /// Asks the node and prints.
    ///
    /// # Errors
    /// What the node or the way to it says.
    pub fn run(self, rpc: &RpcArgs, context: &mut Context) -> Result<(), CliError> {
        let peers = rpc.ask(context, async |node| node.whitelist().await)?;
        context.output.emit(&peers, || {
            let lines =
                std::iter::once("Whitelisted Peers:").chain(peers.iter().map(String::as_str));
            lines.collect::<Vec<_>>().join("\n")
        })
    }
}
