//! Which announced transactions to fetch from whom. Pure: time comes in as an argument.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use kwil_crypto::NodeId;
use kwil_types::TxId;

use super::MAX_IDS;

/// Transactions that are being fetched, or wait to be.
const MAX_WANTED: usize = 65_536;
/// Other announcers that are remembered for one transaction.
const MAX_OTHERS: usize = 4;
/// Settled transactions that are remembered.
const MAX_SETTLED: usize = 65_536;
/// How long a settled one is not fetched again.
const SETTLED_FOR: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Pull {
    asked: Option<Instant>,
    announcers: VecDeque<NodeId>,
}

/// Memory of what was announced.
#[derive(Debug)]
pub(crate) struct Pulls {
    wanted: BTreeMap<TxId, Pull>,
    settled_order: VecDeque<(Instant, TxId)>,
    settled_now: BTreeMap<TxId, Instant>,
    patience: Duration,
}

impl Pulls {
    pub(crate) fn new(patience: Duration) -> Self {
        Self {
            wanted: BTreeMap::new(),
            settled_order: VecDeque::new(),
            settled_now: BTreeMap::new(),
            patience,
        }
    }

    /// A peer has a transaction that this node may lack. True when there is something new to fetch.
    pub(crate) fn announced(&mut self, peer: NodeId, id: TxId, now: Instant) -> bool {
        if self.is_settled(&id, now) {
            return false;
        }
        if let Some(pull) = self.wanted.get_mut(&id) {
            if pull.announcers.len() < MAX_OTHERS && !pull.announcers.contains(&peer) {
                pull.announcers.push_back(peer);
            }
            return false;
        }
        if self.wanted.len() >= MAX_WANTED {
            return false;
        }
        self.wanted.insert(id, Pull { asked: None, announcers: VecDeque::from([peer]) });
        true
    }

    /// What to ask now, of whom. Marks it as asked.
    pub(crate) fn due(&mut self, now: Instant) -> BTreeMap<NodeId, Vec<TxId>> {
        let mut batches: BTreeMap<NodeId, Vec<TxId>> = BTreeMap::new();
        let mut exhausted = Vec::new();
        for (id, pull) in &mut self.wanted {
            if pull.asked.is_some_and(|until| until > now) {
                continue;
            }
            let Some(peer) = pull.announcers.front().copied() else {
                exhausted.push(*id);
                continue;
            };
            let batch = batches.entry(peer).or_default();
            if batch.len() < MAX_IDS {
                batch.push(*id);
                pull.announcers.pop_front();
                pull.asked = now.checked_add(self.patience);
            }
        }
        for id in exhausted {
            self.wanted.remove(&id);
        }
        batches
    }

    /// When [`Pulls::due`] has something again, as far as known now.
    pub(crate) fn next_due(&self, now: Instant) -> Option<Instant> {
        self.wanted.values().map(|pull| pull.asked.unwrap_or(now)).min()
    }

    /// A peer that was asked does not have it after all: others are asked at once.
    pub(crate) fn missed(&mut self, id: &TxId) {
        if let Some(pull) = self.wanted.get_mut(id) {
            pull.asked = None;
        }
    }

    /// A transaction came, was rejected, or is otherwise not to be fetched for a minute. True when it was wanted.
    pub(crate) fn settle(&mut self, id: TxId, now: Instant) -> bool {
        let wanted = self.wanted.remove(&id).is_some();
        self.settled_now.insert(id, now);
        self.settled_order.push_back((now, id));
        self.expire(now);
        wanted
    }

    fn is_settled(&self, id: &TxId, now: Instant) -> bool {
        self.settled_now
            .get(id)
            .is_some_and(|since| now.saturating_duration_since(*since) < SETTLED_FOR)
    }

    fn expire(&mut self, now: Instant) {
        while let Some((since, id)) = self.settled_order.front().copied() {
            let old = now.saturating_duration_since(since) >= SETTLED_FOR;
            if !old && self.settled_order.len() <= MAX_SETTLED {
                return;
            }
            self.settled_order.pop_front();
            // A later settling of the same id stays.
            if self.settled_now.get(&id) == Some(&since) {
                self.settled_now.remove(&id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use kwil_crypto::{Hash, KeyType};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(1);

    fn peer(seed: u8) -> NodeId {
        NodeId::new(kwil_quic::testing::node_key(KeyType::Ed25519, seed).public_key())
    }

    fn id(number: u32) -> TxId {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        Hash(bytes)
    }

    #[test]
    fn first_announcer_is_asked_then_the_next_after_a_second() {
        let (mut pulls, start) = (Pulls::new(PATIENCE), Instant::now());
        assert!(pulls.announced(peer(1), id(1), start));
        assert!(!pulls.announced(peer(2), id(1), start));
        assert_eq!(pulls.due(start), BTreeMap::from([(peer(1), vec![id(1)])]));
        assert!(pulls.due(start).is_empty());
        assert_eq!(pulls.next_due(start), Some(start + PATIENCE));
        assert_eq!(pulls.due(start + PATIENCE), BTreeMap::from([(peer(2), vec![id(1)])]));
        assert!(pulls.due(start + 2 * PATIENCE).is_empty());
        assert_eq!(pulls.next_due(start), None);
    }

    #[test]
    fn missing_transaction_is_asked_elsewhere_at_once() {
        let (mut pulls, start) = (Pulls::new(PATIENCE), Instant::now());
        pulls.announced(peer(1), id(1), start);
        pulls.announced(peer(2), id(1), start);
        pulls.due(start);
        pulls.missed(&id(1));
        assert_eq!(pulls.due(start), BTreeMap::from([(peer(2), vec![id(1)])]));
    }

    #[test]
    fn settled_transaction_is_not_fetched_for_a_minute() {
        let (mut pulls, start) = (Pulls::new(PATIENCE), Instant::now());
        pulls.announced(peer(1), id(1), start);
        assert!(pulls.settle(id(1), start));
        assert!(!pulls.settle(id(2), start));
        assert!(!pulls.announced(peer(2), id(1), start + Duration::from_secs(59)));
        assert!(pulls.announced(peer(2), id(1), start + Duration::from_secs(60)));
    }

    #[test]
    fn requests_and_memory_are_bounded() {
        let (mut pulls, start) = (Pulls::new(PATIENCE), Instant::now());
        for number in 0..u32::try_from(MAX_WANTED).unwrap() + 10 {
            pulls.announced(peer(1), id(number), start);
            pulls.settle(id(number + 1_000_000), start);
        }
        assert_eq!(pulls.wanted.len(), MAX_WANTED);
        assert_eq!(pulls.settled_now.len(), MAX_SETTLED);
        assert_eq!(pulls.due(start)[&peer(1)].len(), MAX_IDS);
        for seed in 2..9 {
            pulls.announced(peer(seed), id(0), start);
        }
        assert_eq!(pulls.wanted[&id(0)].announcers.len(), MAX_OTHERS);
    }
}
