//! Starting a node, step by step. What fails first is what the operator reads; nothing stays open behind it.

mod consensus;
mod interfaces;
mod listeners;
mod stores;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kwil_crypto::PrivateKey;
use kwil_crypto::auth::Registry;
use kwil_p2p::{Chain, ChainView, Network, NetworkEvents, NetworkHandle, Port};
use kwil_quic::Identity;
use kwil_rpc::Apis;
use kwil_state::{Database, Endpoint, Executor, Extensions, Launcher, Postgres, Published, Reads};
use kwil_store::{BlockLogHandle, ConsensusLogHandle, StateFile};
use kwil_types::{AccountId, Height};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::block_sync::{self, SyncHandle, SyncParts, SyncStatus, SyncTask};
use crate::builder::NodeBuilder;
use crate::chain::{ChainReads, SetHistory, ShownChain};
use crate::checks::BlockChecks;
use crate::clock::Clock;
use crate::diagnosis::Diagnosis;
use crate::driver::{self, Driver, DriverHandle};
use crate::error::NodeError;
use crate::evidence::EvidenceFolder;
use crate::executor::{self, ChainTip, ExecutorHandle, ExecutorTask, Outlets, Tip};
use crate::mempool::{AccountLookup, Limits, LookupFailed, Mempool};
use crate::metrics::{NodeMetrics, Sources};
use crate::node::Node;
use crate::peers::{ChainServer, MempoolSource, PeerTask, TxIntake};
use crate::rules::RulesSource;
use crate::services::{Entrance, Facts, NodeWallet, Services, Step};
use crate::startup::listeners::{Doors, Rpc};
use crate::startup::stores::Stores;
use crate::tasks::Tasks;
use crate::{database, watchers};

/// How long running reads may go on when the node stops.
const CLOSE_READS: Duration = Duration::from_secs(5);

/// What never changes while a node runs.
struct Basis {
    root: PathBuf,
    facts: Facts,
    key: PrivateKey,
    identity: Identity,
    metrics: Arc<NodeMetrics>,
}

