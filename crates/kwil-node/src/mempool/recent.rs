//! A bounded memory of transactions that left without being included.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use kwil_types::TxId;

use super::Rejected;

/// How long a reason is kept for clients that ask.
const KEPT: Duration = Duration::from_secs(600);
/// How long gossip does not pull a rejected transaction again.
pub(crate) const NOT_PULLED: Duration = Duration::from_secs(60);
/// Ids remembered at most.
const MAX: usize = 65_536;

#[derive(Debug)]
struct Memory {
    since: Instant,
    reason: Rejected,
}

/// Ids with the reason why they were rejected or dropped, oldest forgotten first.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    barred: BTreeMap<TxId, Memory>,
    by_id: BTreeMap<TxId, Memory>,
    order: VecDeque<(Instant, TxId)>,
}

impl Recent {
    pub(crate) fn insert(&mut self, id: TxId, reason: Rejected, now: Instant) {
        self.forget(now);
        self.by_id.insert(id, Memory { since: now, reason });
        self.order.push_back((now, id));
        while self.order.len() > MAX {
            self.pop();
        }
    }

    pub(crate) fn get(&self, id: &TxId, now: Instant) -> Option<&Rejected> {
        let memory = self.by_id.get(id)?;
        (now.saturating_duration_since(memory.since) < KEPT).then_some(&memory.reason)
    }

    pub(crate) fn is_fresh(&self, id: &TxId, now: Instant) -> bool {
        self.by_id
            .get(id)
            .is_some_and(|memory| now.saturating_duration_since(memory.since) < NOT_PULLED)
    }

    /// Remembers ids that must not come back for a while. Few: an operator or an abort names them.
    pub(crate) fn bar(&mut self, ids: &[TxId], reason: &Rejected, now: Instant) {
        self.barred.retain(|_, memory| now.saturating_duration_since(memory.since) < KEPT);
        for id in ids.iter().take(MAX.saturating_sub(self.barred.len())) {
            self.barred.insert(*id, Memory { since: now, reason: reason.clone() });
        }
    }

    pub(crate) fn barred(&self, id: &TxId, now: Instant) -> Option<&Rejected> {
        let memory = self.barred.get(id)?;
        (now.saturating_duration_since(memory.since) < KEPT).then_some(&memory.reason)
    }

    pub(crate) fn remove(&mut self, id: &TxId) {
        self.by_id.remove(id);
    }

    fn forget(&mut self, now: Instant) {
        while self
            .order
            .front()
            .is_some_and(|(since, _)| now.saturating_duration_since(*since) >= KEPT)
        {
            self.pop();
        }
    }

    fn pop(&mut self) {
        let Some((since, id)) = self.order.pop_front() else { return };
        if self.by_id.get(&id).is_some_and(|memory| memory.since == since) {
            self.by_id.remove(&id);
        }
    }
}

/// Ids of transactions that blocks took lately: gossip that comes late does not bring them back.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    ids: BTreeSet<TxId>,
    order: VecDeque<TxId>,
}

impl Taken {
    pub(crate) fn insert(&mut self, id: TxId) {
        if !self.ids.insert(id) {
            return;
        }
        self.order.push_back(id);
        if self.order.len() > MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
    }

    pub(crate) fn contains(&self, id: &TxId) -> bool {
        self.ids.contains(id)
    }
}

#[cfg(test)]
mod tests {
    use kwil_crypto::sha256;
    use kwil_types::TxCode;

    use super::*;

    fn id(n: u64) -> TxId {
        sha256(&n.to_be_bytes())
    }

    fn reason() -> Rejected {
        Rejected::plain(TxCode::InvalidNonce)
    }

    #[test]
    fn reason_fades_after_its_times() {
        let start = Instant::now();
        let mut recent = Recent::default();
        recent.insert(id(1), reason(), start);
        assert!(recent.is_fresh(&id(1), start + Duration::from_secs(59)));
        assert!(!recent.is_fresh(&id(1), start + NOT_PULLED));
        assert_eq!(recent.get(&id(1), start + NOT_PULLED), Some(&reason()));
        assert_eq!(recent.get(&id(1), start + KEPT), None);
    }

    #[test]
    fn barred_ids_stay_barred_for_ten_minutes() {
        let start = Instant::now();
        let mut recent = Recent::default();
        recent.bar(&[id(1)], &reason(), start);
        recent.remove(&id(1));
        assert!(recent.barred(&id(1), start + KEPT - Duration::from_secs(1)).is_some());
        assert!(recent.barred(&id(1), start + KEPT).is_none());
        assert!(recent.barred(&id(2), start).is_none());
    }

    #[test]
    fn memory_is_bounded_and_forgets_the_oldest() {
        let start = Instant::now();
        let mut recent = Recent::default();
        for n in 0..=MAX as u64 {
            recent.insert(id(n), reason(), start);
        }
        assert_eq!(recent.by_id.len(), MAX);
        assert_eq!(recent.get(&id(0), start), None);
        assert!(recent.get(&id(1), start).is_some());
    }

    #[test]
    fn taken_ids_are_bounded_and_the_oldest_forgotten() {
        let mut taken = Taken::default();
        for n in 0..=MAX as u64 {
            taken.insert(id(n));
            taken.insert(id(n));
        }
        assert_eq!((taken.ids.len(), taken.order.len()), (MAX, MAX));
        assert!(!taken.contains(&id(0)) && taken.contains(&id(1)));
    }

    #[test]
    fn newer_memory_of_an_id_outlives_its_older_place() {
        let start = Instant::now();
        let mut recent = Recent::default();
        recent.insert(id(1), reason(), start);
        recent.insert(id(1), reason(), start + Duration::from_secs(300));
        recent.insert(id(2), reason(), start + KEPT);
        assert!(recent.get(&id(1), start + KEPT).is_some());
    }
}
