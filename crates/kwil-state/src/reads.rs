//! What clients read: scripts and view actions at a committed height.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use kwil_engine::{
    Call, Engine, EngineError, Failure, FailureClass, Invocation, Limits, Outcome, QueryResult,
    ReadLimits, Results, Terms,
};
use kwil_lang::ErrorClass;
use kwil_types::Value;
use thiserror::Error;

use crate::database::Database;
use crate::fault::NodeFault;
use crate::published_catalogs::{PublishedCatalogs, Seen};
use crate::read_session::{ReadSession, Stop};

/// How often a read is begun.
const MAX_TRIES: u32 = 5;

/// How much one read may cost. This node's own choice, never a network constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadBounds {
    /// Time for all of it, the wait for a free connection included.
    pub time: Duration,
    /// How much it may answer.
    pub answer: ReadLimits,
    /// How much it may compute.
    pub work: Limits,
    /// Who asks: one client has at most a quarter of the readers' connections at a time, and its other reads wait. `None`
    /// is not limited.
    pub client: Option<IpAddr>,
}

impl Default for ReadBounds {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(45),
            answer: ReadLimits { rows: 1_000_000, bytes: 64 << 20 },
            work: Limits::READ,
            client: None,
        }
    }
}

/// Rows of a script, and the height that they belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryAnswer {
    /// The committed block that was read.
    pub height: u64,
    /// Columns and rows.
    pub result: QueryResult,
}

/// What an action answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallAnswer {
    /// The committed block that was read.
    pub height: u64,
    /// Columns and rows; empty when there is an error.
    pub result: QueryResult,
    /// Notices: `1. first`, a line break, `2. second`, …
    pub logs: String,
    /// The text of `ERROR()` or of an error of the data (SQLSTATE 22, 23, P0001): the call was served, the action failed.
    pub error: Option<String>,
}

/// Why there is no answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The program is at fault; its class decides the code that the client sees.
    #[error("{0}")]
    Failed(Box<Failure>),
    /// It took longer than [`ReadBounds::time`].
    #[error("db timeout")]
    Timeout,
    /// The answer passes [`ReadBounds::answer`].
    #[error("the result has more than {} rows or {} bytes", .0.rows, .0.bytes)]
    TooLarge(ReadLimits),
    /// Every connection for readers, or the client's share of them, was in use for as long as the read might wait.
    #[error("db busy")]
    Busy,
    /// This node runs no engine.
    #[error("the SQL engine is not available on this node")]
    NoEngine,
    /// This node is at fault.
    #[error(transparent)]
    Node(#[from] NodeFault),
}

/// Runs scripts and view actions for clients. Cheap to clone; made by [`crate::Executor::reads`].
///
/// One read is one read-only transaction. Dropping its future cancels the statement that runs.
#[derive(Clone, Debug)]
pub struct Reads {
    engine: Option<Arc<Engine>>,
    database: Database,
    catalogs: PublishedCatalogs,
}

impl Reads {
    pub(crate) fn new(
        engine: Option<Arc<Engine>>,
        database: Database,
        catalogs: PublishedCatalogs,
    ) -> Self {
        Self { engine, database, catalogs }
    }

    /// Runs a script. `parameters` have names with or without `$`.
    ///
    /// When the invocation has a height (not -1), it is replaced by the height and the time of the block that is read.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn query(
        &self,
        script: &str,
        parameters: BTreeMap<String, Value>,
        invocation: Invocation,
        bounds: ReadBounds,
    ) -> Result<QueryAnswer, ReadError> {
        let reading = async {
            let mut tries = Tries::default();
            loop {
                let (engine, mut session) = self.begin(&bounds, &mut tries).await?;
                let (height, invocation) = at(session.seen(), invocation.clone());
                let terms = Terms { invocation: &invocation, limits: &bounds.work };
                let results = Results::Collect(bounds.answer);
                let parameters = parameters.clone();
                let outcome =
                    engine.run_script(&mut session, terms, script, parameters, results).await;
                session.end().await;
                match outcome.result.map_err(stop_of) {
                    Ok(result) => return Ok(QueryAnswer { height, result }),
                    Err(stop) => Box::pin(tries.after(stop, &self.catalogs)).await?,
                }
            }
        };
        tokio::time::timeout(bounds.time, reading).await.unwrap_or(Err(ReadError::Timeout))
    }

    /// Calls a view action. An empty namespace is `main`. The invocation is treated like that of [`Reads::query`].
    ///
    /// # Errors
    /// [`ReadError`]; errors of the data are in [`CallAnswer::error`] instead.
    pub async fn call(
        &self,
        namespace: &str,
        action: &str,
        arguments: Vec<Value>,
        invocation: Invocation,
        bounds: ReadBounds,
    ) -> Result<CallAnswer, ReadError> {
        let reading = async {
            let mut tries = Tries::default();
            loop {
                let (engine, mut session) = self.begin(&bounds, &mut tries).await?;
                let (height, invocation) = at(session.seen(), invocation.clone());
                let terms = Terms { invocation: &invocation, limits: &bounds.work };
                let call = Call { namespace, action, arguments: arguments.clone() };
                let results = Results::Collect(bounds.answer);
                let Outcome { result, log } = engine.call(&mut session, terms, call, results).await;
                session.end().await;
                match result.map_err(stop_of) {
                    Ok(result) => return answer(height, Ok(result), log),
                    Err(Stop::Error(error)) => return answer(height, Err(error), log),
                    Err(stop) => Box::pin(tries.after(stop, &self.catalogs)).await?,
                }
            }
        };
        tokio::time::timeout(bounds.time, reading).await.unwrap_or(Err(ReadError::Timeout))
    }

    /// A session for the next try, and for the ones after it while none begins.
    async fn begin(
        &self,
        bounds: &ReadBounds,
        tries: &mut Tries,
    ) -> Result<(&Engine, ReadSession), ReadError> {
        let engine = self.engine.as_deref().ok_or(ReadError::NoEngine)?;
        let (database, catalogs) = (&self.database, &self.catalogs);
        loop {
            let begun = if tries.is_first() {
                ReadSession::begin(database, catalogs, bounds).await
            } else {
                Box::pin(ReadSession::open(database, catalogs, bounds)).await
            };
            match begun {
                Ok(session) => return Ok((engine, session)),
                Err(stop) => Box::pin(tries.after(stop, catalogs)).await?,
            }
        }
    }
}

