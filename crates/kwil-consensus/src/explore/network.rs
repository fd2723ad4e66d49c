//! Everything that was ever sent, and what may never be among it.

use std::collections::BTreeMap;

use kwil_crypto::{Hash, PublicKey};
use kwil_types::{CommitCertificate, Height, ValidatorSet, View, Vote};

use super::table::fingerprint;
use crate::message::Message;
use crate::verify::Verified;

/// Numbered messages of all runs.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    known: Vec<Verified>,
    prints: Vec<u128>,
    numbers: BTreeMap<u128, u16>,
}

impl Messages {
    pub(crate) fn number(&mut self, message: Message, chain: Hash, set: &ValidatorSet) -> u16 {
        let print = fingerprint(&message);
        if let Some(number) = self.numbers.get(&print) {
            return *number;
        }
        let number = self.known.len() as u16;
        let verified = Verified::check(message, chain, set).expect("an honest message verifies");
        self.known.push(verified);
        self.prints.push(print);
        self.numbers.insert(print, number);
        number
    }

    pub(crate) fn get(&self, number: u16) -> &Verified {
        &self.known[usize::from(number)]
    }

    pub(crate) fn print(&self, number: u16) -> u128 {
        self.prints[usize::from(number)]
    }

    fn votes<'a>(&'a self, net: &'a [u16]) -> impl Iterator<Item = &'a Vote> {
        net.iter().filter_map(|number| match self.get(*number).message() {
            Message::Vote(vote) => Some(vote),
            _ => None,
        })
    }

    /// Whether adding a message breaks an invariant.
    pub(crate) fn conflict(&self, net: &[u16], new: u16) -> Option<String> {
        match self.get(new).message() {
            Message::Vote(vote) => self.vote_conflict(net, vote),
            Message::Proposal(proposal) => {
                let (signer, body) = (proposal.signed.signer, proposal.signed.body);
                let other = net.iter().find(|number| match self.get(**number).message() {
                    Message::Proposal(known) => {
                        known.signed.signer == signer
                            && (known.signed.body.height, known.signed.body.view)
                                == (body.height, body.view)
                            && known.signed.body.block_hash != body.block_hash
                    }
                    _ => false,
                });
                other.map(|_| format!("two proposals at height {} view {}", body.height, body.view))
            }
            _ => None,
        }
    }

    fn vote_conflict(&self, net: &[u16], vote: &Vote) -> Option<String> {
        let body = vote.body;
        let (height, view) = (body.height, body.view);
        for known in self.votes(net).filter(|known| known.signer == vote.signer) {
            let same = (known.body.height, known.body.view) == (height, view);
            if same && known.body != body {
                return Some(format!("two votes at height {height} view {view}"));
            }
            if known.body.block_hash == body.block_hash && known.body.app_hash != body.app_hash {
                return Some(format!("two app hashes for one block at height {height}"));
            }
        }
        let promised = net.iter().any(|number| match self.get(*number).message() {
            Message::ViewChange(change) => {
                change.signed.signer == vote.signer
                    && change.signed.body.height == height
                    && change.signed.body.view > view
            }
            _ => false,
        });
        promised.then(|| format!("vote in view {view} of height {height} below a promise"))
    }

    /// Values with a quorum of votes in one view, per height. `sets` = validators by height, from 1.
    pub(crate) fn certified(
        &self,
        net: &[u16],
        sets: &dyn Fn(Height) -> Option<std::sync::Arc<ValidatorSet>>,
    ) -> Vec<(Height, View, Hash, Hash)> {
        let mut counts: BTreeMap<(Height, View, Hash, Hash), Vec<PublicKey>> = BTreeMap::new();
        for vote in self.votes(net) {
            let body = vote.body;
            let key = (body.height, body.view, body.block_hash, body.app_hash);
            counts.entry(key).or_default().push(vote.signer);
        }
        let enough = |(key, voters): &(_, Vec<PublicKey>)| {
            let (height, _, _, _): &(Height, View, Hash, Hash) = key;
            sets(*height).is_some_and(|set| {
                voters.iter().filter(|voter| set.contains(voter)).count() >= set.quorum()
            })
        };
        counts.into_iter().filter(enough).map(|(key, _)| key).collect()
    }

    /// The certificate that the votes in the network make.
    pub(crate) fn certificate(
        &self,
        net: &[u16],
        (height, view, block, app): (Height, View, Hash, Hash),
        set: &ValidatorSet,
    ) -> Option<CommitCertificate> {
        let fits = |vote: &&Vote| {
            let body = vote.body;
            (body.height, body.view, body.block_hash, body.app_hash) == (height, view, block, app)
                && set.contains(&vote.signer)
        };
        let votes: Vec<Vote> = self.votes(net).filter(fits).take(set.quorum()).cloned().collect();
        CommitCertificate::from_votes(set, &votes).ok()
    }

    /// Whether a message matters to a node with this key.
    pub(crate) fn is_for(&self, number: u16, me: &PublicKey) -> bool {
        self.get(number).message().signer().as_ref() != Some(me)
    }
}
