//! The owner of the state: executes blocks, commits them, and publishes what is committed.
//!
//! ```text
//! open ─► execute ─► (votes, block log) ─► commit ─► published to readers
//!            └────────────────────────► abort: nothing happened
//! ```

use std::sync::Arc;
use std::time::Duration;

use kwil_crypto::Hash;
use kwil_crypto::auth::Registry;
use kwil_engine::Engine;
use kwil_genesis::Genesis;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::chain::ChainState;
use crate::database::Database;
use crate::endpoint::Endpoint;
use crate::execution::{BlockInput, BlockOutcome, ExecuteError, Progress, Sources, run};
use crate::fault::{FaultKind, NodeFault};
use crate::genesis_state;
use crate::network_state::NetworkState;
use crate::reads::Reads;
use crate::summaries::Summaries;
use crate::writer::Writer;

/// How long a block may take unless the node says otherwise.
const DEFAULT_CEILING: Duration = Duration::from_secs(600);

/// What an embedder adds to the execution of blocks. All validators of a network need the same.
#[derive(Clone, Debug)]
pub struct Extensions {
    /// Who vouches for senders.
    pub authenticators: Arc<Registry>,
    /// Runs SQL and actions; without one their payload types are unknown.
    pub engine: Option<Arc<Engine>>,
}

impl Default for Extensions {
    /// The authenticators and the engine of a stock node.
    fn default() -> Self {
        let mut extensions = kwil_engine::Extensions::new();
        // The name is new and well formed, so nothing can be wrong with it.
        if let Err(error) = extensions.register(Arc::new(kwil_engine::Math)) {
            tracing::error!(%error, "the stock extension cannot be registered");
        }
        Self { authenticators: Arc::default(), engine: Some(Arc::new(Engine::new(extensions))) }
    }
}

/// The committed state as readers see it.
#[derive(Clone, Debug)]
pub struct Published {
    /// The last committed block.
    pub chain: ChainState,
    /// Validators, parameters and pending resolutions of the next height.
    pub network: NetworkState,
}

/// Executes and commits blocks, one at a time.
#[derive(Debug)]
pub struct Executor {
    writer: Writer,
    sources: Sources,
    executed: Option<NetworkState>,
    published: watch::Sender<Published>,
    ceiling: Duration,
}

impl Executor {
    /// Opens the database of a network, and writes the genesis state into an empty one.
    ///
    /// # Errors
    /// [`NodeFault`], for example when the database belongs to another network or another node uses it.
    pub async fn open(
        endpoint: Endpoint,
        genesis: &Genesis,
        extensions: Extensions,
    ) -> Result<Self, NodeFault> {
        let mut writer = Writer::open(endpoint, Some(genesis_state::identity(genesis))).await?;
        let chain = match writer.last() {
            Some(chain) => *chain,
            None => write_genesis(&mut writer, genesis).await?,
        };
        check_language(&writer, &extensions)?;
        let network = read_network(&mut writer, chain.height).await?;
        let (published, _) = watch::channel(Published { chain, network });
        let sources = Sources {
            chain_id: genesis.chain_id().to_owned(),
            authenticators: extensions.authenticators,
            engine: extensions.engine,
            progress: Progress::default(),
            together: true,
        };
        Ok(Self { writer, sources, executed: None, published, ceiling: DEFAULT_CEILING })
    }

    /// Sets how long a block may take. Passing it is a problem of this node, never a result; the default is ten minutes.
    #[must_use]
    pub fn with_ceiling(mut self, ceiling: Duration) -> Self {
        self.ceiling = ceiling;
        self
    }

