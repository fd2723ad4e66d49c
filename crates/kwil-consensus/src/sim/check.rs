//! Observers outside of the machines: they see every message and every commit, and know what must never happen.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use kwil_crypto::{Hash, PublicKey};
use kwil_types::{Block, CommitCertificate, Expected, Height, View, VoteBody};

use super::chain::{AppState, Keys};
use super::disk::Disk;
use crate::machine::{Machine, Phase};
use crate::message::Message;
use crate::record::Record;

/// What must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// No two nodes commit different values at one height.
    Agreement,
    /// A committed block continues the chain and its certificate has a quorum.
    Validity,
    /// One vote per validator and view, none below its promise.
    OneVote,
    /// View and height never go back.
    Monotone,
    /// One proposal per view and leader.
    OneProposal,
    /// A vote or promise leaves only after its record is durable.
    DurableFirst,
    /// One app hash per validator and block.
    OneAppHash,
    /// Certificates of one height agree.
    Certificates,
    /// Buffers stay within their bounds.
    Bounded,
    /// After trouble ends, everybody goes on.
    Liveness,
    /// A held node signs nothing.
    HeldIsSilent,
    /// Each transaction is committed once.
    OnceOnly,
    /// Without a quorum alive no view is left.
    QuietMinority,
    /// A fork among liars leaves evidence of one.
    Evidence,
    /// No timer ends an execution.
    PatientExecution,
    /// Effects follow the contract with the driver.
    Contract,
}

/// A broken invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Virtual milliseconds.
    pub at: u64,
    /// Where it showed.
    pub node: usize,
    /// Which one.
    pub invariant: Invariant,
    /// What was seen.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, node, invariant, detail } = self;
        write!(f, "{invariant:?} broken at node {node} after {at} ms: {detail}")
    }
}

type Found = Result<(), (Invariant, String)>;

fn broken(invariant: Invariant, detail: impl Into<String>) -> Found {
    Err((invariant, detail.into()))
}

/// Everything that was seen so far.
#[derive(Debug)]
pub(crate) struct Observer {
    chain: Hash,
    liar: Option<PublicKey>,
    votes: BTreeMap<(PublicKey, Height, View), VoteBody>,
    app_hashes: BTreeMap<(PublicKey, Height, Hash), Hash>,
    promises: BTreeMap<(PublicKey, Height), View>,
    proposals: BTreeMap<(PublicKey, Height, View), Hash>,
    certified: BTreeMap<Height, (Hash, Hash)>,
    /// The one chain, and the state after each height.
    pub(crate) committed: Vec<(Arc<Block>, AppState)>,
    genesis: AppState,
    pub(crate) highest_view: u64,
    /// Culprits that honest nodes have evidence of.
    pub(crate) accused: Vec<Option<PublicKey>>,
    /// Nodes whose operators ordered a candidate to lead.
    pub(crate) ordered: BTreeSet<(PublicKey, PublicKey)>,
    forked: bool,
    pruned: Height,
}

impl Observer {
    pub(crate) fn new(chain: Hash, genesis: AppState, liar: Option<PublicKey>) -> Self {
        Self {
            chain,
            liar,
            votes: BTreeMap::new(),
            app_hashes: BTreeMap::new(),
            promises: BTreeMap::new(),
            proposals: BTreeMap::new(),
            certified: BTreeMap::new(),
            committed: Vec::new(),
            genesis,
            highest_view: 0,
            accused: Vec::new(),
            ordered: BTreeSet::new(),
            forked: false,
            pruned: Height::ZERO,
        }
    }

    fn state(&self, height: u64) -> Option<&AppState> {
        match height.checked_sub(1) {
            None => Some(&self.genesis),
            Some(index) => self.committed.get(index as usize).map(|(_, state)| state),
        }
    }

