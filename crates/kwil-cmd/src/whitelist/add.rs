//! `whitelist add`.

use kwil_crypto::NodeId;

use crate::context::Context;
use crate::error::CliError;
use crate::node_id::parse;
use crate::remote::RpcArgs;

/// Let a node connect.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  {program} whitelist add \"03dbe22b…#secp256k1\"")]
pub struct AddToWhitelist {
    /// The node, PUBKEY#TYPE
    #[arg(value_name = "NODE ID", value_parser = parse)]
    node: NodeId,
}

impl AddToWhitelist {
    /// Tells the node.
    ///
    /// # Errors
    /// What the node or the way to it says.
    pub fn run(self, rpc: &RpcArgs, context: &mut Context) -> Result<(), CliError> {
        rpc.ask(context, async |node| node.whitelist_add(&self.node).await)?;
        let id = self.node.to_string();
        context.output.emit(&id, || format!("Whitelisted peer {id}"))
    }
}