/// How often a read was begun already, and why again.
#[derive(Debug, Default)]
struct Tries {
    over: u32,
    was_interrupted: bool,
}

impl Tries {
    /// The first one is on what was committed last, without asking; the others are on what the database shows.
    fn is_first(&self) -> bool {
        self.over == 0
    }

    /// Returns when the read can be begun again.
    async fn after(&mut self, stop: Stop, catalogs: &PublishedCatalogs) -> Result<(), ReadError> {
        self.over = self.over.saturating_add(1);
        match stop {
            Stop::Error(error) => Err(error),
            _ if self.over == MAX_TRIES => Err(ReadError::Busy),
            Stop::Moved => {
                catalogs.settled().await;
                Ok(())
            }
            // Tables change all the time; the client asks again when it wants.
            Stop::Interrupted(_) if self.was_interrupted => Err(ReadError::Busy),
            Stop::Interrupted(over) => {
                self.was_interrupted = true;
                over.cancelled().await;
                Ok(())
            }
        }
    }
}

/// Height and invocation of a read of a block.
fn at(seen: Seen, mut invocation: Invocation) -> (u64, Invocation) {
    if invocation.height >= 0 {
        invocation.height = i64::try_from(seen.height).unwrap_or(i64::MAX);
        invocation.block_timestamp = seen.time.checked_div(1000).unwrap_or(0);
    }
    (seen.height, invocation)
}

fn stop_of(error: EngineError<Stop>) -> Stop {
    match error {
        EngineError::Fault(stop) => stop,
        EngineError::Failed(failure) => Stop::Error(match failure.class {
            FailureClass::Timeout => ReadError::Timeout,
            FailureClass::ResultTooLarge { rows, bytes } => {
                ReadError::TooLarge(ReadLimits { rows, bytes })
            }
            FailureClass::Lang(_) | FailureClass::Sql(_) => ReadError::Failed(failure),
        }),
    }
}

fn answer(
    height: u64,
    result: Result<QueryResult, ReadError>,
    logs: String,
) -> Result<CallAnswer, ReadError> {
    match result {
        Ok(result) => Ok(CallAnswer { height, result, logs, error: None }),
        Err(ReadError::Failed(failure)) if is_of_the_data(&failure) => {
            let result = QueryResult::default();
            Ok(CallAnswer { height, result, logs, error: Some(failure.message) })
        }
        Err(error) => Err(error),
    }
}

/// Errors that an action makes on purpose or that depend on the rows; clients get them in an ordinary answer.
fn is_of_the_data(failure: &Failure) -> bool {
    match &failure.class {
        FailureClass::Lang(class) => *class == ErrorClass::UserError,
        FailureClass::Sql(sqlstate) => {
            sqlstate.starts_with("22") || sqlstate.starts_with("23") || &**sqlstate == "P0001"
        }
        FailureClass::ResultTooLarge { .. } | FailureClass::Timeout => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_data_are_answers() {
        let failures = [
            (Failure::sql("22012", "division by zero"), true),
            (Failure::sql("23505", "duplicate"), true),
            (Failure::sql("P0001", "no"), true),
            (Failure::sql("42883", "no function"), false),
            (Failure::new(ErrorClass::UserError, "no"), true),
            (Failure::new(ErrorClass::Type, "no"), false),
        ];
        for (failure, is_answer) in failures {
            let name = failure.class_name();
            let got = answer(5, Err(ReadError::Failed(Box::new(failure))), "1. n".into());
            assert_eq!(got.is_ok(), is_answer, "{name}");
        }
    }

    #[test]
    fn a_read_that_knows_no_height_is_told_none() {
        let seen = Seen { height: 7, time: 1_999, version: 1 };
        let (height, unknown) = at(seen, Invocation::default());
        assert_eq!((height, unknown.height, unknown.block_timestamp), (7, -1, 0));
        let (_, known) = at(seen, Invocation { height: 3, ..Invocation::default() });
        assert_eq!((known.height, known.block_timestamp), (7, 1));
    }
}
