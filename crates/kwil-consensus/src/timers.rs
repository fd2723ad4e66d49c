//! Everything that happens because time passed: triggers T1 to T5, repetition, heartbeats.

use std::time::Duration;

use kwil_types::View;

use crate::effect::{Effect, Notice, Trigger};
use crate::machine::{Cx, Machine, Phase};
use crate::message::Message;
use crate::mutation::Mutation;
use crate::time::{Millis, millis};

/// Longest view timeout, jitter aside.
const VIEW_TIMEOUT_MAX: Duration = Duration::from_secs(60);

impl Machine {
    /// When the driver must send the next [`Event::Tick`](crate::Event::Tick), at the latest. `None` before the start.
    #[must_use]
    pub fn next_wakeup(&self) -> Option<Millis> {
        self.started?;
        let retry = self.exec.as_ref().and_then(|exec| exec.retry_at);
        let drain = self.drain.as_ref().filter(|drain| !drain.done).map(|drain| drain.deadline);
        // Without a quorum alive no trigger fires; a heartbeat is the event that changes that.
        let quorum = self.alive_count(self.clock) >= self.quorum();
        let trigger = self.due_trigger().filter(|_| quorum).map(|(at, _)| at);
        let pause =
            self.not_before.filter(|_| self.view > View::ZERO && self.phase == Phase::Await);
        [
            Some(self.beat_at),
            Some(self.announce_at),
            Some(self.retransmit_at),
            retry,
            drain,
            trigger,
            pause.filter(|at| *at > self.clock),
            self.gate.deadline(),
            self.production_due(),
            self.sync_deadline(),
            self.slow_block_deadline(),
        ]
        .into_iter()
        .flatten()
        .min()
        .map(|at| at.max(self.clock))
    }

    pub(crate) fn run_timers(&mut self, cx: &mut Cx) {
        self.beat(cx);
        self.retry_execution(cx);
        self.abort_slow_block(cx);
        self.restart_led_view(cx);
        self.return_leadership(cx);
        self.watch_lag(cx);
        self.pull_triggers(cx);
        self.repeat(cx);
        self.announce(cx);
    }

    /// T(k): doubles with each view change of the height, with up to a tenth of jitter that differs between nodes.
    pub(crate) fn view_timeout(&self) -> Duration {
        let factor = 1_u32.checked_shl(self.k.min(16)).unwrap_or(u32::MAX);
        let base = self.config.view_timeout.saturating_mul(factor).min(VIEW_TIMEOUT_MAX);
        let mut seed = self.me.as_bytes().to_vec();
        seed.extend_from_slice(&self.height().0.to_be_bytes());
        seed.extend_from_slice(&self.view.0.to_be_bytes());
        let [byte, ..] = kwil_crypto::sha256(&seed).0;
        let jitter = millis(base).saturating_mul(u64::from(byte)).checked_div(2560).unwrap_or(0);
        base.saturating_add(Duration::from_millis(jitter))
    }

    /// The trigger that is or becomes due first, whether or not enough validators are alive.
    fn due_trigger(&self) -> Option<(Millis, Trigger)> {
        if self.solo() || !self.can_leave_view() {
            return None;
        }
        let timeout = self.view_timeout();
        let failover = self.config.automatic_failover;
        let own_turn = match self.phase {
            Phase::Await if self.nacked => Some((self.view_entered, Trigger::BadProposal)),
            Phase::Fetch(_) => Some((self.fetch_started.plus(timeout), Trigger::BadProposal)),
            Phase::Voted(_) if failover => {
                let took = self.exec.as_ref().map_or(Duration::ZERO, |exec| exec.took);
                let patience = timeout.max(took.saturating_mul(3));
                Some((self.voted_at.plus(patience), Trigger::NoQuorum))
            }
            Phase::Await | Phase::Build if failover && self.view == View::ZERO => {
                self.no_proposal_due()
            }
            Phase::Await if failover => {
                Some((self.view_entered.plus(timeout), Trigger::ViewTimeout))
            }
            Phase::Exec(_) if self.config.mutant(Mutation::TimerInExec) => {
                Some((self.view_entered.plus(timeout), Trigger::ViewTimeout))
            }
            Phase::Await
            | Phase::Build
            | Phase::Voted(_)
            | Phase::Exec(_)
            | Phase::Commit(_)
            | Phase::Sync
            | Phase::Held(_) => None,
        };
        let waiting = failover && !matches!(self.phase, Phase::Exec(_));
        let gone = self.gone_at(&self.acting_leader()).filter(|_| waiting);
        let silent = gone.map(|at| (at.max(self.view_entered), Trigger::LeaderSilent));
        [silent, own_turn].into_iter().flatten().min()
    }

