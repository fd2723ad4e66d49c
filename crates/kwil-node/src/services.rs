//! What users and operators may ask of a running node: the node's side of `kwil-rpc`.
//!
//! Reads come from the last committed state; nothing here waits for consensus except a sender that asked to.

mod admin;
mod chain;
mod entrance;
mod health;
mod reads;
mod submit;
mod user;

use std::sync::Arc;
use std::time::Instant;

use kwil_api::admin::NodeStatus;
use kwil_api::{RpcCode, RpcError};
use kwil_config::Config;
use kwil_crypto::NodeId;
use kwil_genesis::Genesis;
use kwil_p2p::NetworkHandle;
use kwil_state::{Database, Published, Reads};
use tokio::sync::watch;

use crate::block_sync::SyncStatus;
use crate::chain::ChainReads;
use crate::driver::DriverHandle;
use crate::error::NodeError;
use crate::executor::{ChainTip, ExecutorHandle};
use crate::mempool::Mempool;
use crate::peers::TxIntake;

pub(crate) use entrance::{Entrance, Step};
pub(crate) use submit::NodeWallet;

/// What is known of a node before anything of it runs.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) config: Arc<Config>,
    pub(crate) genesis: Arc<Genesis>,
    pub(crate) node_id: NodeId,
    pub(crate) version: &'static str,
    pub(crate) started: Instant,
}

impl Facts {
    fn node_status(&self, role: &str) -> NodeStatus {
        NodeStatus {
            chain_id: self.genesis.chain_id().to_owned(),
            node_id: self.node_id.to_string(),
            app_ver: APP_VERSION,
            listen_addr: self.config.p2p.listen.to_string(),
            role: role.to_owned(),
            rpc_addr: self.config.admin.listen.to_string(),
            version: self.version.to_owned(),
            uptime_ms: i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX),
        }
    }
}

/// Version of the rules of execution.
const APP_VERSION: u64 = 1;

/// Everything that answers come from. Shared by all front ends.
pub(crate) struct Services {
    pub(crate) facts: Facts,
    pub(crate) chain: ChainReads,
    pub(crate) database: Database,
    pub(crate) reads: Reads,
    pub(crate) mempool: Mempool,
    pub(crate) network: NetworkHandle,
    pub(crate) intake: TxIntake,
    pub(crate) driver: DriverHandle,
    pub(crate) executor: ExecutorHandle,
    pub(crate) published: watch::Receiver<Published>,
    pub(crate) tip: watch::Receiver<ChainTip>,
    pub(crate) sync: watch::Receiver<SyncStatus>,
    pub(crate) wallet: NodeWallet,
}

impl Services {
    /// The agreed state after the last committed block.
    pub(crate) fn state(&self) -> Published {
        self.published.borrow().clone()
    }
}

impl std::fmt::Debug for Services {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Services").field("node_id", &self.facts.node_id).finish_non_exhaustive()
    }
}

/// Heights and powers of a chain never reach the end of `i64`.
pub(crate) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// What happened is for the log: paths, addresses and texts of the database are no business of strangers.
fn internal(error: &NodeError) -> RpcError {
    tracing::error!(target: "RPC", %error, "Cannot answer a request");
    RpcError::internal("internal error")
}

/// As [`internal`], for faults of the database.
fn unreadable(error: &kwil_state::NodeFault) -> RpcError {
    tracing::warn!(target: "RPC", %error, "Cannot read the state");
    RpcError::new(RpcCode::DATABASE, "the database of this node does not answer")
}

#[cfg(test)]
mod tests {
    use kwil_state::{FaultKind, NodeFault};

    use super::*;

    #[test]
    fn strangers_do_not_read_what_the_node_knows_of_itself() {
        let secret = "/srv/op/.kwild/pg/run/.s.PGSQL.5432: kwild_meta.accounts";
        let kinds = [
            FaultKind::ConnectionLost(secret.into()),
            FaultKind::Server { sqlstate: "58030".into(), message: secret.into() },
            FaultKind::Invariant(secret.into()),
            FaultKind::Driver(secret.into()),
        ];
        for kind in kinds {
            let refused = unreadable(&NodeFault { what: "read", kind });
            assert_eq!(refused.code(), RpcCode::DATABASE);
            assert_eq!(refused.message(), "the database of this node does not answer");
            assert!(!format!("{refused:?}").contains("PGSQL"));
        }
    }
}
