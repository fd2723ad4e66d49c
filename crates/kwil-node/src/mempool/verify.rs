//! Signature checks on all cores, a bounded number at a time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use kwil_types::{RawTx, TxCode};
use tokio::sync::oneshot;

use super::Rejected;
use super::rules::{Checked, Rules};

/// Checks that may wait for a core.
const QUEUE_MAX: usize = 4096;

/// Runs the costly part of admission off the async threads: one thread for each core takes one check after another, so that
/// a busy node does not wake a thread for each transaction.
#[derive(Clone, Debug)]
pub(crate) struct Verifier {
    cores: usize,
    queue: Arc<Mutex<Queue>>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Check>,
    /// Threads that take checks.
    working: usize,
}

#[derive(Debug)]
struct Check {
    rules: Arc<Rules>,
    raw: RawTx,
    answer: oneshot::Sender<Result<Checked, Rejected>>,
}

impl Verifier {
    pub(crate) fn new(cores: usize) -> Self {
        Self { cores: cores.max(1), queue: Arc::default() }
    }

    /// All checks that need no account. Refuses at once when too many wait already.
    pub(crate) async fn check(&self, rules: Arc<Rules>, raw: RawTx) -> Result<Checked, Rejected> {
        let (answer, checked) = oneshot::channel();
        let starts = {
            let mut queue = lock(&self.queue);
            if queue.waiting.len() >= QUEUE_MAX {
                let text = "too many transactions are being checked";
                return Err(Rejected::for_now(TxCode::MempoolFull, text));
            }
            queue.waiting.push_back(Check { rules, raw, answer });
            let starts = queue.working < self.cores;
            queue.working = queue.working.saturating_add(usize::from(starts));
            starts
        };
        if starts {
            let worker = Worker { queue: Arc::clone(&self.queue), is_counted: true };
            tokio::task::spawn_blocking(move || worker.work());
        }
        checked.await.map_err(|_| Rejected::for_now(TxCode::NotReady, "the check was given up"))?
    }
}

/// A thread that takes checks. Counts as working until it finds none, and no longer after a panic or when it never starts.
struct Worker {
    queue: Arc<Mutex<Queue>>,
    is_counted: bool,
}

impl Worker {
    fn work(mut self) {
        while let Some(Check { rules, raw, answer }) = self.next() {
            if answer.is_closed() {
                continue;
            }
            let checked = rules
                .check(&raw)
                .and_then(|checked| rules.verify_signature(&raw).map(|()| checked));
            // The one who asked may have gone away.
            drop(answer.send(checked));
        }
    }

    fn next(&mut self) -> Option<Check> {
        let mut queue = lock(&self.queue);
        let next = queue.waiting.pop_front();
        if next.is_none() {
            // In the same breath: whoever comes next has to see that nobody works.
            queue.working = queue.working.saturating_sub(1);
            self.is_counted = false;
        }
        next
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if !self.is_counted {
            return;
        }
        let mut queue = lock(&self.queue);
        queue.working = queue.working.saturating_sub(1);
        if queue.working == 0 {
            // Nobody would take them; those who wait are told by it.
            queue.waiting.clear();
        }
    }
}

fn lock(queue: &Mutex<Queue>) -> std::sync::MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}
