//! When to make a block, and making it.

use std::sync::Arc;
use std::time::Duration;

use kwil_types::{Block, Header, Height, RawTx, View, tx_root};

use crate::effect::Effect;
use crate::event::Pending;
use crate::machine::{Cx, Machine, Phase};
use crate::mutation::Mutation;
use crate::proposal::CLOCK_AHEAD_MAX;
use crate::time::Millis;

/// Longest pause while the parent's time is too far ahead of the local clock.
const CLOCK_PAUSE_MAX: u64 = 1000;

impl Machine {
    pub(crate) fn on_pending(&mut self, cx: &Cx, pending: Pending) {
        self.mempool = pending;
        let waits = pending.txs > 0;
        if waits {
            self.batch_since.get_or_insert(cx.now);
        } else {
            self.batch_since = None;
        }
        if waits && pending.newest > self.work_done {
            self.work_since.get_or_insert(cx.now);
        } else {
            self.work_since = None;
        }
    }

    /// Moment at which this node, as leader of view 0, makes a block; `None` when it has no reason or no right to.
    #[must_use]
    pub fn production_due(&self) -> Option<Millis> {
        let turn = self.leads(self.view) && self.view == View::ZERO && !self.proposed;
        let able = turn && self.phase == Phase::Await && self.can_leave_view() && self.next.produce;
        if !able || self.drain.is_some() {
            return None;
        }
        let config = &self.config;
        let txs = self.batch_since.map(|first| {
            if self.mempool.bytes >= self.next.max_block_size {
                return first;
            }
            if !config.eager {
                return first.max(self.last_commit.plus(config.propose_timeout));
            }
            let spaced = self.last_proposal.map(|at| at.plus(config.min_block_interval));
            let gathered = first.plus(config.batch_delay).max(spaced.unwrap_or_default());
            gathered.min(first.plus(config.propose_timeout))
        });
        let due = [txs, self.empty_block_due()].into_iter().flatten().min()?;
        Some(due.max(self.not_before.unwrap_or_default()))
    }

    /// When an empty block is due; `None` when none are made.
    fn empty_block_due(&self) -> Option<Millis> {
        let idle = self.config.empty_block_timeout;
        let at_once = self.config.first_block_at_once && self.tip.announce.is_none();
        (!idle.is_zero())
            .then(|| if at_once { Millis::default() } else { self.last_commit.plus(idle) })
    }

    /// ProduceNow: starts a block in view 0 when one is due.
    pub(crate) fn produce(&mut self, cx: &mut Cx) {
        if self.production_due().is_some_and(|due| cx.now >= due) {
            self.build(cx);
        }
    }

    /// Asks the driver for transactions.
    pub(crate) fn build(&mut self, cx: &mut Cx) {
        self.phase = Phase::Build;
        let (height, view, parent) = (self.height(), self.view, self.tip.block_hash);
        cx.push(Effect::BuildBlock { height, view, parent });
    }

    pub(crate) fn on_built(
        &mut self,
        cx: &mut Cx,
        (height, view): (Height, View),
        wall_ms: u64,
        txs: &[RawTx],
    ) {
        let current = (height, view) == (self.height(), self.view);
        if !current || self.phase != Phase::Build || self.proposed || !self.can_leave_view() {
            return;
        }
        self.phase = Phase::Await;
        let parent = self.tip.time_ms;
        let ahead = parent.saturating_sub(wall_ms.saturating_add(CLOCK_AHEAD_MAX));
        if ahead > 0 {
            // The block would be refused; another validator's clock may fit better.
            self.not_before = Some(cx.now.plus(Duration::from_millis(ahead.min(CLOCK_PAUSE_MAX))));
            self.lead_set.clear();
            return;
        }
        let empty_due = self.empty_block_due().is_some_and(|due| cx.now >= due);
        if txs.is_empty() && view == View::ZERO && !empty_due {
            self.batch_since = None;
            return;
        }
        let rise = u64::from(!self.config.mutant(Mutation::TimeNotRising));
        let time_ms = wall_ms.max(parent.saturating_add(rise));
        let block = Arc::new(self.make_block(time_ms, txs));
        self.batch_since = None;
        self.propose(cx, &block);
    }

    fn make_block(&self, time_ms: u64, txs: &[RawTx]) -> Block {
        let ids: Vec<_> = txs.iter().map(RawTx::id).collect();
        let (new_leader, _) = self.replacement_for_fresh();
        let header = Header {
            chain_hash: self.chain,
            height: self.height(),
            view: self.view,
            prev_hash: self.tip.block_hash,
            prev_app_hash: self.tip.app_hash,
            tx_count: u32::try_from(ids.len()).unwrap_or(u32::MAX),
            tx_root: tx_root(&ids),
            validators_hash: self.committee.set_hash,
            params_hash: self.next.params_hash,
            time_ms,
            proposer: self.me,
            new_leader,
        };
        let bytes = txs.iter().map(|tx| tx.bytes().clone()).collect();
        Block::propose(header, bytes, &self.signer.0)
    }
}
