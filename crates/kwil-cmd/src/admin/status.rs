//! `admin status`.

use kwil_api::Validator;
use kwil_api::admin::{NodeStatus, Status as Answer, SyncStatus};
use kwil_crypto::Hash;
use serde::Serialize;

use crate::context::Context;
use crate::error::CliError;
use crate::remote::RpcArgs;
use crate::times::local;

/// Show who the node is, how far it is, and its voting power.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  {program} admin status --rpcserver /tmp/kwild.socket")]
pub struct Status {}

/// The documented keys first, in their documented order; ours after them.
#[derive(Serialize)]
struct View<'a> {
    node: NodeView<'a>,
    sync: SyncView<'a>,
    validator: &'a Validator,
}

#[derive(Serialize)]
struct NodeView<'a> {
    chain_id: &'a str,
    node_id: &'a str,
    app_ver: u64,
    listen_addr: &'a str,
    role: &'a str,
    rpc_addr: &'a str,
    version: &'a str,
    uptime_ms: i64,
}

#[derive(Serialize)]
struct SyncView<'a> {
    app_hash: String,
    best_block_hash: String,
    best_block_height: i64,
    best_block_time: String,
    syncing: bool,
    target_height: i64,
    phase: &'a str,
    progress: f64,
}

impl Status {
    /// Asks the node and prints a JSON object in both forms.
    ///
    /// # Errors
    /// What the node or the way to it says.
    pub fn run(self, rpc: &RpcArgs, context: &mut Context) -> Result<(), CliError> {
        let answer = rpc.ask(context, async |node| node.status().await)?;
        context.output.emit_json(&view(&answer))
    }
}

fn view(answer: &Answer) -> View<'_> {
    let NodeStatus { chain_id, node_id, app_ver, listen_addr, role, rpc_addr, version, uptime_ms } =
        &answer.node;
    let SyncStatus {
        app_hash,
        best_block_hash,
        best_block_height,
        best_block_time,
        syncing,
        target_height,
        phase,
        progress,
    } = &answer.sync;
    let hash = |hash: &Option<Hash>| hash.unwrap_or(Hash::ZERO).to_string();
    View {
        node: NodeView {
            chain_id,
            node_id,
            app_ver: *app_ver,
            listen_addr,
            role,
            rpc_addr,
            version,
            uptime_ms: *uptime_ms,
        },
        sync: SyncView {
            app_hash: hash(app_hash),
            best_block_hash: hash(best_block_hash),
            best_block_height: *best_block_height,
            best_block_time: local(*best_block_time),
            syncing: *syncing,
            target_height: *target_height,
            phase,
            progress: *progress,
        },
        validator: &answer.validator,
    }
}

#[cfg(test)]
mod tests {
    use kwil_crypto::{KeyType, PublicKey};

    use super::*;

    #[test]
    fn documented_keys_come_first_in_their_order() {
        let key = "0277fb40d1b745c8f96f411ab57915e2df3bc86efde70f0e687f4273beb6708b82";
        let answer = Answer {
            node: NodeStatus {
                chain_id: "prod-chain".to_owned(),
                node_id: format!("{key}#secp256k1"),
                listen_addr: "0.0.0.0:6600".to_owned(),
                role: "sentry".to_owned(),
                rpc_addr: "/tmp/kwild.socket".to_owned(),
                ..NodeStatus::default()
            },
            sync: SyncStatus {
                best_block_height: 109,
                phase: "live".to_owned(),
                ..SyncStatus::default()
            },
            validator: Validator {
                key: PublicKey::from_hex(KeyType::Secp256k1, key).unwrap(),
                power: 0,
            },
        };
        let mut settings = insta::Settings::clone_current();
        settings.add_filter(r#""best_block_time": "[^"]+""#, r#""best_block_time": "<time>""#);
        settings.bind(|| {
            insta::assert_snapshot!(serde_json::to_string_pretty(&view(&answer)).unwrap(), @r#"
            {
              "node": {
                "chain_id": "prod-chain",
                "node_id": "0277fb40d1b745c8f96f411ab57915e2df3bc86efde70f0e687f4273beb6708b82#secp256k1",
                "app_ver": 0,
                "listen_addr": "0.0.0.0:6600",
                "role": "sentry",
                "rpc_addr": "/tmp/kwild.socket",
                "version": "",
                "uptime_ms": 0
              },
              "sync": {
                "app_hash": "0000000000000000000000000000000000000000000000000000000000000000",
                "best_block_hash": "0000000000000000000000000000000000000000000000000000000000000000",
                "best_block_height": 109,
                "best_block_time": "<time>",
                "syncing": false,
                "target_height": 0,
                "phase": "live",
                "progress": 0.0
              },
              "validator": {
                "pubkey": "0277fb40d1b745c8f96f411ab57915e2df3bc86efde70f0e687f4273beb6708b82",
                "type": "secp256k1",
                "power": 0
              }
            }
            "#);
        });
    }
}
