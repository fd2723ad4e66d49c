//! Block sync: fetching, checking and applying committed blocks instead of agreeing on them.
//!
//! Consensus decides when to begin ([`SyncHandle::start`]) and is told of each block and of the end. In between the
//! planner decides and does nothing itself: it is told about peers, arriving blocks and finished work, and answers with
//! what to do next. The order is always the same: a block is checked, its certificate is checked under the validator
//! set of its height, it is appended to the block log and fsynced, and only then executed; PostgreSQL never gets ahead
//! of the log.
//!
//! ```text
//!   peers ──claims──► planner ──Fetch──► peers ──Block──► Check ──► Append (one fsync for many) ──► Execute ──► tip
//! ```
//!
//! A peer that sends a wrong block loses everything it sent; a peer that cannot back its claim is not believed for a
//! while, so that one liar cannot hold a node in this mode.

mod claims;
mod pace;
mod planner;
mod run;
mod status;
mod step;
mod task;

#[cfg(test)]
mod tests;

use kwil_crypto::NodeId;
use kwil_p2p::PeerStatus;
use kwil_types::Height;
use tokio::sync::{mpsc, watch};

use crate::error::NodeError;

pub(crate) use status::SyncStatus;
pub(crate) use task::{SyncParts, SyncTask};

const QUEUE_MAX: usize = 1024;

/// What the sync task is told.
#[derive(Debug)]
enum Told {
    Start(Height),
    Best(Height),
    Stands(NodeId, PeerStatus),
    Gone(NodeId),
}

/// Cheap way to reach the sync task.
#[derive(Debug, Clone)]
pub(crate) struct SyncHandle {
    told: mpsc::Sender<Told>,
    status: watch::Receiver<SyncStatus>,
}

/// The task's end of [`SyncHandle`].
#[derive(Debug)]
pub(crate) struct SyncQueue {
    told: mpsc::Receiver<Told>,
    status: watch::Sender<SyncStatus>,
}

/// A handle and the queue that it fills.
pub(crate) fn queue() -> (SyncHandle, SyncQueue) {
    let (told_tx, told) = mpsc::channel(QUEUE_MAX);
    let (status, watched) = watch::channel(SyncStatus::default());
    (SyncHandle { told: told_tx, status: watched }, SyncQueue { told, status })
}

impl SyncHandle {
    /// Consensus stops agreeing: fetch blocks from now on.
    pub(crate) async fn start(&self, target: Height) -> Result<(), NodeError> {
        self.tell(Told::Start(target)).await
    }

    /// Somebody claims this height.
    pub(crate) async fn note_best(&self, height: Height) -> Result<(), NodeError> {
        self.tell(Told::Best(height)).await
    }

    /// A peer says where it stands.
    pub(crate) async fn peer_stands(&self, peer: NodeId, status: PeerStatus) {
        self.mention(Told::Stands(peer, status)).await;
    }

    /// A peer is gone.
    pub(crate) async fn peer_gone(&self, peer: NodeId) {
        self.mention(Told::Gone(peer)).await;
    }

    /// Follows how far sync is.
    pub(crate) fn watch(&self) -> watch::Receiver<SyncStatus> {
        self.status.clone()
    }

    /// News that nobody needs once sync has stopped, which it does before the peers are gone.
    async fn mention(&self, told: Told) {
        if self.told.send(told).await.is_err() {
            tracing::debug!(target: "CONS", "block sync has stopped and hears of no more peers");
        }
    }

    async fn tell(&self, told: Told) -> Result<(), NodeError> {
        self.told.send(told).await.map_err(|_| NodeError::TaskEnded("block sync"))
    }
}
