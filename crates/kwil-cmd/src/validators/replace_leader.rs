//! `validators replace-leader`.

use kwil_crypto::NodeId;

use crate::context::Context;
use crate::error::CliError;
use crate::node_id::parse;
use crate::remote::RpcArgs;

/// Accept another leader from a height on.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  {program} validators replace-leader \"03dbe22b…#secp256k1\" 1200"
)]
pub struct ReplaceLeader {
    /// The new leader, PUBKEY#TYPE
    #[arg(value_name = "NODE ID", value_parser = parse)]
    leader: NodeId,
    /// First height that it leads
    #[arg(value_name = "HEIGHT")]
    height: i64,
}

impl ReplaceLeader {
    /// Tells the node.
    ///
    /// # Errors
    /// What the node or the way to it says.
    pub fn run(self, rpc: &RpcArgs, context: &mut Context) -> Result<(), CliError> {
        let Self { leader, height } = self;
        rpc.ask(context, async |node| node.replace_leader(&leader, height).await)?;
        let json = serde_json::json!({ "height": height, "pubkey": leader.to_string() });
        context.output.emit(&json, || {
            format!(
                "Node will start accepting proposals from {leader} from height {height}.\nThe new leader and majority of \
                 the validators must run this command for the leader replacement to be successful."
            )
        })
    }
}
