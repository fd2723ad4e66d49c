//! Requests and answers of the chain service.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use kwil_crypto::{Hash, PublicKey};
use kwil_types::{Amount, GoDuration};

use crate::account::{AccountId, Validator, account_of, opt_public_key, public_key};
use crate::text;
use crate::transaction::{Transaction, TxResult};

/// Answer of `chain.health`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainHealth {
    /// Name of the network.
    pub chain_id: String,
    /// Height of the best block.
    pub height: i64,
    /// Whether the store answers.
    pub healthy: bool,
}

/// Parameters of `chain.block`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockRequest {
    /// 0 is the latest block.
    #[serde(default, deserialize_with = "text::null_default")]
    pub height: i64,
    /// Wins over `height`.
    #[serde(default, with = "text::zero_hash")]
    pub hash: Option<Hash>,
    /// Answer with canonical bytes instead of the decoded block.
    #[serde(default, deserialize_with = "text::null_default")]
    pub raw: bool,
    /// Answer with transaction ids only.
    #[serde(
        default,
        deserialize_with = "text::null_default",
        skip_serializing_if = "std::ops::Not::not"
    )]
    pub tx_ids_only: bool,
}

/// Parameters of `chain.block_header` and `chain.block_result`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockAt {
    /// 0 is the latest block.
    #[serde(default, deserialize_with = "text::null_default")]
    pub height: i64,
    /// Wins over `height`.
    #[serde(default, with = "text::zero_hash")]
    pub hash: Option<Hash>,
}

/// A block header, in the key names that clients know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockHeader {
    /// Version of the header.
    pub version: u16,
    /// Height of the block.
    pub height: i64,
    /// Number of transactions.
    pub num_txns: u32,
    /// Hash of the block before.
    #[serde(with = "text::hash")]
    pub prev_hash: Hash,
    /// State before this block.
    #[serde(with = "text::hash")]
    pub prev_app_hash: Hash,
    /// Time of the block in Unix milliseconds.
    pub stamp_ms: i64,
    /// Root of the transaction tree.
    #[serde(with = "text::hash")]
    pub merkle_root: Hash,
    /// Hash of the validator set that votes on this height.
    #[serde(with = "text::hash")]
    pub vals_hash: Hash,
    /// Hash of the parameters in force.
    #[serde(with = "text::hash")]
    pub params_hash: Hash,
    /// The leader that takes over with this block.
    #[serde(default, with = "opt_public_key", skip_serializing_if = "Option::is_none")]
    pub new_leader: Option<PublicKey>,
    /// Genesis hash: binds the block to its network.
    #[serde(default, with = "text::opt_hash", skip_serializing_if = "Option::is_none")]
    pub chain_hash: Option<Hash>,
    /// View in which the block was made.
    #[serde(default)]
    pub view: u64,
    /// Validator that made it.
    #[serde(default, with = "opt_public_key", skip_serializing_if = "Option::is_none")]
    pub proposer: Option<PublicKey>,
}

/// A block with its transactions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// The header.
    pub header: BlockHeader,
    /// Transactions in order of execution.
    pub txns: Vec<Transaction>,
    /// Signature of the proposer over the block hash.
    #[serde(with = "text::base64_bytes")]
    pub sig: Vec<u8>,
}

/// One vote of a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoteInfo {
    /// 0 rejected, 1 agreed, 2 forked.
    pub ack: u8,
    /// The other state of a forked validator.
    #[serde(default, with = "text::opt_hash", skip_serializing_if = "Option::is_none")]
    pub app_hash: Option<Hash>,
    /// Who voted.
    pub sig: VoteSignature,
}

/// Key and signature of a vote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoteSignature {
    /// Public key of the voter.
    #[serde(with = "text::hex_bytes")]
    pub key: Vec<u8>,
    /// Type of the key.
    pub key_type: String,
    /// The signature.
    #[serde(with = "text::hex_bytes")]
    pub sig: Vec<u8>,
}

/// What made a block final and what it changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CommitInfo {
    /// State after the block.
    #[serde(with = "text::hash")]
    pub app_hash: Hash,
    /// The votes of the certificate, in the order of the validator set.
    pub votes: Vec<VoteInfo>,
    /// Parameters that the block changed.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub param_updates: Map<String, Value>,
    /// Validators whose power the block changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub validator_updates: Vec<Validator>,
    /// View in which the votes were cast.
    #[serde(default)]
    pub view: u64,
    /// The commit certificate in its canonical bytes.
    #[serde(default, with = "text::base64_bytes")]
    pub certificate: Vec<u8>,
}

/// Answer of `chain.block`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BlockAnswer {
    /// Hash of the block.
    #[serde(with = "text::hash")]
    pub hash: Hash,
    /// The block, unless something shorter was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<Block>,
    /// Canonical bytes, when asked for.
    #[serde(default, with = "text::base64_bytes", skip_serializing_if = "Vec::is_empty")]
    pub raw_block: Vec<u8>,
    /// Transaction ids, when asked for.
    #[serde(default, with = "text::hashes", skip_serializing_if = "Vec::is_empty")]
    pub tx_ids: Vec<Hash>,
    /// What made it final.
    pub commit_info: Option<CommitInfo>,
}