    /// Where the execution of the running block stands, or of the last one. Follows while the block runs.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.sources.progress.clone()
    }

    /// Runs every payload on its own. Slower, and with the same outcome: that is what tests compare.
    #[must_use]
    pub fn one_by_one(mut self) -> Self {
        self.sources.together = false;
        self
    }

    /// Other limits of captured bytes than the network's, for tests.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn with_capture_limits(mut self, limits: crate::CaptureLimits) -> Self {
        self.writer.set_capture_limits(limits);
        self
    }

    /// The last committed block.
    #[must_use]
    pub fn chain(&self) -> ChainState {
        self.published.borrow().chain
    }

    /// Follows what is committed.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Published> {
        self.published.subscribe()
    }

    /// Runs scripts and view actions for clients on the readers' connections of `database`. A read that holds up a block is
    /// cancelled, and begun again when the block is over.
    #[must_use]
    pub fn reads(&self, database: &Database) -> Reads {
        self.writer.cancel_readers_of(database);
        let engine = self.sources.engine.clone();
        Reads::new(engine, database.clone(), self.writer.catalogs().clone())
    }

    /// What the state roots of the newest heights are made of.
    #[must_use]
    pub fn summaries(&self) -> Summaries {
        self.writer.summaries().clone()
    }

    /// Executes the block after the last committed one. Its transaction stays open until [`Executor::commit`] or
    /// [`Executor::abort`]; after an error it is rolled back already, and the block can be executed again.
    ///
    /// `cancel` stops the execution between and within statements.
    ///
    /// # Errors
    /// [`ExecuteError::Invalid`] when every node must refuse the block; [`ExecuteError::Node`] for problems of this node.
    /// When the database came back at an earlier height, [`Executor::chain`] tells it after the error.
    pub async fn execute(
        &mut self,
        input: &BlockInput,
        cancel: CancellationToken,
    ) -> Result<BlockOutcome, ExecuteError> {
        self.executed = None;
        self.sources.progress.rest(0);
        self.catch_up().await?;
        match self.bounded(input, &cancel).await {
            Ok(outcome) => {
                self.executed = Some(outcome.next.clone());
                Ok(outcome)
            }
            Err(error) => {
                self.writer.abort().await;
                Err(error)
            }
        }
    }

    async fn bounded(
        &mut self,
        input: &BlockInput,
        cancel: &CancellationToken,
    ) -> Result<BlockOutcome, ExecuteError> {
        let (ceiling, stop) = (self.ceiling, cancel.child_token());
        let mut work = std::pin::pin!(self.try_execute(input, stop.clone()));
        if let Ok(done) = tokio::time::timeout(ceiling, &mut work).await {
            return done;
        }
        stop.cancel();
        let too_slow = NodeFault::new("execute a block", FaultKind::TooSlow(ceiling));
        work.await.map_err(|error| match error {
            ExecuteError::Node(_) => too_slow.into(),
            ExecuteError::Invalid(_) => error,
        })
    }

    async fn try_execute(
        &mut self,
        input: &BlockInput,
        cancel: CancellationToken,
    ) -> Result<BlockOutcome, ExecuteError> {
        let Published { chain, network } = self.published.borrow().clone();
        let time = i64::try_from(input.header.time_ms).unwrap_or(i64::MAX);
        let mut block = self.writer.begin(input.header.height.get(), cancel).await?;
        // Boxed: the type of the whole execution is deeper than compilers like.
        let outcome =
            Box::pin(run(&self.sources, &network, chain.app_hash, &mut block, input)).await?;
        self.writer.seal(input.hash, outcome.app_hash, time).await?;
        Ok(outcome)
    }

    /// Commits the executed block and publishes it. The block log must have it on disk already.
    ///
    /// # Errors
    /// [`NodeFault`]. [`Executor::chain`] then tells whether the block is in the database; if not, it has to be executed
    /// again.
    pub async fn commit(&mut self) -> Result<ChainState, NodeFault> {
        let Some(network) = self.executed.take() else {
            return Err(NodeFault::new("commit a block", FaultKind::WrongState { state: "idle" }));
        };
        match self.writer.commit().await {
            Ok(chain) => {
                self.published.send_replace(Published { chain, network });
                Ok(chain)
            }
            Err(fault) => {
                if let Err(error) = self.catch_up().await {
                    tracing::warn!(%error, "the database does not answer after a failed commit");
                }
                Err(fault)
            }
        }
    }

    /// Rolls back the executed block, if there is one.
    pub async fn abort(&mut self) {
        self.executed = None;
        self.writer.abort().await;
    }

    /// Ends the session in order.
    pub async fn close(self) {
        self.writer.close().await;
    }

    /// Makes sure that the database answers, after it was away. [`Executor::chain`] then tells where it stands, which can be
    /// an earlier block than the last one committed here.
    ///
    /// # Errors
    /// [`NodeFault`].
    pub async fn reconnect(&mut self) -> Result<(), NodeFault> {
        self.abort().await;
        self.catch_up().await
    }

    /// Connects again when the connection is gone, and publishes where the database stands when that is another block.
    async fn catch_up(&mut self) -> Result<(), NodeFault> {
        self.writer.connect().await?;
        let Some(found) = self.writer.last().copied() else {
            return Err(NodeFault::invariant("open the database", "the genesis state is gone"));
        };
        if found == self.chain() {
            return Ok(());
        }
        tracing::warn!(
            height = found.height,
            was = self.chain().height,
            "the database stands at another block"
        );
        let network = read_network(&mut self.writer, found.height).await?;
        self.published.send_replace(Published { chain: found, network });
        Ok(())
    }
}

/// Blocks of a network can only be executed with the catalog of its genesis and all extensions that it uses.
fn check_language(writer: &Writer, extensions: &Extensions) -> Result<(), NodeFault> {
    const WHAT: &str = "open the database";
    let Some(engine) = &extensions.engine else { return Ok(()) };
    let Some(catalog) = writer.language() else {
        let problem =
            "it was made by a release without the SQL language; start from an empty database";
        return Err(NodeFault::invariant(WHAT, problem));
    };
    let missing = engine.extensions().missing(catalog);
    if missing.is_empty() {
        return Ok(());
    }
    let problem =
        format!("the network uses extensions that this node lacks: {}", missing.join(", "));
    Err(NodeFault::invariant(WHAT, problem))
}

async fn write_genesis(writer: &mut Writer, genesis: &Genesis) -> Result<ChainState, NodeFault> {
    let mut block = writer.begin(genesis.initial_height().get(), CancellationToken::new()).await?;
    let written = genesis_state::write(&mut block, genesis).await;
    let sealed = match written {
        Ok(app_hash) => writer.seal(Hash::ZERO, app_hash, 0).await,
        Err(fault) => Err(fault),
    };
    if let Err(fault) = sealed {
        writer.abort().await;
        return Err(fault);
    }
    writer.commit().await
}

async fn read_network(writer: &mut Writer, height: u64) -> Result<NetworkState, NodeFault> {
    let mut block = writer.begin(height.saturating_add(1), CancellationToken::new()).await?;
    let network = NetworkState::load(&mut block).await;
    writer.abort().await;
    network
}
