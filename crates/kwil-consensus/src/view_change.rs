//! Leaving a view: promises, view changes of others, and leading a view above 0.

use std::sync::Arc;

use kwil_crypto::PublicKey;
use kwil_types::{Evidence, ProposalBody, Signed, SignedProposal, View};

use crate::choice::{Choice, Weigh, choose_by, reporters};
use crate::effect::{Effect, Notice, Trigger};
use crate::held::HeldReason;
use crate::machine::{Cx, Machine, Phase};
use crate::message::{Message, ViewChangeMessage};
use crate::mutation::Mutation;
use crate::record::Record;

/// Furthest jump that a message of one validator can cause.
const JUMP_MAX: u64 = 1 << 20;
/// View changes remembered per validator beside the newest one.
const PER_VALIDATOR_MAX: usize = 4;

impl Machine {
    /// The view to go to when this one is left: the highest that a validator is in, or the next. A view further away
    /// than any honest validator can be is not believed; were it only clamped, one liar could keep everybody jumping
    /// between views of one dead leader.
    pub(crate) fn next_view(&self) -> View {
        let furthest = self.view.saturating_add(JUMP_MAX);
        let near = self.newest_views().into_iter().rfind(|view| *view <= furthest);
        self.view.next().max(near.unwrap_or_default())
    }

    /// Newest view of each validator's view changes, ascending.
    fn newest_views(&self) -> Vec<View> {
        let newest = self.changes.values().filter_map(|of| of.last_key_value());
        let mut views: Vec<View> = newest.map(|(view, _)| *view).collect();
        views.sort_unstable();
        views
    }

    /// Promises `view`, tells everybody, waits for its proposal. Keeps an open execution.
    pub(crate) fn enter_view(&mut self, cx: &mut Cx, view: View, trigger: Trigger) -> bool {
        if view <= self.view || !self.can_leave_view() {
            return false;
        }
        cx.push(Effect::Persist(vec![Record::Promise { height: self.height(), view }]));
        let change = Arc::new(self.sign_view_change(view));
        self.broadcast(cx, Message::ViewChange(Arc::clone(&change)));
        self.promise = view;
        self.move_to(cx.now, view);
        if !self.config.mutant(Mutation::TimeoutNeverGrows) {
            self.k = self.k.saturating_add(1);
        }
        self.own_change = Some(Arc::clone(&change));
        self.changes.entry(self.me).or_default().insert(view, change);
        self.broadcast_own_directive(cx);
        let (height, leader) = (self.height(), self.acting_leader());
        Self::notice(cx, Notice::NewView { height, view, leader, trigger });
        self.lead_view(cx);
        true
    }

    /// Sets what belongs to a view back to its start.
    pub(crate) fn move_to(&mut self, now: crate::Millis, view: View) {
        self.view = view;
        self.view_entered = now;
        self.phase = Phase::Await;
        self.proposed = false;
        self.proposal = None;
        self.own_change = None;
        self.lead_set.clear();
        self.nacked = false;
        self.nacks.clear();
        self.restart_view = false;
        self.retransmit_at = now.plus(self.config.retransmit_interval);
        self.prune_changes();
        self.prune_bodies();
    }

    /// Keeps the newest view changes of each validator and those of the current view.
    fn prune_changes(&mut self) {
        let view = self.view;
        for of_signer in self.changes.values_mut() {
            while of_signer.len() > PER_VALIDATOR_MAX {
                let oldest = of_signer.keys().copied().find(|known| *known != view);
                let Some(oldest) = oldest else { break };
                of_signer.remove(&oldest);
            }
        }
    }

    pub(crate) fn on_view_change(&mut self, cx: &mut Cx, change: &Arc<ViewChangeMessage>) {
        let (signer, view) = (change.signed.signer, change.signed.body.view);
        if !self.committee.set.contains(&signer) || !self.proof_holds(change) {
            return;
        }
        let reported = change.signed.body.vote.map(|vote| vote.view);
        if let Some(vote) = self.tally.hidden(&signer, reported, view) {
            let evidence = Evidence::Amnesia(Box::new((vote.clone(), change.signed.clone())));
            self.accuse(cx, evidence);
        }
        let of_signer = self.changes.entry(signer).or_default();
        let newest = of_signer.last_key_value().map(|(view, _)| *view);
        let wanted = newest.is_none_or(|newest| view > newest) || view == self.view;
        if !wanted || of_signer.contains_key(&view) {
            return;
        }
        of_signer.insert(view, Arc::clone(change));
        self.prune_changes();
        self.mark_seen(&signer, cx.now);
        self.join(cx, signer, view);
        self.join_views(cx);
        self.lead_view(cx);
    }

