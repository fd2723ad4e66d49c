//! Starting a node, step by step. What fails first is what the operator reads; nothing stays open behind it.

mod consensus;
mod interfaces;
mod listeners;
mod stores;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kwil_config::Config;
use kwil_crypto::PrivateKey;
use kwil_crypto::auth::Registry;
use kwil_genesis::Genesis;
use kwil_p2p::{Chain, ChainView, Network, NetworkHandle};
use kwil_quic::Identity;
use kwil_rpc::Apis;
use kwil_state::{Database, Endpoint, Executor, Extensions, Launcher, Published};
use kwil_store::{BlockLogHandle, ConsensusLogHandle, StateFile};
use kwil_types::{AccountId, Height};
use tokio::sync::watch;

use crate::block_sync::{self, SyncHandle, SyncParts, SyncTask};
use crate::builder::NodeBuilder;
use crate::chain::{ChainReads, SetHistory, ShownChain};
use crate::checks::BlockChecks;
use crate::clock::Clock;
use crate::driver::{self, Driver, DriverHandle};
use crate::error::NodeError;
use crate::evidence::EvidenceFolder;
use crate::executor::{self, ChainTip, ExecutorHandle, ExecutorTask, Outlets, Tip};
use crate::mempool::{AccountLookup, Limits, LookupFailed, Mempool};
use crate::node::{Listeners, Node};
use crate::peers::{ChainServer, MempoolSource, PeerTask, TxIntake};
use crate::rules::RulesSource;
use crate::services::{NodeWallet, Services};
use crate::startup::stores::Stores;
use crate::tasks::Tasks;
use crate::{database, watchers};

/// How long running reads may go on when the node stops.
const CLOSE_READS: Duration = Duration::from_secs(5);

/// What never changes while a node runs.
struct Basis {
    root: PathBuf,
    config: Arc<Config>,
    genesis: Arc<Genesis>,
    key: PrivateKey,
    identity: Identity,
    version: &'static str,
    started: Instant,
}

/// The committed state, opened and brought to one height.
struct Storage {
    stores: Stores,
    state: Executor,
    database: Database,
    chain: ChainReads,
    tip: Tip,
    published: watch::Receiver<Published>,
}

/// What admission and checks need.
struct Admission {
    mempool: Mempool,
    rules: RulesSource,
    checks: BlockChecks,
}

/// Starts a node, or leaves nothing running.
pub(crate) async fn start(builder: NodeBuilder) -> Result<Node, NodeError> {
    let NodeBuilder { root, config, genesis, key, launcher, extensions, version } = builder;
    let lock = kwil_store::RootLock::acquire(&root)?;
    let identity = Identity::new(key.clone())?;
    let basis = Basis {
        root,
        config: Arc::new(config),
        genesis: Arc::new(genesis),
        key,
        identity,
        version,
        started: Instant::now(),
    };
    let stores = stores::open(&basis.root, &basis.genesis)?;
    let server =
        database::start(&basis.root, &basis.config, launcher.unwrap_or(Launcher::Setpriv)).await?;
    let composed = async {
        let (authenticators, has_engine) =
            (Arc::clone(&extensions.authenticators), extensions.engine.is_some());
        let storage = storage(&basis, stores, server.endpoint().clone(), extensions).await?;
        let admission = admission(&basis, &storage, authenticators, has_engine);
        compose(&basis, storage, admission).await
    };
    match composed.await {
        Ok((tasks, parts)) => Ok(Node {
            id: basis.identity.node_id(),
            tasks,
            server,
            driver: parts.driver,
            tip: parts.tip,
            apis: parts.apis,
            listeners: parts.listeners,
            shutdown_timeout: basis.config.general.shutdown_timeout.to_std().unwrap_or_default(),
            lock,
        }),
        Err(error) => {
            server.stop().await;
            Err(error)
        }
    }
}

async fn storage(
    basis: &Basis,
    stores: Stores,
    endpoint: Endpoint,
    extensions: Extensions,
) -> Result<Storage, NodeError> {
    let mut state = Executor::open(endpoint.clone(), &basis.genesis, extensions).await?;
    let database = Database::new(endpoint, basis.config.db.max_connections);
    let sets = SetHistory::open(&basis.root)?;
    let chain = ChainReads { blocks: stores.blocks.clone(), index: stores.index.clone(), sets };
    let tip = executor::open(&mut state, &chain).await?;
    chain.sets.remember(&tip.next.validators)?;
    let published = state.subscribe();
    Ok(Storage { stores, state, database, chain, tip, published })
}

fn admission(
    basis: &Basis,
    storage: &Storage,
    authenticators: Arc<Registry>,
    has_engine: bool,
) -> Admission {
    let limits = &basis.config.mempool;
    let rules = RulesSource {
        chain_id: basis.genesis.chain_id().to_owned(),
        max_tx_bytes: u64::try_from(limits.max_tx_bytes.as_usize()).unwrap_or(u64::MAX),
        authenticators: Arc::clone(&authenticators),
        has_engine,
    };
    let database = storage.database.clone();
    let lookup: AccountLookup = Arc::new(move |account| {
        let database = database.clone();
        Box::pin(async move {
            let found = kwil_state::account_of(&database, &account)
                .await
                .map_err(|error| LookupFailed(error.to_string()))?;
            Ok(found.unwrap_or_default())
        })
    });
    let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let mempool = Mempool::new(
        Limits {
            max_bytes: limits.max_size.as_usize(),
            max_per_sender: size(limits.max_txs_per_sender),
            max_gap: u64::from(limits.max_gap),
        },
        rules.rules(&storage.published.borrow().network),
        lookup,
        std::thread::available_parallelism().map_or(2, usize::from),
    );
    let checks =
        BlockChecks::new(mempool.clone(), basis.genesis.chain_id().to_owned(), authenticators);
    Admission { mempool, rules, checks }
}

