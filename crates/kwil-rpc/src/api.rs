//! What a node must be able to answer. Handlers check and translate requests, then ask one of these traits.
//!
//! Implementations may be called from many tasks at once. A future may be dropped at any await, when the client goes
//! away or the deadline passes; what was accepted before stays accepted.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use tokio::time::Instant;
use uuid::Uuid;

use kwil_api::RpcError;
use kwil_api::admin::{
    BlacklistedPeer, BlockExecution, JoinRequests, Peer, ResolutionStatus, StateCheck, Status,
    Submitted,
};
use kwil_api::chain::{CommitInfo, ConsensusParams, Genesis};
use kwil_api::read::{CallResult, QueryResult};
use kwil_api::user::{Broadcasted, Health, UpdateProposal};
use kwil_crypto::{Hash, NodeId, PublicKey};
use kwil_types::{
    AccountId, Amount, Block, GoDuration, Header, RawTx, Transaction, TxId, TxResult, Validator,
    Value,
};

/// Lets the traits have async methods behind `dyn`; implementations carry it too.
pub use tonic::async_trait;

/// What an account holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountState {
    /// What it owns.
    pub balance: Amount,
    /// Nonce of its last transaction.
    pub nonce: u64,
}

/// How many accounts exist, and as of when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountTotal {
    /// The number.
    pub count: u64,
    /// Height of the state that was counted.
    pub height: u64,
}

/// How long a sender waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Until the mempool has the transaction.
    Accept,
    /// Until it is in a block that reads see, or this moment.
    Commit(Instant),
}

/// A transaction that the node knows.
#[derive(Clone, Debug)]
pub struct KnownTx {
    /// The transaction.
    pub raw: RawTx,
    /// Where it is; `None` in the mempool.
    pub place: Option<TxPlace>,
}

/// Place and result of a transaction in a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxPlace {
    /// Height of the block.
    pub height: u64,
    /// Place in the block, from 0.
    pub index: u32,
    /// What it did.
    pub result: TxResult,
}

/// Who asks for a read. In open mode this may be a mere claim.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// Text identity; empty for nobody.
    pub identifier: String,
    /// Compact identity as it was sent; empty for nobody.
    pub sender: Vec<u8>,
    /// Name of the signature type as it was sent, also by nobody.
    pub auth_type: String,
}

/// SQL to read with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// One or more statements.
    pub text: String,
    /// Values by name, with or without `$`.
    pub parameters: BTreeMap<String, Value>,
    /// `None` for a query that nobody signs.
    pub caller: Option<Caller>,
}

/// A call of a view action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewCall {
    /// Namespace as it was sent; empty is the main one.
    pub namespace: String,
    /// Action as it was sent.
    pub action: String,
    /// Arguments in order.
    pub arguments: Vec<Value>,
    /// Who calls.
    pub caller: Caller,
}

/// How much a read may take and answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadBounds {
    /// Nobody waits for the answer after this moment.
    pub deadline: Instant,
    /// Rows at most.
    pub rows: u64,
    /// Bytes of all values at most.
    pub bytes: u64,
    /// Network of the client, whose reads share connections: an address of IPv4, a /64 of IPv6. `None` on a socket file.
    pub client: Option<IpAddr>,
}

