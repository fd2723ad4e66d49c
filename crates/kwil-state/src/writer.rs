//! The one connection that writes blocks.
//!
//! ```text
//! Idle ──begin──► InBlock ──finish, seal──► Executed ──commit──► Idle
//!                    └───────── abort (or any fault) ─────────────┘
//! ```
//!
//! Dropping the writer closes the connection, which rolls back. A connection whose state is not certain is never used
//! again: the next `begin` opens another one and reads from the database where it stands.

use std::sync::OnceLock;
use std::time::Duration;

use kwil_crypto::Hash;
use sqlx::{Connection as _, PgConnection, Row as _};
use tokio_util::sync::CancellationToken;

use crate::block::{Block, CaptureLimits, Committed, Draft, Waits};
use crate::blockers::Blockers;
use crate::capture;
use crate::catalog::{Catalog, catalog_hash};
use crate::chain::{self, ChainIdentity, ChainState};
use crate::database::Database;
use crate::endpoint::Endpoint;
use crate::fault::{FaultKind, NodeFault};
use crate::language;
use crate::layout;
use crate::published_catalogs::{PublishedCatalogs, Seen};
use crate::reader_role;
use crate::session::{self, Purpose};
use crate::statements::Statements;
use crate::summaries::Summaries;
use crate::sums::Sums;

/// How long to wait for the lock of a session that is just ending.
const LOCK_WAIT: Duration = Duration::from_secs(5);
/// Commits between two looks at the age of the capture table.
const COMMITS_PER_CHECK: u32 = 1000;
/// Transaction ids after which the capture table is vacuumed; no autovacuum does it for a temporary table.
const CAPTURE_MAX_AGE: i64 = 10_000_000;
/// How long cancelling a statement on another connection may take.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(5);

/// The block writer. There is one for a database; a lock in the database makes sure of it.
#[derive(Debug)]
pub struct Writer {
    endpoint: Endpoint,
    chain: Option<ChainIdentity>,
    session: Option<Session>,
    state: State,
    last: Option<ChainState>,
    committed: Committed,
    catalogs: PublishedCatalogs,
    summaries: Summaries,
    commits: u32,
    limits: CaptureLimits,
    /// Has the readers that can be in the way.
    readers: OnceLock<Database>,
}

#[derive(Debug)]
struct Session {
    connection: PgConnection,
    pid: i32,
    reader_role: Option<String>,
    statements: Statements,
}

#[derive(Debug)]
enum State {
    Idle,
    InBlock(Draft),
    Executed(Draft, ChainState),
}

impl State {
    fn name(&self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::InBlock(_) => "executing a block",
            Self::Executed(..) => "waiting for a commit",
        }
    }
}

impl Writer {
    /// Connects, takes the database's lock, prepares the layout, and reads where the database stands.
    ///
    /// With `chain` a database of another network is refused.
    ///
    /// # Errors
    /// [`NodeFault`], for example [`FaultKind::InUse`], [`FaultKind::OtherChain`] or [`FaultKind::NewerLayout`].
    pub async fn open(endpoint: Endpoint, chain: Option<ChainIdentity>) -> Result<Self, NodeFault> {
        let mut writer = Self {
            endpoint,
            chain,
            session: None,
            state: State::Idle,
            last: None,
            committed: Committed::default(),
            catalogs: PublishedCatalogs::default(),
            summaries: Summaries::default(),
            commits: 0,
            limits: CaptureLimits::NETWORK,
            readers: OnceLock::new(),
        };
        writer.connect().await?;
        Ok(writer)
    }

    /// The last committed block, as the database has it. `None` before genesis.
    ///
    /// After a fault of the server this can be an earlier block than the last one committed here: commits are not
    /// waited for. The node then executes the missing blocks of its log again.
    #[must_use]
    pub fn last(&self) -> Option<&ChainState> {
        self.last.as_ref()
    }

    /// The catalog after the last committed block.
    #[must_use]
    pub fn catalog(&self) -> &std::sync::Arc<Catalog> {
        &self.committed.catalog
    }

    /// The catalogs that readers can need.
    pub(crate) fn catalogs(&self) -> &PublishedCatalogs {
        &self.catalogs
    }