/// Answer of `chain.block_header`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderAnswer {
    /// The header.
    #[serde(flatten)]
    pub header: BlockHeader,
    /// Its hash.
    #[serde(with = "text::hash")]
    pub hash: Hash,
}

/// Answer of `chain.block_result`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockResults {
    /// Height of the block.
    pub height: i64,
    /// Hash of the block.
    #[serde(with = "text::hash")]
    pub hash: Hash,
    /// Results in the order of the transactions.
    pub tx_results: Vec<TxResult>,
}

/// Parameters of `chain.tx`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainTxRequest {
    /// Transaction id.
    #[serde(default, with = "text::zero_hash")]
    pub hash: Option<Hash>,
}

/// Answer of `chain.tx`: a transaction in a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainTx {
    /// Transaction id.
    #[serde(with = "text::hash")]
    pub hash: Hash,
    /// Height of the block.
    pub height: i64,
    /// Place in the block, from 0.
    pub index: u32,
    /// The transaction.
    pub tx: Transaction,
    /// What it did.
    pub tx_result: TxResult,
}

/// An allocation of the genesis document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenesisAlloc {
    /// Account identifier.
    #[serde(with = "text::hex_bytes")]
    pub id: Vec<u8>,
    /// Type of its key.
    pub key_type: String,
    /// What it starts with.
    #[serde(with = "text::decimal")]
    pub amount: Amount,
}

/// Heights between which a migration of state happens; both 0 when there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationHeights {
    /// First height of the migration.
    pub start_height: i64,
    /// Last height of the migration.
    pub end_height: i64,
}

/// Answer of `chain.genesis`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Genesis {
    /// Name of the network.
    pub chain_id: String,
    /// Height before the first block.
    pub initial_height: i64,
    /// Identity that owns the database.
    pub db_owner: String,
    /// Preferred leader.
    #[serde(with = "public_key")]
    pub leader: PublicKey,
    /// First validators.
    pub validators: Vec<Validator>,
    /// Hash of the state that the network starts from.
    #[serde(default, with = "text::opt_hash", skip_serializing_if = "Option::is_none")]
    pub state_hash: Option<Hash>,
    /// Accounts that start with a balance.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alloc: Vec<GenesisAlloc>,
    /// Bytes that a block's transactions may have.
    pub max_block_size: i64,
    /// How long a join request stays open.
    #[serde(with = "text::duration")]
    pub join_expiry: GoDuration,
    /// Whether transactions are free.
    pub disabled_gas_costs: bool,
    /// Votes that a transaction may carry.
    pub max_votes_per_tx: i64,
    /// Hash that identifies the network.
    #[serde(with = "text::hash")]
    pub genesis_hash: Hash,
    /// Heights of a migration.
    #[serde(default)]
    pub migration: MigrationHeights,
}

/// Answer of `chain.consensus_params`: the parameters in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsensusParams {
    /// As of this height; told over gRPC only.
    #[serde(skip)]
    pub height: i64,
    /// Preferred leader.
    #[serde(with = "public_key")]
    pub leader: PublicKey,
    /// Bytes that a block's transactions may have.
    pub max_block_size: i64,
    /// How long a join request stays open.
    #[serde(with = "text::duration")]
    pub join_expiry: GoDuration,
    /// Whether transactions are free.
    pub disabled_gas_costs: bool,
    /// Votes that a transaction may carry.
    pub max_votes_per_tx: i64,
    /// State of a migration; told over gRPC only.
    #[serde(skip)]
    pub migration_status: String,
}

/// Parameters of `chain.validators`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidatorsRequest {
    /// The set of this height; the current one without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<i64>,
}

/// Answer of `chain.validators`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validators {
    /// Height that the set belongs to.
    pub height: i64,
    /// In canonical order.
    pub validators: Vec<Validator>,
}

/// Parameters of `chain.unconfirmed_txs`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnconfirmedRequest {
    /// 0 is 10; at most 50.
    #[serde(default, deserialize_with = "text::null_default")]
    pub limit: i64,
}

/// Answer of `chain.unconfirmed_txs`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unconfirmed {
    /// All transactions in the mempool.
    pub total: i64,
    /// The first of them.
    pub txs: Vec<UnconfirmedTx>,
}

/// A transaction of the mempool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnconfirmedTx {
    /// Transaction id.
    #[serde(with = "text::hash")]
    pub hash: Hash,
    /// The transaction.
    pub tx: Transaction,
}

/// An account identifier of a validator, for boards of voters.
#[must_use]
pub fn board_of(validators: &[Validator]) -> Vec<AccountId> {
    validators.iter().map(|validator| account_of(&validator.key)).collect()
}