    /// A node sends a message that it signed.
    pub(crate) fn sent(&mut self, machine: &Machine, disk: &Disk, message: &Message) -> Found {
        if message.signer().is_some_and(|signer| Some(signer) == self.liar) {
            return Ok(());
        }
        let signs =
            matches!(message, Message::Vote(_) | Message::ViewChange(_) | Message::Proposal(_));
        if signs && matches!(machine.phase, Phase::Held(_)) {
            return broken(Invariant::HeldIsSilent, format!("{:?} sent", message.kind()));
        }
        match message {
            Message::Vote(vote) => {
                let logged = Record::Vote(vote.clone());
                if !disk.records.contains(&logged) {
                    return broken(Invariant::DurableFirst, "vote sent before it was durable");
                }
                let proposal = machine.proposal.as_ref().filter(|p| p.signed.body.view.0 > 0);
                if proposal.is_some_and(|p| p.justification.len() < machine.quorum()) {
                    return broken(Invariant::Validity, "vote for an unjustified proposal");
                }
                self.vote(vote.signer, &vote.body)
            }
            Message::ViewChange(change) => {
                let body = change.signed.body;
                let logged = Record::Promise { height: body.height, view: body.view };
                if !disk.records.contains(&logged) {
                    return broken(
                        Invariant::DurableFirst,
                        "view change sent before it was durable",
                    );
                }
                let promise = self.promises.entry((change.signed.signer, body.height)).or_default();
                *promise = (*promise).max(body.view);
                Ok(())
            }
            Message::Proposal(proposal) => {
                let body = proposal.signed.body;
                let key = (proposal.signed.signer, body.height, body.view);
                let first = *self.proposals.entry(key).or_insert(body.block_hash);
                if first != body.block_hash {
                    let detail = format!("two blocks at height {} view {}", body.height, body.view);
                    return broken(Invariant::OneProposal, detail);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn vote(&mut self, signer: PublicKey, body: &VoteBody) -> Found {
        let (height, view) = (body.height, body.view);
        let promise = self.promises.get(&(signer, height)).copied().unwrap_or_default();
        match self.votes.get(&(signer, height, view)) {
            Some(first) if first != body => {
                let detail = format!("two votes at height {height} view {view}");
                return broken(Invariant::OneVote, detail);
            }
            // A repeated vote is not a new one.
            Some(_) => return Ok(()),
            None if view < promise => {
                let detail =
                    format!("vote in view {view} of height {height} after promising {promise}");
                return broken(Invariant::OneVote, detail);
            }
            None => {
                self.votes.insert((signer, height, view), *body);
            }
        }
        let app = self.app_hashes.entry((signer, height, body.block_hash)).or_insert(body.app_hash);
        if *app != body.app_hash {
            return broken(Invariant::OneAppHash, format!("two app hashes at height {height}"));
        }
        Ok(())
    }

    /// A node makes a block durable.
    pub(crate) fn commits(
        &mut self,
        block: &Arc<Block>,
        certificate: &CommitCertificate,
        keys: &Keys,
    ) -> Found {
        let height = certificate.height();
        self.highest_view = self.highest_view.max(certificate.view().0);
        let value = (certificate.block_hash(), certificate.app_hash());
        let known = *self.certified.entry(height).or_insert(value);
        if known != value {
            self.forked = true;
            if self.liar.is_some() {
                return Ok(());
            }
            return broken(Invariant::Agreement, format!("height {height} has two values"));
        }
        if self.forked {
            return Ok(());
        }
        let Some(before) = self.state(height.0 - 1).cloned() else {
            return broken(Invariant::Validity, format!("height {height} skips heights"));
        };
        if self.committed.len() as u64 >= height.0 {
            return Ok(());
        }
        self.check_block(block, certificate, &before)?;
        let after = before.execute(block, keys);
        if block.tx_ids().iter().any(|id| before.applied.contains(id)) {
            return broken(Invariant::OnceOnly, format!("height {height} repeats a transaction"));
        }
        self.committed.push((Arc::clone(block), after));
        self.forget(height);
        Ok(())
    }

    fn check_block(
        &self,
        block: &Block,
        certificate: &CommitCertificate,
        before: &AppState,
    ) -> Found {
        let invalid = |detail: String| broken(Invariant::Validity, detail);
        let header = block.header();
        let next = before.next();
        if let Err(error) = certificate.verify(self.chain, &next.validators) {
            return invalid(error.to_string());
        }
        if certificate.block_hash() != block.hash() {
            return invalid("the certificate is for another block".to_owned());
        }
        let parent = self.committed.last().map(|(parent, _)| parent);
        let proposer = parent.map(|parent| parent.header().proposer);
        let first =
            next.validators.first_leader(&next.leader, next.leader_changed, proposer.as_ref());
        let expected = Expected {
            chain_hash: self.chain,
            height: certificate.height(),
            prev_hash: parent.map_or(Hash::ZERO, |parent| parent.hash()),
            prev_app_hash: before.app_hash,
            validators: &next.validators,
            validators_hash: next.validators.hash(),
            params_hash: next.params_hash,
            first_leader: first,
            parent_time_ms: parent.map_or(0, |parent| parent.header().time_ms),
        };
        if let Err(error) = header.check(&expected) {
            return invalid(error.to_string());
        }
        let Some(leader) = header.new_leader else { return Ok(()) };
        let orders = next.validators.iter().filter(|v| self.ordered.contains(&(v.key, leader)));
        if orders.count() < next.validators.quorum() {
            return invalid("a leader was replaced without a quorum of orders".to_owned());
        }
        Ok(())
    }

    /// Old heights are settled; their messages need no memory.
    fn forget(&mut self, height: Height) {
        let Some(keep) = height.0.checked_sub(20).map(Height) else { return };
        if keep.0 < self.pruned.0 + 20 {
            return;
        }
        self.pruned = keep;
        self.votes.retain(|(_, at, _), _| *at >= keep);
        self.app_hashes.retain(|(_, at, _), _| *at >= keep);
        self.promises.retain(|(_, at), _| *at >= keep);
        self.proposals.retain(|(_, at, _), _| *at >= keep);
    }

    /// After a run with a liar: a fork needs a culprit that somebody can prove.
    pub(crate) fn culprit_known(&self) -> Found {
        if !self.forked || self.accused.iter().any(|key| key.is_none() || *key == self.liar) {
            return Ok(());
        }
        broken(Invariant::Evidence, "two values were committed and nobody can prove who lied")
    }

    pub(crate) const fn forked(&self) -> bool {
        self.forked
    }
}

/// Before and after one step of a machine.
pub(crate) fn step_is_sound(before: (Height, View), machine: &Machine) -> Found {
    let after = (machine.height(), machine.view());
    if after < before {
        return broken(Invariant::Monotone, format!("{before:?} became {after:?}"));
    }
    match machine.over_bound() {
        None => Ok(()),
        Some(what) => broken(Invariant::Bounded, what),
    }
}
