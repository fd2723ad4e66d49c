//! The one execution a node has open, and the bodies it needs.

use std::sync::Arc;
use std::time::Duration;

use kwil_crypto::Hash;
use kwil_types::Block;

use crate::effect::Effect;
use crate::event::ExecutionFailure;
use crate::held::HeldReason;
use crate::machine::{Cx, Execution, Machine, Phase};
use crate::message::NackReason;
use crate::record::{Candidate, Record};

/// Database failures of one block before the node gives up.
const RETRIES: u32 = 3;
/// Pause before an execution is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

impl Machine {
    /// Starts executing a block, unless it is the one in execution.
    pub(crate) fn execute(&mut self, cx: &mut Cx, block: &Arc<Block>) {
        self.phase = Phase::Exec(block.hash());
        if self.exec.as_ref().is_some_and(|exec| exec.block.hash() == block.hash()) {
            return;
        }
        self.cancel_execution(cx);
        self.next_token = self.next_token.saturating_add(1);
        let token = self.next_token;
        self.exec = Some(Execution {
            token,
            block: Arc::clone(block),
            started: cx.now,
            took: Duration::ZERO,
            result: None,
            failures: 0,
            retry_at: None,
        });
        cx.push(Effect::Execute { token, block: Arc::clone(block) });
        self.log_candidate(cx);
    }

    pub(crate) fn cancel_execution(&mut self, cx: &mut Cx) {
        if let Some(exec) = self.exec.take() {
            cx.push(Effect::Cancel { token: exec.token });
        }
    }

    /// Writes the candidate while it executes, so that the fsync of the vote has little left to do.
    pub(crate) fn log_candidate(&mut self, cx: &mut Cx) {
        if let Some(record) = self.candidate_record() {
            cx.push(Effect::Append(vec![record]));
        }
    }

    /// The record of the accepted proposal, when it may be voted for and is not logged yet.
    pub(crate) fn candidate_record(&mut self) -> Option<Record> {
        let proposal = self.proposal.clone().filter(|_| self.is_validator() && !self.solo())?;
        let block = proposal.signed.body.block_hash;
        let body = self.bodies.get(&block).cloned()?;
        if !self.logged.insert((proposal.signed.body.view, block)) {
            return None;
        }
        let stored = self.logged.iter().filter(|(_, logged)| *logged == block).count() > 1;
        let block = (!stored).then_some(body);
        Some(Record::Candidate(Candidate { proposal, block }))
    }

    /// Forgets bodies that no own vote and no accepted proposal needs.
    pub(crate) fn prune_bodies(&mut self) {
        let votes = &self.votes;
        let executing = self.exec.as_ref().map(|exec| exec.block.hash());
        self.bodies.retain(|hash, _| {
            executing == Some(*hash) || votes.iter().any(|own| own.vote.body.block_hash == *hash)
        });
    }

    pub(crate) fn on_body(&mut self, cx: &mut Cx, block: &Arc<Block>) {
        if self.phase != Phase::Fetch(block.hash()) {
            return;
        }
        self.bodies.insert(block.hash(), Arc::clone(block));
        if self.pending.is_some() {
            self.pursue_certificate(cx);
        } else if self.proposal.is_some() {
            self.execute(cx, block);
        } else if !self.lead_set.is_empty() {
            self.propose(cx, block);
        }
    }

    pub(crate) fn on_body_invalid(&mut self, cx: &mut Cx, block: Hash, reason: &str) {
        let height = self.height();
        if self.pending.as_ref().is_some_and(|p| p.certificate.block_hash() == block) {
            return self.hold(cx, HeldReason::Fork { height });
        }
        let concerned = matches!(self.phase, Phase::Fetch(b) | Phase::Exec(b) if b == block);
        let proposed = self.proposal.as_ref().is_some_and(|p| p.signed.body.block_hash == block);
        if concerned && proposed && !self.voted_in(self.view) {
            self.reject_current(cx, NackReason::InvalidBlock, reason);
        }
    }

    pub(crate) fn on_executed(
        &mut self,
        cx: &mut Cx,
        token: u64,
        result: Result<Hash, ExecutionFailure>,
    ) {
        let Some(exec) = self.exec.as_mut().filter(|exec| exec.token == token) else { return };
        match result {
            Ok(app) => {
                exec.result = Some(app);
                exec.took = cx.now.since(exec.started);
                self.on_result(cx, app);
            }
            Err(ExecutionFailure::InvalidBlock(why)) => {
                let block = exec.block.hash();
                self.on_body_invalid(cx, block, &why);
            }
            Err(ExecutionFailure::Database(why)) => self.on_execution_failed(cx, &why),
        }
    }

    fn on_result(&mut self, cx: &mut Cx, app: Hash) {
        if self.pending.is_some() {
            return self.pursue_certificate(cx);
        }
        let Phase::Exec(block) = self.phase else { return };
        if !self.voted_in(self.view) {
            // `try_vote` runs at the end of every step.
            return;
        }
        // The vote was sent before a restart.
        if let Some(first) = self.own_app_hash(block)
            && first != app
        {
            return self.hold(cx, HeldReason::Nondeterminism { block, first, second: app });
        }
        self.phase = Phase::Voted(block);
        self.voted_at = cx.now;
        self.count(cx, self.view, block, app);
    }

    fn on_execution_failed(&mut self, cx: &mut Cx, why: &str) {
        let Some(exec) = self.exec.as_mut() else { return };
        exec.failures = exec.failures.saturating_add(1);
        if exec.failures <= RETRIES {
            exec.retry_at = Some(cx.now.plus(RETRY_PAUSE));
            cx.push(Effect::Cancel { token: exec.token });
            return;
        }
        if let Some(proposal) = self.proposal.clone() {
            let (view, block) = (proposal.signed.body.view, proposal.signed.body.block_hash);
            self.broadcast_nack(cx, view, block, (NackReason::ExecutionFailed, why));
        }
        self.hold(cx, HeldReason::Database { detail: why.to_owned() });
    }

    /// Executes again after a failure, under a new token.
    pub(crate) fn retry_execution(&mut self, cx: &mut Cx) {
        let Some(exec) = self.exec.as_mut() else { return };
        if exec.retry_at.is_some_and(|at| cx.now >= at) {
            self.next_token = self.next_token.saturating_add(1);
            exec.token = self.next_token;
            exec.retry_at = None;
            exec.started = cx.now;
            cx.push(Effect::Execute { token: exec.token, block: Arc::clone(&exec.block) });
        }
    }
}
