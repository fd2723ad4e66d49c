//! Signature checks at the edge, before a message reaches the machine.
//!
//! They need no state, so the driver runs them on any core; the machine then only compares hashes. What needs the
//! validator set of a height (membership, leadership, certificates) the machine checks itself.

use std::collections::BTreeSet;

use kwil_crypto::{Hash, NetworkSignature, SignatureError, context};
use kwil_types::{EvidenceError, Header, ValidatorSet, VoteKind};

use crate::message::{
    CommitAnnounce, Message, NACK_TEXT_MAX, Nack, Proposal, TX_IDS_MAX, VALIDATORS_MAX,
    ViewChangeMessage,
};

/// A message whose own signatures are valid and whose parts fit each other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Verified(Message);

/// Why a message is not worth a step. The peer that delivered it did not check it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// A signature is not by the key beside it.
    #[error("{what}: {source}")]
    Signature {
        /// Which signed part.
        what: &'static str,
        /// What is wrong with it.
        source: SignatureError,
    },
    /// The message belongs to another chain.
    #[error("{what} is for chain {got}, not {want}")]
    Chain {
        /// Which signed part.
        what: &'static str,
        /// This chain.
        want: Hash,
        /// The other one.
        got: Hash,
    },
    /// Evidence that proves nothing.
    #[error("evidence: {0}")]
    Evidence(#[from] EvidenceError),
    /// Parts of the message contradict each other.
    #[error("{0}")]
    Shape(&'static str),
    /// A list is longer than any honest sender makes it.
    #[error("{what}: {got} entries, at most {max}")]
    TooLong {
        /// Which list.
        what: &'static str,
        /// Its length.
        got: usize,
        /// The limit.
        max: usize,
    },
}

type Checked = Result<(), VerifyError>;

impl Verified {
    /// Checks every signature that names its key, the chain, and that the parts belong together.
    ///
    /// Costs one signature check for most messages, two plus one per view change and directive for proposals.
    /// `validators` is the set in force as the driver knows it; only evidence of conflicting certificates needs it.
    ///
    /// # Errors
    /// [`VerifyError`]: the message is to be dropped and its deliverer scored.
    pub fn check(
        message: Message,
        chain: Hash,
        validators: &ValidatorSet,
    ) -> Result<Self, VerifyError> {
        match &message {
            Message::Proposal(proposal) => check_proposal(proposal, chain)?,
            Message::Vote(vote) => {
                shape(vote.body.kind == VoteKind::Commit, "a vote message carries a rejection")?;
                check_vote(vote, chain)?;
            }
            Message::ViewChange(change) => check_view_change(change, chain)?,
            Message::Commit(announce) => check_announce(announce, chain)?,
            Message::Nack(nack) => check_nack(nack, chain)?,
            Message::Heartbeat(beat) => {
                same_chain("heartbeat", beat.body.chain_hash, chain)?;
                signed("heartbeat", beat.verify())?;
            }
            Message::Directive(directive) => check_directive(directive, chain)?,
            Message::Abort(abort) => {
                same_chain("abort", abort.body.chain_hash, chain)?;
                signed("abort", abort.verify())?;
            }
            Message::Evidence(evidence) => evidence.check(chain, validators)?,
        }
        Ok(Self(message))
    }

    /// A heartbeat that arrived on its signer's own authenticated connection: the channel proves it.
    ///
    /// # Errors
    /// [`VerifyError`] when it is not a heartbeat of this chain by that signer.
    pub fn heartbeat_from(
        beat: kwil_types::Heartbeat,
        peer: kwil_crypto::PublicKey,
        chain: Hash,
    ) -> Result<Self, VerifyError> {
        same_chain("heartbeat", beat.body.chain_hash, chain)?;
        shape(beat.signer == peer, "a heartbeat of another node needs its signature checked")?;
        Ok(Self(Message::Heartbeat(beat)))
    }

    /// The message.
    #[must_use]
    pub const fn message(&self) -> &Message {
        &self.0
    }

    /// The message, by value.
    #[must_use]
    pub fn into_message(self) -> Message {
        self.0
    }
}

fn shape(holds: bool, otherwise: &'static str) -> Checked {
    if holds { Ok(()) } else { Err(VerifyError::Shape(otherwise)) }
}

fn signed(what: &'static str, result: Result<(), SignatureError>) -> Checked {
    result.map_err(|source| VerifyError::Signature { what, source })
}

fn same_chain(what: &'static str, got: Hash, want: Hash) -> Checked {
    if got == want { Ok(()) } else { Err(VerifyError::Chain { what, want, got }) }
}

fn proposer_signed(header: &Header, signature: &NetworkSignature) -> Result<(), SignatureError> {
    header.proposer.verify_network(context::BLOCK, &header.hash().0, signature)
}

fn at_most(what: &'static str, got: usize, max: usize) -> Checked {
    if got <= max { Ok(()) } else { Err(VerifyError::TooLong { what, got, max }) }
}

fn check_vote(vote: &kwil_types::Vote, chain: Hash) -> Checked {
    same_chain("vote", vote.body.chain_hash, chain)?;
    signed("vote", vote.verify())
}

fn check_nack(nack: &Nack, chain: Hash) -> Checked {
    shape(nack.vote.body.kind == VoteKind::Reject, "a rejection carries a vote to commit")?;
    at_most("rejection text", nack.text.len(), NACK_TEXT_MAX)?;
    check_vote(&nack.vote, chain)
}

fn check_directive(directive: &kwil_types::LeaderDirective, chain: Hash) -> Checked {
    same_chain("directive", directive.body.chain_hash, chain)?;
    signed("directive", directive.verify())
}

fn check_view_change(change: &ViewChangeMessage, chain: Hash) -> Checked {
    same_chain("view change", change.signed.body.chain_hash, chain)?;
    let matches = change.signed.body.vote.is_some() == change.proof.is_some();
    shape(matches, "a view change proves a vote exactly when it reports one")?;
    let below =
        change.signed.body.vote.as_ref().is_none_or(|vote| vote.view < change.signed.body.view);
    shape(below, "a view change reports a vote that is not below its view")?;
    signed("view change", change.signed.verify())
}

fn check_announce(announce: &CommitAnnounce, chain: Hash) -> Checked {
    same_chain("header", announce.header.chain_hash, chain)?;
    let block = announce.header.hash();
    shape(
        block == announce.certificate.block_hash(),
        "certificate and header differ in the block",
    )?;
    let height = announce.header.height == announce.certificate.height();
    shape(height, "certificate and header differ in the height")?;
    signed("block signature", proposer_signed(&announce.header, &announce.block_signature))
}

fn check_proposal(proposal: &Proposal, chain: Hash) -> Checked {
    let Proposal { signed: offer, header, .. } = proposal;
    same_chain("proposal", offer.body.chain_hash, chain)?;
    same_chain("header", header.chain_hash, chain)?;
    at_most("justification", proposal.justification.len(), VALIDATORS_MAX)?;
    at_most("directives", proposal.directives.len(), VALIDATORS_MAX)?;
    at_most("transaction ids", proposal.tx_ids.len(), TX_IDS_MAX)?;
    shape(header.height == offer.body.height, "proposal and header differ in the height")?;
    shape(header.hash() == offer.body.block_hash, "proposal and header differ in the block")?;
    shape(header.view <= offer.body.view, "a block of a later view is proposed")?;
    check_body_plan(proposal)?;
    signed("proposal", offer.verify())?;
    signed("block signature", proposer_signed(header, &proposal.block_signature))?;
    let mut signers = BTreeSet::new();
    for change in &proposal.justification {
        let fits = (change.signed.body.height, change.signed.body.view)
            == (offer.body.height, offer.body.view);
        shape(fits, "a justification is of another height or view")?;
        shape(signers.insert(change.signed.signer), "a justification names a validator twice")?;
        check_view_change(change, chain)?;
    }
    proposal.directives.iter().try_for_each(|directive| check_directive(directive, chain))
}

fn check_body_plan(proposal: &Proposal) -> Checked {
    let count = usize::try_from(proposal.header.tx_count).unwrap_or(usize::MAX);
    if !proposal.tx_ids.is_empty() || (count == 0 && proposal.inline.is_none()) {
        shape(proposal.tx_ids.len() == count, "transaction ids and header differ in number")?;
        let root = kwil_types::tx_root(&proposal.tx_ids);
        shape(root == proposal.header.tx_root, "transaction ids do not give the root")?;
    }
    let Some(block) = &proposal.inline else { return Ok(()) };
    let same = *block.header() == proposal.header && *block.signature() == proposal.block_signature;
    shape(same, "the inline block has another header")?;
    let ids = block.tx_ids();
    shape(ids.len() == count, "the inline block and header differ in number")?;
    shape(kwil_types::tx_root(&ids) == proposal.header.tx_root, "the inline block has another root")
}

#[cfg(test)]
mod tests;
