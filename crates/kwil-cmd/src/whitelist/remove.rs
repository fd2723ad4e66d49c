//! `whitelist remove`.

use kwil_crypto::NodeId;

use crate::context::Context;
use crate::error::CliError;
use crate::node_id::parse;
use crate::remote::RpcArgs;

/// Take a node off the list; its connection is closed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  {program} whitelist remove \"03dbe22b…#secp256k1\"")]
pub struct RemoveFromWhitelist {
    /// The node, PUBKEY#TYPE
    #[arg(value_name = "NODE ID", value_parser = parse)]
    node: NodeId,
}

impl RemoveFromWhitelist {
    /// Tells the node.
    ///
    /// # Errors
    /// What the node or the way to it says.
    pub fn run(self, rpc: &RpcArgs, context: &mut Context) -> Result<(), CliError> {
        rpc.ask(context, async |node| node.whitelist_remove(&self.node).await)?;
        let id = self.node.to_string();
        context.output.emit(&id, || format!("Removed peer {id}"))
    }
}
