//! Machines without a clock.

use std::time::Duration;

use crate::leader::Reliability;
use crate::machine::Machine;
use crate::sync::Lag;
use crate::time::Millis;

/// A moment at which every armed timer is due.
pub(crate) const FAR: Millis = Millis(1_000_000_000);
/// A moment that never comes.
const NEVER: Millis = Millis(u64::MAX / 2);

impl Machine {
    /// Sets every value that only time or repetition changes back, so that machines which differ in nothing else are
    /// equal. Everybody counts as just seen.
    pub(crate) fn forget_time(&mut self) {
        self.clock = Millis(0);
        self.started = self.started.map(|_| Millis(0));
        for moment in [
            &mut self.view_entered,
            &mut self.voted_at,
            &mut self.fetch_started,
            &mut self.last_commit,
        ] {
            *moment = Millis(0);
        }
        for moment in [&mut self.beat_at, &mut self.retransmit_at, &mut self.announce_at] {
            *moment = NEVER;
        }
        self.last_proposal = None;
        self.not_before = None;
        self.k = 0;
        self.resend = 0;
        self.sequence = 0;
        self.work_done = 0;
        self.work_since = (self.mempool.txs > 0).then_some(Millis(0));
        self.batch_since = self.work_since;
        self.had_quorum = Some(true);
        self.helped.clear();
        self.signed_seen.clear();
        self.lag = Lag::default();
        self.reliability = Reliability::default();
        self.see_everybody(Millis(0));
        self.next_token = 1;
        if let Some(exec) = &mut self.exec {
            exec.token = 1;
            exec.started = Millis(0);
            exec.took = Duration::ZERO;
        }
        if let Some(pending) = &mut self.pending {
            pending.since = Millis(0);
        }
    }

    /// Drops what can only serve as evidence: messages of views that were left, and view changes that this node, not
    /// leading their view, has no use for.
    pub(crate) fn forget_past(&mut self) {
        let (view, leads) = (self.view, self.leads(self.view));
        for of_signer in self.changes.values_mut() {
            of_signer.retain(|known, _| *known > view || (*known == view && leads));
        }
        self.changes.retain(|_, of_signer| !of_signer.is_empty());
        self.offers.retain(|known, _| *known >= view);
        self.accused.clear();
        self.nacks.clear();
    }

    pub(crate) fn see_everybody(&mut self, now: Millis) {
        for seen in self.alive.values_mut() {
            seen.since = Millis(0);
            seen.last = Some(now);
            seen.ready = true;
            seen.height = kwil_types::Height::ZERO;
            seen.sequence = 0;
        }
    }

    /// The leader of the view counts as gone.
    pub(crate) fn miss_leader(&mut self) {
        let leader = self.acting_leader();
        if let Some(seen) = self.alive.get_mut(&leader) {
            seen.ready = false;
        }
    }
}
