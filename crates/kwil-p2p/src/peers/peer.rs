//! One connected peer, shared by the tasks that serve it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use kwil_crypto::NodeId;
use tokio::sync::{Notify, Semaphore};

use super::outbox::{Outbox, Pushed};
use super::scope::Scope;
use crate::flood::Meta;
use crate::gossip::Announcements;
use crate::{CloseCode, Closed, Direction, PeerInfo, PeerStatus};

/// Open requests of this node to one peer.
const MAX_ASKED: usize = 32;

/// A connected peer.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) id: NodeId,
    pub(crate) info: Arc<PeerInfo>,
    pub(crate) incarnation: u64,
    pub(crate) distance: Scope,
    pub(crate) connection: quinn::Connection,
    pub(crate) since: Instant,
    pub(crate) requests: Arc<Semaphore>,
    closing: OnceLock<Closed>,
    status: Mutex<PeerStatus>,
    outbox: Mutex<Outbox>,
    /// Signalled when the outbox may have something.
    pub(crate) outbox_filled: Notify,
    gossip: Mutex<Announcements>,
    /// Signalled when the announcements may have something.
    pub(crate) gossip_filled: Notify,
}

/// Where a connection leads, an IPv4 address behind an IPv6 socket in its own form.
pub(crate) fn remote_of(connection: &quinn::Connection) -> SocketAddr {
    let remote = connection.remote_address();
    SocketAddr::new(remote.ip().to_canonical(), remote.port())
}

/// A lock that is never held across an await, so a poisoned one holds whole data still.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Peer {
    pub(crate) fn new(
        info: Arc<PeerInfo>,
        incarnation: u64,
        distance: Scope,
        connection: quinn::Connection,
    ) -> Self {
        Self {
            id: info.id,
            incarnation,
            distance,
            connection,
            since: Instant::now(),
            requests: Arc::new(Semaphore::new(MAX_ASKED)),
            closing: OnceLock::new(),
            status: Mutex::new(info.status),
            info,
            outbox: Mutex::default(),
            outbox_filled: Notify::new(),
            gossip: Mutex::default(),
            gossip_filled: Notify::new(),
        }
    }

    pub(crate) fn direction(&self) -> Direction {
        self.info.direction
    }

    pub(crate) fn status(&self) -> PeerStatus {
        *locked(&self.status)
    }

    pub(crate) fn set_status(&self, status: PeerStatus) {
        *locked(&self.status) = status;
    }

    /// Queues a consensus frame; a peer that does not read is closed.
    pub(crate) fn push(&self, meta: &Meta, frame: Bytes) -> Pushed {
        let pushed = locked(&self.outbox).push(meta, frame, Instant::now());
        match pushed {
            Pushed::Queued => self.outbox_filled.notify_one(),
            Pushed::Dropped => {}
            Pushed::Stuck => self.close(CloseCode::Timeout, "consensus messages pile up"),
        }
        pushed
    }

    pub(crate) fn pop(&self) -> Option<Bytes> {
        locked(&self.outbox).pop()
    }

    pub(crate) fn gossip(&self) -> MutexGuard<'_, Announcements> {
        locked(&self.gossip)
    }

    /// Takes over what an older connection to the same peer had not sent.
    pub(crate) fn inherit(&self, older: &Self) {
        let mut waiting = std::mem::take(&mut *locked(&older.outbox));
        locked(&self.outbox).inherit(&mut waiting);
        self.outbox_filled.notify_one();
    }

    /// Closes the connection from outside its own tasks. The first reason counts.
    pub(crate) fn close(&self, code: CloseCode, reason: &str) {
        self.closing.get_or_init(|| Closed::here(code, reason)).apply(&self.connection);
    }

    /// Why [`Peer::close`] was called, if it was.
    pub(crate) fn closing(&self) -> Option<&Closed> {
        self.closing.get()
    }
}
