//! A node in memory: real transactions, signatures, blocks and certificates, without network or database.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use kwil_api::admin::{
    BlacklistedPeer, BlockExecution, JoinRequest, JoinRequests, NodeStatus, Peer, ResolutionStatus,
    StateCheck, Status, Submitted, SyncStatus, TxProgress,
};
use kwil_api::chain::{CommitInfo, ConsensusParams, Genesis as GenesisAnswer};
use kwil_api::read::{CallResult, QueryResult};
use kwil_api::user::{Broadcasted, ChainInfo, Health, Mode, UpdateProposal};
use kwil_api::{RpcError, account_of};
use kwil_crypto::auth::{self, Signer};
use kwil_crypto::{Hash, KeyType, NodeId, PrivateKey, PublicKey};
use kwil_genesis::{Alloc, Document, Genesis, Migration};
use kwil_rpc::{
    AccountState, AccountTotal, AdminApi, Ban, BlockRef, ChainApi, KnownTx, NodeCommand,
    ReadBounds, Script, SetAt, StoredBlock, StoredResults, TxPlace, UserApi, ViewCall, Wait,
    Waiting, async_trait,
};
use kwil_types::{
    AccountId, Amount, Block, CommitCertificate, GoDuration, Header, Height, Payload, RawTx,
    Serialization, Signature, Transaction, TxBody, TxCode, TxId, TxResult, ValidatorJoin,
    ValidatorSet, View, Vote, VoteBody, VoteKind,
};
use tokio::sync::watch;
use uuid::Uuid;

use crate::echo;

pub(crate) const CHAIN_ID: &str = "prod-chain";
/// Height of the block that exists from the start.
pub(crate) const START_HEIGHT: u64 = 109;

/// The node and what happened to it.
#[derive(Debug)]
pub(crate) struct Ledger {
    key: PrivateKey,
    genesis: Genesis,
    state: Mutex<State>,
    /// Height of the best block, for those that wait.
    height: watch::Sender<u64>,
    /// The phase, while the node starts.
    pub(crate) starting: Mutex<Option<String>>,
    /// Makes a block of each transaction at once.
    instant_blocks: bool,
}

#[derive(Debug, Default)]
struct State {
    accounts: BTreeMap<AccountId, AccountState>,
    mempool: Vec<RawTx>,
    blocks: Vec<Committed>,
    whitelist: Vec<NodeId>,
    banned: Vec<BlacklistedPeer>,
    joins: Vec<PublicKey>,
    leader: Option<(PublicKey, u64)>,
}

#[derive(Clone, Debug)]
struct Committed {
    block: Block,
    certificate: CommitCertificate,
    results: Vec<TxResult>,
}

pub(crate) fn node_key() -> PrivateKey {
    PrivateKey::from_bytes(KeyType::Secp256k1, &[0x11; 32]).unwrap()
}

/// The key of the recorded requests: address 1a642f0e…
pub(crate) fn eth_signer() -> Signer {
    Signer::user(PrivateKey::from_bytes(KeyType::Secp256k1, &[1; 32]).unwrap())
}

pub(crate) fn eth_account() -> AccountId {
    AccountId::new(KeyType::Secp256k1, eth_signer().sender()).unwrap()
}

fn ed_account() -> AccountId {
    let mut first = true;
    let key = PrivateKey::generate(KeyType::Ed25519, |bytes| {
        assert!(std::mem::take(&mut first));
        bytes.fill(2);
        Ok::<(), std::convert::Infallible>(())
    })
    .unwrap();
    AccountId::from(&key.public_key())
}

impl Ledger {
    /// Transactions wait in the mempool until [`Self::commit`].
    pub(crate) fn new() -> Arc<Self> {
        Self::with(false)
    }

    /// Every transaction is in a block before its sender has an answer.
    pub(crate) fn instant() -> Arc<Self> {
        Self::with(true)
    }

