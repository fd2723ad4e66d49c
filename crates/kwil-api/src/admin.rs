//! Requests and answers of the admin service.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use kwil_crypto::{Hash, PublicKey};
use kwil_types::GoDuration;

use crate::account::{AccountId, Validator, parse_key_type};
use crate::text;
use crate::transaction::TxResult;
use crate::user::Empty;

/// Answer of `admin.health`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminHealth {
    /// Version of the admin service.
    pub version: String,
    /// Whether the node should get traffic.
    pub healthy: bool,
    /// Public key of the node.
    #[serde(with = "text::hex_bytes")]
    pub pubkey: Vec<u8>,
    /// Size of the validator set.
    pub num_validators: u32,
}

/// Answer of `admin.status`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The node.
    pub node: NodeStatus,
    /// How far it is.
    pub sync: SyncStatus,
    /// Its voting power; 0 for a sentry.
    pub validator: Validator,
}

/// The node itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// Name of the network.
    pub chain_id: String,
    /// `hex#type`.
    pub node_id: String,
    /// Version of the application's rules.
    pub app_ver: u64,
    /// Where peers reach it.
    pub listen_addr: String,
    /// `leader`, `validator` or `sentry`.
    pub role: String,
    /// Where the admin service listens.
    pub rpc_addr: String,
    /// Version of the node.
    #[serde(default)]
    pub version: String,
    /// Milliseconds since it started.
    #[serde(default)]
    pub uptime_ms: i64,
}

/// How far the node is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SyncStatus {
    /// State after the best block.
    #[serde(default, with = "text::zero_hash")]
    pub app_hash: Option<Hash>,
    /// Hash of the best block.
    #[serde(default, with = "text::zero_hash")]
    pub best_block_hash: Option<Hash>,
    /// Height of the best block.
    #[serde(default)]
    pub best_block_height: i64,
    /// Its time in Unix milliseconds; 0 before the first.
    #[serde(default)]
    pub best_block_time: i64,
    /// Catching up or replaying.
    #[serde(default)]
    pub syncing: bool,
    /// Highest height known in the network.
    #[serde(default)]
    pub target_height: i64,
    /// As in `user.health`.
    #[serde(default)]
    pub phase: String,
    /// Part of the way to `target_height`, 0 to 1.
    #[serde(default)]
    pub progress: f64,
}

/// Answer of `admin.peers`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Peers {
    /// Connected peers.
    #[serde(default, deserialize_with = "text::null_default")]
    pub peers: Vec<Peer>,
}

/// A connected peer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Peer {
    /// Its address.
    pub remote_addr: String,
    /// Ours on that connection.
    pub local_addr: String,
    /// Whether it dialled us.
    pub inbound: bool,
    /// `hex#type`.
    #[serde(default)]
    pub node_id: String,
    /// Its best height as it says.
    #[serde(default)]
    pub height: i64,
    /// Its version.
    #[serde(default)]
    pub version: String,
    /// `validator` or `sentry`.
    #[serde(default)]
    pub role: String,
    /// Round trip in milliseconds.
    #[serde(default)]
    pub rtt_ms: f64,
    /// Start of the connection in Unix milliseconds.
    #[serde(default, with = "text::opt_rfc3339", skip_serializing_if = "Option::is_none")]
    pub connected_since: Option<i64>,
}

/// Parameters of `admin.config`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigRequest {
    /// Passwords in clear instead of `***`.
    #[serde(
        default,
        deserialize_with = "text::null_default",
        skip_serializing_if = "std::ops::Not::not"
    )]
    pub show_secrets: bool,
}

/// Answer of `admin.config`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigText {
    /// The configuration in force, as TOML.
    #[serde(with = "text::base64_bytes")]
    pub config: Vec<u8>,
}

/// How a command that makes a transaction of this node is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TxOptions {
    /// Answer when the transaction is in a block.
    #[serde(
        default,
        deserialize_with = "text::null_default",
        skip_serializing_if = "std::ops::Not::not"
    )]
    pub wait: bool,
    /// Shortens the wait; zero is the node's own limit.
    #[serde(default, with = "text::duration", skip_serializing_if = "is_no_time")]
    pub timeout: GoDuration,
}

