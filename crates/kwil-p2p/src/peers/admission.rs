//! Who may stay connected: one pure decision.

use kwil_crypto::NodeId;

/// Who dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// The other side dialled.
    Inbound,
    /// This side dialled.
    Outbound,
}

impl Direction {
    /// Word for logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        }
    }
}

/// Why a node is listed as unwanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listed {
    /// By an operator, or after many failed dials.
    Blacklisted,
    /// For what it did.
    Banned,
}

/// Everything the decision depends on.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) listed: Option<Listed>,
    /// Private mode is on.
    pub(crate) private: bool,
    /// Whitelisted, validator, bootnode or trusted provider: allowed in private mode, needs no slot, never banned.
    pub(crate) reserved: bool,
    pub(crate) direction: Direction,
    /// Other connections without reserved status.
    pub(crate) inbound: usize,
    pub(crate) outbound: usize,
    pub(crate) target: usize,
    /// Connections of the same IPv4 address or IPv6 /64; 0 for loopback.
    pub(crate) same_network: usize,
    /// The worst inbound peer that may be sent away for this one.
    pub(crate) evictable: Option<NodeId>,
}

/// What to do with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    Admit,
    /// Admit, and send this peer away.
    AdmitInsteadOf(NodeId),
    Refuse(Refusal),
}

/// Why a connection is not wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Refusal {
    Blacklisted,
    Banned,
    NotAllowed,
    Full,
    TooManyFromNetwork,
}

/// Connections accepted from one IPv4 address or one IPv6 /64.
pub(crate) const MAX_PER_NETWORK: usize = 8;

/// Inbound slots for a target number of connections.
pub(crate) fn inbound_slots(target: usize) -> usize {
    if target == 0 { 0 } else { target.saturating_mul(2).saturating_add(10) }
}

/// Lists first, then private mode, then slots.
pub(crate) fn admit(facts: &Facts) -> Decision {
    match facts.listed {
        Some(Listed::Blacklisted) => return Decision::Refuse(Refusal::Blacklisted),
        Some(Listed::Banned) if !facts.reserved => return Decision::Refuse(Refusal::Banned),
        Some(Listed::Banned) | None => {}
    }
    if facts.reserved {
        return Decision::Admit;
    }
    if facts.private {
        return Decision::Refuse(Refusal::NotAllowed);
    }
    if facts.same_network >= MAX_PER_NETWORK {
        return Decision::Refuse(Refusal::TooManyFromNetwork);
    }
    match facts.direction {
        Direction::Outbound if facts.outbound < facts.target => Decision::Admit,
        Direction::Inbound if facts.inbound < inbound_slots(facts.target) => Decision::Admit,
        Direction::Outbound => Decision::Refuse(Refusal::Full),
        Direction::Inbound => match facts.evictable.filter(|_| facts.target > 0) {
            Some(worst) => Decision::AdmitInsteadOf(worst),
            None => Decision::Refuse(Refusal::Full),
        },
    }
}

#[cfg(test)]
mod tests {
    use kwil_crypto::KeyType;

    use super::*;

    fn node() -> NodeId {
        NodeId::new(kwil_quic::testing::node_key(KeyType::Ed25519, 1).public_key())
    }

    fn facts() -> Facts {
        Facts {
            listed: None,
            private: false,
            reserved: false,
            direction: Direction::Inbound,
            inbound: 0,
            outbound: 0,
            target: 20,
            same_network: 0,
            evictable: None,
        }
    }

    #[test]
    fn admission_table() {
        use Decision::{Admit, AdmitInsteadOf, Refuse};
        let inbound = facts();
        let outbound = Facts { direction: Direction::Outbound, ..facts() };
        let reserved = Facts { reserved: true, ..facts() };
        let full = Facts { inbound: 50, ..facts() };
        let cases = [
            ("stranger with free slots", inbound.clone(), Admit),
            ("dialled with free slots", outbound.clone(), Admit),
            ("last inbound slot", Facts { inbound: 49, ..facts() }, Admit),
            ("no inbound slot", full.clone(), Refuse(Refusal::Full)),
            (
                "no slot, worse one there",
                Facts { evictable: Some(node()), ..full.clone() },
                AdmitInsteadOf(node()),
            ),
            ("no outbound slot", Facts { outbound: 20, ..outbound.clone() }, Refuse(Refusal::Full)),
            ("reserved without slot", Facts { reserved: true, ..full }, Admit),
            (
                "blacklisted",
                Facts { listed: Some(Listed::Blacklisted), ..inbound },
                Refuse(Refusal::Blacklisted),
            ),
            (
                "blacklist beats whitelist",
                Facts { listed: Some(Listed::Blacklisted), ..reserved.clone() },
                Refuse(Refusal::Blacklisted),
            ),
            ("banned", Facts { listed: Some(Listed::Banned), ..facts() }, Refuse(Refusal::Banned)),
            (
                "reserved peers are not banned",
                Facts { listed: Some(Listed::Banned), ..reserved.clone() },
                Admit,
            ),
            ("private, stranger", Facts { private: true, ..facts() }, Refuse(Refusal::NotAllowed)),
            ("private, reserved", Facts { private: true, ..reserved }, Admit),
            (
                "lists come before private mode",
                Facts { private: true, listed: Some(Listed::Banned), ..facts() },
                Refuse(Refusal::Banned),
            ),
            (
                "ninth of a network",
                Facts { same_network: 8, ..facts() },
                Refuse(Refusal::TooManyFromNetwork),
            ),
            ("eighth of a network", Facts { same_network: 7, ..facts() }, Admit),
            ("target 0 takes reserved only", Facts { target: 0, ..facts() }, Refuse(Refusal::Full)),
            (
                "target 0 evicts nobody",
                Facts { target: 0, evictable: Some(node()), ..facts() },
                Refuse(Refusal::Full),
            ),
            ("target 0, reserved", Facts { target: 0, reserved: true, ..outbound }, Admit),
        ];
        for (name, facts, want) in cases {
            assert_eq!(admit(&facts), want, "{name}");
        }
    }
}
