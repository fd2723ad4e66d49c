//! What the listeners ask: the running node, or a node that still starts and says so.
//!
//! Ports are opened before stores and database, so that a taken one is told at once and health answers while blocks
//! are replayed.

use std::sync::{Arc, OnceLock};

use kwil_api::admin::{
    BlacklistedPeer, BlockExecution, JoinRequests, Peer, ResolutionStatus, StateCheck, Status,
    Submitted,
};
use kwil_api::chain::{ConsensusParams, Genesis};
use kwil_api::read::{CallResult, QueryResult};
use kwil_api::user::{Broadcasted, ChainInfo, Health, UpdateProposal};
use kwil_api::{RpcError, Validator};
use kwil_crypto::{NodeId, PublicKey};
use kwil_rpc::{
    AccountState, AccountTotal, AdminApi, Ban, BlockRef, ChainApi, KnownTx, NodeCommand,
    ReadBounds, Script, SetAt, StoredBlock, StoredResults, TxPlace, UserApi, ViewCall, Wait,
    Waiting, async_trait,
};
use kwil_types::{AccountId, Amount, Header, RawTx, Transaction, TxId};
use tokio::sync::watch;
use uuid::Uuid;

use super::{Facts, Services, admin};

/// What a start does; the words are shown to clients and operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Stores,
    Database,
    Replay,
    Network,
}

impl Step {
    const fn text(self) -> &'static str {
        match self {
            Self::Stores => "opening the block log",
            Self::Database => "starting PostgreSQL",
            Self::Replay => "bringing the database to the height of the block log",
            Self::Network => "joining the network",
        }
    }
}

/// The node as its listeners see it, from their first moment.
#[derive(Debug)]
pub(crate) struct Entrance {
    facts: Facts,
    step: watch::Sender<Step>,
    services: OnceLock<Arc<Services>>,
}

impl Entrance {
    pub(crate) fn new(facts: Facts) -> Self {
        Self { facts, step: watch::Sender::new(Step::Stores), services: OnceLock::new() }
    }

    /// The start goes on with this.
    pub(crate) fn at(&self, step: Step) {
        self.step.send_replace(step);
    }

    /// From now on the node answers for itself.
    pub(crate) fn open(&self, services: Arc<Services>) {
        // A node is composed once; a second opening would change nothing.
        self.services.set(services).unwrap_or_default();
    }

    fn node(&self) -> Result<&Services, RpcError> {
        self.services
            .get()
            .map(Arc::as_ref)
            .ok_or_else(|| RpcError::starting(self.step.borrow().text()))
    }
}

#[async_trait]
impl UserApi for Entrance {
    fn health(&self) -> Health {
        self.services.get().map_or_else(
            || Health {
                chain: ChainInfo {
                    chain_id: self.facts.genesis.chain_id().to_owned(),
                    ..ChainInfo::default()
                },
                syncing: true,
                phase: "starting".to_owned(),
                node_version: self.facts.version.to_owned(),
                ..Health::default()
            },
            |node| node.health(),
        )
    }

    fn starting(&self) -> Option<String> {
        self.services.get().is_none().then(|| self.step.borrow().text().to_owned())
    }

    fn best_height(&self) -> i64 {
        self.services.get().map_or(0, |node| node.best_height())
    }

    async fn account(
        &self,
        id: AccountId,
        pending: bool,
    ) -> Result<Option<AccountState>, RpcError> {
        self.node()?.account(id, pending).await
    }

    async fn num_accounts(&self) -> Result<AccountTotal, RpcError> {
        self.node()?.num_accounts().await
    }

    async fn estimate_price(&self, tx: Transaction) -> Result<Amount, RpcError> {
        self.node()?.estimate_price(tx).await
    }

    async fn broadcast(&self, tx: RawTx, wait: Wait) -> Result<Broadcasted, RpcError> {
        self.node()?.broadcast(tx, wait).await
    }

    async fn transaction(&self, id: TxId) -> Result<Option<KnownTx>, RpcError> {
        self.node()?.transaction(id).await
    }

    async fn query(&self, script: Script, bounds: ReadBounds) -> Result<QueryResult, RpcError> {
        self.node()?.query(script, bounds).await
    }