fn is_no_time(duration: &GoDuration) -> bool {
    *duration == GoDuration::ZERO
}

/// Parameters of `admin.val_join` and `admin.val_leave`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmitRequest {
    /// How to run it.
    #[serde(flatten)]
    pub options: TxOptions,
}

/// Answer of every method that makes a transaction of this node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submitted {
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

/// A node key as the admin methods take it: `{"pubkey": base64, "pubkey_type": text}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyParam {
    /// The key's bytes.
    #[serde(default, with = "text::base64_bytes")]
    pub pubkey: Vec<u8>,
    /// Its type.
    #[serde(default, deserialize_with = "text::null_default")]
    pub pubkey_type: String,
}

impl KeyParam {
    /// From a valid key.
    #[must_use]
    pub fn new(key: &PublicKey) -> Self {
        Self { pubkey: key.as_bytes().to_vec(), pubkey_type: key.key_type().name().to_owned() }
    }

    /// The key, if it is one.
    ///
    /// # Errors
    /// The text says what is wrong with it.
    pub fn key(&self) -> Result<PublicKey, String> {
        let key_type = parse_key_type(&self.pubkey_type)?;
        PublicKey::from_bytes(key_type, &self.pubkey).map_err(|error| error.to_string())
    }
}

/// Parameters of `admin.val_approve` and `admin.val_remove`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CandidateSubmit {
    /// The validator or candidate.
    #[serde(flatten)]
    pub candidate: KeyParam,
    /// How to run it.
    #[serde(flatten)]
    pub options: TxOptions,
}

/// Parameters of `admin.val_join_status`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CandidateRequest {
    /// The candidate.
    #[serde(flatten)]
    pub candidate: KeyParam,
}

/// Parameters of `admin.val_promote`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplaceLeaderRequest {
    /// The new leader.
    #[serde(flatten)]
    pub candidate: KeyParam,
    /// From this height.
    #[serde(default, deserialize_with = "text::null_default")]
    pub height: i64,
}

/// Answer of `admin.val_list`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidatorList {
    /// The current set in canonical order.
    pub validators: Vec<Validator>,
}

/// A pending request to become a validator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinRequest {
    /// Who asks.
    pub candidate: AccountId,
    /// The power that is asked for.
    pub power: i64,
    /// End of voting, Unix milliseconds.
    #[serde(with = "text::rfc3339")]
    pub expires_at: i64,
    /// Voters: those who approved first, then the other validators.
    pub board: Vec<AccountId>,
    /// Whether the voter at the same place of `board` approved.
    pub approved: Vec<bool>,
    /// Voting power that must approve.
    #[serde(default)]
    pub needed: i64,
}

/// Answer of `admin.val_list_joins`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinRequests {
    /// Pending requests, oldest first.
    #[serde(default, deserialize_with = "text::null_default")]
    pub join_requests: Vec<JoinRequest>,
    /// Voting power that must approve a request now.
    #[serde(default)]
    pub needed: i64,
    /// All voting power.
    #[serde(default)]
    pub total_power: i64,
}

/// Answer of `admin.val_join_status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinStatus {
    /// The request of the candidate.
    pub join_request: JoinRequest,
}

/// The result `null`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Nothing;

impl Serialize for Nothing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_none()
    }
}

impl<'de> Deserialize<'de> for Nothing {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::<Empty>::deserialize(deserializer).map(|_ignored| Self)
    }
}

/// Parameters of the methods that name a peer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerRequest {
    /// `hex#type`.
    #[serde(default, deserialize_with = "text::null_default")]
    pub peerid: String,
}

/// Answer of `admin.list_peers`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whitelist {
    /// Node ids.
    #[serde(default, deserialize_with = "text::null_default")]
    pub peers: Vec<String>,
}

/// Parameters of `admin.blacklist_peer`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlacklistRequest {
    /// `hex#type`.
    #[serde(default, deserialize_with = "text::null_default")]
    pub peerid: String,
    /// Text for the list; `manual` when empty.
    #[serde(
        default,
        deserialize_with = "text::null_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub reason: String,
    /// Duration text; empty is for ever.
    #[serde(
        default,
        deserialize_with = "text::null_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub duration: String,
}

/// Answer of `admin.remove_blacklisted_peer`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// Always true; an unknown peer is an error.
    pub removed: bool,
}

