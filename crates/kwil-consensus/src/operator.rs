//! Orders of an operator: replace the leader, give a block up, drain, resume.

use kwil_crypto::PublicKey;
use kwil_types::{Abort, Height, TxId, View};

use crate::effect::{Effect, Trigger};
use crate::event::Command;
use crate::machine::{Cx, Drain, Execution, Machine, Phase};
use crate::message::Message;
use crate::time::Millis;

/// Why an operator's command was refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
pub enum OperatorError {
    /// replace-leader for a height that is committed already.
    #[error("height {from_height} is less than or equal to the current height {current}")]
    PastHeight {
        /// Asked height.
        from_height: Height,
        /// Committed height.
        current: Height,
    },
    /// replace-leader with a key that is not a validator.
    #[error("validator {0} is not in the validator set")]
    NotAValidator(PublicKey),
    /// replace-leader on a node that does not vote.
    #[error("this node is not a validator")]
    ThisNodeNotAValidator,
    /// abort on another node than the leader.
    #[error("only the leader can abort block execution")]
    NotLeader,
    /// abort after the own vote, or with nothing in execution.
    #[error("cannot abort block execution, block is already executed or committed")]
    TooLateToAbort,
    /// resume of a node that is not held.
    #[error("consensus is not held")]
    NotHeld,
}

impl Machine {
    pub(crate) fn on_command(&mut self, cx: &mut Cx, request: u64, command: Command) {
        let result = match command {
            Command::ReplaceLeader { candidate, from_height } => {
                self.order_replacement(cx, candidate, from_height)
            }
            Command::Abort { drop } => self.abort_own_block(cx, drop),
            Command::Drain => {
                self.start_drain(cx);
                Ok(())
            }
            Command::Resume => self.resume_held(cx),
        };
        cx.push(Effect::Reply { request, result });
    }

    fn resume_held(&mut self, cx: &mut Cx) -> Result<(), OperatorError> {
        if !self.held() {
            return Err(OperatorError::NotHeld);
        }
        self.release(cx);
        Ok(())
    }

    fn abort_own_block(&mut self, cx: &mut Cx, drop: Vec<TxId>) -> Result<(), OperatorError> {
        if !self.leads(self.view) {
            return Err(OperatorError::NotLeader);
        }
        if !self.can_abort() {
            return Err(OperatorError::TooLateToAbort);
        }
        self.give_block_up(cx, drop, false);
        Ok(())
    }

    /// Own proposal of this view in execution, no own vote in this view, not decided.
    fn can_abort(&self) -> bool {
        let undecided = self.pending.is_none() && matches!(self.phase, Phase::Exec(_));
        undecided && self.can_sign() && !self.voted_in(self.view)
    }

    fn give_block_up(&mut self, cx: &mut Cx, ids: Vec<TxId>, running: bool) {
        let running_of = self.exec.as_ref().filter(|_| running).map(|exec| exec.token);
        let Some(proposal) = self.proposal.clone() else { return };
        self.cancel_execution(cx);
        cx.push(Effect::DropTransactions { ids, running_of });
        let abort = self.sign_abort(proposal.signed.body.block_hash);
        self.broadcast(cx, Message::Abort(abort));
        self.enter_view(cx, self.view_after_abort(), Trigger::Aborted);
    }

    fn view_after_abort(&self) -> View {
        self.view.saturating_add(self.committee.turn())
    }

    /// A leader whose own block runs too long gives it up by itself.
    pub(crate) fn abort_slow_block(&mut self, cx: &mut Cx) {
        if self.slow_block_deadline().is_some_and(|deadline| cx.now >= deadline) {
            self.give_block_up(cx, Vec::new(), true);
        }
    }

    /// A leader whose own block has a transaction that runs too long gives it up by itself.
    pub(crate) fn abort_slow_transaction(&mut self, cx: &mut Cx, token: u64) {
        if self.own_execution().is_some_and(|exec| exec.token == token) {
            self.give_block_up(cx, Vec::new(), true);
        }
    }

