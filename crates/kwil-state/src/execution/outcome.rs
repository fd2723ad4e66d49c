//! What goes into a block's execution and what comes out.

use std::sync::Arc;

use kwil_crypto::{Hash, PublicKey, SignatureError};
use kwil_types::{AccountId, Header, ParamUpdates, RawTx, TxId, TxResult, Validator};
use uuid::Uuid;

use crate::accounts::Account;
use crate::fault::NodeFault;
use crate::network_state::NetworkState;

/// A block to execute. Its header, signatures and sizes were checked before.
#[derive(Clone, Debug)]
pub struct BlockInput {
    /// Height, time, proposer and leader replacement come from here.
    pub header: Header,
    /// Hash of the header.
    pub hash: Hash,
    /// The transactions in order.
    pub txs: Arc<[RawTx]>,
}

/// Something that the end of a block did which is not the result of one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BlockEvent {
    /// A resolution was confirmed and took effect.
    ResolutionConfirmed {
        /// Which one.
        id: Uuid,
        /// Its type.
        event_type: String,
    },
    /// A resolution was confirmed but could not take effect. It counts as processed.
    ResolutionFailed {
        /// Which one.
        id: Uuid,
        /// Its type.
        event_type: String,
        /// Why, the same on every node.
        reason: String,
    },
    /// A resolution expired.
    ResolutionExpired {
        /// Which one.
        id: Uuid,
        /// Its type.
        event_type: String,
    },
}

/// What a block gave. Nothing of it is durable before the commit.
#[derive(Clone, Debug)]
pub struct BlockOutcome {
    /// Height of the block.
    pub height: u64,
    /// One result for each transaction, in order.
    pub results: Vec<TxResult>,
    /// Changes of the validator set, effective at the next height, in canonical order; power 0 removes.
    pub validator_updates: Vec<Validator>,
    /// Changes of parameters, effective at the next height.
    pub param_updates: ParamUpdates,
    /// What the end of the block did.
    pub events: Vec<BlockEvent>,
    /// Every account that changed, as it is after the block.
    pub accounts: Vec<(AccountId, Account)>,
    /// Root over the database.
    pub state_root: Hash,
    /// Hash of codes and gas of the results.
    pub results_root: Hash,
    /// Hash of the validator and parameter updates.
    pub updates_hash: Hash,
    /// Hash of all that, chained to the one before: what validators vote for.
    pub app_hash: Hash,
    /// The agreed state of the next height.
    pub next: NetworkState,
}

/// Why a block has no outcome.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// The block breaks a rule that its checks should have found: every node refuses it.
    #[error(transparent)]
    Invalid(#[from] InvalidBlock),
    /// This node's problem. The block may be fine.
    #[error(transparent)]
    Node(#[from] NodeFault),
}

/// A rule that a block breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidBlock {
    /// A transaction is for another network.
    #[error("transaction {id} is for chain {chain_id:?}")]
    WrongChain {
        /// Which transaction.
        id: TxId,
        /// Its chain id.
        chain_id: String,
    },
    /// No authenticator knows who sent a transaction.
    #[error("transaction {id} has no valid sender: {source}")]
    Sender {
        /// Which transaction.
        id: TxId,
        /// Why.
        source: SignatureError,
    },
    /// A transaction is in the block twice.
    #[error("transaction {0} is in the block twice")]
    Twice(TxId),
    /// The new leader is not a validator.
    #[error("new leader {0} is not a validator")]
    NewLeader(PublicKey),
}
