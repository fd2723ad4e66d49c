//! The engine's session over a view of a committed height.
//!
//! Most reads are one statement. It travels together with the question which block it sees, in one message, which is a
//! transaction of its own; what the block is was guessed before, from what was committed last. A wrong guess ends the read
//! with [`ReadError::Moved`], and it is begun again. A second statement opens a transaction, which must see the same block.

use std::net::IpAddr;
use std::sync::Arc;

use futures_util::StreamExt as _;
use kwil_engine::catalog::Catalog;
use kwil_engine::{Access, Change, Prepared, ReadLimits, Row, Session, SessionError};
use kwil_types::Value;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Either, Row as _};
use tokio_util::sync::CancellationToken;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::block::{Message, Plan, decode};
use crate::database::Database;
use crate::fault::{FaultKind, NodeFault, StatementError};
use crate::published_catalogs::{PublishedCatalogs, Seen};
use crate::readers::{Lent, NotLent, Reader, SHOWN, lend};
use crate::reads::{ReadBounds, ReadError};
use crate::shares::Share;
use crate::values::size_of;

const WHAT: &str = "read";
/// Times that a view is opened again because its catalog is known no more.
const MAX_TRIES: u32 = 5;
/// Rows that nobody wants any more, and that are read away to keep the connection.
const MAX_LEFT: u64 = 4096;

/// What the statements of a read see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum View {
    /// Nothing was asked yet.
    Guessed,
    /// One statement saw the block; its transaction is over.
    Confirmed,
    /// A transaction is open.
    Open,
}

/// One read. Dropped in the middle of a statement it takes its connection along and has the statement cancelled.
#[derive(Debug)]
pub(crate) struct ReadSession {
    database: Database,
    catalogs: PublishedCatalogs,
    reader: Option<Lent>,
    client: Option<IpAddr>,
    /// What the connection takes of the client's share.
    share: Option<Share>,
    view: View,
    seen: Seen,
    catalog: Arc<Catalog>,
    answer: ReadLimits,
    /// Seconds that a statement may take, at most.
    limit: u64,
    /// The connection is in the middle of a statement.
    is_busy: bool,
    // The database is closed when all of them are gone.
    _token: TaskTrackerToken,
}

/// Why a read stops without an answer of the program.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The block that was supposed is not the last one any more. The read can be begun again.
    Moved,
    /// It held up a block, and was cancelled for that. The read can be begun again when this is cancelled.
    Interrupted(CancellationToken),
    Error(ReadError),
}

impl From<ReadError> for Stop {
    fn from(error: ReadError) -> Self {
        Self::Error(error)
    }
}

impl From<NodeFault> for Stop {
    fn from(fault: NodeFault) -> Self {
        Self::Error(fault.into())
    }
}

type Outcome<T> = Result<T, SessionError<Stop>>;

impl ReadSession {
    /// A session that supposes what was committed last. No statement in it runs longer than the read may take.
    pub(crate) async fn begin(
        database: &Database,
        catalogs: &PublishedCatalogs,
        bounds: &ReadBounds,
    ) -> Result<Self, Stop> {
        let newest = catalogs.newest().and_then(|seen| Some((seen, catalogs.get(seen.version)?)));
        let Some((seen, catalog)) = newest else {
            return Box::pin(Self::open(database, catalogs, bounds)).await;
        };
        let mut session = Self::new(database, catalogs, bounds);
        (session.seen, session.catalog) = (seen, catalog);
        Ok(session)
    }

    /// A session that opens a transaction and looks.
    pub(crate) async fn open(
        database: &Database,
        catalogs: &PublishedCatalogs,
        bounds: &ReadBounds,
    ) -> Result<Self, Stop> {
        for _ in 0..MAX_TRIES {
            let mut session = Self::new(database, catalogs, bounds);
            session.seen = session.look().await?;
            session.view = View::Open;
            if let Some(catalog) = catalogs.get(session.seen.version) {
                session.catalog = catalog;
                return Ok(session);
            }
            session.end().await;
        }
        Err(NodeFault::invariant(WHAT, "no catalog belongs to what the database shows").into())
    }

