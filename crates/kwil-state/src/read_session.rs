//! The engine's session over a view of a committed height.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use kwil_engine::catalog::Catalog;
use kwil_engine::{Access, Change, Prepared, ReadLimits, Row, Session, SessionError};
use kwil_types::Value;
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Either, Postgres, Row as _};

use crate::block::{Message, decode};
use crate::database::Database;
use crate::fault::{FaultKind, NodeFault, StatementError};
use crate::published_catalogs::PublishedCatalogs;
use crate::reads::ReadError;
use crate::statements::Statements;
use crate::values::size_of;

const WHAT: &str = "read";
/// Times that a view is opened again because its catalog is known no more.
const MAX_TRIES: u32 = 5;

/// The block that a view shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) height: u64,
    /// Unix milliseconds.
    pub(crate) time: i64,
}

/// One read-only transaction. Dropped before [`ReadSession::end`] it takes its connection along and has the statement that
/// runs cancelled.
#[derive(Debug)]
pub(crate) struct ReadSession {
    connection: Option<PoolConnection<Postgres>>,
    database: Database,
    pid: i32,
    catalog: Arc<Catalog>,
    seen: Seen,
    answer: ReadLimits,
    statements: Statements,
}

struct Begun {
    seen: Seen,
    version: i64,
    pid: i32,
}

type Outcome<T> = Result<T, SessionError<ReadError>>;

impl ReadSession {
    /// Opens a view with the catalog that belongs to it. No statement in it runs longer than `time`.
    pub(crate) async fn begin(
        database: &Database,
        catalogs: &PublishedCatalogs,
        time: Duration,
        answer: ReadLimits,
    ) -> Result<Self, ReadError> {
        for _ in 0..MAX_TRIES {
            let mut connection = database.reader().await.map_err(|error| match error {
                sqlx::Error::PoolTimedOut => ReadError::Busy,
                error => NodeFault::from_sqlx(WHAT, error).into(),
            })?;
            let begun = begin(&mut connection, time).await?;
            let Begun { seen, version, pid } = begun;
            let mut session = Self {
                connection: Some(connection),
                database: database.clone(),
                pid,
                catalog: Arc::default(),
                seen,
                answer,
                statements: Statements::default(),
            };
            if let Some(catalog) = catalogs.get(version) {
                session.catalog = catalog;
                return Ok(session);
            }
            session.end().await;
        }
        Err(NodeFault::invariant(WHAT, "no catalog belongs to what the database shows").into())
    }

    /// The block that is read.
    pub(crate) fn seen(&self) -> Seen {
        self.seen
    }

    /// Ends the transaction and gives the connection back.
    pub(crate) async fn end(mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        let mut sql = String::from("ROLLBACK;");
        self.statements.forget_all();
        for name in self.statements.to_deallocate(0) {
            sql.push_str(&format!("DEALLOCATE {name};"));
        }
        let pid = self.pid;
        if let Err(error) = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await {
            tracing::debug!(%error, pid, "a reader's connection did not end in order");
            drop(connection.detach());
        }
    }

    async fn run(
        &mut self,
        statement: &Prepared,
        arguments: &[Value],
        limit: Option<u64>,
    ) -> Outcome<Vec<Row>> {
        let mut message = Message::default();
        let pushed = message.push(&mut self.statements, statement, arguments);
        pushed.map_err(|fault| SessionError::Fault(fault.into()))?;
        let plan = message.into_plan();
        let Some(connection) = &mut self.connection else {
            return Err(fault(NodeFault::invariant(WHAT, "the read has ended")));
        };
        let (mut rows, mut bytes, mut done) = (Vec::new(), 0_u64, 0_usize);
        let mut answers =
            sqlx::raw_sql(AssertSqlSafe(plan.sql.clone())).fetch_many(&mut **connection);
        let result = loop {
            match answers.next().await {
                None => break Ok(()),
                Some(Ok(Either::Left(_))) => done = done.saturating_add(1),
                Some(Ok(Either::Right(row))) => {
                    let row = decode(&row, &statement.columns)?;
                    let size = row.iter().map(size_of).fold(0_u64, u64::saturating_add);
                    bytes = bytes.saturating_add(size);
                    rows.push(row);
                    if limit.is_some_and(|limit| rows.len() as u64 > limit) {
                        // What still comes is read away with the next statement or not at all.
                        break Err(None);
                    }
                    if bytes > self.answer.bytes {
                        break Err(Some(SessionError::Fault(ReadError::TooLarge(self.answer))));
                    }
                }
                Some(Err(error)) => break Err(Some(failed(error))),
            }
        };
        drop(answers);
        plan.note(done, &mut self.statements);
        match result {
            Ok(()) | Err(None) => Ok(rows),
            Err(Some(error)) => Err(error),
        }
    }
}

fn fault(fault: NodeFault) -> SessionError<ReadError> {
    SessionError::Fault(fault.into())
}

fn failed(error: sqlx::Error) -> SessionError<ReadError> {
    match StatementError::from_sqlx(WHAT, error) {
        // Nobody cancels a statement whose future is still there; its time is up.
        StatementError::Node(NodeFault { kind: FaultKind::Cancelled, .. }) => SessionError::Timeout,
        error => error.into(),
    }
}

async fn begin(
    connection: &mut PoolConnection<Postgres>,
    time: Duration,
) -> Result<Begun, ReadError> {
    let limit = time.as_millis().clamp(1, 2_147_483_647);
    let sql = format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = {limit}; \
         SELECT height, time, catalog_version, pg_catalog.pg_backend_pid() FROM kwild_meta.chain"
    );
    let fault = |error| NodeFault::from_sqlx("begin a read", error);
    let row = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_optional(&mut **connection).await;
    let Some(row) = row.map_err(fault)? else {
        return Err(NodeFault::invariant("begin a read", "the database has no genesis").into());
    };
    let height: i64 = row.try_get(0).map_err(fault)?;
    let height = u64::try_from(height)
        .map_err(|_| NodeFault::invariant("begin a read", "a negative height"))?;
    let seen = Seen { height, time: row.try_get(1).map_err(fault)? };
    Ok(Begun { seen, version: row.try_get(2).map_err(fault)?, pid: row.try_get(3).map_err(fault)? })
}

impl Drop for ReadSession {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        // The connection is in the middle of something: it is of no use to others.
        drop(connection.detach());
        self.database.end_backend(self.pid);
    }
}

impl Session for ReadSession {
    type Fault = ReadError;

    fn access(&self) -> Access {
        Access::Read
    }

    fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    async fn query(
        &mut self,
        statement: &Arc<Prepared>,
        arguments: &[Value],
        limit: Option<u64>,
    ) -> Outcome<Vec<Row>> {
        self.run(statement, arguments, limit).await
    }

    async fn execute(&mut self, statement: &Arc<Prepared>, arguments: &[Value]) -> Outcome<()> {
        self.run(statement, arguments, Some(0)).await.map(drop)
    }

    async fn flush(&mut self) -> Outcome<()> {
        Ok(())
    }

    async fn change(&mut self, _: Change) -> Outcome<()> {
        Err(fault(NodeFault::invariant(WHAT, "a change on a read-only view")))
    }

    fn is_cancelled(&self) -> bool {
        false
    }

    fn cancelled(&self) -> ReadError {
        ReadError::Timeout
    }
}
