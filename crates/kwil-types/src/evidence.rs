//! Evidence: signed messages that together prove a fault of a validator.

use kwil_crypto::{Hash, PublicKey, SignatureError};

use crate::signed::{Signed, SignedBody, SignedProposal, ViewChange};
use crate::wire::{Reader, WireError, Writer};
use crate::{CertificateError, CommitCertificate, Height, ValidatorSet, Vote, VoteKind};

/// Longest encoded evidence, in bytes.
pub const MAX_EVIDENCE_LEN: usize = 1 << 20;
/// Shortest encoded view change in a justification: length, body and signature.
const MIN_VIEW_CHANGE: usize = 150;

/// Two signed messages that no honest validator signs both, or two certificates of one height.
///
/// Decoding says nothing about the proof: call [`Evidence::check`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Evidence {
    /// Two proposals of one leader for one view, of different blocks.
    DoubleProposal(Box<[SignedProposal; 2]>),
    /// Two commit votes of one validator in one view, for different blocks or app hashes.
    DoubleVote(Box<[Vote; 2]>),
    /// Two commit votes of one validator for one block, with different app hashes.
    TwoAppHashes(Box<[Vote; 2]>),
    /// A vote, and a view change into a later view that hides it.
    Amnesia(Box<(Vote, ViewChange)>),
    /// A proposal with its justification, whose choice is another block. Needs the choice rule of consensus to judge.
    BadProposal(Box<(SignedProposal, Vec<ViewChange>)>),
    /// Two certificates of one height for different blocks or app hashes.
    ConflictingCertificates(Box<[CommitCertificate; 2]>),
}

/// Why evidence proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// A message belongs to another network.
    #[error("evidence of another network")]
    OtherChain,
    /// The two messages are by different validators.
    #[error("messages of two validators")]
    TwoSigners,
    /// A message is not signed by its signer.
    #[error("signature: {0}")]
    Signature(#[from] SignatureError),
    /// A certificate is not valid.
    #[error("certificate: {0}")]
    Certificate(#[from] CertificateError),
    /// The messages do not contradict each other.
    #[error("the messages do not contradict each other")]
    NoContradiction,
}

impl Evidence {
    /// Number of the kind in the encoding.
    const fn kind(&self) -> u8 {
        match self {
            Self::DoubleProposal(_) => 1,
            Self::DoubleVote(_) => 2,
            Self::TwoAppHashes(_) => 3,
            Self::Amnesia(_) => 4,
            Self::BadProposal(_) => 5,
            Self::ConflictingCertificates(_) => 6,
        }
    }

    /// Name of the kind, for logs and operators.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::DoubleProposal(_) => "double_proposal",
            Self::DoubleVote(_) => "double_vote",
            Self::TwoAppHashes(_) => "two_app_hashes",
            Self::Amnesia(_) => "amnesia",
            Self::BadProposal(_) => "bad_proposal",
            Self::ConflictingCertificates(_) => "conflicting_certificates",
        }
    }

    /// Height that the fault is about.
    #[must_use]
    pub fn height(&self) -> Height {
        match self {
            Self::DoubleProposal(pair) => first(pair).body.height,
            Self::DoubleVote(pair) | Self::TwoAppHashes(pair) => first(pair).body.height,
            Self::Amnesia(pair) => pair.0.body.height,
            Self::BadProposal(pair) => pair.0.body.height,
            Self::ConflictingCertificates(pair) => first(pair).height(),
        }
    }

    /// The validator that is accused; `None` for certificates, whose culprits are the common signers.
    #[must_use]
    pub fn accused(&self) -> Option<PublicKey> {
        match self {
            Self::DoubleProposal(pair) => Some(first(pair).signer),
            Self::DoubleVote(pair) | Self::TwoAppHashes(pair) => Some(first(pair).signer),
            Self::Amnesia(pair) => Some(pair.0.signer),
            Self::BadProposal(pair) => Some(pair.0.signer),
            Self::ConflictingCertificates(_) => None,
        }
    }

    /// Checks that the messages are of this network, signed, and contradict each other. Whether the accused was a
    /// validator, and the choice rule behind [`Evidence::BadProposal`], are questions for consensus.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(&self, chain_hash: Hash, validators: &ValidatorSet) -> Result<(), EvidenceError> {
        match self {
            Self::DoubleProposal(pair) => {
                let [left, right] = pair.as_ref();
                same_signer(left.signer, right.signer)?;
                contradiction(
                    (left.body.height, left.body.view) == (right.body.height, right.body.view)
                        && left.body.block_hash != right.body.block_hash,
                )?;
                signed(left, left.body.chain_hash, chain_hash)?;
                signed(right, right.body.chain_hash, chain_hash)
            }
            Self::DoubleVote(pair) => check_votes(pair, chain_hash, |[left, right]| {
                left.body.view == right.body.view
                    && (left.body.block_hash, left.body.app_hash)
                        != (right.body.block_hash, right.body.app_hash)
            }),
            Self::TwoAppHashes(pair) => check_votes(pair, chain_hash, |[left, right]| {
                left.body.block_hash == right.body.block_hash
                    && left.body.app_hash != right.body.app_hash
            }),
            Self::Amnesia(pair) => check_amnesia(pair, chain_hash),
            Self::BadProposal(pair) => {
                let (proposal, justification) = pair.as_ref();
                signed(proposal, proposal.body.chain_hash, chain_hash)?;
                justification
                    .iter()
                    .try_for_each(|message| signed(message, message.body.chain_hash, chain_hash))
            }
            Self::ConflictingCertificates(pair) => {
                let [left, right] = pair.as_ref();
                contradiction(
                    left.height() == right.height()
                        && (left.block_hash(), left.app_hash())
                            != (right.block_hash(), right.app_hash()),
                )?;
                left.verify(chain_hash, validators)?;
                right.verify(chain_hash, validators)?;
                Ok(())
            }
        }
    }

    /// `u8` 1, `u8` kind, then both messages as `bytes`; the second of a bad proposal is `u32` count and each view
    /// change as `bytes`.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let (first, second) = match self {
            Self::DoubleProposal(pair) => encode_both(pair, Signed::encode),
            Self::DoubleVote(pair) | Self::TwoAppHashes(pair) => encode_both(pair, Signed::encode),
            Self::Amnesia(pair) => (pair.0.encode(), pair.1.encode()),
            Self::BadProposal(pair) => (pair.0.encode(), encode_list(&pair.1)),
            Self::ConflictingCertificates(pair) => encode_both(pair, CommitCertificate::encode),
        };
        let mut writer = Writer::new();
        writer.u8(1).u8(self.kind()).bytes(&first).bytes(&second);
        writer.into_bytes()
    }

    /// Reads encoded evidence, exactly.
    ///
    /// # Errors
    /// [`WireError`]; more than [`MAX_EVIDENCE_LEN`] bytes are refused unread.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        if bytes.len() > MAX_EVIDENCE_LEN {
            return Err(WireError::Invalid { what: "evidence is longer than 1 MiB" });
        }
        let mut reader = Reader::new(bytes);
        reader.version_u8(1)?;
        let kind = reader.u8()?;
        let (first, second) = (reader.bytes()?, reader.bytes()?);
        reader.finish()?;
        match kind {
            1 => Ok(Self::DoubleProposal(Box::new([
                Signed::decode(first)?,
                Signed::decode(second)?,
            ]))),
            2 => Ok(Self::DoubleVote(Box::new([Signed::decode(first)?, Signed::decode(second)?]))),
            3 => {
                Ok(Self::TwoAppHashes(Box::new([Signed::decode(first)?, Signed::decode(second)?])))
            }
            4 => Ok(Self::Amnesia(Box::new((Signed::decode(first)?, Signed::decode(second)?)))),
            5 => Ok(Self::BadProposal(Box::new((Signed::decode(first)?, decode_list(second)?)))),
            6 => Ok(Self::ConflictingCertificates(Box::new([
                CommitCertificate::decode(first)?,
                CommitCertificate::decode(second)?,
            ]))),
            _ => Err(WireError::Invalid { what: "unknown kind of evidence" }),
        }
    }
}