    /// Whether a reported vote was for a block that the leader of its view proposed.
    pub(crate) fn proof_holds(&self, change: &ViewChangeMessage) -> bool {
        match (change.signed.body.vote, change.proof) {
            (None, None) => true,
            (Some(vote), Some(proof)) if vote.view < change.signed.body.view => {
                let body = ProposalBody {
                    chain_hash: self.chain,
                    height: self.height(),
                    view: vote.view,
                    block_hash: vote.block_hash,
                    justification: proof.justification,
                };
                let signer = self.committee.leader(vote.view);
                let offer: SignedProposal = Signed { body, signer, signature: proof.signature };
                offer.verify().is_ok()
            }
            (Some(_), Some(_) | None) | (None, Some(_)) => false,
        }
    }

    /// Follows a validator whose view change says that the leader is gone or has resigned.
    fn join(&mut self, cx: &mut Cx, signer: PublicKey, view: View) {
        if view <= self.view || self.solo() {
            return;
        }
        let leader = self.acting_leader();
        let resigned = signer == leader && !matches!(self.phase, Phase::Exec(_));
        let gone = self.is_gone(&leader, cx.now);
        if resigned || gone {
            let bound = self.view.saturating_add(JUMP_MAX);
            let unbounded = self.config.mutant(Mutation::JoinWithoutBound);
            let view = if unbounded { view } else { view.min(bound) };
            self.enter_view(cx, view, Trigger::Joined);
        }
    }

    /// Joins the largest view that so many validators have entered that the lower ones cannot decide without them.
    pub(crate) fn join_views(&mut self, cx: &mut Cx) {
        if self.solo() || !self.can_leave_view() {
            return;
        }
        let blocking = self.committee.n().saturating_sub(self.quorum()).saturating_add(1);
        let views = self.newest_views();
        let from_top = views.len().checked_sub(blocking);
        if let Some(view) = from_top.and_then(|index| views.get(index)).copied()
            && view > self.view
        {
            self.enter_view(cx, view, Trigger::Joined);
        }
    }

    /// The view changes for the current view, in set order.
    fn changes_of_view(&self) -> Vec<Arc<ViewChangeMessage>> {
        let members = self.committee.set.iter();
        members
            .filter_map(|member| self.changes.get(&member.key)?.get(&self.view))
            .cloned()
            .collect()
    }

    pub(crate) fn choose(&self, set: &[Arc<ViewChangeMessage>]) -> Choice {
        let lowest = self.config.mutant(Mutation::ChoiceLowestView);
        let weigh = if lowest { Weigh::Lowest } else { Weigh::Highest };
        if self.config.mutant(Mutation::ChoiceIgnored) {
            return Choice::Free;
        }
        choose_by(set.iter().map(AsRef::as_ref), self.committee.n(), self.quorum_needed(), weigh)
    }

    /// As leader of a view above 0: proposes once a quorum has promised it.
    pub(crate) fn lead_view(&mut self, cx: &mut Cx) {
        let mine = self.leads(self.view) && self.view > View::ZERO && !self.proposed;
        let paused = self.not_before.is_some_and(|at| cx.now < at);
        if !mine || paused || self.phase != Phase::Await || !self.can_leave_view() {
            return;
        }
        let set = self.changes_of_view();
        if set.len() < self.quorum_needed() {
            return;
        }
        match self.choose(&set) {
            Choice::Free => {
                self.lead_set = set;
                self.build(cx);
            }
            Choice::Must(block) => {
                let from = reporters(&set, block);
                self.lead_set = set;
                match self.body(&block).cloned() {
                    Some(body) => self.propose(cx, &body),
                    None => self.fetch(cx, block, from),
                }
            }
            Choice::Hold { .. } if set.len() < self.committee.n() => {}
            Choice::Hold { .. } => {
                let height = self.height();
                self.hold(cx, HeldReason::Equivocation { height });
            }
        }
    }
}
