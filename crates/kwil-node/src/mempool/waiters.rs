//! Clients that wait for their transaction to be included.

use std::collections::BTreeMap;

use kwil_types::{TxId, TxResult};
use tokio::sync::oneshot;

use super::Rejected;

/// Waiting clients of this node.
pub(crate) const WAITERS_MAX: usize = 10_000;

/// How a transaction ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is in a block that is committed and readable.
    Included {
        /// Id under which the block holds it: another signature form of the same content has another id.
        id: TxId,
        /// Height of the block.
        height: u64,
        /// Place in the block.
        index: u32,
        /// What its execution gave.
        result: TxResult,
    },
    /// It left the mempool without being included.
    Dropped(Rejected),
}

/// Who waits for which id.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    by_id: BTreeMap<TxId, BTreeMap<u64, oneshot::Sender<Outcome>>>,
    count: usize,
    next: u64,
}

impl Waiters {
    /// Registers a waiter and returns its number; `None` when too many wait.
    pub(crate) fn add(&mut self, id: TxId) -> Option<(u64, oneshot::Receiver<Outcome>)> {
        if self.count >= WAITERS_MAX {
            return None;
        }
        let (sender, receiver) = oneshot::channel();
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        self.by_id.entry(id).or_default().insert(number, sender);
        self.count = self.count.saturating_add(1);
        Some((number, receiver))
    }

    /// A waiter gave up.
    pub(crate) fn remove(&mut self, id: &TxId, number: u64) {
        let Some(waiting) = self.by_id.get_mut(id) else { return };
        if waiting.remove(&number).is_some() {
            self.count = self.count.saturating_sub(1);
        }
        if waiting.is_empty() {
            self.by_id.remove(id);
        }
    }

    pub(crate) fn is_waited_for(&self, id: &TxId) -> bool {
        self.by_id.contains_key(id)
    }

    /// Tells everybody who waits for `id`. A client that went away in the meantime does not mind.
    pub(crate) fn finish(&mut self, id: &TxId, outcome: &Outcome) {
        let Some(waiting) = self.by_id.remove(id) else { return };
        self.count = self.count.saturating_sub(waiting.len());
        for waiter in waiting.into_values() {
            drop(waiter.send(outcome.clone()));
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }
}