/// What the owner of the node keeps of it.
struct Parts {
    driver: DriverHandle,
    tip: watch::Receiver<ChainTip>,
    apis: Apis,
    listeners: Listeners,
}

async fn compose(
    basis: &Basis,
    storage: Storage,
    admission: Admission,
) -> Result<(Tasks, Parts), NodeError> {
    let Storage { stores, state, database, chain, tip, published } = storage;
    let Admission { mempool, rules, checks } = admission;
    let (config, genesis) = (&basis.config, &basis.genesis);
    let (tip_tx, tip_rx) = watch::channel(ChainTip::of(&tip));
    let (syncing_tx, syncing) = watch::channel(false);
    let base = Height(stores.blocks.reader().first_height());

    let view = ChainView {
        base,
        tip: tip.tip.height,
        best_hash: tip.tip.block_hash,
        validators: Arc::clone(&tip.next.validators),
        max_block_size: tip.next.max_block_size,
        syncing: false,
        serves_snapshots: false,
    };
    let (network, peers, events) = Network::start(
        listeners::p2p(&basis.root, config, basis.version)?,
        basis.identity.clone(),
        Chain { id: genesis.chain_id().to_owned(), hash: genesis.hash() },
        view,
        Arc::new(MempoolSource(mempool.clone())),
    )
    .map_err(Box::new)?;
    listeners::tell_identity(&basis.identity.node_id(), peers.local_address());

    let (executor, executor_queue) = ExecutorHandle::new(checks);
    let (sync, sync_queue) = block_sync::queue();
    let machine =
        consensus::machine(config, &basis.key, genesis, tip, stores.recovered, &basis.root)?;
    let driver_parts =
        driver_parts(basis, &stores.blocks, stores.consensus, &peers, &executor, &mempool, &sync);
    let (driver, consensus) = Driver::new(machine, driver_parts, Clock::start(), driver::queue());
    let shown = ShownChain {
        network: peers.clone(),
        published: published.clone(),
        tip: tip_rx.clone(),
        syncing,
        base,
    };
    let outlets = Outlets {
        blocks: stores.blocks.clone(),
        sets: chain.sets.clone(),
        mempool: mempool.clone(),
        rules,
        tip: tip_tx,
        shown: shown.clone(),
    };
    let executor_task =
        ExecutorTask::new(state, executor.clone(), executor_queue, consensus.clone(), outlets);
    let sync_parts = SyncParts {
        chain_hash: genesis.hash(),
        network: peers.clone(),
        blocks: stores.blocks,
        executor: executor.clone(),
        driver: consensus.clone(),
        shown,
        syncing: syncing_tx,
    };
    let sync_task = SyncTask::new(sync_parts, sync_queue);
    let intake =
        TxIntake { mempool: mempool.clone(), network: peers.clone(), driver: consensus.clone() };
    let services = Services {
        config: Arc::clone(config),
        genesis: Arc::clone(genesis),
        node_id: basis.identity.node_id(),
        version: basis.version,
        started: basis.started,
        chain: chain.clone(),
        database: database.clone(),
        mempool,
        network: peers.clone(),
        intake: intake.clone(),
        driver: consensus.clone(),
        executor,
        published,
        tip: tip_rx.clone(),
        sync: sync.watch(),
        wallet: NodeWallet::new(basis.key.clone(), genesis.chain_id().to_owned()),
    };
    let apis = Apis::of(Arc::new(services));
    let (rpc, rpc_stop) =
        listeners::open(config, apis.clone(), &basis.identity, basis.version).await?;
    let listeners = listeners::addresses(peers.local_address(), &rpc);
    let rpc = listeners::rpc(rpc, rpc_stop);
    let answers = ChainServer { chain, driver: consensus.clone() };
    let peer_task = PeerTask { events, driver: consensus.clone(), sync, server: answers, intake };

    let mut tasks = Tasks::new();
    let (root, watched) = (basis.root.clone(), (consensus.clone(), tip_rx.clone()));
    tasks.spawn("RPC services", |stop| rpc.run(stop));
    tasks.spawn("watchers", |stop| watchers::run(root, watched.0, watched.1, stop));
    tasks.spawn("consensus", |stop| driver.run(stop));
    tasks.spawn("block sync", |stop| sync_task.run(stop));
    tasks.spawn("P2P service", |stop| async move {
        network.run(stop).await;
        Ok(())
    });
    tasks.spawn("peer requests", |_stop| peer_task.run());
    tasks.spawn("application DB", |stop| async move {
        let result = executor_task.run(stop).await;
        database.close(CLOSE_READS).await;
        result
    });
    stores.owners.spawn(&mut tasks);
    Ok((tasks, Parts { driver: consensus, tip: tip_rx, apis, listeners }))
}

fn driver_parts(
    basis: &Basis,
    blocks: &BlockLogHandle,
    log: ConsensusLogHandle,
    network: &NetworkHandle,
    executor: &ExecutorHandle,
    mempool: &Mempool,
    sync: &SyncHandle,
) -> driver::Parts {
    let me = *basis.identity.node_id().public_key();
    driver::Parts {
        log,
        network: network.clone(),
        executor: executor.clone(),
        mempool: mempool.clone(),
        blocks: blocks.clone(),
        sync: sync.clone(),
        held: StateFile::held(&basis.root),
        leader_updates: StateFile::leader_updates(&basis.root),
        evidence: EvidenceFolder::new(&basis.root),
        chain_hash: basis.genesis.hash(),
        me,
        own_account: AccountId::from(&me),
    }
}
