//! `blacklist remove`.

use kwil_crypto::NodeId;

use crate::context::Context;
use crate::error::{CliError, ErrorCode};
use crate::node_id::parse;
use crate::remote::RpcArgs;

/// Accept a node again.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  {program} blacklist remove \"03dbe22b…#secp256k1\"")]
pub struct RemoveFromBlacklist {
    /// The node, PUBKEY#TYPE
    #[arg(value_name = "NODE ID", value_parser = parse)]
    node: NodeId,
}

impl RemoveFromBlacklist {
    /// Tells the node.
    ///
    /// # Errors
    /// The node is not on the list, or what the node or the way to it says.
    pub fn run(self, rpc: &RpcArgs, context: &mut Context) -> Result<(), CliError> {
        let listed = rpc.ask(context, async |node| node.blacklist().await)?;
        let id = self.node.to_string();
        if !listed.iter().any(|entry| entry.peer_id == id) {
            return Err(CliError::new(
                ErrorCode::NotFound,
                format!("node {id} is not on the blacklist"),
            ));
        }
        rpc.ask(context, async |node| node.blacklist_remove(&self.node).await)?;
        let json = serde_json::json!({ "node_id": id, "removed": true });
        context.output.emit(&json, || format!("Removed node {id} from blacklist"))
    }
}
