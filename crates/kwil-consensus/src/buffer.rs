//! Messages of the next height that arrive before this one is committed.

use std::collections::BTreeMap;
use std::sync::Arc;

use kwil_crypto::{NodeId, PublicKey};
use kwil_types::{ValidatorSet, View, Vote};

use crate::message::{CommitAnnounce, Message, Proposal, ViewChangeMessage};

const PROPOSAL_VIEWS: usize = 4;
const VOTES_PER_VALIDATOR: usize = 4;
/// Signers outside of the current set that are remembered: joiners may sign the next height.
const STRANGERS: usize = 8;
const COMMITS: usize = 2;

/// What waits for the next height. Signers are judged once its validator set is known.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Buffer {
    proposals: BTreeMap<View, (NodeId, Arc<Proposal>, u64)>,
    votes: BTreeMap<PublicKey, Vec<Vote>>,
    changes: BTreeMap<PublicKey, Arc<ViewChangeMessage>>,
    commits: Vec<Arc<CommitAnnounce>>,
    unbounded: bool,
}

/// What was buffered, in the order it is replayed.
#[derive(Debug, Default)]
pub(crate) struct Buffered {
    pub(crate) messages: Vec<(Option<NodeId>, Message, u64)>,
}

impl Buffer {
    /// A buffer without bounds, for a planted defect.
    pub(crate) fn unbounded(unbounded: bool) -> Self {
        Self { unbounded, ..Self::default() }
    }

    fn admits<T>(
        &self,
        map: &BTreeMap<PublicKey, T>,
        signer: &PublicKey,
        set: &ValidatorSet,
    ) -> bool {
        let strangers = || map.keys().filter(|key| !set.contains(key)).count();
        set.contains(signer)
            || map.contains_key(signer)
            || strangers() < STRANGERS
            || self.unbounded
    }

    pub(crate) fn add(
        &mut self,
        from: NodeId,
        message: &Message,
        wall_ms: u64,
        set: &ValidatorSet,
    ) {
        match message {
            Message::Proposal(proposal) => {
                let view = proposal.signed.body.view;
                let room = self.proposals.len() < PROPOSAL_VIEWS || self.unbounded;
                let known = set.contains(&proposal.signed.signer);
                if room && (known || self.proposals.is_empty()) {
                    let arrived = (from, Arc::clone(proposal), wall_ms);
                    self.proposals.entry(view).or_insert(arrived);
                }
            }
            Message::Vote(vote) => {
                if self.admits(&self.votes, &vote.signer, set) {
                    let unbounded = self.unbounded;
                    let votes = self.votes.entry(vote.signer).or_default();
                    if (votes.len() < VOTES_PER_VALIDATOR || unbounded) && !votes.contains(vote) {
                        votes.push(vote.clone());
                    }
                }
            }
            Message::ViewChange(change) => {
                let signer = change.signed.signer;
                let newer = self
                    .changes
                    .get(&signer)
                    .is_none_or(|known| known.signed.body.view < change.signed.body.view);
                if newer && self.admits(&self.changes, &signer, set) {
                    self.changes.insert(signer, Arc::clone(change));
                }
            }
            Message::Commit(announce) => {
                if self.commits.len() < COMMITS && !self.commits.contains(announce) {
                    self.commits.push(Arc::clone(announce));
                }
            }
            Message::Nack(_)
            | Message::Heartbeat(_)
            | Message::Directive(_)
            | Message::Abort(_)
            | Message::Evidence(_) => {}
        }
    }

    /// Empties the buffer: view changes, then proposals, votes and certificates.
    pub(crate) fn take(&mut self) -> Buffered {
        let unbounded = self.unbounded;
        let taken = std::mem::replace(self, Self::unbounded(unbounded));
        let mut messages = Vec::new();
        let plain = |message| (None, message, 0);
        messages.extend(taken.changes.into_values().map(Message::ViewChange).map(plain));
        messages.extend(
            taken.proposals.into_values().map(|(from, proposal, wall_ms)| {
                (Some(from), Message::Proposal(proposal), wall_ms)
            }),
        );
        messages.extend(taken.votes.into_values().flatten().map(Message::Vote).map(plain));
        messages.extend(taken.commits.into_iter().map(Message::Commit).map(plain));
        Buffered { messages }
    }

    /// Messages held, for bounds.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn len(&self) -> usize {
        let votes = self.votes.values().map(Vec::len).fold(0, usize::saturating_add);
        [self.proposals.len(), votes, self.changes.len(), self.commits.len()]
            .into_iter()
            .fold(0, usize::saturating_add)
    }

    /// Most messages an honest bound lets in for a set of this size.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn bound(n: usize) -> usize {
        let signers = n.saturating_add(STRANGERS);
        signers
            .saturating_mul(VOTES_PER_VALIDATOR.saturating_add(1))
            .saturating_add(PROPOSAL_VIEWS)
            .saturating_add(COMMITS)
    }
}
