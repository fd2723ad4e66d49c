//! What the network tells the node.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use kwil_consensus::Verified;
use kwil_crypto::NodeId;
use kwil_types::TxId;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{Closed, Direction, InboundRequest, LastSigned, PeerStatus, Release};

/// Something happened on the network.
#[derive(Debug)]
#[non_exhaustive]
pub enum NetworkEvent {
    /// A peer is connected; both sides accepted each other. Comes before anything else of that peer.
    PeerConnected(Arc<PeerInfo>),
    /// A peer reports where it stands.
    PeerStatus {
        /// The peer.
        peer: NodeId,
        /// Where it stands.
        status: PeerStatus,
    },
    /// A peer is gone. Nothing of it comes after this.
    PeerDisconnected {
        /// The peer.
        peer: NodeId,
        /// Why.
        closed: Closed,
    },
    /// A consensus message whose signatures are valid, new to this node.
    Consensus {
        /// The peer that delivered it, not always its signer.
        from: NodeId,
        /// The message.
        message: Verified,
    },
    /// A transaction that this node asked for, or that was pushed to it. Its id fits its bytes; nothing else is
    /// checked. Answer with [`announce_tx`](crate::NetworkHandle::announce_tx) or
    /// [`reject_tx`](crate::NetworkHandle::reject_tx).
    Transaction {
        /// The peer that sent it.
        from: NodeId,
        /// SHA-256 of the bytes.
        id: TxId,
        /// The bytes.
        bytes: Bytes,
    },
    /// A peer asks for something.
    Request(InboundRequest),
}

/// A connected peer, as its `Hello` describes it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PeerInfo {
    /// The peer.
    pub id: NodeId,
    /// Who dialled.
    pub direction: Direction,
    /// Its address on this connection.
    pub remote: SocketAddr,
    /// Its software.
    pub release: Release,
    /// Where it stood when it connected.
    pub status: PeerStatus,
    /// The highest message signed with this node's key that it has seen.
    pub last_signed_seen: Option<LastSigned>,
    /// Its clock minus ours, milliseconds.
    pub clock_skew_ms: i64,
}

/// The node's end of the event queues. Peers and consensus come before transactions and requests.
#[derive(Debug)]
pub struct NetworkEvents {
    pub(crate) urgent: mpsc::Receiver<NetworkEvent>,
    pub(crate) bulk: mpsc::Receiver<NetworkEvent>,
    /// The network has stopped.
    pub(crate) done: CancellationToken,
}

impl NetworkEvents {
    /// Waits for the next event about peers or consensus only; transactions and requests stay where they are. For a
    /// node that has its hands full with these. `None` when the network has stopped. Cancel-safe.
    pub async fn recv_urgent(&mut self) -> Option<NetworkEvent> {
        tokio::select! {
            biased;
            Some(event) = self.urgent.recv() => Some(event),
            () = self.done.cancelled() => None,
        }
    }

    /// Waits for the next event. `None` when the network has stopped. Cancel-safe.
    ///
    /// A node that does not read holds its peers back: nothing is dropped.
    pub async fn recv(&mut self) -> Option<NetworkEvent> {
        tokio::select! {
            biased;
            Some(event) = self.urgent.recv() => Some(event),
            Some(event) = self.bulk.recv() => Some(event),
            () = self.done.cancelled() => None,
        }
    }
}

/// The network's view of the node's transactions. Called from network tasks: must answer fast and never block on
/// I/O for long.
pub trait TxSource: Send + Sync + 'static {
    /// Whether a transaction need not be fetched: it is in the mempool, being admitted, or committed.
    fn knows(&self, id: &TxId) -> bool;

    /// The bytes of a transaction in the mempool.
    fn get(&self, id: &TxId) -> Option<Bytes>;
}

/// No transactions: for nodes that only exchange addresses.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoTransactions;

impl TxSource for NoTransactions {
    fn knows(&self, _id: &TxId) -> bool {
        true
    }

    fn get(&self, _id: &TxId) -> Option<Bytes> {
        None
    }
}