    fn with(instant_blocks: bool) -> Arc<Self> {
        let key = node_key();
        let funded = [eth_account(), ed_account()];
        let amount: Amount = "1000000".parse().unwrap();
        let genesis = Genesis::new(Document {
            chain_id: CHAIN_ID.to_owned(),
            initial_height: START_HEIGHT - 1,
            validators: vec![kwil_types::Validator { key: key.public_key(), power: 1 }],
            leader: Some(key.public_key()),
            db_owner: String::new(),
            state_hash: None,
            alloc: funded
                .iter()
                .map(|account| Alloc { account: account.clone(), amount: amount.clone() })
                .collect(),
            migration: Migration { start_height: 0, end_height: 0 },
            max_block_size: 6_291_456,
            join_expiry: "24h".parse().unwrap(),
            disabled_gas_costs: true,
            max_votes_per_tx: 200,
            maa_activation_height: 0,
        })
        .unwrap();
        let account = AccountState { balance: amount, nonce: 7 };
        let accounts = funded.into_iter().map(|id| (id, account.clone())).collect();
        let ledger = Self {
            key,
            genesis,
            state: Mutex::new(State { accounts, ..State::default() }),
            height: watch::channel(START_HEIGHT - 1).0,
            starting: Mutex::default(),
            instant_blocks,
        };
        ledger.commit();
        Arc::new(ledger)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn set(&self) -> ValidatorSet {
        self.genesis.validators().clone()
    }

    /// Executes the mempool as one block.
    pub(crate) fn commit(&self) {
        let mut state = self.state();
        let txs = std::mem::take(&mut state.mempool);
        let results: Vec<TxResult> =
            txs.iter().map(|tx| execute(&mut state.accounts, tx)).collect();
        let height = START_HEIGHT + u64::try_from(state.blocks.len()).unwrap();
        let header = self.header(height, state.blocks.last(), &txs);
        let bytes = txs.iter().map(|tx| tx.bytes().clone()).collect();
        let block = Block::propose(header, bytes, &self.key);
        let body = VoteBody {
            kind: VoteKind::Commit,
            chain_hash: self.genesis.hash(),
            height: Height(height),
            view: View::ZERO,
            block_hash: block.hash(),
            app_hash: Hash([0x53; 32]),
        };
        let certificate =
            CommitCertificate::from_votes(&self.set(), &[Vote::sign(body, &self.key)]).unwrap();
        state.blocks.push(Committed { block, certificate, results });
        drop(state);
        self.height.send_replace(height);
    }

    fn header(&self, height: u64, last: Option<&Committed>, txs: &[RawTx]) -> Header {
        Header {
            chain_hash: self.genesis.hash(),
            height: Height(height),
            view: View::ZERO,
            prev_hash: last.map_or_else(Hash::default, |last| last.block.hash()),
            prev_app_hash: Hash([0x53; 32]),
            tx_count: u32::try_from(txs.len()).unwrap(),
            tx_root: kwil_types::tx_root(&txs.iter().map(RawTx::id).collect::<Vec<_>>()),
            validators_hash: self.set().hash(),
            params_hash: self.genesis.params().hash(),
            time_ms: 1_738_000_000_000 + height,
            proposer: self.key.public_key(),
            new_leader: None,
        }
    }

    pub(crate) fn best_hash(&self) -> Hash {
        self.state().blocks.last().unwrap().block.hash()
    }

    pub(crate) fn best_height(&self) -> u64 {
        *self.height.borrow()
    }

    pub(crate) fn mempool_len(&self) -> usize {
        self.state().mempool.len()
    }

    fn admit(&self, tx: &RawTx) -> Result<(), RpcError> {
        let refuse =
            |code: TxCode, text: String| Err(RpcError::broadcast(code.code(), tx.id(), text));
        let Transaction { signature, body, sender, .. } = tx.transaction();
        if body.chain_id != CHAIN_ID {
            return refuse(TxCode::WrongChain, format!("wrong chain ID: {}", body.chain_id));
        }
        let message = tx.transaction().signed_message().unwrap();
        if let Err(error) = auth::verify(&signature.auth_type, sender, &message, &signature.bytes) {
            return refuse(
                TxCode::InvalidSignature,
                format!("failed to verify the transaction: {error}"),
            );
        }
        let (id, mut account) = {
            let state = self.state();
            if state.mempool.iter().any(|known| known.id() == tx.id()) {
                return Ok(());
            }
            let id = account_id(tx.transaction());
            (id.clone(), state.accounts.get(&id).cloned().unwrap_or_default())
        };
        account.nonce += self.pending(&id);
        if body.nonce != account.nonce + 1 {
            let text = format!(
                "invalid nonce for account {id}: got {}, expected {}",
                body.nonce,
                account.nonce + 1
            );
            return Err(
                RpcError::broadcast(4, tx.id(), text).with("expected_nonce", account.nonce + 1)
            );
        }
        self.state().mempool.push(tx.clone());
        Ok(())
    }

    fn pending(&self, account: &AccountId) -> u64 {
        let state = self.state();
        u64::try_from(
            state.mempool.iter().filter(|tx| account_id(tx.transaction()) == *account).count(),
        )
        .unwrap()
    }

    fn place_of(&self, id: TxId) -> Option<(RawTx, TxPlace)> {
        let state = self.state();
        state.blocks.iter().find_map(|committed| {
            let index = committed.block.tx_ids().iter().position(|known| *known == id)?;
            let raw = RawTx::decode(committed.block.txs()[index].clone()).unwrap();
            let height = committed.block.header().height.get();
            let result = committed.results[index].clone();
            Some((raw, TxPlace { height, index: u32::try_from(index).unwrap(), result }))
        })
    }

    fn find(&self, at: BlockRef) -> Option<Committed> {
        let state = self.state();
        let found = match at {
            BlockRef::Latest => state.blocks.last(),
            BlockRef::Height(height) => state
                .blocks
                .iter()
                .find(|committed| committed.block.header().height.get() == height),
            BlockRef::Hash(hash) => {
                state.blocks.iter().find(|committed| committed.block.hash() == hash)
            }
        };
        found.cloned()
    }

    async fn wait_for(
        &self,
        id: TxId,
        until: tokio::time::Instant,
    ) -> Result<Broadcasted, RpcError> {
        let mut heights = self.height.subscribe();
        loop {
            if let Some((_, place)) = self.place_of(id) {
                return Ok(Broadcasted {
                    tx_hash: id,
                    result: Some((&place.result).into()),
                    height: Some(i64::try_from(place.height).unwrap()),
                });
            }
            if tokio::time::timeout_at(until, heights.changed()).await.is_err() {
                let text = "timed out waiting for tx to be included in a block";
                return Err(RpcError::broadcast(10, id, text).with("state", "pending"));
            }
        }
    }
}

fn account_id(tx: &Transaction) -> AccountId {
    let key_type = if tx.sender.len() == 32 { KeyType::Ed25519 } else { KeyType::Secp256k1 };
    AccountId::new(key_type, &tx.sender).unwrap()
}

fn execute(accounts: &mut BTreeMap<AccountId, AccountState>, tx: &RawTx) -> TxResult {
    let body = &tx.transaction().body;
    let from = account_id(tx.transaction());
    let sender = accounts.entry(from.clone()).or_default();
    sender.nonce += 1;
    let Ok(Payload::Transfer(transfer)) = Payload::decode(&body.payload_type, &body.payload) else {
        return TxResult::ok(0);
    };
    let Some(left) = sender.balance.checked_sub(&transfer.amount) else {
        return TxResult::failed(
            TxCode::InsufficientBalance,
            0,
            TxCode::InsufficientBalance.text(),
        );
    };
    sender.balance = left;
    let receiver = accounts.entry(transfer.to).or_default();
    receiver.balance = receiver.balance.checked_add(&transfer.amount).unwrap();
    TxResult::ok(0)
}

fn height(value: u64) -> i64 {
    i64::try_from(value).unwrap()
}

#[async_trait]
impl UserApi for Ledger {
    fn health(&self) -> Health {
        let best = self.find(BlockRef::Latest).unwrap();
        let header = best.block.header();
        Health {
            chain: ChainInfo {
                chain_id: CHAIN_ID.to_owned(),
                block_height: header.height.get(),
                block_hash: best.block.hash(),
                gas: false,
            },
            healthy: true,
            block_time: height(header.time_ms),
            block_age: 812,
            height: height(header.height.get()),
            app_hash: Hash([0x53; 32]),
            peer_count: 1,
            phase: "live".to_owned(),
            target_height: height(header.height.get()),
            progress: 1.0,
            mode: Mode::Open,
            ..Health::default()
        }
    }

