//! Links between nodes.

use std::sync::Arc;

use kwil_crypto::{Hash, PublicKey};
use kwil_types::ValidatorSet;

use super::rng::Rng;
use super::script::Network;
use crate::message::{Message, Proposal};
use crate::verify::Verified;

/// A message on its way, checked once.
#[derive(Debug)]
pub(crate) struct Envelope {
    pub(crate) verified: Verified,
    /// Equal for copies of one transmission.
    pub(crate) key: u64,
    pub(crate) signer: Option<PublicKey>,
}

impl Envelope {
    /// `None` when no honest node would pass it on.
    pub(crate) fn seal(
        message: Message,
        resend: u32,
        chain: Hash,
        set: &ValidatorSet,
    ) -> Option<Arc<Self>> {
        let key = key_of(&message, resend);
        let signer = message.signer();
        let verified = match message {
            // It travels one hop, on its signer's own connection.
            Message::Heartbeat(beat) => {
                let signer = beat.signer;
                Verified::heartbeat_from(beat, signer, chain)
            }
            other => Verified::check(other, chain, set),
        };
        Some(Arc::new(Self { verified: verified.ok()?, key, signer }))
    }

    pub(crate) const fn message(&self) -> &Message {
        self.verified.message()
    }
}

fn key_of(message: &Message, resend: u32) -> u64 {
    let signature = match message {
        Message::Proposal(proposal) => proposal.signed.signature,
        Message::Vote(vote) => vote.signature,
        Message::ViewChange(change) => change.signed.signature,
        Message::Nack(nack) => nack.vote.signature,
        Message::Heartbeat(beat) => beat.signature,
        Message::Directive(directive) => directive.signature,
        Message::Abort(abort) => abort.signature,
        Message::Commit(announce) => {
            let first = announce.certificate.signatures().next().map(|(_, signature)| *signature);
            first.unwrap_or(announce.block_signature)
        }
        Message::Evidence(evidence) => {
            let digest = kwil_crypto::sha256(&evidence.encode());
            return u64::from_be_bytes(digest.0[..8].try_into().expect("eight bytes"));
        }
    };
    let head: [u8; 8] = signature.0[..8].try_into().expect("eight bytes");
    u64::from_be_bytes(head) ^ u64::from(resend).rotate_left(40)
}

/// The proposal as it travels when its block is too large to be inside.
pub(crate) fn without_body(proposal: &Arc<Proposal>) -> Arc<Proposal> {
    Arc::new(Proposal { inline: None, ..proposal.as_ref().clone() })
}

/// State of the links.
#[derive(Debug)]
pub(crate) struct Links {
    pub(crate) network: Network,
    pub(crate) rng: Rng,
    /// `cut[from]` = mask of receivers that hear nothing, with the number of cuts in force per pair.
    cuts: Vec<Vec<u32>>,
    pub(crate) calm: bool,
    slow_calm: bool,
}

impl Links {
    pub(crate) fn new(nodes: usize, network: Network, slow_calm: bool, rng: Rng) -> Self {
        let cuts = vec![vec![0; nodes]; nodes];
        Self { network, rng, cuts, calm: false, slow_calm }
    }

    pub(crate) fn cut(&mut self, from: u32, to: u32, add: bool) {
        for (sender, row) in self.cuts.iter_mut().enumerate() {
            for (receiver, cuts) in row.iter_mut().enumerate() {
                if sender != receiver && from & (1 << sender) != 0 && to & (1 << receiver) != 0 {
                    *cuts = if add { *cuts + 1 } else { cuts.saturating_sub(1) };
                }
            }
        }
    }

    pub(crate) fn heal(&mut self) {
        self.cuts.iter_mut().flatten().for_each(|cuts| *cuts = 0);
        self.calm = true;
    }

    pub(crate) fn open(&self, from: usize, to: usize) -> bool {
        self.cuts[from][to] == 0
    }

    pub(crate) fn both_ways(&self, a: usize, b: usize) -> bool {
        self.open(a, b) && self.open(b, a)
    }

    pub(crate) fn delay(&mut self) -> u64 {
        let Network { delay_ms, jitter_ms, .. } = self.network;
        let (delay, jitter) = match (self.calm, self.slow_calm) {
            (true, true) => (delay_ms + 30, jitter_ms.min(100)),
            (true, false) => (1, 3),
            (false, _) => (delay_ms, jitter_ms),
        };
        delay + self.rng.below(jitter + 1)
    }

    /// Delays after which copies of a message arrive; empty when it is lost.
    pub(crate) fn arrivals(&mut self) -> Vec<u64> {
        if !self.calm && self.rng.chance(self.network.loss_permille) {
            return Vec::new();
        }
        let mut arrivals = vec![self.delay()];
        if !self.calm && self.rng.chance(self.network.duplicate_permille) {
            arrivals.push(self.delay() * 2 + 1);
        }
        arrivals
    }

    pub(crate) fn loses_body(&mut self) -> bool {
        self.rng.chance(self.network.bodiless_permille)
    }
}
