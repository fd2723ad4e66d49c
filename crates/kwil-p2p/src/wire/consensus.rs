//! Consensus messages as frames. One message has one encoding: a frame that does not come out of the encoder again,
//! because of unknown fields, another field order or written-out defaults, is refused.

use std::sync::Arc;

use bytes::Bytes;
use kwil_consensus::{
    CommitAnnounce, INLINE_BLOCK_MAX, Message, NACK_TEXT_MAX, Nack, NackReason, Proposal,
    TX_IDS_MAX, VALIDATORS_MAX, ViewChangeMessage, VoteProof,
};
use kwil_crypto::{Hash, NetworkSignature};
use kwil_proto::p2p::v1 as proto;
use kwil_types::wire::WireError;
use kwil_types::{
    Abort, Block, CommitCertificate, Evidence, Header, Heartbeat, LeaderDirective,
    MAX_EVIDENCE_LEN, SignedProposal, View, ViewChange, Vote, VoteKind,
};
use prost::Message as _;
use proto::consensus_frame::Message as Wire;

use super::frame::frame;
use crate::flood::Meta;
use crate::wire;

const SMALL: usize = 512;
const HEARTBEAT: usize = 256;
const NACK: usize = 1024;
const COMMIT: usize = 16 * 1024;
/// Envelope of a message: kind, lengths, `resend`.
const ENVELOPE: usize = 24;

