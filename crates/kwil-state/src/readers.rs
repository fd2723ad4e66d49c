//! Connections for readers. What a connection has prepared lives as long as the connection.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use deadpool::managed::{self, Metrics, PoolError, RecycleResult, Timeouts};
use sqlx::{PgConnection, Row as _};
use tokio_util::sync::CancellationToken;

use crate::database::become_reader;
use crate::endpoint::Endpoint;
use crate::fault::NodeFault;
use crate::session::{self, Purpose};
use crate::statements::Statements;

/// How long a reader waits for a free connection, or for the other reads of its client.
pub(crate) const WAIT: Duration = Duration::from_secs(5);
/// How long opening one may take.
const OPEN: Duration = Duration::from_secs(15);

/// The prepared statement that tells which block a view shows.
pub(crate) const SHOWN: &str = "kwil_shown";

/// A connection and what it has.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) connection: PgConnection,
    /// Process of the server.
    pub(crate) pid: i32,
    pub(crate) statements: Statements,
    /// Longest time of a statement, in whole seconds; 0 while there is none.
    pub(crate) limit: u64,
    /// It has answered once since it was taken from the pool.
    pub(crate) is_fresh: bool,
    pub(crate) interruption: Arc<Interruption>,
}

/// Where the block writer leaves word that it cancels what a connection runs; its time limit gives the same SQLSTATE.
///
/// Word that came too late stays until the next read of the connection ends badly. That one is begun again then, once.
#[derive(Debug, Default)]
pub(crate) struct Interruption(Mutex<Option<CancellationToken>>);

impl Interruption {
    fn put(&self, over: &CancellationToken) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(over.clone());
    }

    /// The word that was left: cancelled when the block is over that the read was in the way of.
    pub(crate) fn take(&self) -> Option<CancellationToken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A connection that goes back to the pool when it is dropped.
pub(crate) type Lent = managed::Object<Opener>;

/// All connections for readers. Cheap to clone.
pub(crate) type Readers = managed::Pool<Opener>;

/// Opens connections for a pool.
#[derive(Debug)]
pub(crate) struct Opener {
    endpoint: Endpoint,
    /// By process of the server, also of some that are closed.
    opened: Mutex<BTreeMap<i32, Weak<Interruption>>>,
}

impl Opener {
    /// Leaves word for the connection with this process. Whether there is one.
    pub(crate) fn interrupt(&self, pid: i32, over: &CancellationToken) -> bool {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let found = opened.get(&pid).and_then(Weak::upgrade);
        found.map(|interruption| interruption.put(over)).is_some()
    }

    fn note(&self, pid: i32, interruption: &Arc<Interruption>) {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.retain(|_, other| other.strong_count() > 0);
        opened.insert(pid, Arc::downgrade(interruption));
    }
}

/// A pool of at most so many connections, opened when they are needed.
pub(crate) fn pool(endpoint: &Endpoint, size: u32) -> Readers {
    let mut config = managed::PoolConfig::new(usize::try_from(size).unwrap_or(usize::MAX));
    config.timeouts = Timeouts { wait: Some(WAIT), create: Some(OPEN), recycle: None };
    // The one used last has the statements that are used now.
    config.queue_mode = managed::QueueMode::Lifo;
    let builder = Readers::builder(Opener { endpoint: endpoint.clone(), opened: Mutex::default() })
        .config(config);
    #[expect(
        clippy::expect_used,
        reason = "it fails only when there are time limits and no runtime"
    )]
    builder.runtime(deadpool::Runtime::Tokio1).build().expect("a runtime was given")
}

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum NotLent {
    /// All were in use for as long as one may wait.
    Busy,
    Fault(NodeFault),
}

/// A connection of the pool.
pub(crate) async fn lend(readers: &Readers) -> Result<Lent, NotLent> {
    const WHAT: &str = "open a session";
    readers.get().await.map_err(|error| match error {
        PoolError::Timeout(managed::TimeoutType::Wait) => NotLent::Busy,
        PoolError::Backend(fault) => NotLent::Fault(fault),
        PoolError::Closed => NotLent::Fault(NodeFault::from_sqlx(WHAT, sqlx::Error::PoolClosed)),
        other => NotLent::Fault(NodeFault::invariant(WHAT, other)),
    })
}

impl managed::Manager for Opener {
    type Type = Reader;
    type Error = NodeFault;

    async fn create(&self) -> Result<Reader, NodeFault> {
        const WHAT: &str = "set up a reader";
        let fault = |error| NodeFault::from_sqlx(WHAT, error);
        let mut connection = session::open(&self.endpoint, Purpose::Reader).await?;
        become_reader(&mut connection, self.endpoint.reader()).await.map_err(fault)?;
        // Some servers have no role that may read the chain row only; this statement is the node's own anyway.
        let prepare = format!(
            "PREPARE {SHOWN} AS SELECT height, time, catalog_version FROM kwild_meta.chain"
        );
        let prepared = sqlx::raw_sql(sqlx::AssertSqlSafe(prepare)).execute(&mut connection).await;
        prepared.map_err(fault)?;
        let query = sqlx::raw_sql("SELECT pg_catalog.pg_backend_pid()").fetch_one(&mut connection);
        let pid = query.await.and_then(|row| row.try_get(0)).map_err(fault)?;
        let (statements, interruption) = (Statements::default(), Arc::default());
        self.note(pid, &interruption);
        Ok(Reader { connection, pid, statements, limit: 0, is_fresh: true, interruption })
    }

    async fn recycle(&self, reader: &mut Reader, _: &Metrics) -> RecycleResult<NodeFault> {
        // Whether the server is still there is found out by using it.
        reader.is_fresh = false;
        Ok(())
    }
}
