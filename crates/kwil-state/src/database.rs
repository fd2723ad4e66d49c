//! The database for everybody but the block writer: readers at the last committed height, and the node's own questions.

use std::time::Duration;

use kwil_crypto::Hash;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgPool, PgPoolOptions, PgRow};
use sqlx::{AssertSqlSafe, Postgres, Row as _, Transaction};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::canon::Cell;
use crate::chain::{self, ChainIdentity, ChainState};
use crate::endpoint::Endpoint;
use crate::fault::{NodeFault, StatementError};
use crate::layout;
use crate::readers::{self, Readers};
use crate::session::{self, Purpose};
use crate::shares::Shares;
use crate::store::{self, EngineRow};
use crate::table::quote;

/// Connections for the node's own questions.
const CONTROL_CONNECTIONS: u32 = 2;
/// Connections that are not readers: writer, control, local writer, maintenance and one to spare.
const OTHER_CONNECTIONS: u32 = 6;
/// How long a question of the node waits for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long ending an abandoned read may take.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// Pools of reading connections. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Database {
    endpoint: Endpoint,
    readers: Readers,
    shares: Shares,
    control: PgPool,
    /// Reads, and ends of abandoned ones.
    ending: TaskTracker,
}

/// One consistent view of the database at a committed height. Ends when dropped.
#[derive(Debug)]
pub struct Snapshot {
    transaction: Transaction<'static, Postgres>,
    chain: Option<ChainState>,
    catalog_version: i64,
}

/// Somebody who holds a lock that another session waits for.
#[derive(Clone, Debug)]
pub(crate) struct Blocking {
    pub(crate) pid: i32,
    /// `None` when the server does not tell.
    pub(crate) application: Option<String>,
    /// As above.
    pub(crate) user: Option<String>,
}

impl Database {
    /// Prepares the pools. Connections are opened when they are needed, so this works while the server restarts. Open the
    /// [`crate::Writer`] first: it makes the layout that readers expect.
    #[must_use]
    pub fn new(endpoint: Endpoint, max_connections: u32) -> Self {
        let readers = max_connections.saturating_sub(OTHER_CONNECTIONS).max(2);
        Self {
            readers: readers::pool(&endpoint, readers),
            shares: Shares::new(readers, readers::WAIT),
            control: control_pool(&endpoint),
            ending: TaskTracker::new(),
            endpoint,
        }
    }

    /// Where the database is.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Connections for clients' reads.
    pub(crate) fn readers(&self) -> &Readers {
        &self.readers
    }

    /// What each client may have of them.
    pub(crate) fn shares(&self) -> &Shares {
        &self.shares
    }

    /// Another time that a client waits for its own reads, for tests.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn with_client_wait(mut self, wait: Duration) -> Self {
        self.shares.set_wait(wait);
        self
    }

    /// Keeps [`Database::close`] waiting for as long as it lives.
    pub(crate) fn token(&self) -> TaskTrackerToken {
        self.ending.token()
    }

    /// Ends a server process that works for nobody any more; it would only stop when it has rows to send.
    pub(crate) fn end_backend(&self, pid: i32) {
        let control = self.control.clone();
        let ending = async move {
            let query = sqlx::query("SELECT pg_catalog.pg_terminate_backend($1)").bind(pid);
            match tokio::time::timeout(END_TIMEOUT, query.execute(&control)).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => tracing::debug!(%error, pid, "cannot end an abandoned read"),
                Err(_elapsed) => tracing::debug!(pid, "an abandoned read does not end"),
            }
        };
        // Without a runtime everything ends anyway.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            self.ending.spawn_on(ending, &runtime);
        }
    }

    /// Who holds up the session with this process.
    pub(crate) async fn blocking(&self, pid: i32) -> Result<Vec<Blocking>, NodeFault> {
        let fault = |error| NodeFault::from_sqlx("see who holds a lock", error);
        let query = "SELECT b.pid, a.application_name, a.usename::text \
             FROM (SELECT DISTINCT unnest(pg_catalog.pg_blocking_pids($1)) AS pid) b \
             LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = b.pid";
        let rows = sqlx::query(query).bind(pid).fetch_all(&self.control).await.map_err(fault)?;
        let read = |row: &PgRow| {
            let (application, user) = (row.try_get(1)?, row.try_get(2)?);
            Ok(Blocking { pid: row.try_get(0)?, application, user })
        };
        rows.iter().map(read).collect::<Result<_, _>>().map_err(fault)
    }

    /// Tells the reader with this process, if it is one of the pool, that the statement it runs is cancelled and that it
    /// can begin again when `over` is cancelled.
    pub(crate) fn interrupt(&self, pid: i32, over: &CancellationToken) -> bool {
        self.readers.manager().interrupt(pid, over)
    }

    /// Cancels what these processes run, as far as they still hold up the session with the process `blocked`.
    pub(crate) async fn cancel_blocking(
        &self,
        blocked: i32,
        pids: &[i32],
    ) -> Result<(), NodeFault> {
        let query = "SELECT count(pg_catalog.pg_cancel_backend(b.pid)) \
             FROM (SELECT DISTINCT unnest(pg_catalog.pg_blocking_pids($1)) AS pid) b WHERE b.pid = ANY($2)";
        let done = sqlx::query(query).bind(blocked).bind(pids).execute(&self.control).await;
        done.map(drop).map_err(|error| NodeFault::from_sqlx("cancel reads", error))
    }

    /// A view for the node itself, with the tables of the engine.
    ///
    /// # Errors
    /// The server cannot be reached, or its answer makes no sense.
    pub async fn inspect(&self) -> Result<Snapshot, NodeFault> {
        Snapshot::begin(&self.control).await
    }

    /// The network that the database belongs to. `None` before genesis.
    ///
    /// # Errors
    /// The server cannot be reached, or its answer makes no sense.
    pub async fn identity(&self) -> Result<Option<ChainIdentity>, NodeFault> {
        chain::identity(&mut *acquire(&self.control).await?).await
    }

    /// The server's version text, for example `PostgreSQL 15.18 on x86_64 …`.
    ///
    /// # Errors
    /// The server cannot be reached, or its answer makes no sense.
    pub async fn server_version(&self) -> Result<String, NodeFault> {
        let mut connection = acquire(&self.control).await?;
        let query =
            sqlx::query_scalar("SELECT pg_catalog.version()").fetch_one(&mut *connection).await;
        query.map_err(|error| NodeFault::from_sqlx("read the server's version", error))
    }

    /// What two nodes compare to see whether their servers can give the same results.
    ///
    /// # Errors
    /// The server cannot be reached, or its answer makes no sense.
    pub async fn fingerprint(&self) -> Result<Hash, NodeFault> {
        let mut connection = acquire(&self.control).await?;
        let layout = layout::version(&mut connection).await?;
        session::fingerprint(&mut connection, layout).await
    }

    /// Open connections: in use and idle.
    #[must_use]
    pub fn connections(&self) -> u32 {
        let readers = u32::try_from(self.readers.status().size).unwrap_or(u32::MAX);
        readers.saturating_add(self.control.size())
    }

    /// Closes every connection and waits at most `limit` for those in use. Returns whether all are closed.
    pub async fn close(&self, limit: Duration) -> bool {
        self.ending.close();
        let closing = async {
            self.ending.wait().await;
            self.readers.close();
            self.control.close().await;
        };
        tokio::time::timeout(limit, closing).await.is_ok()
    }
}

