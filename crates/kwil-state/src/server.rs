//! The node's PostgreSQL server, whoever runs it.

use tokio::sync::watch;

use crate::endpoint::Endpoint;
use crate::external::External;
use crate::managed::{Managed, ServerStatus, Stopped};

/// A private server of the node, or one of the operator.
#[derive(Debug)]
pub enum Postgres {
    /// Started and stopped by the node.
    Managed(Box<Managed>),
    /// Only used by the node.
    External(Box<External>),
}

impl Postgres {
    /// The node's database.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        match self {
            Self::Managed(managed) => managed.endpoint(),
            Self::External(external) => external.endpoint(),
        }
    }

    /// Version of the server, for example `15.18`.
    #[must_use]
    pub fn version(&self) -> &str {
        match self {
            Self::Managed(managed) => managed.binaries().version(),
            Self::External(external) => external.version(),
        }
    }

    /// Follows a managed server; an external one is not watched.
    #[must_use]
    pub fn status(&self) -> Option<watch::Receiver<ServerStatus>> {
        match self {
            Self::Managed(managed) => Some(managed.status()),
            Self::External(_) => None,
        }
    }

    /// Stops a managed server; `None` for an external one, which goes on.
    pub async fn stop(self) -> Option<Stopped> {
        match self {
            Self::Managed(managed) => Some(managed.stop().await),
            Self::External(_) => None,
        }
    }
}