    async fn call(&self, call: ViewCall, bounds: ReadBounds) -> Result<CallResult, RpcError> {
        UserApi::call(self.node()?, call, bounds).await
    }

    async fn reached(&self, height: u64) {
        match self.services.get() {
            Some(node) => node.reached(height).await,
            // Reads are refused until the node answers for itself.
            None => std::future::pending().await,
        }
    }

    async fn update_proposals(&self) -> Result<Vec<UpdateProposal>, RpcError> {
        self.node()?.update_proposals().await
    }
}

#[async_trait]
impl ChainApi for Entrance {
    async fn block(&self, at: BlockRef) -> Result<Option<StoredBlock>, RpcError> {
        self.node()?.block(at).await
    }

    async fn header(&self, at: BlockRef) -> Result<Option<Header>, RpcError> {
        self.node()?.header(at).await
    }

    async fn results(&self, at: BlockRef) -> Result<Option<StoredResults>, RpcError> {
        ChainApi::results(self.node()?, at).await
    }

    async fn committed(&self, id: TxId) -> Result<Option<(RawTx, TxPlace)>, RpcError> {
        self.node()?.committed(id).await
    }

    fn genesis(&self) -> Genesis {
        (&*self.facts.genesis).into()
    }

    async fn params(&self) -> Result<ConsensusParams, RpcError> {
        self.node()?.params().await
    }

    async fn validators(&self, height: Option<u64>) -> Result<Option<SetAt>, RpcError> {
        self.node()?.validators(height).await
    }

    async fn unconfirmed(&self, limit: usize) -> Result<Waiting, RpcError> {
        self.node()?.unconfirmed(limit).await
    }
}

#[async_trait]
impl AdminApi for Entrance {
    fn status(&self) -> Status {
        self.services.get().map_or_else(
            || Status {
                node: self.facts.node_status("sentry"),
                sync: kwil_api::admin::SyncStatus {
                    syncing: true,
                    phase: "starting".to_owned(),
                    ..Default::default()
                },
                validator: Validator { key: *self.facts.node_id.public_key(), power: 0 },
            },
            |node| node.status(),
        )
    }

    async fn peers(&self) -> Result<Vec<Peer>, RpcError> {
        match self.services.get() {
            Some(node) => node.peers().await,
            None => Ok(Vec::new()),
        }
    }

    async fn config(&self, show_secrets: bool) -> Result<String, RpcError> {
        Ok(admin::config_text(&self.facts.config, show_secrets))
    }

    async fn submit(&self, command: NodeCommand, wait: Wait) -> Result<Submitted, RpcError> {
        self.node()?.submit(command, wait).await
    }

    async fn join_requests(&self) -> Result<JoinRequests, RpcError> {
        self.node()?.join_requests().await
    }

    async fn replace_leader(&self, leader: PublicKey, height: u64) -> Result<(), RpcError> {
        self.node()?.replace_leader(leader, height).await
    }

    async fn add_peer(&self, node: NodeId) -> Result<(), RpcError> {
        self.node()?.add_peer(node).await
    }

    async fn remove_peer(&self, node: NodeId) -> Result<(), RpcError> {
        self.node()?.remove_peer(node).await
    }

    async fn whitelist(&self) -> Result<Vec<NodeId>, RpcError> {
        self.node()?.whitelist().await
    }

    async fn ban(&self, ban: Ban) -> Result<(), RpcError> {
        self.node()?.ban(ban).await
    }

    async fn unban(&self, node: NodeId) -> Result<bool, RpcError> {
        self.node()?.unban(node).await
    }

    async fn banned(&self) -> Result<Vec<BlacklistedPeer>, RpcError> {
        self.node()?.banned().await
    }

    async fn resolution(&self, id: Uuid) -> Result<Option<ResolutionStatus>, RpcError> {
        self.node()?.resolution(id).await
    }

    async fn block_execution(&self) -> Result<Option<BlockExecution>, RpcError> {
        self.node()?.block_execution().await
    }

    async fn abort_block_execution(&self, height: u64, drop: Vec<TxId>) -> Result<(), RpcError> {
        self.node()?.abort_block_execution(height, drop).await
    }

    async fn verify_state(&self) -> Result<StateCheck, RpcError> {
        self.node()?.verify_state().await
    }
}
