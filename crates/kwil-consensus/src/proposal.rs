//! Making, checking and accepting proposals.

use std::sync::Arc;

use kwil_crypto::{Hash, NodeId};
use kwil_types::{
    Block, Evidence, Expected, Header, ProposalBody, SignedProposal, View, justification_hash,
};

use crate::choice::Choice;
use crate::effect::{Effect, Notice};
use crate::machine::{Cx, Machine, Phase};
use crate::message::{
    INLINE_BLOCK_MAX, Message, NackReason, Proposal, TX_IDS_MAX, ViewChangeMessage,
};
use crate::mutation::Mutation;

/// A fresh block may be this far ahead of the local clock, in milliseconds.
pub(crate) const CLOCK_AHEAD_MAX: u64 = 10_000;
/// Views whose first proposal is remembered.
const OFFERS_MAX: usize = 16;

/// Whether a proposal brings a block of its own view or one that was voted for earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Fresh,
    Repeated,
}

/// Why a proposal is dropped without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unjustified {
    /// Its own justification demands another block.
    Choice,
    /// Its justification is no justification.
    Justification(&'static str),
}

type Rejection = (NackReason, String);

impl Machine {
    /// Offers a block in the current view and executes it like everybody else.
    pub(crate) fn propose(&mut self, cx: &mut Cx, block: &Arc<Block>) {
        let set = std::mem::take(&mut self.lead_set);
        let signed_changes: Vec<_> = set.iter().map(|change| change.signed.clone()).collect();
        let justification = if self.view == View::ZERO {
            Hash::ZERO
        } else {
            justification_hash(&self.committee.set, &signed_changes).unwrap_or(Hash::ZERO)
        };
        let body = ProposalBody {
            chain_hash: self.chain,
            height: self.height(),
            view: self.view,
            block_hash: block.hash(),
            justification,
        };
        let fresh = block.header().view == self.view && block.header().proposer == self.me;
        let directives = match block.header().new_leader {
            Some(_) if fresh => self.directives_for_me(),
            Some(_) | None => Vec::new(),
        };
        let justification = set.iter().map(|change| change.as_ref().clone()).collect();
        let signed = SignedProposal::sign(body, &self.signer.0);
        let proposal = Arc::new(Self::compose(signed, block, directives, justification));
        self.proposed = true;
        self.last_proposal = Some(cx.now);
        self.remember_offer(&proposal.signed);
        self.broadcast(cx, Message::Proposal(Arc::clone(&proposal)));
        self.retransmit_at = cx.now.plus(self.config.retransmit_interval);
        self.bodies.insert(block.hash(), Arc::clone(block));
        self.accept(cx, &proposal, None);
    }

    pub(crate) fn compose(
        signed: SignedProposal,
        block: &Arc<Block>,
        directives: Vec<kwil_types::LeaderDirective>,
        justification: Vec<ViewChangeMessage>,
    ) -> Proposal {
        let listed = block.txs().len() <= TX_IDS_MAX;
        let bytes = block.txs().iter().map(|tx| tx.len().saturating_add(4));
        let small = bytes.fold(2048, usize::saturating_add) <= INLINE_BLOCK_MAX;
        Proposal {
            signed,
            header: block.header().clone(),
            block_signature: *block.signature(),
            tx_ids: if listed { block.tx_ids() } else { Vec::new() },
            inline: small.then(|| Arc::clone(block)),
            directives,
            justification,
        }
    }

    /// The checks P1 to P7 in order; a proposal that passes is executed.
    pub(crate) fn on_proposal(
        &mut self,
        cx: &mut Cx,
        from: NodeId,
        proposal: &Arc<Proposal>,
        wall_ms: u64,
    ) {
        let (signer, view) = (proposal.signed.signer, proposal.signed.body.view);
        if signer != self.committee.leader(view) {
            let what = "proposal of a node that does not lead the view";
            return Self::notice(cx, Notice::Misbehaviour { validator: signer, what });
        }
        if self.is_second_offer(cx, proposal) {
            return;
        }
        if !self.is_validator() {
            return self.remember_plan(proposal);
        }
        if view < self.view || view < self.promise {
            if let Some(own) = self.own_change.clone() {
                self.send(cx, signer, Message::ViewChange(own));
            }
            if !self.config.mutant(Mutation::VoteBelowPromise) {
                return;
            }
        }
        if self.decided() || !self.is_open_for(view) {
            return;
        }
        let origin = match self.justified(proposal) {
            Ok(origin) => origin,
            Err(why) => return self.refuse(cx, proposal, why),
        };
        self.mark_seen(&signer, cx.now);
        let rejection = self.check_offer(proposal, origin, wall_ms).err();
        if view != self.view {
            self.move_to(cx.now, view);
        }
        match rejection {
            Some(rejection) => self.reject(cx, proposal, &rejection),
            None => self.accept(cx, proposal, Some(from)),
        }
    }