    /// T2: work waits and no proposal came.
    fn no_proposal_due(&self) -> Option<(Millis, Trigger)> {
        let patience = self.config.propose_timeout.saturating_add(self.view_timeout());
        let idle = self.config.empty_block_timeout;
        let empty_due = (!idle.is_zero() && self.next.produce)
            .then(|| self.last_commit.plus(idle.saturating_mul(2)));
        let since = [self.work_since, empty_due].into_iter().flatten().min()?;
        Some((since.max(self.view_entered).plus(patience), Trigger::NoProposal))
    }

    /// Leaves views whose time is up, as long as a quorum is alive.
    fn pull_triggers(&mut self, cx: &mut Cx) {
        // A row of dead leaders is passed in one step; the set bounds it.
        for _ in 0..self.committee.n() {
            let enough = self.alive_count(cx.now) >= self.quorum()
                || self.config.mutant(Mutation::LeaveWithoutQuorum);
            let due = self.due_trigger().filter(|(at, _)| cx.now >= *at && enough);
            let Some((_, trigger)) = due else { return };
            self.notice_trigger(cx, trigger);
            if trigger == Trigger::NoProposal {
                self.work_done = self.mempool.newest;
                self.work_since = None;
            }
            let view = self.next_view();
            if !self.enter_view(cx, view, trigger) {
                return;
            }
        }
    }

    fn notice_trigger(&self, cx: &mut Cx, trigger: Trigger) {
        if trigger == Trigger::LeaderSilent {
            let (height, view, leader) = (self.height(), self.view, self.acting_leader());
            let last = self.alive.get(&leader).and_then(|seen| seen.last);
            let silent_ms = last.map_or(0, |last| millis(cx.now.since(last)));
            Self::notice(cx, Notice::LeaderNotResponding { height, view, leader, silent_ms });
        }
    }

    /// A leader that restarted does not propose again in the view it led; it leads the next one of its own.
    fn restart_led_view(&mut self, cx: &mut Cx) {
        if self.restart_view && self.can_leave_view() {
            let view = self.view.saturating_add(self.committee.turn());
            self.enter_view(cx, view, Trigger::Restarted);
        }
    }

    /// Sends again what others may have missed.
    fn repeat(&mut self, cx: &mut Cx) {
        if cx.now < self.retransmit_at {
            return;
        }
        self.retransmit_at = cx.now.plus(self.config.retransmit_interval);
        self.ask_again(cx);
        if self.solo() || !self.can_leave_view() {
            return;
        }
        self.resend = self.resend.saturating_add(1);
        if let Some(own) = self.votes.iter().find(|own| own.vote.body.view == self.view) {
            self.broadcast_again(cx, Message::Vote(own.vote.clone()));
        } else if let Some(change) = self.own_change.clone() {
            self.broadcast_again(cx, Message::ViewChange(change));
            self.broadcast_own_directive(cx);
        }
        self.repeat_proposal(cx);
    }

    /// As leader: the proposal again, to validators whose vote is missing.
    fn repeat_proposal(&mut self, cx: &mut Cx) {
        if !self.leads(self.view) {
            return;
        }
        let Some(proposal) = self.proposal.clone() else { return };
        for member in std::sync::Arc::clone(&self.committee.set).iter() {
            if member.key != self.me && self.tally.of(&member.key, self.view).is_none() {
                self.send(cx, member.key, Message::Proposal(proposal.clone()));
            }
        }
    }

    /// Tells peers that are behind about the newest certificate.
    fn announce(&mut self, cx: &mut Cx) {
        if cx.now < self.announce_at {
            return;
        }
        self.announce_at = cx.now.plus(self.config.announce_interval);
        if let Some(announce) = self.tip.announce.clone() {
            cx.push(Effect::Announce(announce));
        }
    }
}
