//! Giving votes and counting them.

use std::sync::Arc;

use kwil_crypto::Hash;
use kwil_types::{CommitCertificate, Evidence, View, Vote};

use crate::effect::{Effect, Notice, Trigger};
use crate::held::HeldReason;
use crate::machine::{Cx, Machine, OwnVote, Phase};
use crate::message::{Message, Nack};
use crate::mutation::Mutation;
use crate::record::Record;
use crate::tally::Added;

impl Machine {
    /// App hash of an own vote for a block.
    pub(crate) fn own_app_hash(&self, block: Hash) -> Option<Hash> {
        let own = self.votes.iter().find(|own| own.vote.body.block_hash == block);
        own.map(|own| own.vote.body.app_hash)
    }

    /// Votes for the accepted proposal once it is executed and nothing forbids it.
    pub(crate) fn try_vote(&mut self, cx: &mut Cx) {
        let Phase::Exec(block) = self.phase else {
            return self.vote_while_held(cx);
        };
        let executed = self.exec.as_ref().filter(|exec| exec.block.hash() == block);
        let Some(app) = executed.and_then(|exec| exec.result) else { return };
        let Some(proposal) = self.proposal.clone() else { return };
        let body = proposal.signed.body;
        let current = body.view == self.view && body.block_hash == block;
        let below = self.view < self.promise && !self.config.mutant(Mutation::VoteBelowPromise);
        let again = self.voted_in(self.view) && !self.config.mutant(Mutation::VoteTwice);
        if !current || below || again || self.decided() || !self.can_sign() {
            return;
        }
        match self.own_app_hash(block) {
            Some(first) if first != app && !self.config.mutant(Mutation::AppHashForgotten) => {
                self.hold(cx, HeldReason::Nondeterminism { block, first, second: app });
            }
            Some(_) | None => self.cast(cx, proposal, app),
        }
    }

    /// Planted defect: a held node goes on voting for what it is offered.
    fn vote_while_held(&mut self, cx: &mut Cx) {
        if self.held() && self.config.mutant(Mutation::HeldVotes) && !self.voted_in(self.view) {
            let vote = self.sign_vote(self.view, self.tip.block_hash, self.tip.app_hash);
            self.broadcast(cx, Message::Vote(vote));
        }
    }

    fn cast(&mut self, cx: &mut Cx, proposal: Arc<crate::message::Proposal>, app: Hash) {
        let (view, block) = (self.view, proposal.signed.body.block_hash);
        let vote = self.sign_vote(view, block, app);
        let early = self.config.mutant(Mutation::VoteBeforePersist);
        if early {
            self.broadcast(cx, Message::Vote(vote.clone()));
        }
        if !self.solo() {
            let mut records = Vec::from_iter(self.candidate_record());
            records.push(Record::Promise { height: self.height(), view });
            records.push(Record::Vote(vote.clone()));
            cx.push(Effect::Persist(records));
        }
        if !early {
            self.broadcast(cx, Message::Vote(vote.clone()));
        }
        self.promise = self.promise.max(view);
        self.votes.push(OwnVote { vote: vote.clone(), proposal });
        self.phase = Phase::Voted(block);
        self.voted_at = cx.now;
        self.retransmit_at = cx.now.plus(self.config.retransmit_interval);
        self.tally.add(vote);
        self.note_voted(self.me, self.height(), cx.now);
        self.count(cx, view, block, app);
        self.watch_hope(cx, block);
    }

    pub(crate) fn on_vote(&mut self, cx: &mut Cx, vote: &Vote) {
        if !self.committee.set.contains(&vote.signer) {
            return;
        }
        let body = vote.body;
        match self.tally.add(vote.clone()) {
            Added::Known => return,
            Added::Double { first } => {
                let pair = Box::new([first, vote.clone()]);
                return self.accuse(cx, Evidence::DoubleVote(pair));
            }
            Added::New { other_app_hash: Some(first) } => {
                let pair = Box::new([first, vote.clone()]);
                self.accuse(cx, Evidence::TwoAppHashes(pair));
            }
            Added::New { other_app_hash: None } => {}
        }
        self.accuse_hidden(cx, vote);
        self.mark_seen(&vote.signer, cx.now);
        self.note_voted(vote.signer, body.height, cx.now);
        self.count(cx, body.view, body.block_hash, body.app_hash);
        self.watch_hope(cx, body.block_hash);
    }

    /// A vote that its signer's later view change did not report.
    fn accuse_hidden(&mut self, cx: &mut Cx, vote: &Vote) {
        let Some(changes) = self.changes.get(&vote.signer) else { return };
        let hides = |reported: Option<View>| reported.is_none_or(|view| view < vote.body.view);
        let liar = changes
            .range(vote.body.view.next()..)
            .map(|(_, change)| &change.signed)
            .find(|signed| hides(signed.body.vote.map(|report| report.view)))
            .cloned();
        if let Some(change) = liar {
            self.accuse(cx, Evidence::Amnesia(Box::new((vote.clone(), change))));
        }
    }

    /// Makes a certificate when a quorum agrees.
    pub(crate) fn count(&mut self, cx: &mut Cx, view: View, block: Hash, app: Hash) {
        if self.decided() || self.phase == Phase::Sync {
            return;
        }
        let votes = self.tally.agreeing(view, block, app);
        if votes.len() < self.quorum() {
            return;
        }
        if let Ok(certificate) = CommitCertificate::from_votes(&self.committee.set, &votes) {
            self.on_certificate(cx, certificate, None);
        }
    }

    /// Stops when no app hash of a block can reach a quorum any more.
    fn watch_hope(&mut self, cx: &mut Cx, block: Hash) {
        let voters = self.tally.app_hashes(block);
        if voters.len() < 2 || self.decided() {
            return;
        }
        let voted = voters.values().map(std::collections::BTreeSet::len).sum::<usize>();
        let open = self.committee.n().saturating_sub(voted);
        let best = voters.values().map(std::collections::BTreeSet::len).max().unwrap_or(0);
        if best.saturating_add(open) < self.quorum() {
            let height = self.height();
            self.hold(cx, HeldReason::NoAppHashMajority { height, block });
        }
    }

    /// A validator rejects the block of this view.
    pub(crate) fn on_nack(&mut self, cx: &mut Cx, nack: &Nack) {
        let signer = nack.vote.signer;
        let current = self.proposal.as_ref().is_some_and(|proposal| {
            let body = proposal.signed.body;
            (body.view, body.block_hash) == (nack.vote.body.view, nack.vote.body.block_hash)
        });
        if !current || !self.committee.set.contains(&signer) || !self.nacks.insert(signer) {
            return;
        }
        Self::notice(cx, Notice::Nacked { validator: signer, text: nack.text.clone() });
        let busy = matches!(self.phase, Phase::Exec(_) | Phase::Voted(_));
        let most = self.committee.n().saturating_sub(self.quorum());
        let alive = self.alive_count(cx.now) >= self.quorum();
        if self.leads(self.view) && busy && alive && self.nacks.len() > most {
            let view = self.next_view();
            self.enter_view(cx, view, Trigger::Nacked);
        }
    }
}