    fn starting(&self) -> Option<String> {
        self.starting.lock().unwrap().clone()
    }

    async fn account(
        &self,
        id: AccountId,
        pending: bool,
    ) -> Result<Option<AccountState>, RpcError> {
        let mut account = self.state().accounts.get(&id).cloned();
        if let (Some(account), true) = (&mut account, pending) {
            account.nonce += self.pending(&id);
        }
        Ok(account)
    }

    async fn num_accounts(&self) -> Result<AccountTotal, RpcError> {
        let count = u64::try_from(self.state().accounts.len()).unwrap();
        Ok(AccountTotal { count, height: *self.height.borrow() })
    }

    async fn estimate_price(&self, tx: Transaction) -> Result<Amount, RpcError> {
        Payload::decode(&tx.body.payload_type, &tx.body.payload)
            .map(|_payload| Amount::ZERO)
            .map_err(|error| RpcError::new(kwil_api::RpcCode::TX_PAYLOAD, error.to_string()))
    }

    async fn broadcast(&self, tx: RawTx, wait: Wait) -> Result<Broadcasted, RpcError> {
        let id = tx.id();
        if self.place_of(id).is_none() {
            self.admit(&tx)?;
            if self.instant_blocks {
                self.commit();
            }
        }
        match wait {
            Wait::Accept => Ok(Broadcasted { tx_hash: id, result: None, height: None }),
            Wait::Commit(until) => self.wait_for(id, until).await,
        }
    }

