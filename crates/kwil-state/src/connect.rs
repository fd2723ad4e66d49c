//! Opening one connection, with errors that say what to do next.

use std::time::Duration;

use sqlx::{ConnectOptions, PgConnection};
use thiserror::Error;

use crate::endpoint::Endpoint;

/// How long one attempt to connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a connection could not be opened.
#[derive(Debug, Error)]
#[error("cannot connect to PostgreSQL at {place} as user {user}, database {database}: {problem}")]
pub struct ConnectError {
    place: String,
    user: String,
    database: String,
    /// What is wrong.
    pub problem: ConnectProblem,
}

/// What is wrong with an attempt to connect.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectProblem {
    /// SQLSTATE 28P01: the password is not the role's.
    #[error("password authentication failed")]
    WrongPassword,
    /// SQLSTATE 28000: the role is missing or `pg_hba.conf` has no entry for it.
    #[error("the server refuses this role: {0}")]
    RoleRefused(String),
    /// SQLSTATE 3D000.
    #[error("the database does not exist")]
    NoDatabase,
    /// SQLSTATE 53300.
    #[error("the server has no free connection slots")]
    TooManyConnections,
    /// SQLSTATE 57P03: starting up, in recovery, or shutting down.
    #[error("the server is not ready: {0}")]
    NotReady(String),
    /// Nobody answers there.
    #[error("no server answers ({0})")]
    Unreachable(std::io::Error),
    /// The attempt took longer than ten seconds.
    #[error("no answer within {} s", .0.as_secs())]
    Timeout(Duration),
    /// No encrypted connection: the server has none, or its certificate is not trusted.
    #[error("TLS failed: {0}")]
    Tls(String),
    /// Anything else the driver reports.
    #[error("{0}")]
    Other(sqlx::Error),
}

impl ConnectError {
    pub(crate) fn new(endpoint: &Endpoint, problem: ConnectProblem) -> Self {
        Self {
            place: endpoint.place(),
            user: endpoint.user().into(),
            database: endpoint.database().into(),
            problem,
        }
    }

    /// What the operator can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let Self { user, database, .. } = self;
        match &self.problem {
            ConnectProblem::WrongPassword => {
                Some(format!("set db.pass (or KWILD_DB_PASS) to the password of role {user}, or run: ALTER ROLE {user} PASSWORD '...'"))
            }
            ConnectProblem::RoleRefused(_) | ConnectProblem::NoDatabase => Some(format!(
                "on the server, as an administrator: CREATE ROLE {user} LOGIN PASSWORD '...'; CREATE DATABASE {database} OWNER {user};"
            )),
            ConnectProblem::TooManyConnections => {
                Some("raise max_connections of the server or lower db.max_connections".into())
            }
            ConnectProblem::Unreachable(_) | ConnectProblem::Timeout(_) => Some(
                "check that the server runs and listens there; without db.host and db.port the node runs its own server".into(),
            ),
            ConnectProblem::Tls(_) => Some(
                "db.sslmode says what the server must offer; db.sslrootcert is the authority that signed its certificate, and with verify-full the certificate must name db.host".into(),
            ),
            ConnectProblem::NotReady(_) | ConnectProblem::Other(_) => None,
        }
    }

    /// Whether another attempt in a moment can succeed without anybody doing something.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self.problem {
            ConnectProblem::NotReady(_)
            | ConnectProblem::Unreachable(_)
            | ConnectProblem::Timeout(_)
            | ConnectProblem::TooManyConnections => true,
            ConnectProblem::WrongPassword
            | ConnectProblem::RoleRefused(_)
            | ConnectProblem::NoDatabase
            | ConnectProblem::Tls(_)
            | ConnectProblem::Other(_) => false,
        }
    }
}

impl From<sqlx::Error> for ConnectProblem {
    fn from(error: sqlx::Error) -> Self {
        match error {
            // The TLS library reports through the socket it wraps.
            sqlx::Error::Io(cause) if cause.kind() == std::io::ErrorKind::InvalidData => {
                Self::Tls(cause.to_string())
            }
            sqlx::Error::Tls(cause) => Self::Tls(cause.to_string()),
            sqlx::Error::Io(cause) => Self::Unreachable(cause),
            sqlx::Error::Database(cause) => match cause.code().as_deref() {
                Some("28P01") => Self::WrongPassword,
                Some("28000") => Self::RoleRefused(cause.message().into()),
                Some("3D000") => Self::NoDatabase,
                Some("53300") => Self::TooManyConnections,
                Some("57P03") => Self::NotReady(cause.message().into()),
                Some(_) | None => Self::Other(sqlx::Error::Database(cause)),
            },
            other => Self::Other(other),
        }
    }
}

/// Opens one plain connection, without the session settings of [`crate::session`].
///
/// # Errors
/// A [`ConnectError`] that names the place, the role and the problem.
pub(crate) async fn connect(
    endpoint: &Endpoint,
    application: &str,
) -> Result<PgConnection, ConnectError> {
    let options = endpoint.connect_options(application);
    match tokio::time::timeout(CONNECT_TIMEOUT, options.connect()).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(ConnectError::new(endpoint, error.into())),
        Err(_elapsed) => Err(ConnectError::new(endpoint, ConnectProblem::Timeout(CONNECT_TIMEOUT))),
    }
}