/// A frame that is no consensus message.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// Not the protobuf message.
    #[error("malformed consensus message: {0}")]
    Envelope(#[from] prost::DecodeError),
    /// Another spelling of a message, or fields that this version does not know.
    #[error("consensus message with unknown fields or in another than its one encoding")]
    NotCanonical,
    /// No message, or of an unknown kind.
    #[error("empty consensus message")]
    Empty,
    /// Longer than its kind allows.
    #[error("{what} of {got} bytes, at most {limit}")]
    TooLong {
        /// Kind of message.
        what: &'static str,
        /// Its length, bytes.
        got: usize,
        /// The limit, bytes.
        limit: usize,
    },
    /// A byte string inside breaks its layout.
    #[error("malformed {what}: {source}")]
    Part {
        /// Which one.
        what: &'static str,
        /// What is wrong.
        source: WireError,
    },
    /// A field has an impossible value.
    #[error("malformed {0}")]
    Field(&'static str),
}

type Decoded<T> = Result<T, MessageError>;

fn part<T>(what: &'static str, read: Result<T, WireError>) -> Decoded<T> {
    read.map_err(|source| MessageError::Part { what, source })
}

fn signature(what: &'static str, bytes: &[u8]) -> Decoded<NetworkSignature> {
    <[u8; 64]>::try_from(bytes).map(NetworkSignature).map_err(|_| MessageError::Field(what))
}

fn hash(what: &'static str, bytes: &[u8]) -> Decoded<Hash> {
    wire::hash(bytes).ok_or(MessageError::Field(what))
}

/// A message as a frame, ready to be written.
pub(crate) fn encode(message: &Message, resend: u32) -> Bytes {
    frame(&proto::ConsensusFrame { resend, message: Some(to_proto(message)) })
}

/// Reads the content of a frame.
pub(crate) fn decode(content: &Bytes) -> Decoded<(Message, u32)> {
    let envelope = proto::ConsensusFrame::decode(content.clone())?;
    if envelope.encoded_len() != content.len() || envelope.encode_to_vec() != content.as_ref() {
        return Err(MessageError::NotCanonical);
    }
    let message = envelope.message.as_ref().ok_or(MessageError::Empty)?;
    let (what, limit) = limit_of(message);
    if content.len() > limit.saturating_add(ENVELOPE) {
        return Err(MessageError::TooLong { what, got: content.len(), limit });
    }
    Ok((from_proto(message)?, envelope.resend))
}

const fn limit_of(message: &Wire) -> (&'static str, usize) {
    match message {
        Wire::Proposal(_) => ("proposal", wire::CONSENSUS_FRAME),
        Wire::Vote(_) => ("vote", SMALL),
        Wire::ViewChange(_) => ("view change", SMALL),
        Wire::CommitAnnounce(_) => ("commit announcement", COMMIT),
        Wire::Nack(_) => ("nack", NACK),
        Wire::Heartbeat(_) => ("heartbeat", HEARTBEAT),
        Wire::LeaderDirective(_) => ("leader directive", SMALL),
        Wire::Abort(_) => ("abort", SMALL),
        Wire::Evidence(_) => ("evidence", MAX_EVIDENCE_LEN),
    }
}

fn to_proto(message: &Message) -> Wire {
    match message {
        Message::Proposal(proposal) => Wire::Proposal(proposal_to_proto(proposal)),
        Message::Vote(vote) => Wire::Vote(proto::Vote { signed_vote: vote.encode().into() }),
        Message::ViewChange(change) => Wire::ViewChange(view_change_to_proto(change)),
        Message::Commit(announce) => Wire::CommitAnnounce(commit_announce_to_proto(announce)),
        Message::Nack(nack) => Wire::Nack(proto::Nack {
            signed_vote: nack.vote.encode().into(),
            reason: u32::from(nack.reason.code()),
            text: nack.text.clone(),
        }),
        Message::Heartbeat(beat) => {
            Wire::Heartbeat(proto::Heartbeat { signed_heartbeat: beat.encode().into() })
        }
        Message::Directive(directive) => Wire::LeaderDirective(proto::LeaderDirective {
            signed_directive: directive.encode().into(),
        }),
        Message::Abort(abort) => Wire::Abort(proto::Abort { signed_abort: abort.encode().into() }),
        Message::Evidence(evidence) => {
            Wire::Evidence(proto::Evidence { evidence: evidence.encode().into() })
        }
    }
}

fn from_proto(message: &Wire) -> Decoded<Message> {
    Ok(match message {
        Wire::Proposal(proposal) => Message::Proposal(Arc::new(proposal_from_proto(proposal)?)),
        Wire::Vote(vote) => Message::Vote(vote_of(&vote.signed_vote, VoteKind::Commit)?),
        Wire::ViewChange(change) => Message::ViewChange(Arc::new(view_change_from_proto(change)?)),
        Wire::CommitAnnounce(announce) => {
            Message::Commit(Arc::new(commit_announce_from_proto(announce)?))
        }
        Wire::Nack(nack) => Message::Nack(nack_from_proto(nack)?),
        Wire::Heartbeat(beat) => {
            Message::Heartbeat(part("heartbeat", Heartbeat::decode(&beat.signed_heartbeat))?)
        }
        Wire::LeaderDirective(directive) => {
            let signed = LeaderDirective::decode(&directive.signed_directive);
            Message::Directive(part("leader directive", signed)?)
        }
        Wire::Abort(abort) => Message::Abort(part("abort", Abort::decode(&abort.signed_abort))?),
        Wire::Evidence(evidence) => {
            Message::Evidence(Arc::new(part("evidence", Evidence::decode(&evidence.evidence))?))
        }
    })
}

fn vote_of(bytes: &[u8], kind: VoteKind) -> Decoded<Vote> {
    let vote = part("vote", Vote::decode(bytes))?;
    if vote.body.kind == kind { Ok(vote) } else { Err(MessageError::Field("kind of vote")) }
}

fn nack_from_proto(nack: &proto::Nack) -> Decoded<Nack> {
    if nack.text.len() > NACK_TEXT_MAX {
        return Err(MessageError::Field("text of a nack"));
    }
    let reason = u8::try_from(nack.reason).ok().and_then(NackReason::from_code);
    Ok(Nack {
        vote: vote_of(&nack.signed_vote, VoteKind::Reject)?,
        reason: reason.ok_or(MessageError::Field("reason of a nack"))?,
        text: nack.text.clone(),
    })
}

fn proposal_to_proto(proposal: &Proposal) -> proto::Proposal {
    proto::Proposal {
        signed_proposal: proposal.signed.encode().into(),
        header: proposal.header.encode().into(),
        block_signature: bytes_of(&proposal.block_signature),
        tx_ids: wire::join_tx_ids(&proposal.tx_ids),
        inline_block: proposal
            .inline
            .as_ref()
            .map(|block| block.encode().into())
            .unwrap_or_default(),
        directives: proposal.directives.iter().map(|directive| directive.encode().into()).collect(),
        justification: proposal.justification.iter().map(view_change_to_proto).collect(),
    }
}

fn proposal_from_proto(proposal: &proto::Proposal) -> Decoded<Proposal> {
    let most = VALIDATORS_MAX;
    if proposal.directives.len() > most || proposal.justification.len() > most {
        return Err(MessageError::Field("list in a proposal"));
    }
    let inline = match proposal.inline_block.len() {
        0 => None,
        length if length > INLINE_BLOCK_MAX => {
            return Err(MessageError::Field("inline block of a proposal"));
        }
        _ => Some(Arc::new(part("inline block", Block::decode(&proposal.inline_block))?)),
    };
    let directives = proposal.directives.iter();
    let directives =
        directives.map(|bytes| part("leader directive", LeaderDirective::decode(bytes)));
    let tx_ids = wire::tx_ids(&proposal.tx_ids, TX_IDS_MAX);
    Ok(Proposal {
        signed: part("proposal", SignedProposal::decode(&proposal.signed_proposal))?,
        header: part("header", Header::decode(&proposal.header))?,
        block_signature: signature("block signature", &proposal.block_signature)?,
        tx_ids: tx_ids.ok_or(MessageError::Field("transaction ids of a proposal"))?,
        inline,
        directives: directives.collect::<Decoded<_>>()?,
        justification: proposal
            .justification
            .iter()
            .map(view_change_from_proto)
            .collect::<Decoded<_>>()?,
    })
}

fn view_change_to_proto(change: &ViewChangeMessage) -> proto::ViewChange {
    let proof = change.proof.as_ref();
    proto::ViewChange {
        signed_view_change: change.signed.encode().into(),
        justification_hash: proof.map(|proof| hash_bytes(&proof.justification)).unwrap_or_default(),
        proposal_signature: proof.map(|proof| bytes_of(&proof.signature)).unwrap_or_default(),
    }
}

fn view_change_from_proto(change: &proto::ViewChange) -> Decoded<ViewChangeMessage> {
    let absent = change.justification_hash.is_empty() && change.proposal_signature.is_empty();
    let proof = if absent {
        None
    } else {
        Some(VoteProof {
            justification: hash("justification hash", &change.justification_hash)?,
            signature: signature("proposal signature", &change.proposal_signature)?,
        })
    };
    Ok(ViewChangeMessage {
        signed: part("view change", ViewChange::decode(&change.signed_view_change))?,
        proof,
    })
}

/// Header, signature and certificate as protobuf; also an answer to a request.
pub(crate) fn commit_announce_to_proto(announce: &CommitAnnounce) -> proto::CommitAnnounce {
    proto::CommitAnnounce {
        header: announce.header.encode().into(),
        block_signature: bytes_of(&announce.block_signature),
        certificate: announce.certificate.encode().into(),
    }
}

/// The reverse of [`commit_announce_to_proto`].
pub(crate) fn commit_announce_from_proto(
    announce: &proto::CommitAnnounce,
) -> Decoded<CommitAnnounce> {
    Ok(CommitAnnounce {
        header: part("header", Header::decode(&announce.header))?,
        block_signature: signature("block signature", &announce.block_signature)?,
        certificate: part("certificate", CommitCertificate::decode(&announce.certificate))?,
    })
}

fn bytes_of(signature: &NetworkSignature) -> Bytes {
    Bytes::copy_from_slice(signature.as_bytes())
}

fn hash_bytes(hash: &Hash) -> Bytes {
    Bytes::copy_from_slice(hash.as_bytes())
}

/// What the flood filter needs to know. The digest covers everything that a relay could alter, except texts.
pub(crate) fn meta(message: &Message, resend: u32) -> Meta {
    // A name within this process only; no other node sees it.
    let mut digest = blake3::Hasher::new();
    let subject = match message {
        Message::Proposal(proposal) => {
            digest.update(&proposal_to_proto(proposal).encode_to_vec());
            proposal.signed.body.block_hash
        }
        Message::Vote(vote) => {
            digest.update(&vote.signature.0);
            voted(vote)
        }
        Message::ViewChange(change) => {
            digest.update(&view_change_to_proto(change).encode_to_vec());
            Hash::ZERO
        }
        Message::Commit(announce) => {
            digest.update(&announce.certificate.encode());
            announce.certificate.block_hash()
        }
        Message::Nack(nack) => {
            digest.update(&nack.vote.signature.0);
            nack.vote.body.block_hash
        }
        Message::Heartbeat(beat) => {
            digest.update(&beat.signature.0);
            Hash::ZERO
        }
        Message::Directive(directive) => {
            digest.update(&directive.signature.0);
            Hash::ZERO
        }
        Message::Abort(abort) => {
            digest.update(&abort.signature.0);
            Hash::ZERO
        }
        Message::Evidence(evidence) => {
            digest.update(&evidence.encode());
            Hash::ZERO
        }
    };
    let sequence = if let Message::Heartbeat(beat) = message { beat.body.sequence } else { 0 };
    Meta {
        kind: message.kind(),
        signer: message.signer(),
        height: message.height(),
        view: message.view().unwrap_or(View::ZERO),
        sequence,
        digest: Hash(digest.finalize().into()),
        subject,
        resend,
    }
}

/// Two votes of one place differ in block or app hash.
fn voted(vote: &Vote) -> Hash {
    let mut both = blake3::Hasher::new();
    both.update(vote.body.block_hash.as_bytes()).update(vote.body.app_hash.as_bytes());
    Hash(both.finalize().into())
}