    async fn transaction(&self, id: TxId) -> Result<Option<KnownTx>, RpcError> {
        if let Some((raw, place)) = self.place_of(id) {
            return Ok(Some(KnownTx { raw, place: Some(place) }));
        }
        let state = self.state();
        let waiting = state.mempool.iter().find(|tx| tx.id() == id).cloned();
        Ok(waiting.map(|raw| KnownTx { raw, place: None }))
    }

    async fn query(&self, script: Script, bounds: ReadBounds) -> Result<QueryResult, RpcError> {
        echo::query(script, bounds, height(*self.height.borrow()))
    }

    async fn call(&self, call: ViewCall, _bounds: ReadBounds) -> Result<CallResult, RpcError> {
        echo::call(call, height(*self.height.borrow()))
    }

    async fn reached(&self, at_least: u64) {
        let mut heights = self.height.subscribe();
        heights.wait_for(|height| *height >= at_least).await.unwrap();
    }

    async fn update_proposals(&self) -> Result<Vec<UpdateProposal>, RpcError> {
        Ok(vec![proposal()])
    }
}

pub(crate) fn proposal() -> UpdateProposal {
    UpdateProposal {
        id: Uuid::from_bytes([7; 16]),
        description: "bigger blocks".to_owned(),
        updates: [("max_block_size".to_owned(), 8_000_000.into())].into_iter().collect(),
        board: vec![account_of(&node_key().public_key())],
        approved: vec![true],
        expires_at: Some(1_738_430_489_000),
    }
}

#[async_trait]
impl ChainApi for Ledger {
    async fn block(&self, at: BlockRef) -> Result<Option<StoredBlock>, RpcError> {
        let set = self.set();
        Ok(self.find(at).map(|found| StoredBlock {
            commit: Some(CommitInfo::from_certificate(&found.certificate, &set)),
            block: found.block,
        }))
    }

    async fn results(&self, at: BlockRef) -> Result<Option<StoredResults>, RpcError> {
        Ok(self.find(at).map(|found| StoredResults {
            height: found.block.header().height.get(),
            hash: found.block.hash(),
            results: found.results,
        }))
    }

    async fn committed(&self, id: TxId) -> Result<Option<(RawTx, TxPlace)>, RpcError> {
        Ok(self.place_of(id))
    }

