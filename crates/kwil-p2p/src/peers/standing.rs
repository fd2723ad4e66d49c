//! What this node thinks of others: scores, bans, and the sets that operators and the chain decide.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use kwil_crypto::NodeId;

use super::admission::Listed;

/// A score at or below this bans.
pub(crate) const BAN_SCORE: f64 = -50.0;
const HALF_LIFE: Duration = Duration::from_secs(600);
const MAX_SCORE: f64 = 20.0;
const FIRST_BAN: Duration = Duration::from_secs(600);
const LONGEST_BAN: Duration = Duration::from_secs(24 * 3600);
const MAX_TRACKED: usize = 4096;

/// Something a peer did that counts for or against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Conduct {
    /// A block, certificate or proposal that is invalid or wrongly signed. −50: banned at once.
    InvalidBlock,
    /// A frame or message that breaks the protocol. −20.
    Malformed,
    /// A body that does not fit its id, or no answer to a request for what it announced. −10.
    Unhelpful,
    /// A transaction with a bad signature. −5.
    InvalidTransaction,
    /// Faster than allowed. −1.
    TooFast,
    /// A useful block or batch of transactions. +1, up to +20 in all.
    Useful,
}

impl Conduct {
    const fn points(self) -> f64 {
        match self {
            Self::InvalidBlock => -50.0,
            Self::Malformed => -20.0,
            Self::Unhelpful => -10.0,
            Self::InvalidTransaction => -5.0,
            Self::TooFast => -1.0,
            Self::Useful => 1.0,
        }
    }
}

#[derive(Debug, Clone)]
struct Score {
    points: f64,
    counted: Instant,
    bans: u32,
    banned_until: Option<Instant>,
}

impl Score {
    fn at(&self, now: Instant) -> f64 {
        let halves =
            now.saturating_duration_since(self.counted).as_secs_f64() / HALF_LIFE.as_secs_f64();
        self.points * (-halves).exp2()
    }
}

/// Scores and sets of nodes. Pure: time comes in as an argument.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    scores: BTreeMap<NodeId, Score>,
    pub(crate) bootnodes: BTreeSet<NodeId>,
    pub(crate) trusted: BTreeSet<NodeId>,
    pub(crate) validators: BTreeSet<NodeId>,
    pub(crate) whitelist: BTreeSet<NodeId>,
    /// Candidates for the validator set that this node approved.
    pub(crate) approved: BTreeSet<NodeId>,
}

impl Standing {
    pub(crate) fn new(trusted: BTreeSet<NodeId>, whitelist: BTreeSet<NodeId>) -> Self {
        Self { trusted, whitelist, ..Self::default() }
    }

    /// Allowed in private mode, needs no slot, never banned.
    pub(crate) fn is_reserved(&self, id: &NodeId) -> bool {
        [&self.bootnodes, &self.trusted, &self.validators, &self.whitelist, &self.approved]
            .iter()
            .any(|set| set.contains(id))
    }

    /// Counts for or against a node. True when it is banned by that.
    pub(crate) fn count(&mut self, id: NodeId, conduct: Conduct, now: Instant) -> bool {
        let reserved = self.is_reserved(&id);
        if self.scores.len() >= MAX_TRACKED && !self.scores.contains_key(&id) {
            self.forget_one(now);
        }
        let score = self.scores.entry(id).or_insert(Score {
            points: 0.0,
            counted: now,
            bans: 0,
            banned_until: None,
        });
        score.points = (score.at(now) + conduct.points()).min(MAX_SCORE);
        score.counted = now;
        if score.points > BAN_SCORE || reserved {
            return false;
        }
        let length = FIRST_BAN.saturating_mul(2_u32.saturating_pow(score.bans)).min(LONGEST_BAN);
        score.bans = score.bans.saturating_add(1);
        score.banned_until = now.checked_add(length);
        score.points = 0.0;
        true
    }