    /// From the next block on readers of this database are cancelled when they hold up a block. The first one counts.
    pub(crate) fn cancel_readers_of(&self, database: &Database) {
        self.readers.get_or_init(|| database.clone());
    }

    /// What the newest state roots are made of.
    pub(crate) fn summaries(&self) -> &Summaries {
        &self.summaries
    }

    /// The catalog of the language after the last committed block. `None` before genesis.
    pub(crate) fn language(&self) -> Option<&std::sync::Arc<kwil_engine::catalog::Catalog>> {
        self.committed.language.as_ref()
    }

    /// Opens the connection when there is none, and reads where the database stands. Does nothing otherwise.
    ///
    /// # Errors
    /// [`NodeFault`].
    pub async fn connect(&mut self) -> Result<(), NodeFault> {
        if self.session.is_some() {
            return Ok(());
        }
        let mut connection = session::open(&self.endpoint, Purpose::Writer).await?;
        lock(&mut connection, self.endpoint.database()).await?;
        layout::migrate(&mut connection).await?;
        if let (Some(found), Some(wanted)) = (chain::identity(&mut connection).await?, &self.chain)
        {
            chain::check_identity(&found, wanted)?;
        }
        let reader_role = reader_role::prepare(&mut connection, self.endpoint.reader()).await?;
        capture::create(&mut connection).await?;
        let (last, version) = chain::read(&mut connection).await?.unzip();
        let catalog = Catalog::load(&mut connection, version.unwrap_or_default()).await?;
        let language = language::load(&mut connection).await?;
        let catalog_hash = catalog_hash(&mut connection).await?;
        let sums = Sums::load(&mut connection).await?;
        let query = sqlx::query_scalar("SELECT pg_catalog.pg_backend_pid()")
            .fetch_one(&mut connection)
            .await;
        let pid = query.map_err(|error| NodeFault::from_sqlx("open the writer", error))?;
        self.catalogs.reset(catalog.version(), language.clone());
        if let Some(ChainState { height, time, .. }) = last {
            self.catalogs.committed(Seen { height, time, version: catalog.version() });
        }
        self.committed = Committed { catalog: catalog.into(), language, catalog_hash, sums };
        self.last = last;
        self.summarise();
        let statements = Statements::default();
        self.session = Some(Session { connection, pid, reader_role, statements });
        Ok(())
    }

    /// Other limits than the network's, for tests.
    #[cfg(feature = "testing")]
    pub(crate) fn set_capture_limits(&mut self, limits: CaptureLimits) {
        self.limits = limits;
    }

    /// Begins the block at `height`: one above the last one, any before genesis. `cancel` stops it between and within
    /// statements; [`Writer::abort`] must follow.
    ///
    /// # Errors
    /// [`NodeFault`]; the writer is idle then.
    pub async fn begin(
        &mut self,
        height: u64,
        cancel: CancellationToken,
    ) -> Result<Block<'_>, NodeFault> {
        const WHAT: &str = "begin a block";
        if !matches!(self.state, State::Idle) {
            return Err(NodeFault::new(WHAT, FaultKind::WrongState { state: self.state.name() }));
        }
        self.connect().await?;
        if let Some(last) = self.last.filter(|last| last.height.checked_add(1) != Some(height)) {
            let problem =
                format!("block {height} does not follow the database's height {}", last.height);
            return Err(NodeFault::invariant(WHAT, problem));
        }
        let Some(session) = &mut self.session else { return Err(not_connected(WHAT)) };
        let begun = sqlx::raw_sql("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
            .execute(&mut session.connection);
        if let Err(error) = begun.await {
            self.session = None;
            return Err(NodeFault::from_sqlx(WHAT, error));
        }
        let readers = self.readers.get();
        let blockers = readers.map(|database| Blockers::new(database.clone(), session.pid));
        let waits = Waits::new(cancel, blockers);
        self.state = State::InBlock(Draft::new(height, &self.committed, self.limits, waits));
        self.block()
    }

