//! Who is connected: one connection per node.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use kwil_crypto::NodeId;

use super::peer::Peer;
use crate::Direction;

/// The connected peers. Readers are many and short.
#[derive(Debug, Default)]
pub(crate) struct PeerTable(RwLock<BTreeMap<NodeId, Arc<Peer>>>);

/// What became of a new connection.
#[derive(Debug)]
pub(crate) enum Registered {
    /// The peer had none.
    New,
    /// It replaces an older connection of the same process; the peer was never gone.
    Swapped(Arc<Peer>),
    /// The peer has restarted; the connection to its earlier life is worthless.
    Restarted(Arc<Peer>),
    /// The older connection stays.
    Duplicate,
}

/// Whether the newer of two connections between the same two processes stays. Both sides decide alike: the one that
/// the smaller key dialled wins; of two with the same dialer the newer one.
pub(crate) fn newer_stays(
    own: &NodeId,
    remote: &NodeId,
    older: Direction,
    newer: Direction,
) -> bool {
    let preferred = match own.cmp(remote) {
        Ordering::Less => Direction::Outbound,
        Ordering::Equal | Ordering::Greater => Direction::Inbound,
    };
    older == newer || newer == preferred
}

impl PeerTable {
    pub(crate) fn get(&self, id: &NodeId) -> Option<Arc<Peer>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Peer>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    pub(crate) fn ids(&self) -> BTreeSet<NodeId> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    pub(crate) fn register(&self, own: &NodeId, peer: &Arc<Peer>) -> Registered {
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let Some(older) = table.get(&peer.id).cloned() else {
            table.insert(peer.id, Arc::clone(peer));
            return Registered::New;
        };
        if older.incarnation != peer.incarnation {
            table.insert(peer.id, Arc::clone(peer));
            return Registered::Restarted(older);
        }
        let over = older.connection.close_reason().is_some();
        if !over && !newer_stays(own, &peer.id, older.direction(), peer.direction()) {
            return Registered::Duplicate;
        }
        table.insert(peer.id, Arc::clone(peer));
        Registered::Swapped(older)
    }

    /// Takes a peer out when this very connection is the registered one.
    pub(crate) fn unregister(&self, peer: &Arc<Peer>) -> bool {
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let current = table.get(&peer.id).is_some_and(|registered| Arc::ptr_eq(registered, peer));
        if current {
            table.remove(&peer.id);
        }
        current
    }
}

/// Addresses that count as one neighbour: an IPv4 address, an IPv6 /64. Loopback is exempt.
pub(crate) fn network_of(ip: IpAddr) -> Option<u64> {
    match ip.to_canonical() {
        ip if ip.is_loopback() => None,
        IpAddr::V4(ip) => Some(u64::from(ip.to_bits())),
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.octets();
            let [_, _, _, _, e, f, g, h, ..] = ip.octets();
            Some(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
        }
    }
}

#[cfg(test)]
mod tests {
    use kwil_crypto::KeyType;

    use super::*;

    #[test]
    fn both_sides_keep_the_same_one_of_two_connections() {
        let key =
            |seed| NodeId::new(kwil_quic::testing::node_key(KeyType::Ed25519, seed).public_key());
        let (a, b) = (key(1), key(2));
        let (small, large) = (a.min(b), a.max(b));
        // The smaller one dialled first, then the larger one: the older stays on both sides.
        assert!(!newer_stays(&small, &large, Direction::Outbound, Direction::Inbound));
        assert!(!newer_stays(&large, &small, Direction::Inbound, Direction::Outbound));
        // The other way round.
        assert!(newer_stays(&small, &large, Direction::Inbound, Direction::Outbound));
        assert!(newer_stays(&large, &small, Direction::Outbound, Direction::Inbound));
        // The same dialer again: it has lost the first one.
        assert!(newer_stays(&small, &large, Direction::Inbound, Direction::Inbound));
        assert!(newer_stays(&large, &small, Direction::Outbound, Direction::Outbound));
    }

    #[test]
    fn neighbours_are_counted_by_address_or_prefix() {
        let network = |text: &str| network_of(text.parse().unwrap());
        assert_eq!(network("127.0.0.1"), None);
        assert_eq!(network("::1"), None);
        assert_eq!(network("10.0.0.1"), network("::ffff:10.0.0.1"));
        assert_ne!(network("10.0.0.1"), network("10.0.0.2"));
        assert_eq!(network("2606:4700::1"), network("2606:4700::2"));
        assert_ne!(network("2606:4700::1"), network("2606:4700:0:1::1"));
    }
}