    fn genesis(&self) -> GenesisAnswer {
        (&self.genesis).into()
    }

    async fn params(&self) -> Result<ConsensusParams, RpcError> {
        Ok(ConsensusParams::at(*self.height.borrow(), self.genesis.params()))
    }

    async fn validators(&self, at: Option<u64>) -> Result<Option<SetAt>, RpcError> {
        let best = *self.height.borrow();
        let height = at.unwrap_or(best);
        let validators = self.set().iter().copied().collect();
        Ok((height <= best).then_some(SetAt { height, validators }))
    }

    async fn unconfirmed(&self, limit: usize) -> Result<Waiting, RpcError> {
        let state = self.state();
        let total = u64::try_from(state.mempool.len()).unwrap();
        Ok(Waiting { total, first: state.mempool.iter().take(limit).cloned().collect() })
    }
}

#[async_trait]
impl AdminApi for Ledger {
    fn status(&self) -> Status {
        let best = self.find(BlockRef::Latest).unwrap();
        Status {
            node: NodeStatus {
                chain_id: CHAIN_ID.to_owned(),
                node_id: NodeId::new(self.key.public_key()).to_string(),
                app_ver: 1,
                listen_addr: "0.0.0.0:6600".to_owned(),
                role: "leader".to_owned(),
                rpc_addr: "/tmp/kwild.socket".to_owned(),
                version: "0.1.0".to_owned(),
                uptime_ms: 5,
            },
            sync: SyncStatus {
                app_hash: Some(Hash([0x53; 32])),
                best_block_hash: Some(best.block.hash()),
                best_block_height: height(best.block.header().height.get()),
                best_block_time: height(best.block.header().time_ms),
                syncing: false,
                target_height: height(best.block.header().height.get()),
                phase: "live".to_owned(),
                progress: 1.0,
            },
            validator: kwil_api::Validator { key: self.key.public_key(), power: 1 },
        }
    }

    async fn peers(&self) -> Result<Vec<Peer>, RpcError> {
        Ok(vec![Peer {
            remote_addr: "10.0.0.2:6600".to_owned(),
            local_addr: "10.0.0.1:6600".to_owned(),
            inbound: true,
            node_id: NodeId::new(self.key.public_key()).to_string(),
            height: 109,
            version: "0.1.0".to_owned(),
            role: "validator".to_owned(),
            rtt_ms: 1.5,
            connected_since: Some(1_738_000_000_123),
        }])
    }

    async fn config(&self, show_secrets: bool) -> Result<String, RpcError> {
        let secret = if show_secrets { "hunter2" } else { "***" };
        Ok(format!("[db]\npass = '{secret}'\n"))
    }

    async fn submit(&self, command: NodeCommand, wait: Wait) -> Result<Submitted, RpcError> {
        match command {
            NodeCommand::Join => self.state().joins.push(self.key.public_key()),
            NodeCommand::Approve(candidate) if !self.state().joins.contains(&candidate) => {
                return Err(RpcError::broadcast(9, Hash([9; 32]), "no pending join request"));
            }
            _ => {}
        }
        let signer = Signer::node(self.key.clone());
        let payload = Payload::ValidatorJoin(ValidatorJoin { power: 1 });
        let account = account_id_of(&signer);
        let known = self.account(account, true).await?.unwrap_or_default();
        let mut tx = Transaction {
            signature: Signature {
                bytes: Vec::new().into(),
                auth_type: signer.auth_type().as_str().to_owned(),
            },
            body: TxBody {
                payload: payload.encode().unwrap().into(),
                payload_type: payload.payload_type().name().to_owned(),
                nonce: known.nonce + 1,
                chain_id: CHAIN_ID.to_owned(),
                ..TxBody::default()
            },
            serialization: Serialization::Direct,
            sender: signer.sender().to_vec().into(),
        };
        tx.signature.bytes = signer.sign(&tx.signed_message().unwrap()).into();
        let sent = self.broadcast(RawTx::new(&tx).unwrap(), wait).await?;
        Ok(Submitted { tx_hash: sent.tx_hash, result: sent.result, height: sent.height })
    }

