//! A running node.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use kwil_crypto::NodeId;
use kwil_rpc::{AdminAddress, Apis};
use kwil_state::Postgres;
use kwil_store::RootLock;
use tokio::sync::watch;

use crate::driver::{ConsensusStatus, DriverHandle};
use crate::error::NodeError;
use crate::executor::ChainTip;
use crate::tasks::Tasks;

/// A node that takes part in its network. Stop it with [`Node::shutdown`]; dropping it kills its tasks.
#[derive(Debug)]
pub struct Node {
    pub(crate) id: NodeId,
    pub(crate) tasks: Tasks,
    pub(crate) server: Postgres,
    pub(crate) driver: DriverHandle,
    pub(crate) tip: watch::Receiver<ChainTip>,
    pub(crate) apis: Apis,
    pub(crate) listeners: Listeners,
    pub(crate) shutdown_timeout: Duration,
    /// Held until everything else is closed.
    pub(crate) lock: RootLock,
}

/// Where a node listens.
#[derive(Debug, Clone)]
pub struct Listeners {
    /// UDP, other nodes.
    pub p2p: SocketAddr,
    /// TCP, users; UDP of the same number for gRPC over QUIC.
    pub user: Option<SocketAddr>,
    /// The operator.
    pub admin: Option<AdminAddress>,
    /// TCP, `/metrics`.
    pub metrics: Option<SocketAddr>,
}

impl Node {
    /// Its identity in the network.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// Where it listens.
    #[must_use]
    pub fn listeners(&self) -> &Listeners {
        &self.listeners
    }

    /// What users and operators may ask, without a network in between.
    #[must_use]
    pub fn apis(&self) -> &Apis {
        &self.apis
    }

    /// The newest committed height.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.tip.borrow().height
    }

    /// Waits until this height is committed here.
    ///
    /// # Errors
    /// [`NodeError::Stopping`] when the node ends before.
    pub async fn wait_for_height(&self, height: u64) -> Result<(), NodeError> {
        let mut tip = self.tip.clone();
        tip.wait_for(|tip| tip.height >= height).await.map(drop).map_err(|_| NodeError::Stopping)
    }

    /// What consensus is doing.
    #[must_use]
    pub fn consensus(&self) -> ConsensusStatus {
        self.driver.status()
    }

    /// Runs until `stop` resolves or an essential part of the node ends, then stops in order.
    ///
    /// # Errors
    /// Why the node could not go on, or what did not stop in time.
    pub async fn run_until(mut self, stop: impl Future<Output = ()>) -> Result<(), NodeError> {
        let failed = tokio::select! {
            () = stop => None,
            error = self.tasks.first_end() => Some(error),
        };
        if let Some(error) = &failed {
            tracing::error!(target: "KWILD", %error, "The node cannot go on");
        }
        let stopped = self.shutdown().await;
        failed.map_or(stopped, Err)
    }

    /// Stops in order: services, consensus (leadership is handed on), peers, executor, stores, PostgreSQL.
    ///
    /// # Errors
    /// The first part that failed or did not stop in time. Nothing that was committed is lost in either case.
    pub async fn shutdown(self) -> Result<(), NodeError> {
        let Self { tasks, server, lock, shutdown_timeout, driver, apis, .. } = self;
        tracing::info!(target: "KWILD", "Closing server resources...");
        let result = tasks.stop(shutdown_timeout).await;
        drop((driver, apis));
        if let Some(how) = server.stop().await {
            tracing::info!(target: "PG", ?how, "PostgreSQL stopped");
        }
        drop(lock);
        tracing::info!(target: "KWILD", "Server is now shut down.");
        result
    }
}
