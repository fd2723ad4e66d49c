//! `admin peers`.

use kwil_api::admin::Peer;
use serde::Serialize;

use crate::context::Context;
use crate::error::CliError;
use crate::remote::RpcArgs;
use crate::times::local;

/// Show the peers that the node is connected with.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  {program} admin peers --output json")]
pub struct Peers {}

#[derive(Serialize)]
struct View<'a> {
    remote_addr: &'a str,
    local_addr: &'a str,
    inbound: bool,
    node_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    role: &'a str,
    version: &'a str,
    height: i64,
    rtt_ms: f64,
}

impl<'a> From<&'a Peer> for View<'a> {
    fn from(peer: &'a Peer) -> Self {
        Self {
            remote_addr: &peer.remote_addr,
            local_addr: &peer.local_addr,
            inbound: peer.inbound,
            node_id: &peer.node_id,
            since: peer.connected_since.map(local),
            role: &peer.role,
            version: &peer.version,
            height: peer.height,
            rtt_ms: peer.rtt_ms,
        }
    }
}

impl Peers {
    /// Asks the node and prints a JSON array in both forms.
    ///
    /// # Errors
    /// What the node or the way to it says.
    pub fn run(self, rpc: &RpcArgs, context: &mut Context) -> Result<(), CliError> {
        let answer = rpc.ask(context, async |node| node.peers().await)?;
        let peers: Vec<View<'_>> = answer.iter().map(View::from).collect();
        context.output.emit_json(&peers)
    }
}