    /// The block that is being executed.
    ///
    /// # Errors
    /// [`NodeFault`] when there is none.
    pub fn block(&mut self) -> Result<Block<'_>, NodeFault> {
        const WHAT: &str = "use a block";
        let state = self.state.name();
        let State::InBlock(draft) = &mut self.state else {
            return Err(NodeFault::new(WHAT, FaultKind::WrongState { state }));
        };
        let Some(session) = &mut self.session else { return Err(not_connected(WHAT)) };
        Ok(Block {
            connection: &mut session.connection,
            draft,
            committed: &self.committed,
            reader_role: session.reader_role.as_deref(),
            statements: &mut session.statements,
        })
    }

    /// Writes the chain row of a finished block. The transaction stays open until [`Writer::commit`] or
    /// [`Writer::abort`].
    ///
    /// # Errors
    /// [`NodeFault`]; call [`Writer::abort`] then. The block must be finished and `block_hash`, `time` are the header's.
    pub async fn seal(
        &mut self,
        block_hash: Hash,
        app_hash: Hash,
        time: i64,
    ) -> Result<ChainState, NodeFault> {
        const WHAT: &str = "seal a block";
        let wrong = NodeFault::new(WHAT, FaultKind::WrongState { state: self.state.name() });
        let State::InBlock(draft) = &self.state else { return Err(wrong) };
        let Some(finished) = &draft.finished else {
            return Err(NodeFault::invariant(WHAT, "the block is not finished"));
        };
        let Some(session) = &mut self.session else { return Err(not_connected(WHAT)) };
        let sealed = ChainState {
            height: draft.height,
            block_hash,
            app_hash,
            state_root: finished.root,
            time,
        };
        chain::write(&mut session.connection, &sealed, draft.catalog().version()).await?;
        let State::InBlock(draft) = std::mem::replace(&mut self.state, State::Idle) else {
            return Err(wrong);
        };
        self.state = State::Executed(draft, sealed);
        Ok(sealed)
    }

    /// Commits the sealed block. The block log must hold it on disk already, because this commit is not waited for.
    ///
    /// # Errors
    /// [`NodeFault`]. Then it is not known whether the commit happened: [`Writer::connect`] asks the database, and when
    /// [`Writer::last`] shows the block afterwards, it did; otherwise the block has to be executed again.
    pub async fn commit(&mut self) -> Result<ChainState, NodeFault> {
        const WHAT: &str = "commit a block";
        let wrong = NodeFault::new(WHAT, FaultKind::WrongState { state: self.state.name() });
        if !matches!(self.state, State::Executed(..)) {
            return Err(wrong);
        }
        let State::Executed(mut draft, sealed) = std::mem::replace(&mut self.state, State::Idle)
        else {
            return Err(wrong);
        };
        // Taken, so that an interrupted commit leaves no connection of unknown state.
        let Some(mut session) = self.session.take() else { return Err(not_connected(WHAT)) };
        // Before the commit, so that no reader can see the new version and not find its catalog.
        self.catalogs.announce(draft.catalog().version(), draft.language().cloned());
        let done = sqlx::raw_sql("COMMIT").execute(&mut session.connection).await;
        done.map_err(|error| NodeFault::from_sqlx(WHAT, error))?;
        self.session = Some(session);
        let version = draft.catalog().version();
        self.catalogs.committed(Seen { height: sealed.height, time: sealed.time, version });
        self.committed.catalog = std::sync::Arc::clone(draft.catalog());
        self.committed.language = draft.language().cloned();
        if let Some(finished) = draft.finished.take() {
            self.committed.catalog_hash = finished.catalog_hash;
            self.committed.sums.apply(finished.sums);
        }
        self.last = Some(sealed);
        self.summarise();
        // Reads that were cancelled for this block begin again.
        drop(draft);
        self.vacuum_capture().await;
        Ok(sealed)
    }

    /// Rolls back whatever is open. Never fails: a connection that does not confirm is closed, which rolls back too.
    pub async fn abort(&mut self) {
        let (is_cut_short, changed, open) = match std::mem::replace(&mut self.state, State::Idle) {
            State::Idle => (false, false, false),
            State::InBlock(draft) | State::Executed(draft, _) => {
                (draft.waits.is_cut_short(), draft.changed_catalog(), true)
            }
        };
        let Some(mut session) = self.session.take() else { return };
        if is_cut_short {
            self.terminate(session).await;
            return;
        }
        if open && let Err(error) = sqlx::raw_sql("ROLLBACK").execute(&mut session.connection).await
        {
            tracing::warn!(%error, "cannot roll back a block; the connection is closed");
            return;
        }
        if changed {
            session.statements.forget_all();
        }
        self.session = Some(session);
    }

    /// Closes the connection in order.
    pub async fn close(mut self) {
        self.abort().await;
        if let Some(session) = self.session.take()
            && let Err(error) = session.connection.close().await
        {
            tracing::debug!(%error, "the writer's connection did not close in order");
        }
    }

    fn summarise(&self) {
        let Some(last) = self.last else { return };
        let Committed { catalog, catalog_hash, sums, .. } = &self.committed;
        self.summaries.committed(last, *catalog_hash, catalog, sums);
    }

    /// Ends a session that runs a statement nobody waits for.
    async fn terminate(&self, session: Session) {
        let pid = session.pid;
        drop(session);
        let ending = async {
            let mut control = session::open(&self.endpoint, Purpose::Control).await?;
            let query = sqlx::query("SELECT pg_catalog.pg_terminate_backend($1, 2000)").bind(pid);
            query
                .execute(&mut control)
                .await
                .map_err(|e| NodeFault::from_sqlx("end a cancelled session", e))
        };
        match tokio::time::timeout(CANCEL_TIMEOUT, ending).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "cannot end a cancelled session; it ends by itself")
            }
            Err(_elapsed) => tracing::warn!(pid, "a cancelled session does not end"),
        }
    }

    /// A temporary table is never vacuumed by others; without this its age would stop the whole database in the end.
    async fn vacuum_capture(&mut self) {
        self.commits = self.commits.wrapping_add(1);
        if !self.commits.is_multiple_of(COMMITS_PER_CHECK) {
            return;
        }
        let Some(session) = &mut self.session else { return };
        if let Err(error) = vacuum_when_old(&mut session.connection).await {
            tracing::warn!(%error, "cannot vacuum the capture table; the connection is opened anew");
            self.session = None;
        }
    }
}

