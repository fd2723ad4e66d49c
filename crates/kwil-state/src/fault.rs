//! What a failed statement means: the transaction's fault, or this node's.

use std::fmt;

use kwil_engine::SessionError;
use sqlx::postgres::PgDatabaseError;
use thiserror::Error;

use crate::canon::CanonError;

/// A problem of this node alone. It never becomes the result of a transaction: the block is dropped.
#[derive(Debug, Error)]
#[error("{what}: {kind}")]
pub struct NodeFault {
    /// What was being done.
    pub what: &'static str,
    /// What happened.
    #[source]
    pub kind: FaultKind,
}

/// Kinds of [`NodeFault`].
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FaultKind {
    /// The connection is gone: the server stopped, crashed or is unreachable.
    #[error("the connection to the database is lost: {0}")]
    ConnectionLost(String),
    /// No connection can be opened.
    #[error(transparent)]
    Connect(Box<crate::connect::ConnectError>),
    /// Another process holds the database's lock.
    #[error(
        "database {database} is in use by another kwild (pid {pid} on the server, since {since})"
    )]
    InUse {
        /// Database name.
        database: String,
        /// Process id of the other session on the server.
        pid: i32,
        /// When that session began.
        since: String,
    },
    /// The database holds another chain.
    #[error(transparent)]
    OtherChain(Box<OtherChain>),
    /// The layout was made by a newer program.
    #[error("the database's layout {found} was made by a newer kwild; this one knows {known}")]
    NewerLayout {
        /// Version in the database.
        found: i64,
        /// Newest version that this program knows.
        known: i64,
    },
    /// SQLSTATE 53100.
    #[error("the database's disk is full")]
    DiskFull,
    /// The block was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The block took longer than this node gives any.
    #[error("not finished after {0:?}")]
    TooSlow(std::time::Duration),
    /// An SQLSTATE that depends on the machine or says that the server is broken.
    #[error("the database reports {sqlstate}: {message}")]
    Server {
        /// Five characters.
        sqlstate: String,
        /// The server's text.
        message: String,
    },
    /// The state contradicts itself; going on could fork.
    #[error("an invariant of the state is broken: {0}")]
    Invariant(String),
    /// A command that does not fit the state of the writer.
    #[error("the writer is {state}")]
    WrongState {
        /// What the writer was doing.
        state: &'static str,
    },
    /// The driver gave an answer that makes no sense here.
    #[error("the database driver: {0}")]
    Driver(String),
}

/// A database that holds another chain than the node's.
#[derive(Debug, Error)]
#[error(
    "database belongs to chain {found} with genesis {found_genesis}, not to {wanted} with genesis {wanted_genesis}"
)]
pub struct OtherChain {
    /// Chain id in the database.
    pub found: String,
    /// Genesis hash in the database.
    pub found_genesis: kwil_crypto::Hash,
    /// Chain id of this node.
    pub wanted: String,
    /// Genesis hash of this node.
    pub wanted_genesis: kwil_crypto::Hash,
}

impl From<crate::connect::ConnectError> for FaultKind {
    fn from(error: crate::connect::ConnectError) -> Self {
        Self::Connect(Box::new(error))
    }
}

impl NodeFault {
    pub(crate) fn new(what: &'static str, kind: FaultKind) -> Self {
        Self { what, kind }
    }

    pub(crate) fn invariant(what: &'static str, text: impl fmt::Display) -> Self {
        Self::new(what, FaultKind::Invariant(text.to_string()))
    }

    /// Whether somebody stopped the work, here or on the server.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self.kind, FaultKind::Cancelled)
    }

    /// What the operator can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match &self.kind {
            FaultKind::Connect(error) => error.hint(),
            FaultKind::InUse { .. } => {
                Some("one database serves one node: stop the other one or set db.name to another database".into())
            }
            FaultKind::OtherChain(_) => Some("set db.name (or --root) to the database of this chain".into()),
            FaultKind::NewerLayout { .. } => Some("install the kwild that made it, or a newer one".into()),
            FaultKind::DiskFull => Some("free space on the disk of the database; the node goes on by itself".into()),
            FaultKind::Invariant(_) => Some("run kwild admin verify-state to find what differs".into()),
            FaultKind::TooSlow(_) => {
                Some("give the database a faster machine, or raise consensus.max_exec_time".into())
            }
            FaultKind::ConnectionLost(_)
            | FaultKind::Cancelled
            | FaultKind::Server { .. }
            | FaultKind::WrongState { .. }
            | FaultKind::Driver(_) => None,
        }
    }

    /// Whether doing the same again in a moment can succeed. When not, the validator stops voting at once.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match &self.kind {
            FaultKind::ConnectionLost(_) | FaultKind::Cancelled | FaultKind::DiskFull => true,
            FaultKind::Connect(error) => error.is_retryable(),
            FaultKind::Server { sqlstate, .. } => {
                !(sqlstate.starts_with("58") || sqlstate.starts_with("XX"))
            }
            FaultKind::TooSlow(_)
            | FaultKind::Invariant(_)
            | FaultKind::WrongState { .. }
            | FaultKind::Driver(_)
            | FaultKind::InUse { .. }
            | FaultKind::OtherChain(_)
            | FaultKind::NewerLayout { .. } => false,
        }
    }
}