    async fn join_requests(&self) -> Result<JoinRequests, RpcError> {
        let board = vec![account_of(&self.key.public_key())];
        let request = |key: &PublicKey| JoinRequest {
            candidate: account_of(key),
            power: 1,
            expires_at: 1_738_430_489_000,
            board: board.clone(),
            approved: vec![false],
            needed: 1,
        };
        let join_requests = self.state().joins.iter().map(request).collect();
        Ok(JoinRequests { join_requests, needed: 1, total_power: 1 })
    }

    async fn replace_leader(&self, leader: PublicKey, from: u64) -> Result<(), RpcError> {
        let best = *self.height.borrow();
        if from <= best {
            let text = format!(
                "failed to promote leader: height {from} is less than or equal to the current height {best}"
            );
            return Err(RpcError::internal(text));
        }
        self.state().leader = Some((leader, from));
        Ok(())
    }

    async fn add_peer(&self, node: NodeId) -> Result<(), RpcError> {
        self.state().whitelist.push(node);
        Ok(())
    }

    async fn remove_peer(&self, node: NodeId) -> Result<(), RpcError> {
        self.state().whitelist.retain(|known| *known != node);
        Ok(())
    }

    async fn whitelist(&self) -> Result<Vec<NodeId>, RpcError> {
        Ok(self.state().whitelist.clone())
    }

    async fn ban(&self, ban: Ban) -> Result<(), RpcError> {
        let expires_at = ban
            .duration
            .map(|duration: GoDuration| 1_738_000_000_000 + duration.as_nanos() / 1_000_000);
        self.state().banned.insert(
            0,
            BlacklistedPeer {
                peer_id: ban.node.to_string(),
                reason: ban.reason,
                timestamp: 1_738_000_000_000,
                permanent: expires_at.is_none(),
                expires_at,
            },
        );
        Ok(())
    }

    async fn unban(&self, node: NodeId) -> Result<bool, RpcError> {
        let mut state = self.state();
        let before = state.banned.len();
        state.banned.retain(|known| known.peer_id != node.to_string());
        Ok(state.banned.len() < before)
    }

    async fn banned(&self) -> Result<Vec<BlacklistedPeer>, RpcError> {
        Ok(self.state().banned.clone())
    }

    async fn resolution(&self, id: Uuid) -> Result<Option<ResolutionStatus>, RpcError> {
        let known = proposal();
        Ok((id == known.id).then(|| ResolutionStatus {
            r#type: "param_updates".to_owned(),
            resolution_id: id,
            expires_at: 1_738_430_489_000,
            board: known.board,
            approved: known.approved,
        }))
    }

    async fn block_execution(&self) -> Result<Option<BlockExecution>, RpcError> {
        let waiting: Vec<TxProgress> = self
            .state()
            .mempool
            .iter()
            .map(|tx| TxProgress { id: tx.id(), status: false })
            .collect();
        Ok((!waiting.is_empty()).then(|| BlockExecution {
            start_time: 1_738_000_000_000,
            end_time: None,
            height: height(*self.height.borrow() + 1),
            tx_info: waiting,
        }))
    }

    async fn abort_block_execution(&self, at: u64, drop: Vec<TxId>) -> Result<(), RpcError> {
        if at != *self.height.borrow() + 1 {
            return Err(RpcError::internal("only the leader can abort block execution"));
        }
        self.state().mempool.retain(|tx| !drop.contains(&tx.id()));
        Ok(())
    }

    async fn verify_state(&self) -> Result<StateCheck, RpcError> {
        let hash = Hash([0x53; 32]);
        Ok(StateCheck {
            height: height(*self.height.borrow()),
            ok: true,
            want_app_hash: hash,
            got_app_hash: hash,
            tables: 1,
            rows: u64::try_from(self.state().accounts.len()).unwrap(),
            differing_tables: Vec::new(),
        })
    }
}

fn account_id_of(signer: &Signer) -> AccountId {
    AccountId::new(signer.public_key().key_type(), signer.sender()).unwrap()
}

/// How long a test waits for what must happen.
pub(crate) const SOON: Duration = Duration::from_secs(10);