async fn vacuum_when_old(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let query = "SELECT pg_catalog.age(relfrozenxid)::int8 FROM pg_catalog.pg_class \
                 WHERE oid = pg_catalog.to_regclass('pg_temp.kwil_capture')";
    let age: i64 = sqlx::query_scalar(query).fetch_one(&mut *connection).await?;
    if age > CAPTURE_MAX_AGE {
        sqlx::raw_sql("VACUUM pg_temp.kwil_capture").execute(connection).await?;
    }
    Ok(())
}

fn not_connected(what: &'static str) -> NodeFault {
    NodeFault::new(what, FaultKind::ConnectionLost("the writer has no connection".into()))
}

/// Takes the lock that makes this the only node of the database.
pub(crate) async fn lock(connection: &mut PgConnection, database: &str) -> Result<(), NodeFault> {
    const WHAT: &str = "lock the database";
    let fault = |error| NodeFault::from_sqlx(WHAT, error);
    let digest = blake3::derive_key("kwil database lock 1", database.as_bytes());
    let key = digest.first_chunk::<8>().map_or(0, |bytes| i64::from_be_bytes(*bytes));
    let deadline = tokio::time::Instant::now() + LOCK_WAIT;
    loop {
        let query = sqlx::query_scalar("SELECT pg_catalog.pg_try_advisory_lock($1)").bind(key);
        if query.fetch_one(&mut *connection).await.map_err(fault)? {
            return Ok(());
        }
        if tokio::time::Instant::now() >= deadline {
            break;
        }
        // The server has no event for a free lock that can be waited for with a deadline and without blocking it.
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    let query = "SELECT a.pid, a.backend_start::text FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a USING (pid) \
                 WHERE l.locktype = 'advisory' AND l.granted AND a.datname = $1 \
                 AND ((l.classid::int8 << 32) | l.objid::int8) = $2";
    let row = sqlx::query(query)
        .bind(database)
        .bind(key)
        .fetch_optional(connection)
        .await
        .map_err(fault)?;
    let (pid, since) = row.map_or((0, "?".into()), |row| (row.get(0), row.get(1)));
    Err(NodeFault::new(WHAT, FaultKind::InUse { database: database.into(), pid, since }))
}