impl Snapshot {
    async fn begin(pool: &PgPool) -> Result<Self, NodeFault> {
        let begun = pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await;
        let mut transaction = begun.map_err(|error| NodeFault::from_sqlx("begin a read", error))?;
        let (chain, version) = chain::read(&mut transaction).await?.unzip();
        Ok(Self { transaction, chain, catalog_version: version.unwrap_or_default() })
    }

    /// The block that this view shows. `None` before genesis.
    #[must_use]
    pub fn chain(&self) -> Option<&ChainState> {
        self.chain.as_ref()
    }

    /// Version of the catalog that belongs to this view.
    #[must_use]
    pub fn catalog_version(&self) -> i64 {
        self.catalog_version
    }

    /// Rows of an engine table by their keys. Only in a view from [`Database::inspect`].
    ///
    /// # Errors
    /// [`NodeFault`].
    pub async fn load<R: EngineRow>(&mut self, keys: &[Vec<Cell>]) -> Result<Vec<R>, NodeFault> {
        store::load(&mut self.transaction, keys).await
    }

    /// Every row of an engine table, ordered by key. Only in a view from [`Database::inspect`].
    ///
    /// # Errors
    /// [`NodeFault`].
    pub async fn scan<R: EngineRow>(&mut self) -> Result<Vec<R>, NodeFault> {
        store::scan(&mut self.transaction).await
    }

    /// How many rows an engine table has. Only in a view from [`Database::inspect`].
    ///
    /// # Errors
    /// [`NodeFault`].
    pub async fn count<R: EngineRow>(&mut self) -> Result<u64, NodeFault> {
        store::count(&mut self.transaction, R::TABLE).await
    }

    /// Runs one SQL statement that only reads.
    ///
    /// # Errors
    /// [`StatementError::Tx`] when the statement is at fault.
    pub async fn query(&mut self, sql: &str) -> Result<Vec<PgRow>, StatementError> {
        let rows =
            sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_all(&mut *self.transaction).await;
        rows.map_err(|error| StatementError::from_sqlx("read", error))
    }
}

async fn acquire(pool: &PgPool) -> Result<PoolConnection<Postgres>, NodeFault> {
    pool.acquire().await.map_err(|error| NodeFault::from_sqlx("open a session", error))
}

fn control_pool(endpoint: &Endpoint) -> PgPool {
    PgPoolOptions::new()
        .max_connections(CONTROL_CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                session::prepare(connection, Purpose::Control)
                    .await
                    .map_err(|fault| sqlx::Error::Configuration(fault.into()))
            })
        })
        .connect_lazy_with(endpoint.connect_options(Purpose::Control.application()))
}

/// Gives up the owner's rights where the readers' role exists.
pub(crate) async fn become_reader(
    connection: &mut sqlx::PgConnection,
    reader: &str,
) -> Result<(), sqlx::Error> {
    // On a server of the operator the owner may lack the right; then the server's own limit counts.
    let limited = sqlx::raw_sql("SET temp_file_limit = '4GB'").execute(&mut *connection).await;
    if let Err(error) = limited {
        tracing::debug!(%error, "no limit of its own for temporary files of readers");
    }
    let query = "SELECT pg_catalog.pg_has_role(r.oid, 'MEMBER') FROM pg_catalog.pg_roles r WHERE r.rolname = $1";
    let member: Option<bool> =
        sqlx::query_scalar(query).bind(reader).fetch_optional(&mut *connection).await?;
    if member == Some(true) {
        let switch = format!("SET ROLE {}", quote(reader));
        sqlx::raw_sql(AssertSqlSafe(switch)).execute(connection).await?;
    }
    Ok(())
}