const fn first<T>(pair: &[T; 2]) -> &T {
    let [first, _] = pair;
    first
}

fn encode_both<T>(pair: &[T; 2], encode: impl Fn(&T) -> Vec<u8>) -> (Vec<u8>, Vec<u8>) {
    let [first, second] = pair;
    (encode(first), encode(second))
}

fn contradiction(found: bool) -> Result<(), EvidenceError> {
    if found { Ok(()) } else { Err(EvidenceError::NoContradiction) }
}

fn same_signer(left: PublicKey, right: PublicKey) -> Result<(), EvidenceError> {
    if left == right { Ok(()) } else { Err(EvidenceError::TwoSigners) }
}

fn signed<B: SignedBody>(
    message: &Signed<B>,
    of: Hash,
    chain_hash: Hash,
) -> Result<(), EvidenceError> {
    if of != chain_hash {
        return Err(EvidenceError::OtherChain);
    }
    Ok(message.verify()?)
}

fn check_votes(
    pair: &[Vote; 2],
    chain_hash: Hash,
    contradict: impl FnOnce(&[Vote; 2]) -> bool,
) -> Result<(), EvidenceError> {
    let [left, right] = pair;
    same_signer(left.signer, right.signer)?;
    let commits = pair.iter().all(|vote| vote.body.kind == VoteKind::Commit);
    contradiction(commits && left.body.height == right.body.height && contradict(pair))?;
    pair.iter().try_for_each(|vote| signed(vote, vote.body.chain_hash, chain_hash))
}

fn check_amnesia(
    (vote, view_change): &(Vote, ViewChange),
    chain_hash: Hash,
) -> Result<(), EvidenceError> {
    same_signer(vote.signer, view_change.signer)?;
    let hidden = match view_change.body.vote {
        None => true,
        Some(reported) => reported.view < vote.body.view,
    };
    contradiction(
        vote.body.kind == VoteKind::Commit
            && vote.body.height == view_change.body.height
            && vote.body.view < view_change.body.view
            && hidden,
    )?;
    signed(vote, vote.body.chain_hash, chain_hash)?;
    signed(view_change, view_change.body.chain_hash, chain_hash)
}

fn encode_list(messages: &[ViewChange]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.count_u32_be(messages.len());
    for message in messages {
        writer.bytes(&message.encode());
    }
    writer.into_bytes()
}

fn decode_list(bytes: &[u8]) -> Result<Vec<ViewChange>, WireError> {
    let mut reader = Reader::new(bytes);
    let count = reader.u32_be()?;
    let mut messages = Vec::with_capacity(reader.count(u64::from(count), MIN_VIEW_CHANGE)?);
    for _ in 0..count {
        messages.push(Signed::decode(reader.bytes()?)?);
    }
    reader.finish()?;
    Ok(messages)
}