/// The committed state, opened and brought to one height.
struct Storage {
    stores: Stores,
    state: Executor,
    database: Database,
    reads: Reads,
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

/// Starts a node, or leaves nothing running. `stop` ends the start early.
pub(crate) async fn start(
    builder: NodeBuilder,
    stop: CancellationToken,
) -> Result<Node, NodeError> {
    let NodeBuilder { root, config, genesis, key, launcher, extensions, version } = builder;
    let lock = kwil_store::RootLock::acquire(&root)?;
    let identity = Identity::new(key.clone())?;
    let facts = Facts {
        config: Arc::new(config),
        genesis: Arc::new(genesis),
        node_id: identity.node_id(),
        version,
        started: Instant::now(),
    };
    let metrics = Arc::new(NodeMetrics::new());
    let basis = Basis { root, facts: facts.clone(), key, identity, metrics };
    let entrance = Arc::new(Entrance::new(facts));
    let apis = Apis::of(Arc::clone(&entrance));
    let Doors { p2p, rpc } = Doors::open(&basis, apis.clone()).await?;
    let listeners = rpc.addresses(p2p.address());
    listeners::tell_identity(&basis.facts.node_id, p2p.address());
    let launcher = launcher.unwrap_or(Launcher::Setpriv);
    let behind = Box::pin(behind_doors(&basis, &entrance, p2p, (launcher, extensions), &stop));
    let (server, wired, parts) = match behind.await {
        Ok(built) => built,
        Err(error) => {
            rpc.close().await;
            return Err(error);
        }
    };
    Ok(Node {
        id: basis.facts.node_id,
        tasks: wired.run(rpc, &basis.root, &parts),
        server,
        driver: parts.driver,
        tip: parts.tip,
        apis,
        listeners,
        shutdown_timeout: basis.facts.config.general.shutdown_timeout.to_std().unwrap_or_default(),
        lock,
    })
}

/// Everything that may take long, and what is built on it.
async fn behind_doors(
    basis: &Basis,
    entrance: &Entrance,
    port: Port,
    (launcher, extensions): (Launcher, Extensions),
    stop: &CancellationToken,
) -> Result<(Postgres, Wired, Parts), NodeError> {
    let stores = stores::open(&basis.root, &basis.facts.genesis)?;
    entrance.at(Step::Database);
    let server = database::start(&basis.root, &basis.facts.config, launcher).await?;
    let composed = async {
        let (authenticators, has_engine) =
            (Arc::clone(&extensions.authenticators), extensions.engine.is_some());
        entrance.at(Step::Replay);
        let endpoint = server.endpoint().clone();
        let storage = tokio::select! {
            () = stop.cancelled() => return Err(NodeError::Stopping),
            storage = Box::pin(storage(basis, stores, endpoint, extensions)) => storage?,
        };
        entrance.at(Step::Network);
        let admission = admission(basis, &storage, authenticators, has_engine);
        compose(basis, port, storage, admission)
    };
    match Box::pin(composed).await {
        Ok((wired, parts, services)) => {
            let facts = &basis.facts;
            entrance.open(Arc::new(services));
            tracing::info!(target: "KWILD", height = parts.tip.borrow().height, ms = facts.started.elapsed().as_millis(), "Node started");
            Ok((server, wired, parts))
        }
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
    let ceiling = consensus::std(basis.facts.config.consensus.max_exec_time);
    let opened = Executor::open(endpoint.clone(), &basis.facts.genesis, extensions).await?;
    let mut state = opened.with_ceiling(ceiling);
    let database = Database::new(endpoint, basis.facts.config.db.max_connections);
    let sets = SetHistory::open(&basis.root)?;
    let chain = ChainReads { blocks: stores.blocks.clone(), index: stores.index.clone(), sets };
    let tip = stores.owners.run_beside(Box::pin(executor::open(&mut state, &chain))).await?;
    chain.sets.remember(&tip.next.validators)?;
    let (published, reads) = (state.subscribe(), state.reads(&database));
    Ok(Storage { stores, state, database, reads, chain, tip, published })
}

fn admission(
    basis: &Basis,
    storage: &Storage,
    authenticators: Arc<Registry>,
    has_engine: bool,
) -> Admission {
    let limits = &basis.facts.config.mempool;
    let rules = RulesSource {
        chain_id: basis.facts.genesis.chain_id().to_owned(),
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
    let checks = BlockChecks::new(
        mempool.clone(),
        basis.facts.genesis.chain_id().to_owned(),
        authenticators,
    );
    Admission { mempool, rules, checks }
}

/// What the owner of the node keeps of it.
struct Parts {
    driver: DriverHandle,
    tip: watch::Receiver<ChainTip>,
}

/// Everything that runs, built but not running.
struct Wired {
    driver: Driver,
    sync: SyncTask,
    network: Network,
    peers: PeerTask,
    executor: ExecutorTask,
    database: Database,
    owners: stores::Owners,
}

fn compose(
    basis: &Basis,
    port: Port,
    storage: Storage,
    admission: Admission,
) -> Result<(Wired, Parts, Services), NodeError> {
    let (network, peers, events) = open_network(basis, port, &storage, &admission.mempool)?;
    let Storage { stores, state, database, reads, chain, tip, published } = storage;
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

    let patience = consensus::std(basis.facts.config.consensus.max_tx_time);
    let (executor, executor_queue) = ExecutorHandle::new(checks, state.progress(), patience);
    let summaries = state.summaries();
    let (sync, sync_queue) = block_sync::queue();
    let machine = consensus::machine(
        &basis.facts.config,
        &basis.key,
        &basis.facts.genesis,
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
        database: &database,
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
        metrics: basis.metrics.chain.clone(),
    };
    let executor_task =
        ExecutorTask::new(state, executor.clone(), executor_queue, consensus.clone(), outlets);
    let sync_parts = SyncParts {
        chain_hash: basis.facts.genesis.hash(),
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
    let sources = Sources { tip: tip_rx.clone(), sync: sync.watch(), driver: consensus.clone() };
    basis.metrics.follow(&peers, &mempool, sources);
    let seen = Seen {
        chain: chain.clone(),
        database: database.clone(),
        reads,
        mempool,
        intake: intake.clone(),
        published,
        tip: tip_rx.clone(),
    };
    let services = services(basis, seen, consensus.clone(), executor, sync.watch());
    let server = ChainServer { chain, driver: consensus.clone(), summaries };
    let wired = Wired {
        driver,
        sync: sync_task,
        network,
        peers: PeerTask { events, driver: consensus.clone(), sync, server, intake },
        executor: executor_task,
        database,
        owners: stores.owners,
    };
    Ok((wired, Parts { driver: consensus, tip: tip_rx }, services))
}

fn open_network(
    basis: &Basis,
    port: Port,
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
    let opened = Network::on(
        port,
        basis.identity.clone(),
        Chain { id: basis.facts.genesis.chain_id().to_owned(), hash: basis.facts.genesis.hash() },
        view,
        Arc::new(MempoolSource(mempool.clone())),
    );
    Ok(opened.map_err(Box::new)?)
}

impl Wired {
    /// Starts everything; the order here is the order of stopping.
    fn run(self, rpc: Rpc, root: &Path, parts: &Parts) -> Tasks {
        let Self { driver, sync, network, peers, executor, database, owners } = self;
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
    reads: Reads,
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
    let Seen { chain, database, reads, mempool, intake, published, tip } = seen;
    Services {
        facts: basis.facts.clone(),
        chain,
        database,
        reads,
        mempool,
        network: intake.network.clone(),
        intake,
        driver,
        executor,
        published,
        tip,
        sync,
        wallet: NodeWallet::new(basis.key.clone(), basis.facts.genesis.chain_id().to_owned()),
    }
}

/// What the driver shares with others.
struct Handles<'h> {
    blocks: &'h BlockLogHandle,
    network: &'h NetworkHandle,
    executor: &'h ExecutorHandle,
    mempool: &'h Mempool,
    sync: &'h SyncHandle,
    database: &'h Database,
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
        diagnosis: Diagnosis {
            root: basis.root.clone(),
            database: handles.database.clone(),
            network: handles.network.clone(),
            version: basis.facts.version,
        },
        metrics: basis.metrics.chain.clone(),
        chain_hash: basis.facts.genesis.hash(),
        me,
        own_account: AccountId::from(&me),
    }
}
