//! Peers for operators: who is connected, who may be, who may not.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use kwil_config::{HostPort, Peer as Address};
use kwil_crypto::NodeId;
use tracing::{info, warn};

use super::NetworkHandle;
use crate::network::matters_now;
use crate::peers::book::BlacklistEntry;
use crate::peers::peer::{locked, remote_of};
use crate::shared::now_ms;
use crate::{CloseCode, Direction, PeerStatus, Release};

/// A connected peer at one moment.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PeerSnapshot {
    /// The peer.
    pub id: NodeId,
    /// Who dialled.
    pub direction: Direction,
    /// Its address.
    pub remote: SocketAddr,
    /// This node's address on the connection.
    pub local: SocketAddr,
    /// Its software.
    pub release: Release,
    /// Where it stands.
    pub status: PeerStatus,
    /// Round-trip time.
    pub rtt: Duration,
    /// Packets lost on the way to it.
    pub lost_packets: u64,
    /// What this node thinks of it; it is banned at −50.
    pub score: f64,
    /// Validator, bootnode, whitelisted, or serving state.
    pub reserved: bool,
    /// For how long it has been connected.
    pub connected_for: Duration,
}

/// A node that is known but not connected.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct KnownPeer {
    /// The node.
    pub id: NodeId,
    /// Where it may be.
    pub addresses: Vec<HostPort>,
    /// Why it is not connected, as far as known.
    pub problem: Option<String>,
    /// When it was last reached, Unix milliseconds.
    pub last_ok_ms: Option<u64>,
    /// Dials that failed in a row.
    pub fails: u32,
}

impl NetworkHandle {
    /// The connected peers.
    #[must_use]
    pub fn peers(&self) -> Vec<PeerSnapshot> {
        let (shared, now) = (&self.shared, Instant::now());
        let standing = locked(&shared.standing);
        let snapshot = |peer: std::sync::Arc<crate::peers::peer::Peer>| PeerSnapshot {
            id: peer.id,
            direction: peer.direction(),
            remote: remote_of(&peer.connection),
            local: SocketAddr::new(
                peer.connection.local_ip().unwrap_or(shared.listen.ip()).to_canonical(),
                shared.listen.port(),
            ),
            release: peer.info.release,
            status: peer.status(),
            rtt: peer.connection.rtt(),
            lost_packets: peer.connection.stats().path.lost_packets,
            score: standing.score(&peer.id, now),
            reserved: standing.is_reserved(&peer.id),
            connected_for: peer.since.elapsed(),
        };
        shared.peers.all().into_iter().map(snapshot).collect()
    }

    /// Whether a peer is connected.
    #[must_use]
    pub fn is_connected(&self, id: &NodeId) -> bool {
        self.shared.peers.get(id).is_some()
    }

    /// Nodes that are known and not connected.
    #[must_use]
    pub fn known_peers(&self) -> Vec<KnownPeer> {
        let connected = self.shared.peers.ids();
        let book = locked(&self.shared.book);
        let dialer = locked(&self.shared.dialer);
        let apart = book.iter().filter(|(id, _)| !connected.contains(*id));
        let known = apart.map(|(id, known)| KnownPeer {
            id: *id,
            addresses: known.addresses(),
            problem: dialer.problem(id).map(str::to_owned),
            last_ok_ms: known.last_ok,
            fails: known.fails,
        });
        known.collect()
    }

    /// Nodes that were refused lately, or refused this one, with the reason.
    #[must_use]
    pub fn recent_rejections(&self) -> Vec<(NodeId, String)> {
        self.shared.recent_rejections()
    }

    /// Adds nodes to dial first. This node itself is left out with a warning.
    pub fn add_bootnodes(&self, bootnodes: &[Address]) {
        for bootnode in bootnodes {
            if bootnode.node_id == self.shared.own {
                warn!(target: "PEERS", address = %bootnode.address, "a bootnode is this node itself, leaving it out");
                continue;
            }
            locked(&self.shared.book).configure(bootnode.node_id, bootnode.address.clone());
            locked(&self.shared.standing).bootnodes.insert(bootnode.node_id);
            matters_now(&self.shared, &bootnode.node_id);
        }
    }

    /// Lets a node in, in private mode too, and keeps that over restarts. False when it was listed already.
    pub fn whitelist_add(&self, id: NodeId) -> bool {
        locked(&self.shared.book).set_whitelisted(id, true);
        let added = locked(&self.shared.standing).whitelist.insert(id);
        matters_now(&self.shared, &id);
        added
    }

    /// Takes a node off the whitelist; in private mode a connection to it ends. False when it was not listed.
    pub fn whitelist_remove(&self, id: &NodeId) -> bool {
        locked(&self.shared.book).set_whitelisted(*id, false);
        let removed = locked(&self.shared.standing).whitelist.remove(id);
        self.drop_if_not_allowed(id);
        removed
    }

    /// The whitelist.
    #[must_use]
    pub fn whitelist(&self) -> Vec<NodeId> {
        locked(&self.shared.standing).whitelist.iter().copied().collect()
    }

    /// Lets a candidate for the validator set in, whom this node approved; `false` ends that.
    pub fn set_approved(&self, id: NodeId, approved: bool) {
        if approved {
            locked(&self.shared.standing).approved.insert(id);
        } else {
            locked(&self.shared.standing).approved.remove(&id);
            self.drop_if_not_allowed(&id);
        }
    }

    fn drop_if_not_allowed(&self, id: &NodeId) {
        let reserved = locked(&self.shared.standing).is_reserved(id);
        if !self.shared.config.private || reserved {
            return;
        }
        if let Some(peer) = self.shared.peers.get(id) {
            peer.close(CloseCode::NotAllowed, "removed from the whitelist");
        }
    }

    /// Refuses a node from now on, for a time or for ever, and keeps that over restarts.
    pub fn blacklist_add(&self, id: NodeId, reason: &str, duration: Option<Duration>) {
        let since_ms = now_ms();
        let millis =
            duration.map(|duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
        let until_ms = millis.map(|millis| since_ms.saturating_add(millis));
        let entry = BlacklistEntry { node: id, reason: reason.to_owned(), since_ms, until_ms };
        locked(&self.shared.book).blacklist(entry);
        info!(target: "BLACKLIST", peer = %id, reason, "peer blacklisted");
        if self.shared.config.use_blacklist
            && let Some(peer) = self.shared.peers.get(&id)
        {
            peer.close(CloseCode::NotAllowed, "blacklisted");
        }
    }

    /// Takes a node off the blacklist. False when it was not listed.
    pub fn blacklist_remove(&self, id: &NodeId) -> bool {
        let removed = locked(&self.shared.book).unblacklist(id);
        matters_now(&self.shared, id);
        removed
    }

    /// The blacklist, newest first.
    #[must_use]
    pub fn blacklist(&self) -> Vec<BlacklistEntry> {
        locked(&self.shared.book).blacklisted(now_ms())
    }
}