    pub(crate) fn slow_block_deadline(&self) -> Option<Millis> {
        if self.config.max_block_time.is_zero() {
            return None;
        }
        Some(self.own_execution()?.started.plus(self.config.max_block_time))
    }

    /// The running execution of a block that this node made for this view. One that it had to repeat is not its to give up:
    /// the next view would repeat it again.
    fn own_execution(&self) -> Option<&Execution> {
        if !self.leads(self.view) || !self.can_abort() {
            return None;
        }
        let exec = self.exec.as_ref().filter(|exec| exec.result.is_none())?;
        let header = exec.block.header();
        (header.view == self.view && header.proposer == self.me).then_some(exec)
    }

    /// The leader of this view gave its block up.
    pub(crate) fn on_abort(&mut self, cx: &mut Cx, abort: &Abort) {
        let leader = self.acting_leader();
        if abort.signer != leader || abort.body.view != self.view || !self.can_leave_view() {
            return;
        }
        let same = match &self.phase {
            Phase::Exec(block) | Phase::Fetch(block) => *block == abort.body.block_hash,
            Phase::Await
            | Phase::Build
            | Phase::Voted(_)
            | Phase::Commit(_)
            | Phase::Sync
            | Phase::Held(_) => false,
        };
        if same && !self.voted_in(self.view) {
            self.cancel_execution(cx);
            self.enter_view(cx, self.view_after_abort(), Trigger::Aborted);
        }
    }

    /// SIGTERM: finish the block in flight, hand the leadership on, wait for the successor, stop.
    fn start_drain(&mut self, cx: &mut Cx) {
        if self.drain.is_none() {
            self.drain =
                Some(Drain { deadline: cx.now.plus(Drain::LONGEST), resigned: None, done: false });
            self.advance_drain(cx);
        }
    }

    /// Takes the next step of a drain when it can.
    pub(crate) fn advance_drain(&mut self, cx: &mut Cx) {
        let Some(drain) = self.drain.clone() else { return };
        if drain.done {
            return;
        }
        if cx.now >= drain.deadline || self.held() {
            return self.finish_drain(cx);
        }
        match drain.resigned {
            Some((height, view)) => {
                let proposed = self.proposal.as_ref().is_some_and(|p| p.signed.body.view >= view);
                if self.height() > height || proposed {
                    self.finish_drain(cx);
                }
            }
            None => self.resign_for_drain(cx),
        }
    }

    fn resign_for_drain(&mut self, cx: &mut Cx) {
        let others = self.alive_count(cx.now).saturating_sub(1);
        let leads = self.leads(self.view);
        let needed = leads && self.can_leave_view() && others >= self.quorum();
        match self.phase {
            Phase::Await | Phase::Build if needed => {
                let Some(successor) = self.best_successor(cx.now) else {
                    return self.finish_drain(cx);
                };
                let view = self.committee.next_view_of(&successor, self.view);
                let height = self.height();
                self.enter_view(cx, view, Trigger::Resigned);
                if let Some(drain) = &mut self.drain {
                    drain.resigned = Some((height, view));
                }
            }
            // A block in flight is finished first.
            Phase::Exec(_) | Phase::Voted(_) | Phase::Commit(_) | Phase::Fetch(_)
                if needed || matches!(self.phase, Phase::Commit(_)) => {}
            Phase::Await
            | Phase::Build
            | Phase::Fetch(_)
            | Phase::Exec(_)
            | Phase::Voted(_)
            | Phase::Commit(_)
            | Phase::Sync
            | Phase::Held(_) => self.finish_drain(cx),
        }
    }

    pub(crate) fn finish_drain(&mut self, cx: &mut Cx) {
        if let Some(drain) = &mut self.drain
            && !drain.done
        {
            drain.done = true;
            cx.push(Effect::Drained);
        }
    }
}