/// Answer of `admin.list_blacklisted_peers`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blacklist {
    /// Newest first.
    #[serde(default, deserialize_with = "text::null_default")]
    pub blacklisted_peers: Vec<BlacklistedPeer>,
}

/// A peer that may not connect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlacklistedPeer {
    /// `hex#type`.
    pub peer_id: String,
    /// Why.
    pub reason: String,
    /// Since when, Unix milliseconds.
    #[serde(with = "text::rfc3339")]
    pub timestamp: i64,
    /// Whether it is for ever.
    pub permanent: bool,
    /// Until when, Unix milliseconds.
    #[serde(default, with = "text::opt_rfc3339", skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
}

/// Parameters of `admin.create_resolution`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateResolution {
    /// Body in the form of its type.
    #[serde(default, with = "text::base64_bytes")]
    pub resolution: Vec<u8>,
    /// Name of the type.
    #[serde(default, deserialize_with = "text::null_default")]
    pub resolution_type: String,
    /// How to run it.
    #[serde(flatten)]
    pub options: TxOptions,
}

/// Parameters of `admin.approve_resolution`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApproveResolution {
    /// Which resolution.
    #[serde(with = "text::uuid")]
    pub resolution_id: Uuid,
    /// How to run it.
    #[serde(flatten)]
    pub options: TxOptions,
}

/// Parameters of `admin.resolution_status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolutionRequest {
    /// Which resolution.
    #[serde(with = "text::uuid")]
    pub resolution_id: Uuid,
}

/// Answer of `admin.resolution_status`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolutionAnswer {
    /// The resolution.
    pub status: ResolutionStatus,
}

/// A pending resolution.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolutionStatus {
    /// Name of the type.
    pub r#type: String,
    /// Its id.
    #[serde(with = "text::uuid")]
    pub resolution_id: Uuid,
    /// End of voting, Unix milliseconds.
    #[serde(with = "text::rfc3339")]
    pub expires_at: i64,
    /// Voters: those who approved first, then the other validators.
    pub board: Vec<AccountId>,
    /// Whether the voter at the same place of `board` approved.
    pub approved: Vec<bool>,
}

/// Answer of `admin.block_exec_status`: `null` or `{"status": …}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockExecAnswer(pub Option<BlockExecution>);

/// The block that is being executed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockExecution {
    /// Unix milliseconds.
    #[serde(with = "text::rfc3339")]
    pub start_time: i64,
    /// Unix milliseconds; `None` while it runs.
    #[serde(default, with = "text::opt_rfc3339")]
    pub end_time: Option<i64>,
    /// Its height.
    pub height: i64,
    /// Its transactions in order.
    pub tx_info: Vec<TxProgress>,
}

/// A transaction of the block that is being executed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TxProgress {
    /// Transaction id.
    #[serde(with = "text::hash")]
    pub id: Hash,
    /// Whether it is done.
    pub status: bool,
}

#[derive(Serialize, Deserialize)]
struct BlockExecJson {
    status: BlockExecution,
}

impl Serialize for BlockExecAnswer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.clone().map(|status| BlockExecJson { status }).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for BlockExecAnswer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Option::<BlockExecJson>::deserialize(deserializer)?.map(|json| json.status)))
    }
}

/// Parameters of `admin.abort_block_execution`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AbortRequest {
    /// Height of the block.
    #[serde(default, deserialize_with = "text::null_default")]
    pub height: i64,
    /// Transactions that leave the mempool.
    #[serde(default, with = "text::hashes")]
    pub txs: Vec<Hash>,
}

/// Answer of `admin.verify_state`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateCheck {
    /// Height whose state was checked.
    pub height: i64,
    /// Whether everything is as signed.
    pub ok: bool,
    /// App hash of the certificate of that height.
    #[serde(with = "text::hash")]
    pub want_app_hash: Hash,
    /// App hash recomputed from the tables.
    #[serde(with = "text::hash")]
    pub got_app_hash: Hash,
    /// Tables that were read.
    pub tables: u64,
    /// Rows that were read.
    pub rows: u64,
    /// Tables whose rows are not what was hashed.
    pub differing_tables: Vec<String>,
}