    /// A view above the own one, or the own one while no proposal of it was accepted or rejected.
    fn is_open_for(&self, view: View) -> bool {
        let waiting = self.phase == Phase::Await && self.proposal.is_none() && !self.nacked;
        let again = self.config.mutant(Mutation::VoteTwice)
            && matches!(self.phase, Phase::Voted(_) | Phase::Exec(_));
        view > self.view || waiting || again || view < self.view
    }

    /// A second block of one leader in one view is evidence and goes no further.
    fn is_second_offer(&mut self, cx: &mut Cx, proposal: &Proposal) -> bool {
        let view = proposal.signed.body.view;
        if let Some(first) = self.offers.get(&view) {
            if first.body.block_hash == proposal.signed.body.block_hash {
                return false;
            }
            let pair = Box::new([first.clone(), proposal.signed.clone()]);
            self.accuse(cx, Evidence::DoubleProposal(pair));
            return !self.config.mutant(Mutation::VoteTwice);
        }
        self.remember_offer(&proposal.signed);
        false
    }

    /// Keeps the first proposal of the newest views.
    fn remember_offer(&mut self, offer: &SignedProposal) {
        self.offers.insert(offer.body.view, offer.clone());
        while self.offers.len() > OFFERS_MAX {
            self.offers.pop_first();
        }
    }

    /// A node that does not vote keeps the newest proposal: it lists the transactions of the block to come.
    fn remember_plan(&mut self, proposal: &Arc<Proposal>) {
        let view = proposal.signed.body.view;
        if self.proposal.as_ref().is_none_or(|known| known.signed.body.view < view) {
            if let Some(block) = &proposal.inline {
                self.bodies.clear();
                self.bodies.insert(block.hash(), Arc::clone(block));
            }
            self.proposal = Some(Arc::clone(proposal));
        }
    }

    fn refuse(&mut self, cx: &mut Cx, proposal: &Proposal, why: Unjustified) {
        let validator = proposal.signed.signer;
        let what = match why {
            Unjustified::Choice => {
                let changes = proposal.justification.iter().map(|c| c.signed.clone()).collect();
                let pair = Box::new((proposal.signed.clone(), changes));
                self.accuse(cx, Evidence::BadProposal(pair));
                "proposal of another block than its justification demands"
            }
            Unjustified::Justification(what) => what,
        };
        Self::notice(cx, Notice::Misbehaviour { validator, what });
    }

    /// P5 and P6: the justification allows this block in this view.
    fn justified(&self, proposal: &Proposal) -> Result<Origin, Unjustified> {
        let (signer, body) = (proposal.signed.signer, proposal.signed.body);
        let fresh = proposal.header.view == body.view && proposal.header.proposer == signer;
        if body.view == View::ZERO {
            let empty = proposal.justification.is_empty() && body.justification.is_zero();
            return match (empty, fresh) {
                (true, true) => Ok(Origin::Fresh),
                (false, _) => Err(Unjustified::Justification("justification in view 0")),
                (true, false) => Err(Unjustified::Justification("block of another proposer")),
            };
        }
        self.check_changes(proposal)?;
        let set: Vec<_> = proposal.justification.iter().cloned().map(Arc::new).collect();
        match self.choose(&set) {
            Choice::Free if fresh => Ok(Origin::Fresh),
            Choice::Free => Err(Unjustified::Choice),
            Choice::Must(block) if block == body.block_hash => Ok(Origin::Repeated),
            Choice::Must(_) => Err(Unjustified::Choice),
            Choice::Hold { .. } => Err(Unjustified::Justification("undecided justification")),
        }
    }

