//! What the node may ask of the network.

mod peers;
mod requests;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use kwil_consensus::{CommitAnnounce, Message};
use kwil_crypto::NodeId;
use kwil_types::TxId;

pub use peers::{KnownPeer, PeerSnapshot};
pub use requests::{BlockStream, Body};

use crate::peers::peer::locked;
use crate::peers::standing::Conduct;
use crate::relay;
use crate::shared::Shared;
use crate::{ChainView, Metrics};

/// Reaches the network from anywhere. Cheap to clone.
#[derive(Debug, Clone)]
pub struct NetworkHandle {
    shared: Arc<Shared>,
}

impl NetworkHandle {
    pub(crate) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The id of this node.
    #[must_use]
    pub fn own_id(&self) -> NodeId {
        self.shared.own
    }

    /// The UDP address that is listened on.
    #[must_use]
    pub fn local_address(&self) -> std::net::SocketAddr {
        self.shared.listen
    }

    /// Counters, shared with the network.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.shared.metrics.clone()
    }

    /// Tells where the node stands: after each commit, and when it begins or ends to catch up. Peers hear of it, and
    /// the flood of consensus messages is filtered by it.
    pub fn update_chain(&self, view: ChainView) {
        let shared = &self.shared;
        locked(&shared.flood).advance(view.tip, &view.validators);
        let same_set = shared.view().validators == view.validators;
        if !same_set {
            self.set_validators(&view);
        }
        shared.view.send_replace(Arc::new(view));
    }

    /// Fellow validators are reserved peers and dialled at once.
    pub(crate) fn set_validators(&self, view: &ChainView) {
        let members = view.validators.iter().map(|validator| NodeId::new(validator.key));
        let others = members.filter(|id| *id != self.shared.own).collect();
        locked(&self.shared.standing).validators = others;
        self.shared.wake.notify_one();
    }

    /// Sends a message of this node to every connected peer; it travels on from there. Never waits.
    pub fn broadcast(&self, message: &Message, resend: u32) {
        relay::broadcast(&self.shared, message, resend);
    }

    /// Sends a message to one peer. False when it is not connected.
    pub fn send(&self, to: &NodeId, message: &Message, resend: u32) -> bool {
        relay::send(&self.shared, to, message, resend)
    }

    /// Sends a certificate to every peer that has not reported its height. Returns their number.
    pub fn announce_commit(&self, announce: &Arc<CommitAnnounce>) -> usize {
        relay::announce(&self.shared, announce)
    }

    /// Counts for or against a peer.
    pub fn report(&self, peer: NodeId, conduct: Conduct) {
        self.shared.count(peer, conduct);
    }

    /// The mempool took a transaction: announces it to all peers that may lack it. `from` is the peer that sent it.
    pub fn announce_tx(&self, id: TxId, from: Option<&NodeId>) {
        locked(&self.shared.pulls).settle(id, Instant::now());
        if self.shared.view().syncing {
            return;
        }
        for peer in self.shared.peers.all() {
            if Some(&peer.id) != from && !peer.status().seeder && peer.gossip().announce(id) {
                peer.gossip_filled.notify_one();
            }
        }
    }

    /// Sends a transaction of this node's users to one peer, the acting leader, without being asked. False when that
    /// is not connected.
    pub fn push_tx(&self, to: &NodeId, id: TxId, bytes: &Bytes) -> bool {
        let Some(peer) = self.shared.peers.get(to) else { return false };
        let queued = peer.gossip().push(id, bytes);
        if queued {
            peer.gossip_filled.notify_one();
        }
        true
    }

    /// The mempool refused a transaction: it is not fetched again for a minute. `conduct` says what that means for the
    /// peer that sent it, if anything.
    pub fn reject_tx(&self, id: TxId, from: Option<NodeId>, conduct: Option<Conduct>) {
        locked(&self.shared.pulls).settle(id, Instant::now());
        if let (Some(from), Some(conduct)) = (from, conduct) {
            self.shared.count(from, conduct);
        }
    }
}
