//! Who leads: resigning to another validator, and giving leadership back to the preferred one.

use std::collections::BTreeMap;
use std::time::Duration;

use kwil_crypto::PublicKey;
use kwil_types::{Height, View};

use crate::effect::Trigger;
use crate::machine::{Cx, Machine, Phase};
use crate::time::Millis;

/// Blocks in a row that the preferred leader must have voted for.
const RELIABLE_BLOCKS: u32 = 32;
/// For how long it must have done so.
const RELIABLE_FOR: Duration = Duration::from_secs(10);
/// Pause after a return that failed.
const RETURN_PAUSE: Duration = Duration::from_secs(600);

/// Uninterrupted votes of a validator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Streak {
    last: Height,
    blocks: u32,
    since: Millis,
}

/// How reliably each validator voted lately, and when a return was last tried.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Reliability {
    streaks: BTreeMap<PublicKey, Streak>,
    /// No return before this moment.
    blocked_until: Option<Millis>,
}

impl Machine {
    /// A validator voted at a height (the one being decided, or the newest committed).
    pub(crate) fn note_voted(&mut self, validator: PublicKey, height: Height, now: Millis) {
        let fresh = Streak { last: height, blocks: 1, since: now };
        let streak = self.reliability.streaks.entry(validator).or_insert(fresh);
        if streak.last.next() == height {
            streak.last = height;
            streak.blocks = streak.blocks.saturating_add(1);
        } else if streak.last < height {
            *streak = fresh;
        }
    }

    /// After a commit: forgets leavers, and lifts the pause when the preferred leader led that block.
    pub(crate) fn review_reliability(&mut self, proposer: &PublicKey) {
        let set = std::sync::Arc::clone(&self.committee.set);
        self.reliability.streaks.retain(|key, _| set.contains(key));
        if *proposer == self.next.leader {
            self.reliability.blocked_until = None;
        }
    }

    fn preferred_is_reliable(&self, now: Millis) -> bool {
        let preferred = self.next.leader;
        let streak = self.reliability.streaks.get(&preferred);
        self.is_alive(&preferred, now)
            && streak.is_some_and(|streak| {
                streak.last >= self.tip.height
                    && streak.blocks >= RELIABLE_BLOCKS
                    && now >= streak.since.plus(RELIABLE_FOR)
            })
    }

    /// Hands the leadership back between two blocks.
    pub(crate) fn return_leadership(&mut self, cx: &mut Cx) {
        let preferred = self.next.leader;
        let leads = self.leads(self.view) && self.view == View::ZERO && !self.proposed;
        let between_blocks = leads && self.phase == Phase::Await && self.can_leave_view();
        let paused = self.reliability.blocked_until.is_some_and(|until| cx.now < until);
        if !self.config.leader_return || !between_blocks || paused || self.drain.is_some() {
            return;
        }
        if preferred == self.me || self.committee.position(&preferred).is_none() {
            return;
        }
        if self.preferred_is_reliable(cx.now) {
            self.reliability.blocked_until = Some(cx.now.plus(RETURN_PAUSE));
            let view = self.committee.next_view_of(&preferred, self.view);
            self.enter_view(cx, view, Trigger::Resigned);
        }
    }

    /// The validator that shall take over: alive, highest committed height, lowest index on a tie.
    pub(crate) fn best_successor(&self, now: Millis) -> Option<PublicKey> {
        let others =
            self.committee.set.iter().map(|member| member.key).filter(|key| *key != self.me);
        let alive = others.filter(|key| self.is_alive(key, now));
        let height = |key: &PublicKey| self.alive.get(key).map_or(Height::ZERO, |seen| seen.height);
        // `rev` makes the lowest index the last of equals, which is the one `max_by_key` returns.
        alive.collect::<Vec<_>>().into_iter().rev().max_by_key(height)
    }
}