    fn check_changes(&self, proposal: &Proposal) -> Result<(), Unjustified> {
        let wrong = |what| Err(Unjustified::Justification(what));
        let needed = if self.config.mutant(Mutation::JustificationWithoutQuorum) {
            0
        } else {
            self.quorum_needed()
        };
        if proposal.justification.len() < needed {
            return wrong("justification without a quorum");
        }
        let changes: Vec<_> = proposal.justification.iter().map(|c| c.signed.clone()).collect();
        // `None` for a stranger or a validator named twice.
        if justification_hash(&self.committee.set, &changes)
            != Some(proposal.signed.body.justification)
        {
            return wrong("justification differs from its hash");
        }
        let body = &proposal.signed.body;
        let of_this_view = |c: &ViewChangeMessage| {
            (c.signed.body.height, c.signed.body.view) == (body.height, body.view)
        };
        if !proposal.justification.iter().all(of_this_view) {
            return wrong("justification of another view");
        }
        if !proposal.justification.iter().all(|change| self.proof_holds(change)) {
            return wrong("a reported vote is not proven");
        }
        Ok(())
    }

    /// P7: the header continues the chain, and a fresh one also obeys the clock and the replacement rule.
    fn check_offer(
        &self,
        proposal: &Proposal,
        origin: Origin,
        wall_ms: u64,
    ) -> Result<(), Rejection> {
        let header = &proposal.header;
        self.check_header(header).map_err(|why| (NackReason::InvalidBlock, why))?;
        if origin == Origin::Repeated {
            return Ok(());
        }
        if header.time_ms > wall_ms.saturating_add(CLOCK_AHEAD_MAX) {
            let text = format!("block time {} is too far ahead of {wall_ms}", header.time_ms);
            return Err((NackReason::Clock, text));
        }
        match header.new_leader {
            Some(leader) if !self.directives_justify(&proposal.directives, leader) => {
                Err((NackReason::InvalidBlock, "new leader without orders of a quorum".to_owned()))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// What every committed block obeys.
    pub(crate) fn check_header(&self, header: &Header) -> Result<(), String> {
        let slack = u64::from(self.config.mutant(Mutation::TimeNotRising));
        let expected = Expected {
            chain_hash: self.chain,
            height: self.height(),
            prev_hash: self.tip.block_hash,
            prev_app_hash: self.tip.app_hash,
            validators: &self.committee.set,
            validators_hash: self.committee.set_hash,
            params_hash: self.next.params_hash,
            first_leader: self.committee.first,
            parent_time_ms: self.tip.time_ms.saturating_sub(slack),
        };
        header.check(&expected).map_err(|error| error.to_string())?;
        match self.config.checkpoint {
            Some((height, block)) if height == header.height && block != header.hash() => {
                Err(format!("block at height {height} is not the checkpoint {block}"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Says no, and leaves the view as soon as that is allowed.
    fn reject(&mut self, cx: &mut Cx, proposal: &Proposal, (reason, text): &Rejection) {
        let (view, block) = (proposal.signed.body.view, proposal.signed.body.block_hash);
        Self::notice(cx, Notice::Rejected { block, why: text.clone() });
        self.broadcast_nack(cx, view, block, (*reason, text));
        self.nacked = true;
        self.phase = Phase::Await;
        self.proposal = None;
    }

    /// The accepted proposal of the current view cannot be executed.
    pub(crate) fn reject_current(&mut self, cx: &mut Cx, reason: NackReason, text: &str) {
        self.cancel_execution(cx);
        if let Some(proposal) = self.proposal.take() {
            self.reject(cx, &proposal, &(reason, text.to_owned()));
        }
    }

    /// Takes a proposal as the one of the current view.
    fn accept(&mut self, cx: &mut Cx, proposal: &Arc<Proposal>, from: Option<NodeId>) {
        let block = proposal.signed.body.block_hash;
        self.proposal = Some(Arc::clone(proposal));
        if let Some(inline) = &proposal.inline {
            self.bodies.insert(block, Arc::clone(inline));
        }
        let executing = self.exec.as_ref().is_some_and(|exec| exec.block.hash() == block);
        if executing {
            self.phase = Phase::Exec(block);
            self.log_candidate(cx);
            return;
        }
        self.cancel_execution(cx);
        match self.bodies.get(&block).cloned() {
            Some(body) => self.execute(cx, &body),
            None => self.fetch(cx, block, from.map(|peer| peer.0).into_iter().collect()),
        }
    }

    /// Asks for a body; the plan helps when a proposal of that block is known.
    pub(crate) fn fetch(&mut self, cx: &mut Cx, block: Hash, from: Vec<kwil_crypto::PublicKey>) {
        self.phase = Phase::Fetch(block);
        self.fetch_started = cx.now;
        let of_block = |proposal: &&Arc<Proposal>| proposal.signed.body.block_hash == block;
        let plan = self.proposal.as_ref().filter(of_block).cloned();
        let from = from.into_iter().map(NodeId::new).collect();
        cx.push(Effect::FetchBody { block, plan, from });
    }
}