    fn new(database: &Database, catalogs: &PublishedCatalogs, bounds: &ReadBounds) -> Self {
        Self {
            database: database.clone(),
            catalogs: catalogs.clone(),
            reader: None,
            client: bounds.client,
            share: None,
            view: View::Guessed,
            seen: Seen { height: 0, time: 0, version: 0 },
            catalog: Arc::default(),
            answer: bounds.answer,
            // Whoever waits stops waiting in time; this ends what was forgotten.
            limit: bounds.time.as_secs().saturating_add(1).min(2_000_000),
            is_busy: false,
            _token: database.token(),
        }
    }

    /// The block that is read.
    pub(crate) fn seen(&self) -> Seen {
        self.seen
    }

    /// Ends the transaction, if there is one, and gives the connection back.
    pub(crate) async fn end(mut self) {
        if self.view != View::Open || self.is_busy {
            return;
        }
        let Some(reader) = &mut self.reader else { return };
        self.is_busy = true;
        let ended = sqlx::raw_sql("ROLLBACK").execute(&mut reader.connection).await;
        self.is_busy = ended.is_err();
        self.view = View::Confirmed;
        if let Err(error) = ended {
            tracing::debug!(%error, pid = reader.pid, "a reader's connection did not end in order");
        }
    }

    /// Opens a transaction and asks what it shows.
    async fn look(&mut self) -> Result<Seen, Stop> {
        loop {
            let mut message = Message::default();
            message.push_own(&self.time_limit());
            message.push_own("BEGIN");
            message.push_own(&format!("EXECUTE {SHOWN}"));
            let told = self.send(&message.into_plan(), None).await?;
            self.view = View::Open;
            match (told.result, told.seen) {
                (Ok(()), Some(seen)) => return Ok(seen),
                (Ok(()), None) => {
                    return Err(NodeFault::invariant(WHAT, "the database has no genesis").into());
                }
                (Err(StatementError::Node(fault)), _) if self.was_old(&fault, told.done) => {}
                (Err(StatementError::Node(fault)), _) => return Err(self.stopped(fault)),
                (Err(StatementError::Tx(failure)), _) => {
                    return Err(NodeFault::invariant(WHAT, failure).into());
                }
            }
        }
    }

    fn time_limit(&self) -> String {
        format!("SET statement_timeout = '{}s'", self.limit)
    }

    /// The connection of the session, taken from the pool when it has none.
    async fn lent(&mut self) -> Result<&mut Reader, ReadError> {
        if self.share.is_none()
            && let Some(client) = self.client
        {
            self.share = Some(self.database.shares().take(client).await.ok_or(ReadError::Busy)?);
        }
        let lent = match self.reader.take() {
            Some(lent) => lent,
            None => lend(self.database.readers()).await.map_err(|error| match error {
                NotLent::Busy => ReadError::Busy,
                NotLent::Fault(fault) => fault.into(),
            })?,
        };
        Ok(&mut *self.reader.insert(lent))
    }

    async fn send(
        &mut self,
        plan: &Plan,
        wanted: Option<&mut Wanted<'_>>,
    ) -> Result<Told, ReadError> {
        self.lent().await?;
        self.is_busy = true;
        let Some(reader) = &mut self.reader else {
            return Err(NodeFault::invariant(WHAT, "a session without a connection").into());
        };
        let told = tell(reader, plan, wanted).await;
        self.is_busy = told.is_midway;
        plan.note(told.done, &mut reader.statements);
        Ok(told)
    }

