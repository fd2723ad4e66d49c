//! How fast it goes, for people and for the stall detector.

use std::time::{Duration, Instant};

use kwil_types::Height;

const REPORT_BLOCKS: u64 = 100;
const REPORT_EVERY: Duration = Duration::from_secs(10);
const STALLED_AFTER: Duration = Duration::from_secs(30);

/// A line for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Executed height.
    pub(crate) height: Height,
    /// Highest believed height.
    pub(crate) target: Height,
    /// Part of the chain that is here, in whole percent.
    pub(crate) percent: u64,
    /// Blocks a second since the last report.
    pub(crate) rate: u64,
    /// How long the rest takes at this rate; `None` when nothing moves.
    pub(crate) eta: Option<Duration>,
    /// Peers with a claim.
    pub(crate) peers: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct Pace {
    reported_at: Instant,
    reported: Height,
    moved_at: Instant,
}

impl Pace {
    pub(crate) fn new(height: Height, now: Instant) -> Self {
        Self { reported_at: now, reported: height, moved_at: now }
    }

    pub(crate) fn moved(&mut self, now: Instant) {
        self.moved_at = now;
    }

    /// A report, when one is due.
    pub(crate) fn report(
        &mut self,
        height: Height,
        target: Height,
        peers: usize,
        now: Instant,
    ) -> Option<Progress> {
        let blocks = height.since(self.reported);
        let took = now.saturating_duration_since(self.reported_at);
        if blocks < REPORT_BLOCKS && took < REPORT_EVERY {
            return None;
        }
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
        let rate = blocks.saturating_mul(1000).checked_div(millis).unwrap_or(0);
        let left = target.since(height);
        let eta = (blocks > 0).then(|| {
            Duration::from_millis(left.saturating_mul(millis).checked_div(blocks).unwrap_or(0))
        });
        let percent =
            height.get().saturating_mul(100).checked_div(target.get()).unwrap_or(100).min(100);
        (self.reported_at, self.reported) = (now, height);
        Some(Progress { height, target, percent, rate, eta, peers })
    }

    /// True once for every stretch without movement.
    pub(crate) fn stalled(&mut self, now: Instant) -> bool {
        let stalled = now.saturating_duration_since(self.moved_at) >= STALLED_AFTER;
        if stalled {
            self.moved_at = now;
        }
        stalled
    }
}
