//! Requests and answers of the user service.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use kwil_crypto::Hash;
use kwil_types::Amount;

use crate::account::AccountId;
use crate::text;
use crate::transaction::{Transaction, TxResult};

/// A request without parameters; whatever is sent in it is ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Empty {}

/// Answer of the `version` method of each service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Name of the service.
    pub service: String,
    /// Version of its interface, `0.2.0`.
    pub api_ver: String,
    /// First number of `api_ver`.
    pub major: u32,
    /// Second number of `api_ver`.
    pub minor: u32,
    /// Third number of `api_ver`.
    pub patch: u32,
    /// Version of the node.
    pub kwil_ver: String,
}

/// Parameters of `user.ping`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ping {
    /// Ignored by the node.
    #[serde(default, deserialize_with = "text::null_default")]
    pub message: String,
}

/// Answer of `user.ping`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pong {
    /// Always `pong`.
    pub message: String,
}

/// Answer of `user.chain_info`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainInfo {
    /// Name of the network.
    pub chain_id: String,
    /// Height of the best block.
    pub block_height: u64,
    /// Hash of the best block; zeros before the first.
    #[serde(with = "text::hash")]
    pub block_hash: Hash,
    /// Whether transactions cost fees.
    #[serde(default)]
    pub gas: bool,
}

/// Whether reads need a signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Anyone reads.
    #[default]
    Open,
    /// Calls are signed over a challenge, ad-hoc queries are refused.
    Private,
}

/// Answer of `user.health`: what the node knows about itself without asking anybody.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// As in `user.chain_info`.
    #[serde(flatten)]
    pub chain: ChainInfo,
    /// Whether the node should get traffic.
    pub healthy: bool,
    /// Version of the user service.
    pub version: String,
    /// Time of the best block in Unix milliseconds, 0 before the first.
    pub block_time: i64,
    /// Milliseconds since then.
    pub block_age: i64,
    /// Catching up or replaying.
    pub syncing: bool,
    /// The same as `block_height`.
    pub height: i64,
    /// State after the best block.
    #[serde(with = "text::hash")]
    pub app_hash: Hash,
    /// Connected peers.
    pub peer_count: u32,
    /// Whether reads need a signature.
    pub mode: Mode,
    /// `starting`, `statesync:discover`, `statesync:download`, `statesync:restore`, `blocksync`, `live`, `halted` or
    /// `diverged`.
    #[serde(default)]
    pub phase: String,
    /// Why `healthy` is false; empty otherwise.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// Highest height known in the network.
    #[serde(default)]
    pub target_height: i64,
    /// Part of the way to `target_height`, 0 to 1.
    #[serde(default)]
    pub progress: f64,
    /// Version of the node.
    #[serde(default)]
    pub node_version: String,
}

/// Parameters of `user.account`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRequest {
    /// Which account.
    #[serde(default)]
    pub id: Option<AccountId>,
    /// 0: as of the last block. 1 and more: with this node's mempool executed.
    #[serde(default, deserialize_with = "text::null_default")]
    pub status: u32,
}

/// Answer of `user.account`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Left out when the account does not exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<AccountId>,
    /// What it owns.
    #[serde(with = "text::decimal")]
    pub balance: Amount,
    /// Nonce of its last transaction.
    pub nonce: i64,
}

/// Answer of `user.num_accounts`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountCount {
    /// How many accounts exist.
    pub count: i64,
    /// As of this height.
    pub height: i64,
}

/// Parameters of `user.estimate_price`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceRequest {
    /// May be unsigned, without nonce, fee and chain id.
    #[serde(default)]
    pub tx: Option<Transaction>,
}

/// Answer of `user.estimate_price`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// What the transaction costs.
    #[serde(with = "text::decimal")]
    pub price: Amount,
}

/// Parameters of `user.broadcast`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BroadcastRequest {
    /// The signed transaction.
    #[serde(default)]
    pub tx: Option<Transaction>,
    /// 0: answer when the mempool has it. 1: answer when it is in a block.
    #[serde(default, deserialize_with = "text::null_default", skip_serializing_if = "is_zero")]
    pub sync: u32,
    /// Shortens the wait of `sync` 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_timeout_ms: Option<u32>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
const fn is_zero(value: &u32) -> bool {
    *value == 0
}

/// Answer of `user.broadcast`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broadcasted {
    /// Transaction id.
    #[serde(with = "text::hash")]
    pub tx_hash: Hash,
    /// Set after waiting for the block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<TxResult>,
    /// Height of the block, when `result` is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<i64>,
}

/// Answer of `user.challenge`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// 32 bytes to sign once.
    #[serde(with = "text::hex_bytes")]
    pub challenge: Vec<u8>,
    /// End of its life; told over gRPC only.
    #[serde(skip)]
    pub expires_unix_ms: i64,
}

/// Parameters of `user.update_proposal_status`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposalRequest {
    /// One proposal; all without it.
    #[serde(default, with = "text::opt_uuid", skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
}

/// Answer of `user.list_update_proposals` and `user.update_proposal_status`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UpdateProposals {
    /// Pending proposals, oldest first.
    #[serde(default, deserialize_with = "text::null_default")]
    pub proposals: Vec<UpdateProposal>,
}

/// A pending change of network parameters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UpdateProposal {
    /// Id of the resolution.
    #[serde(with = "text::uuid")]
    pub id: Uuid,
    /// Text of the proposer.
    pub description: String,
    /// New values by parameter name.
    #[serde(default, deserialize_with = "text::null_default")]
    pub updates: Map<String, Value>,
    /// Voters; those who approved first. Empty in the list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub board: Vec<AccountId>,
    /// Whether the voter at the same place of `board` approved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approved: Vec<bool>,
    /// End of voting, Unix milliseconds.
    #[serde(default, with = "text::opt_rfc3339", skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
}