    /// Whether a message failed only because its connection had ended while nobody used it. That connection is gone then.
    fn was_old(&mut self, fault: &NodeFault, done: usize) -> bool {
        let is_lost = matches!(fault.kind, FaultKind::ConnectionLost(_) | FaultKind::Driver(_));
        if !is_lost {
            return false;
        }
        let reader = self.reader.take().map(Lent::take);
        self.view = View::Guessed;
        reader.is_some_and(|reader| !reader.is_fresh && done == 0)
    }

    /// What goes before a statement so that it sees the block that was supposed.
    async fn message(&mut self, statement: &Prepared, arguments: &[Value]) -> Outcome<Message> {
        let (limit, view, set) = (self.limit, self.view, self.time_limit());
        let reader = self.lent().await.map_err(|error| stop(error.into()))?;
        let mut message = Message::default();
        if view == View::Guessed && reader.limit != limit {
            message.push_own(&set);
        }
        if view == View::Confirmed {
            message.push_own("BEGIN");
        }
        if view != View::Open {
            message.push_own(&format!("EXECUTE {SHOWN}"));
        }
        let pushed = message.push(&mut reader.statements, statement, arguments);
        pushed.map_err(|fault| stop(fault.into()))?;
        Ok(message)
    }

    async fn run(
        &mut self,
        statement: &Prepared,
        arguments: &[Value],
        limit: Option<u64>,
    ) -> Outcome<Vec<Row>> {
        loop {
            if let Some(over) = self.held_up() {
                return Err(stop(Stop::Interrupted(over)));
            }
            let plan = self.message(statement, arguments).await?.into_plan();
            let mut wanted = Wanted::new(statement, limit, self.answer);
            let told =
                self.send(&plan, Some(&mut wanted)).await.map_err(|error| stop(error.into()))?;
            let view = self.view;
            self.view = if view == View::Guessed { View::Confirmed } else { View::Open };
            if told.seen.is_some_and(|seen| seen != self.seen) {
                return Err(stop(Stop::Moved));
            }
            match told.result {
                Ok(()) if wanted.is_too_large => {
                    return Err(stop(ReadError::TooLarge(self.answer).into()));
                }
                Ok(()) if self.catalogs.changes_tables_of(self.seen.version, &statement.sql) => {
                    return Err(stop(Stop::Moved));
                }
                Ok(()) => {
                    if view == View::Guessed
                        && let Some(reader) = &mut self.reader
                    {
                        (reader.is_fresh, reader.limit) = (true, self.limit);
                    }
                    return Ok(wanted.rows);
                }
                Err(StatementError::Node(fault @ NodeFault { kind: FaultKind::Cancelled, .. })) => {
                    return Err(stop(self.stopped(fault)));
                }
                Err(StatementError::Node(fault)) if self.was_old(&fault, told.done) => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
    }

    /// A statement of a program whose catalog is not the last one may fail because of that.
    fn failed(&self, error: StatementError) -> SessionError<Stop> {
        match error {
            _ if self.catalogs.has_later(self.seen.version) => stop(Stop::Moved),
            StatementError::Node(fault) => stop(self.stopped(fault)),
            StatementError::Tx(_) => error.into(),
        }
    }

    /// What a fault means for the read: somebody else may have needed what it held.
    fn stopped(&self, fault: NodeFault) -> Stop {
        match &fault.kind {
            // Nobody cancels a statement whose future is still there, but the writer and an operator; and its time may be up.
            FaultKind::Cancelled => {
                let interruption = self.reader.as_ref().map(|reader| &reader.interruption);
                interruption
                    .and_then(|it| it.take())
                    .map_or(ReadError::Timeout.into(), Stop::Interrupted)
            }
            // It waited for a change of a table that waited for it.
            FaultKind::Server { sqlstate, .. } if sqlstate == "40P01" => Stop::Moved,
            _ => fault.into(),
        }
    }

    /// The word that a block waits for the end of the open transaction. Between two statements the server cannot say so.
    fn held_up(&self) -> Option<CancellationToken> {
        let reader = self.reader.as_ref().filter(|_| self.view == View::Open)?;
        reader.interruption.take().filter(|over| !over.is_cancelled())
    }
}

fn stop(stop: Stop) -> SessionError<Stop> {
    SessionError::Fault(stop)
}

/// The rows that a program asked for.
struct Wanted<'s> {
    statement: &'s Prepared,
    limit: Option<u64>,
    answer: ReadLimits,
    rows: Vec<Row>,
    bytes: u64,
    is_too_large: bool,
}

impl<'s> Wanted<'s> {
    fn new(statement: &'s Prepared, limit: Option<u64>, answer: ReadLimits) -> Self {
        Self { statement, limit, answer, rows: Vec::new(), bytes: 0, is_too_large: false }
    }