    /// The one whose record matters least makes room.
    fn forget_one(&mut self, now: Instant) {
        let least = self.scores.iter().min_by(|(_, a), (_, b)| {
            let weight = |score: &Score| {
                (score.banned_until.is_some_and(|until| until > now), score.at(now).abs())
            };
            weight(a).partial_cmp(&weight(b)).unwrap_or(std::cmp::Ordering::Equal)
        });
        if let Some(id) = least.map(|(id, _)| *id) {
            self.scores.remove(&id);
        }
    }

    /// Current score.
    pub(crate) fn score(&self, id: &NodeId, now: Instant) -> f64 {
        self.scores.get(id).map_or(0.0, |score| score.at(now))
    }

    /// Whether a node is banned for what it did.
    pub(crate) fn banned(&self, id: &NodeId, now: Instant) -> Option<Listed> {
        let until = self.scores.get(id)?.banned_until?;
        (until > now && !self.is_reserved(id)).then_some(Listed::Banned)
    }
}

#[cfg(test)]
mod tests {
    use kwil_crypto::KeyType;

    use super::*;

    fn node(seed: u8) -> NodeId {
        NodeId::new(kwil_quic::testing::node_key(KeyType::Ed25519, seed).public_key())
    }

    #[test]
    fn one_invalid_block_bans_and_each_ban_is_twice_as_long() {
        let (mut standing, start) = (Standing::default(), Instant::now());
        assert!(standing.count(node(1), Conduct::InvalidBlock, start));
        assert!(standing.banned(&node(1), start + Duration::from_secs(599)).is_some());
        let second = start + Duration::from_secs(601);
        assert!(standing.banned(&node(1), second).is_none());
        assert!(standing.count(node(1), Conduct::InvalidBlock, second));
        assert!(standing.banned(&node(1), second + Duration::from_secs(1199)).is_some());
        assert!(standing.banned(&node(1), second + Duration::from_secs(1201)).is_none());
    }

    #[test]
    fn small_offences_fade() {
        let (mut standing, start) = (Standing::default(), Instant::now());
        standing.count(node(1), Conduct::Malformed, start);
        standing.count(node(1), Conduct::Malformed, start);
        assert_eq!(standing.score(&node(1), start), -40.0);
        let later = start + Duration::from_secs(600);
        assert_eq!(standing.score(&node(1), later), -20.0);
        assert!(!standing.count(node(1), Conduct::Malformed, later));
        assert!(standing.count(node(1), Conduct::Malformed, later));
    }

    #[test]
    fn praise_has_a_ceiling() {
        let (mut standing, start) = (Standing::default(), Instant::now());
        for _ in 0..100 {
            standing.count(node(1), Conduct::Useful, start);
        }
        assert_eq!(standing.score(&node(1), start), 20.0);
    }

    #[test]
    fn reserved_nodes_are_never_banned() {
        let (mut standing, start) = (Standing::default(), Instant::now());
        standing.validators.insert(node(1));
        assert!(!standing.count(node(1), Conduct::InvalidBlock, start));
        assert!(standing.banned(&node(1), start).is_none());
    }

    #[test]
    fn number_of_remembered_nodes_is_bounded_and_bans_stay() {
        let (mut standing, start) = (Standing::default(), Instant::now());
        let mut seed = 0_u64;
        let mut fresh = || {
            seed += 1;
            let key = kwil_crypto::PrivateKey::generate(KeyType::Ed25519, |bytes| {
                bytes.fill(1);
                bytes[..8].copy_from_slice(&seed.to_be_bytes());
                Ok::<(), std::convert::Infallible>(())
            });
            NodeId::new(key.unwrap().public_key())
        };
        let villain = fresh();
        standing.count(villain, Conduct::InvalidBlock, start);
        for _ in 0..MAX_TRACKED + 10 {
            standing.count(fresh(), Conduct::TooFast, start);
        }
        assert_eq!(standing.scores.len(), MAX_TRACKED);
        assert!(standing.banned(&villain, start).is_some());
    }
}