/// What users ask.
#[async_trait]
pub trait UserApi: Send + Sync + 'static {
    /// The node's health from memory, refreshed at each block and each second. Fills everything but `mode` and
    /// `version`.
    fn health(&self) -> Health;

    /// What the start does, while the node cannot answer reads yet: a phase of state sync or some words. `None` from
    /// then on, also while it catches up.
    fn starting(&self) -> Option<String>;

    /// Height of the best block, asked with every read. Nodes that know it without making a whole health answer say so
    /// here.
    fn best_height(&self) -> i64 {
        self.health().height
    }

    /// An account as of the last block, or with this node's mempool executed. `None` for an unknown account.
    ///
    /// # Errors
    /// When the state cannot be read.
    async fn account(&self, id: AccountId, pending: bool)
    -> Result<Option<AccountState>, RpcError>;

    /// Number of accounts.
    ///
    /// # Errors
    /// When the state cannot be read.
    async fn num_accounts(&self) -> Result<AccountTotal, RpcError>;

    /// What a transaction costs. It may be unsigned, without nonce, fee and chain id; the signature type means
    /// nothing.
    ///
    /// # Errors
    /// When the payload does not decode or has no price.
    async fn estimate_price(&self, tx: Transaction) -> Result<Amount, RpcError>;

    /// Hands a transaction to the mempool. Sending it again is no error: the answer is that of the first time. The
    /// waiter is registered before the mempool sees the transaction, and an answer with a result means that reads on
    /// this node see it.
    ///
    /// # Errors
    /// [`RpcError::broadcast`] with the code of the refusal; code 10 when the wait is over and nothing happened.
    async fn broadcast(&self, tx: RawTx, wait: Wait) -> Result<Broadcasted, RpcError>;

    /// A transaction in the mempool or in a block, looked up atomically.
    ///
    /// # Errors
    /// When the store cannot be read. An unknown id is `None`.
    async fn transaction(&self, id: TxId) -> Result<Option<KnownTx>, RpcError>;

    /// Runs SQL that reads, at the last committed height, which the answer tells.
    ///
    /// # Errors
    /// What is wrong with the statements; that it takes or answers too much; that the state cannot be read.
    async fn query(&self, script: Script, bounds: ReadBounds) -> Result<QueryResult, RpcError>;

    /// Calls a view action, as [`UserApi::query`] runs statements. What the action refuses itself is
    /// [`CallResult::error`].
    ///
    /// # Errors
    /// As [`UserApi::query`].
    async fn call(&self, call: ViewCall, bounds: ReadBounds) -> Result<CallResult, RpcError>;

    /// Returns when reads see this height.
    async fn reached(&self, height: u64);

    /// Pending changes of parameters, oldest first, with board, votes and expiry.
    ///
    /// # Errors
    /// When the state cannot be read.
    async fn update_proposals(&self) -> Result<Vec<UpdateProposal>, RpcError>;
}

/// Which block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockRef {
    /// The best block.
    Latest,
    /// By height.
    Height(u64),
    /// By hash.
    Hash(Hash),
}

/// A block of the store.
#[derive(Clone, Debug)]
pub struct StoredBlock {
    /// The block.
    pub block: Block,
    /// What made it final; see [`CommitInfo::from_certificate`].
    pub commit: Option<CommitInfo>,
}

/// Results of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredResults {
    /// Height of the block.
    pub height: u64,
    /// Hash of the block.
    pub hash: Hash,
    /// In the order of its transactions.
    pub results: Vec<TxResult>,
}

/// A validator set and its height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAt {
    /// Height that the set votes on.
    pub height: u64,
    /// In canonical order.
    pub validators: Vec<Validator>,
}

/// Transactions of the mempool.
#[derive(Clone, Debug, Default)]
pub struct Waiting {
    /// All of them.
    pub total: u64,
    /// The first of them.
    pub first: Vec<RawTx>,
}

/// What the chain holds. A block or transaction that does not exist is `None`, never an error.
#[async_trait]
pub trait ChainApi: Send + Sync + 'static {
    /// A block with its certificate.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn block(&self, at: BlockRef) -> Result<Option<StoredBlock>, RpcError>;

    /// The header of a block. Stores that hold headers apart answer without reading the block.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn header(&self, at: BlockRef) -> Result<Option<Header>, RpcError> {
        Ok(self.block(at).await?.map(|stored| stored.block.header().clone()))
    }

    /// Results of a block's transactions.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn results(&self, at: BlockRef) -> Result<Option<StoredResults>, RpcError>;

    /// A transaction in a block.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn committed(&self, id: TxId) -> Result<Option<(RawTx, TxPlace)>, RpcError>;

    /// The genesis document.
    fn genesis(&self) -> Genesis;

    /// Parameters in force; see [`ConsensusParams::at`].
    ///
    /// # Errors
    /// When the state cannot be read.
    async fn params(&self) -> Result<ConsensusParams, RpcError>;

    /// The set that votes on a height, or on the next one.
    ///
    /// # Errors
    /// When the state cannot be read. `None` for a height whose set is not known.
    async fn validators(&self, height: Option<u64>) -> Result<Option<SetAt>, RpcError>;

    /// The first transactions of the mempool.
    ///
    /// # Errors
    /// When the mempool does not answer.
    async fn unconfirmed(&self, limit: usize) -> Result<Waiting, RpcError>;
}