    fn is_enough(&self) -> bool {
        self.is_too_large || self.limit.is_some_and(|limit| self.rows.len() as u64 > limit)
    }

    fn push(&mut self, row: &PgRow) -> Result<(), StatementError> {
        let row = decode(row, &self.statement.columns)?;
        let size = row.iter().map(size_of).fold(0_u64, u64::saturating_add);
        self.bytes = self.bytes.saturating_add(size);
        self.is_too_large = self.bytes > self.answer.bytes;
        self.rows.push(row);
        Ok(())
    }
}

/// What became of a message.
struct Told {
    /// Statements that are done.
    done: usize,
    seen: Option<Seen>,
    /// The server has more to say.
    is_midway: bool,
    result: Result<(), StatementError>,
}

/// Sends a message and reads what the server says, and little more than what is wanted of it.
async fn tell(reader: &mut Reader, plan: &Plan, mut wanted: Option<&mut Wanted<'_>>) -> Told {
    let (mut done, mut seen, mut result, mut left) = (0_usize, None, Ok(()), 0_u64);
    let sql = AssertSqlSafe(plan.sql.clone());
    let mut answers = sqlx::raw_sql(sql).fetch_many(&mut reader.connection);
    while let Some(answer) = answers.next().await {
        let row = match answer {
            Ok(Either::Left(_)) => {
                done = done.saturating_add(1);
                continue;
            }
            Ok(Either::Right(row)) => row,
            Err(error) => {
                let result = result.and_then(|()| Err(StatementError::from_sqlx(WHAT, error)));
                return Told { done, seen, is_midway: false, result };
            }
        };
        let read = match &mut wanted {
            _ if !plan.is_run(done) => {
                seen_in(&row).map(|block| seen = Some(block)).map_err(StatementError::from)
            }
            Some(wanted) if result.is_ok() && !wanted.is_enough() => wanted.push(&row),
            _ => {
                left = left.saturating_add(1);
                Ok(())
            }
        };
        result = result.and(read);
        if left > MAX_LEFT {
            return Told { done, seen, is_midway: true, result };
        }
    }
    Told { done, seen, is_midway: false, result }
}

fn seen_in(row: &PgRow) -> Result<Seen, NodeFault> {
    let fault = |error| NodeFault::from_sqlx(WHAT, error);
    let height: i64 = row.try_get(0).map_err(fault)?;
    let height =
        u64::try_from(height).map_err(|_| NodeFault::invariant(WHAT, "a negative height"))?;
    let (time, version) = (row.try_get(1).map_err(fault)?, row.try_get(2).map_err(fault)?);
    Ok(Seen { height, time, version })
}

impl Drop for ReadSession {
    fn drop(&mut self) {
        if !self.is_busy && self.view != View::Open {
            return;
        }
        // In the middle of something a connection is of no use to others.
        if let Some(reader) = self.reader.take().map(Lent::take) {
            self.database.end_backend(reader.pid);
        }
    }
}

impl Session for ReadSession {
    type Fault = Stop;

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
        Err(stop(NodeFault::invariant(WHAT, "a change on a read-only view").into()))
    }

    fn is_cancelled(&self) -> bool {
        false
    }

    fn cancelled(&self) -> Stop {
        ReadError::Timeout.into()
    }
}