/// A statement that failed because of the data, on every node alike. Texts are made here from the structured parts of the
/// server's answer, so they do not depend on its language.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct SqlFailure {
    /// Five characters.
    pub sqlstate: String,
    /// What the user reads.
    pub message: String,
}

/// Why a statement failed.
#[derive(Debug, Error)]
pub enum StatementError {
    /// Deterministic: the transaction fails, the block goes on.
    #[error(transparent)]
    Tx(#[from] SqlFailure),
    /// This node's problem: the block is dropped.
    #[error(transparent)]
    Node(#[from] NodeFault),
}

impl StatementError {
    /// Sorts a driver error by its SQLSTATE.
    pub(crate) fn from_sqlx(what: &'static str, error: sqlx::Error) -> Self {
        let sqlx::Error::Database(cause) = &error else {
            return NodeFault::from_sqlx(what, error).into();
        };
        match cause.try_downcast_ref::<PgDatabaseError>() {
            Some(server) if is_deterministic(server.code()) => {
                Self::Tx(SqlFailure { sqlstate: server.code().into(), message: text_of(server) })
            }
            Some(_) | None => NodeFault::from_sqlx(what, error).into(),
        }
    }
}

/// What the engine hears of it, whatever the session calls a fault.
impl<F: From<NodeFault>> From<StatementError> for SessionError<F> {
    fn from(error: StatementError) -> Self {
        match error {
            StatementError::Tx(failure) => {
                Self::Sql { sqlstate: failure.sqlstate.into(), message: failure.message }
            }
            StatementError::Node(fault) => Self::Fault(fault.into()),
        }
    }
}

impl NodeFault {
    /// Every driver error as a fault: for statements of ours.
    pub(crate) fn from_sqlx(what: &'static str, error: sqlx::Error) -> Self {
        let kind = match error {
            sqlx::Error::Io(cause) => FaultKind::ConnectionLost(cause.to_string()),
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => {
                FaultKind::ConnectionLost(error.to_string())
            }
            sqlx::Error::Database(cause) => {
                let sqlstate = cause.code().unwrap_or_default().into_owned();
                match sqlstate.as_str() {
                    "53100" => FaultKind::DiskFull,
                    "57014" => FaultKind::Cancelled,
                    "57P01" | "57P02" | "57P03" => {
                        FaultKind::ConnectionLost(cause.message().into())
                    }
                    code if code.starts_with("08") => {
                        FaultKind::ConnectionLost(cause.message().into())
                    }
                    _ => FaultKind::Server { sqlstate, message: cause.message().into() },
                }
            }
            other => FaultKind::Driver(other.to_string()),
        };
        Self { what, kind }
    }

    pub(crate) fn canon(what: &'static str, error: &CanonError) -> Self {
        Self::invariant(what, error)
    }
}

/// Whether a failure with this SQLSTATE happens on every node: it depends on the statement and the state only. Everything
/// that is not listed is this node's problem.
fn is_deterministic(sqlstate: &str) -> bool {
    const EXACT: [&str; 22] = [
        "21000", "23000", "23502", "23503", "23505", "23514", "2BP01", "42P07", "42701", "42703",
        "42704", "42710", "42P16", "42830", "42804", "42846", "42883", "0A000", "P0001", "54000",
        "54011", "54023",
    ];
    // Text that is not UTF-8 is refused before it reaches the server.
    let encoding = ["22021", "22P05"];
    EXACT.contains(&sqlstate) || (sqlstate.starts_with("22") && !encoding.contains(&sqlstate))
}

fn text_of(error: &PgDatabaseError) -> String {
    let name = |part: Option<&str>| part.unwrap_or("?").to_owned();
    let (constraint, table, column) =
        (name(error.constraint()), name(error.table()), name(error.column()));
    match error.code() {
        "23505" => format!("duplicate key value violates unique constraint \"{constraint}\""),
        "23503" => format!(
            "insert, update or delete violates foreign key constraint \"{constraint}\" on table \"{table}\""
        ),
        "23502" => format!(
            "null value in column \"{column}\" of relation \"{table}\" violates not-null constraint"
        ),
        "23514" => {
            format!("new row for relation \"{table}\" violates check constraint \"{constraint}\"")
        }
        "22012" => "division by zero".into(),
        // Other texts of the server contain values only, in English: `lc_messages` is C.
        _ => error.message().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_states_are_results() {
        for code in ["23505", "22012", "22003", "P0001", "42P07", "0A000"] {
            assert!(is_deterministic(code), "{code}");
        }
        let node = [
            "53100", "57014", "40001", "40P01", "54001", "XX000", "58030", "42501", "25P02",
            "22021", "08006", "99999",
        ];
        for code in node {
            assert!(!is_deterministic(code), "{code}");
        }
    }

    #[test]
    fn a_broken_server_is_not_retried() {
        let fault = |sqlstate: &str| {
            NodeFault::new(
                "test",
                FaultKind::Server { sqlstate: sqlstate.into(), message: String::new() },
            )
            .is_retryable()
        };
        assert!(fault("40001") && fault("53200"));
        assert!(!fault("58030") && !fault("XX001"));
    }
}
