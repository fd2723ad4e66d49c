//! Starting a node, step by step. What fails first is what the operator reads; nothing stays open behind it.

mod consensus;
mod interfaces;
mod listeners;
mod stores;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kwil_config::Config;
use kwil_crypto::PrivateKey;
use kwil_crypto::auth::Registry;
use kwil_genesis::Genesis;
use kwil_p2p::{Chain, ChainView, Network, NetworkEvents, NetworkHandle};
use kwil_quic::Identity;
use kwil_rpc::Apis;
use kwil_state::{Database, Endpoint, Executor, Extensions, Launcher, Published};
use kwil_store::{BlockLogHandle, ConsensusLogHandle, StateFile};
use kwil_types::{AccountId, Height};
use tokio::sync::watch;

use crate::block_sync::{self, SyncHandle, SyncParts, SyncStatus, SyncTask};
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
        let storage =
            Box::pin(storage(&basis, stores, server.endpoint().clone(), extensions)).await?;
        let admission = admission(&basis, &storage, authenticators, has_engine);
        compose(&basis, storage, admission).await
    };
    match Box::pin(composed).await {
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
    mut stores: Stores,
    endpoint: Endpoint,
    extensions: Extensions,
) -> Result<Storage, NodeError> {
    let mut state = Executor::open(endpoint.clone(), &basis.genesis, extensions).await?;
    let database = Database::new(endpoint, basis.config.db.max_connections);
    let sets = SetHistory::open(&basis.root)?;
    let chain = ChainReads { blocks: stores.blocks.clone(), index: stores.index.clone(), sets };
    let tip = stores.owners.run_beside(executor::open(&mut state, &chain)).await?;
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

/// Everything that runs, built but not running.
struct Wired {
    rpc: listeners::Rpc,
    driver: Driver,
    sync: SyncTask,
    network: Network,
    peers: PeerTask,
    executor: ExecutorTask,
    database: Database,
    owners: stores::Owners,
}

async fn compose(
    basis: &Basis,
    storage: Storage,
    admission: Admission,
) -> Result<(Tasks, Parts), NodeError> {
    let (network, peers, events) = open_network(basis, &storage, &admission.mempool)?;
    let Storage { stores, state, database, chain, tip, published } = storage;
    let Admission { mempool, rules, checks } = admission;
    let (tip_tx, tip_rx) = watch::channel(ChainTip::of(&tip));
    let (syncing_tx, syncing) = watch::channel(false);
    let base = Height(stores.blocks.reader().first_height());
    let shown = ShownChain {
        network: peers.clone(),
        published: published.clone(),
        tip: tip_rx.clone(),
        syncing,
        base,
    };

    let (executor, executor_queue) = ExecutorHandle::new(checks);
    let (sync, sync_queue) = block_sync::queue();
    let machine = consensus::machine(
        &basis.config,
        &basis.key,
        &basis.genesis,
        tip,
        stores.recovered,
        &basis.root,
    )?;
    let (blocks, log) = (stores.blocks, stores.consensus);
    let handles = Handles {
        blocks: &blocks,
        network: &peers,
        executor: &executor,
        mempool: &mempool,
        sync: &sync,
    };
    let (driver, consensus) =
        Driver::new(machine, driver_parts(basis, &handles, log), Clock::start(), driver::queue());

    let outlets = Outlets {
        blocks: blocks.clone(),
        sets: chain.sets.clone(),
        mempool: mempool.clone(),
        rules,
        tip: tip_tx,
        shown: shown.clone(),
    };
    let executor_task =
        ExecutorTask::new(state, executor.clone(), executor_queue, consensus.clone(), outlets);
    let sync_parts = SyncParts {
        chain_hash: basis.genesis.hash(),
        network: peers.clone(),
        blocks,
        executor: executor.clone(),
        driver: consensus.clone(),
        shown,
        syncing: syncing_tx,
    };
    let sync_task = SyncTask::new(sync_parts, sync_queue);
    let intake =
        TxIntake { mempool: mempool.clone(), network: peers.clone(), driver: consensus.clone() };
    let seen = Seen {
        chain: chain.clone(),
        database: database.clone(),
        mempool,
        intake: intake.clone(),
        published,
        tip: tip_rx.clone(),
    };
    let services = services(basis, seen, consensus.clone(), executor, sync.watch());
    let apis = Apis::of(Arc::new(services));
    let (rpc, rpc_stop) = listeners::open(basis, apis.clone()).await?;
    let listeners = listeners::addresses(peers.local_address(), &rpc);
    let server = ChainServer { chain, driver: consensus.clone() };
    let wired = Wired {
        rpc: listeners::rpc(rpc, rpc_stop),
        driver,
        sync: sync_task,
        network,
        peers: PeerTask { events, driver: consensus.clone(), sync, server, intake },
        executor: executor_task,
        database,
        owners: stores.owners,
    };
    let parts = Parts { driver: consensus, tip: tip_rx, apis, listeners };
    Ok((wired.run(&basis.root, &parts), parts))
}

fn open_network(
    basis: &Basis,
    storage: &Storage,
    mempool: &Mempool,
) -> Result<(Network, NetworkHandle, NetworkEvents), NodeError> {
    let tip = &storage.tip;
    let view = ChainView {
        base: Height(storage.stores.blocks.reader().first_height()),
        tip: tip.tip.height,
        best_hash: tip.tip.block_hash,
        validators: Arc::clone(&tip.next.validators),
        max_block_size: tip.next.max_block_size,
        syncing: false,
        serves_snapshots: false,
    };
    let opened = Network::start(
        listeners::p2p(&basis.root, &basis.config, basis.version)?,
        basis.identity.clone(),
        Chain { id: basis.genesis.chain_id().to_owned(), hash: basis.genesis.hash() },
        view,
        Arc::new(MempoolSource(mempool.clone())),
    );
    let opened = opened.map_err(Box::new)?;
    listeners::tell_identity(&basis.identity.node_id(), opened.1.local_address());
    Ok(opened)
}

impl Wired {
    /// Starts everything; the order here is the order of stopping.
    fn run(self, root: &Path, parts: &Parts) -> Tasks {
        let Self { rpc, driver, sync, network, peers, executor, database, owners } = self;
        let mut tasks = Tasks::new();
        let (root, consensus, tip) = (root.to_owned(), parts.driver.clone(), parts.tip.clone());
        tasks.spawn("RPC services", |stop| rpc.run(stop));
        tasks.spawn("watchers", |stop| watchers::run(root, consensus, tip, stop));
        tasks.spawn("consensus", |stop| driver.run(stop));
        tasks.spawn("block sync", |stop| sync.run(stop));
        tasks.spawn("P2P service", |stop| async move {
            network.run(stop).await;
            Ok(())
        });
        tasks.spawn("peer requests", |_| peers.run());
        tasks.spawn("application DB", |stop| async move {
            let result = executor.run(stop).await;
            database.close(CLOSE_READS).await;
            result
        });
        owners.spawn(&mut tasks);
        tasks
    }
}

/// What answers are read from.
struct Seen {
    chain: ChainReads,
    database: Database,
    mempool: Mempool,
    intake: TxIntake,
    published: watch::Receiver<Published>,
    tip: watch::Receiver<ChainTip>,
}

fn services(
    basis: &Basis,
    seen: Seen,
    driver: DriverHandle,
    executor: ExecutorHandle,
    sync: watch::Receiver<SyncStatus>,
) -> Services {
    let Seen { chain, database, mempool, intake, published, tip } = seen;
    Services {
        config: Arc::clone(&basis.config),
        genesis: Arc::clone(&basis.genesis),
        node_id: basis.identity.node_id(),
        version: basis.version,
        started: basis.started,
        chain,
        database,
        mempool,
        network: intake.network.clone(),
        intake,
        driver,
        executor,
        published,
        tip,
        sync,
        wallet: NodeWallet::new(basis.key.clone(), basis.genesis.chain_id().to_owned()),
    }
}

/// What the driver shares with others.
struct Handles<'h> {
    blocks: &'h BlockLogHandle,
    network: &'h NetworkHandle,
    executor: &'h ExecutorHandle,
    mempool: &'h Mempool,
    sync: &'h SyncHandle,
}

fn driver_parts(basis: &Basis, handles: &Handles<'_>, log: ConsensusLogHandle) -> driver::Parts {
    let me = *basis.identity.node_id().public_key();
    driver::Parts {
        log,
        network: handles.network.clone(),
        executor: handles.executor.clone(),
        mempool: handles.mempool.clone(),
        blocks: handles.blocks.clone(),
        sync: handles.sync.clone(),
        held: StateFile::held(&basis.root),
        leader_updates: StateFile::leader_updates(&basis.root),
        evidence: EvidenceFolder::new(&basis.root),
        chain_hash: basis.genesis.hash(),
        me,
        own_account: AccountId::from(&me),
    }
}
