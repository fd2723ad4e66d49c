//! What clients read: scripts and view actions at a committed height.

use std::collections::BTreeMap;
use std::time::Duration;

use kwil_engine::{Failure, Invocation, Limits, QueryResult, ReadLimits};
use kwil_types::Value;
use thiserror::Error;

use crate::fault::NodeFault;

/// How much one read may cost. This node's own choice, never a network constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadBounds {
    /// Time for all of it, the wait for a free connection included.
    pub time: Duration,
    /// How much it may answer.
    pub answer: ReadLimits,
    /// How much it may compute.
    pub work: Limits,
}

impl Default for ReadBounds {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(45),
            answer: ReadLimits { rows: 1_000_000, bytes: 64 << 20 },
            work: Limits::READ,
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
    /// Every connection for readers was in use for as long as the read might wait.
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
    _private: (),
}

impl Reads {
    pub(crate) fn new() -> Self {
        Self { _private: () }
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
        let _ = (script, parameters, invocation, bounds);
        Err(ReadError::NoEngine)
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
        let _ = (namespace, action, arguments, invocation, bounds);
        Err(ReadError::NoEngine)
    }
}