/// A transaction that this node makes and signs with its own key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeCommand {
    /// Ask to become a validator.
    Join,
    /// Leave the validators.
    Leave,
    /// Approve the join request of this key.
    Approve(PublicKey),
    /// Vote to remove this validator.
    Remove(PublicKey),
    /// Propose a resolution.
    CreateResolution {
        /// Name of its type.
        kind: String,
        /// Body in the form of the type.
        body: Vec<u8>,
    },
    /// Approve a resolution.
    ApproveResolution(Uuid),
}

/// A node that may not connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ban {
    /// Which node.
    pub node: NodeId,
    /// Text for the list.
    pub reason: String,
    /// `None` is for ever.
    pub duration: Option<GoDuration>,
}

/// What the operator asks.
#[async_trait]
pub trait AdminApi: Send + Sync + 'static {
    /// The node, how far it is, its power. From memory.
    fn status(&self) -> Status;

    /// Connected peers.
    ///
    /// # Errors
    /// When the network layer does not answer.
    async fn peers(&self) -> Result<Vec<Peer>, RpcError>;

    /// The configuration in force as TOML, passwords as `***` unless asked for.
    ///
    /// # Errors
    /// When it cannot be written.
    async fn config(&self, show_secrets: bool) -> Result<String, RpcError>;

    /// Makes, signs and sends a transaction. One task owns the node's nonce, so that parallel commands do not collide.
    ///
    /// # Errors
    /// As [`UserApi::broadcast`].
    async fn submit(&self, command: NodeCommand, wait: Wait) -> Result<Submitted, RpcError>;

    /// Pending join requests, oldest first, with the power that each needs.
    ///
    /// # Errors
    /// When the state cannot be read.
    async fn join_requests(&self) -> Result<JoinRequests, RpcError>;

    /// From this height on, proposals of this validator are accepted.
    ///
    /// # Errors
    /// When the height is past or the key is no validator.
    async fn replace_leader(&self, leader: PublicKey, height: u64) -> Result<(), RpcError>;

    /// Puts a node on the whitelist, for good.
    ///
    /// # Errors
    /// When the list cannot be written.
    async fn add_peer(&self, node: NodeId) -> Result<(), RpcError>;

    /// Takes a node off the whitelist.
    ///
    /// # Errors
    /// When it is not there or the list cannot be written.
    async fn remove_peer(&self, node: NodeId) -> Result<(), RpcError>;

    /// The whitelist.
    ///
    /// # Errors
    /// When the network layer does not answer.
    async fn whitelist(&self) -> Result<Vec<NodeId>, RpcError>;

    /// Refuses a node and ends its connections.
    ///
    /// # Errors
    /// When the list cannot be written.
    async fn ban(&self, ban: Ban) -> Result<(), RpcError>;

    /// Takes a node off the blacklist; false when it was not there.
    ///
    /// # Errors
    /// When the list cannot be written.
    async fn unban(&self, node: NodeId) -> Result<bool, RpcError>;

    /// The blacklist, newest first.
    ///
    /// # Errors
    /// When the network layer does not answer.
    async fn banned(&self) -> Result<Vec<BlacklistedPeer>, RpcError>;

    /// A pending resolution.
    ///
    /// # Errors
    /// When the state cannot be read. `None` when there is no such resolution.
    async fn resolution(&self, id: Uuid) -> Result<Option<ResolutionStatus>, RpcError>;

    /// The block that is being executed, if one is.
    ///
    /// # Errors
    /// When the executor does not answer.
    async fn block_execution(&self) -> Result<Option<BlockExecution>, RpcError>;

    /// Stops the execution of a block of ours and drops the transactions from the mempool.
    ///
    /// # Errors
    /// When this node does not lead or does not execute that block.
    async fn abort_block_execution(&self, height: u64, drop: Vec<TxId>) -> Result<(), RpcError>;

    /// Recomputes the state hash from the tables and compares.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn verify_state(&self) -> Result<StateCheck, RpcError>;
}

/// The node behind the services.
#[derive(Clone)]
pub struct Apis {
    /// What users ask.
    pub user: Arc<dyn UserApi>,
    /// What the chain holds.
    pub chain: Arc<dyn ChainApi>,
    /// What the operator asks.
    pub admin: Arc<dyn AdminApi>,
}

impl Apis {
    /// One value that implements all three.
    pub fn of<N: UserApi + ChainApi + AdminApi>(node: Arc<N>) -> Self {
        Self { user: Arc::clone(&node) as _, chain: Arc::clone(&node) as _, admin: node }
    }
}

impl std::fmt::Debug for Apis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Apis").finish_non_exhaustive()
    }
}
