//! A PostgreSQL server of the operator: checked, never changed, with an ordinary role.

mod checks;

use std::fmt;
use std::time::Duration;

use thiserror::Error;

use crate::connect::{ConnectError, connect};
use crate::endpoint::{Endpoint, UnreadableFile};

/// One thing that is not as the node needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong, with the values.
    pub problem: String,
    /// The statement or step that mends it.
    pub fix: String,
    /// Whether the server must be restarted for the fix.
    pub restart: bool,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let restart = if self.restart { " (then restart the server)" } else { "" };
        write!(f, "{}; fix: {}{restart}", self.problem, self.fix)
    }
}

/// Why an external server cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExternalError {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A file that the configuration names cannot be read.
    #[error(transparent)]
    File(#[from] UnreadableFile),
    /// The server is reachable but not fit; every problem is listed.
    #[error("the PostgreSQL server at {place} cannot be used:{}", lines(findings))]
    Unfit {
        /// Where the server is.
        place: String,
        /// Every problem.
        findings: Vec<Finding>,
    },
    /// A check could not be made.
    #[error("cannot check the PostgreSQL server at {place}")]
    Check {
        /// Where the server is.
        place: String,
        /// The server's answer.
        #[source]
        source: sqlx::Error,
    },
}

impl ExternalError {
    /// What the operator can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Connect(error) => error.hint(),
            Self::Unfit { .. } => {
                Some("run the statements above as an administrator of that server".into())
            }
            Self::File(_) | Self::Check { .. } => None,
        }
    }
}

fn lines(findings: &[Finding]) -> String {
    findings.iter().map(|finding| format!("\n  - {finding}")).collect()
}

/// A server that passed the checks.
#[derive(Clone, Debug)]
pub struct External {
    endpoint: Endpoint,
    version: String,
    warnings: Vec<Finding>,
}

impl External {
    /// Checks everything that the node needs of a server and reports all problems together. `max_connections` is what the
    /// node may open.
    ///
    /// # Errors
    /// [`ExternalError`].
    pub async fn check(endpoint: Endpoint, max_connections: u32) -> Result<Self, ExternalError> {
        let mut connection = connect(&endpoint, "kwild check").await?;
        let failed = |source| ExternalError::Check { place: endpoint.place(), source };
        let report =
            checks::run(&mut connection, &endpoint, max_connections).await.map_err(failed)?;
        if !report.errors.is_empty() {
            return Err(ExternalError::Unfit { place: endpoint.place(), findings: report.errors });
        }
        Ok(Self { endpoint, version: report.version, warnings: report.warnings })
    }

    /// Like [`External::check`], but a server that is not there yet gets `wait` time to come up.
    ///
    /// # Errors
    /// [`ExternalError`].
    pub async fn check_waiting(
        endpoint: Endpoint,
        max_connections: u32,
        wait: Duration,
    ) -> Result<Self, ExternalError> {
        let deadline = tokio::time::Instant::now() + wait;
        loop {
            match Self::check(endpoint.clone(), max_connections).await {
                Err(ExternalError::Connect(error)) if error.is_retryable() => {
                    if tokio::time::Instant::now() >= deadline {
                        return Err(error.into());
                    }
                    tracing::info!(target: "PG", %error, "waiting for the PostgreSQL server");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                result => return result,
            }
        }
    }

    /// The database.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The server's version, for example `15.18`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// What works but is not good.
    #[must_use]
    pub fn warnings(&self) -> &[Finding] {
        &self.warnings
    }
}
