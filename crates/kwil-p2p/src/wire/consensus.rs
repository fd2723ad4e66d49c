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

#[cfg(test)]
pub(crate) mod tests {
    use kwil_consensus::MessageKind;
    use kwil_crypto::{KeyType, PrivateKey};
    use kwil_types::{
        AbortBody, DirectiveBody, HeartbeatBody, HeartbeatFlags, Height, ProposalBody,
        ReportedVote, Signed, Validator, ValidatorSet, ViewChangeBody, VoteBody,
    };
    use proptest::prelude::*;

    use super::*;

    const CHAIN: Hash = Hash([7; 32]);

    fn key(seed: u8) -> PrivateKey {
        kwil_quic::testing::node_key(
            if seed.is_multiple_of(2) { KeyType::Secp256k1 } else { KeyType::Ed25519 },
            seed,
        )
    }

    fn signed_vote(kind: VoteKind) -> Vote {
        let app_hash = if kind == VoteKind::Commit { Hash([2; 32]) } else { Hash::ZERO };
        let (height, view) = (Height(11), View(1));
        Signed::sign(
            VoteBody { kind, chain_hash: CHAIN, height, view, block_hash: Hash([1; 32]), app_hash },
            &key(1),
        )
    }

    fn header() -> Header {
        Header {
            chain_hash: CHAIN,
            height: Height(11),
            view: View(0),
            prev_hash: Hash([3; 32]),
            prev_app_hash: Hash([4; 32]),
            tx_count: 2,
            tx_root: Hash([5; 32]),
            validators_hash: Hash([6; 32]),
            params_hash: Hash([8; 32]),
            time_ms: 1_800_000_000_000,
            proposer: key(1).public_key(),
            new_leader: Some(key(2).public_key()),
        }
    }

    fn view_change(with_vote: bool) -> ViewChangeMessage {
        let vote = with_vote.then_some(ReportedVote {
            view: View(1),
            block_hash: Hash([1; 32]),
            app_hash: Hash([2; 32]),
        });
        let body = ViewChangeBody { chain_hash: CHAIN, height: Height(11), view: View(2), vote };
        let proof = with_vote.then_some(VoteProof {
            justification: Hash([9; 32]),
            signature: NetworkSignature([10; 64]),
        });
        ViewChangeMessage { signed: Signed::sign(body, &key(2)), proof }
    }

    fn directive() -> LeaderDirective {
        let candidate = key(3).public_key();
        Signed::sign(
            DirectiveBody { chain_hash: CHAIN, from_height: Height(9), candidate },
            &key(1),
        )
    }

    fn proposal(inline: bool) -> Proposal {
        let (header, txs) =
            (header(), vec![Bytes::from_static(b"one"), Bytes::from_static(b"two")]);
        let block = Block::propose(header.clone(), txs, &key(1));
        let body = ProposalBody {
            chain_hash: CHAIN,
            height: Height(11),
            view: View(2),
            block_hash: block.hash(),
            justification: Hash([9; 32]),
        };
        Proposal {
            signed: Signed::sign(body, &key(1)),
            header,
            block_signature: *block.signature(),
            tx_ids: block.tx_ids(),
            inline: inline.then(|| Arc::new(block)),
            directives: vec![directive()],
            justification: vec![view_change(false), view_change(true)],
        }
    }

    fn announce() -> CommitAnnounce {
        let members = (1..=3).map(|seed| Validator { key: key(seed).public_key(), power: 1 });
        let set = ValidatorSet::new(members).unwrap();
        let body = signed_vote(VoteKind::Commit).body;
        let votes = [Signed::sign(body, &key(1)), Signed::sign(body, &key(2))];
        CommitAnnounce {
            header: header(),
            block_signature: NetworkSignature([11; 64]),
            certificate: CommitCertificate::from_votes(&set, &votes).unwrap(),
        }
    }

    /// One message of each shape.
    pub(crate) fn samples() -> Vec<Message> {
        let beat = HeartbeatBody {
            chain_hash: CHAIN,
            committed: Height(10),
            view: View(0),
            sequence: 1_800_000_000_000,
            flags: HeartbeatFlags { ready: true, syncing: false, held: false },
        };
        let abort = AbortBody {
            chain_hash: CHAIN,
            height: Height(11),
            view: View(0),
            block_hash: Hash([1; 32]),
        };
        let mut other = signed_vote(VoteKind::Commit).body;
        other.app_hash = Hash([99; 32]);
        let double = [signed_vote(VoteKind::Commit), Signed::sign(other, &key(1))];
        let nack = Nack {
            vote: signed_vote(VoteKind::Reject),
            reason: NackReason::Clock,
            text: "eleven seconds ahead".to_owned(),
        };
        vec![
            Message::Proposal(Arc::new(proposal(false))),
            Message::Proposal(Arc::new(proposal(true))),
            Message::Vote(signed_vote(VoteKind::Commit)),
            Message::ViewChange(Arc::new(view_change(false))),
            Message::ViewChange(Arc::new(view_change(true))),
            Message::Commit(Arc::new(announce())),
            Message::Nack(nack),
            Message::Heartbeat(Signed::sign(beat, &key(1))),
            Message::Directive(directive()),
            Message::Abort(Signed::sign(abort, &key(1))),
            Message::Evidence(Arc::new(Evidence::DoubleVote(Box::new(double)))),
        ]
    }

    /// The frame's content, without its length.
    pub(crate) fn content(message: &Message, resend: u32) -> Bytes {
        let frame = encode(message, resend);
        let mut rest = frame.clone();
        let length = prost::encoding::decode_varint(&mut rest).unwrap();
        assert_eq!(length, rest.len() as u64);
        rest
    }

    #[test]
    fn every_message_survives_the_wire() {
        for message in samples() {
            for resend in [0, 1, u32::MAX] {
                assert_eq!(decode(&content(&message, resend)), Ok((message.clone(), resend)));
            }
        }
    }

    #[test]
    fn prefixes_trailing_bytes_and_unknown_fields_are_refused() {
        for message in samples() {
            let good = content(&message, 3);
            let step = (good.len() / 200).max(1);
            for end in (0..good.len()).step_by(step) {
                assert!(decode(&good.slice(..end)).is_err(), "{:?} cut at {end}", message.kind());
            }
            for extra in [&[0][..], &[0x9a, 0x06, 0x00], &[0x08, 0x03]] {
                let longer = Bytes::from([&good[..], extra].concat());
                assert!(decode(&longer).is_err(), "{:?} with {extra:?}", message.kind());
            }
        }
    }

    #[test]
    fn default_values_written_out_are_refused() {
        let message = Message::Vote(signed_vote(VoteKind::Commit));
        let spelled_out = Bytes::from([&[0x08, 0x00], &content(&message, 0)[..]].concat());
        assert_eq!(decode(&spelled_out), Err(MessageError::NotCanonical));
    }

    #[test]
    fn each_kind_has_its_own_limit() {
        let long_nack = proto::ConsensusFrame {
            resend: 0,
            message: Some(Wire::Vote(proto::Vote { signed_vote: Bytes::from(vec![0; 600]) })),
        };
        let error = decode(&Bytes::from(long_nack.encode_to_vec())).unwrap_err();
        assert!(matches!(error, MessageError::TooLong { what: "vote", limit: 512, .. }), "{error}");
        for message in samples() {
            let (what, limit) = limit_of(&to_proto(&message));
            assert!(content(&message, u32::MAX).len() <= limit + ENVELOPE, "{what}");
        }
    }

    #[test]
    fn votes_and_rejections_are_not_mixed_up() {
        let vote = proto::Vote { signed_vote: signed_vote(VoteKind::Reject).encode().into() };
        let frame = proto::ConsensusFrame { resend: 0, message: Some(Wire::Vote(vote)) };
        assert_eq!(
            decode(&Bytes::from(frame.encode_to_vec())),
            Err(MessageError::Field("kind of vote"))
        );
    }

    #[test]
    fn filter_names_each_message_differently_and_repeats_alike() {
        let all: Vec<Meta> = samples().iter().map(|message| meta(message, 0)).collect();
        let names: std::collections::BTreeSet<Hash> = all.iter().map(|meta| meta.digest).collect();
        assert_eq!(names.len(), all.len());
        for message in samples() {
            let (plain, repeat) = (meta(&message, 0), meta(&message, 5));
            assert_eq!((plain.digest, plain.subject), (repeat.digest, repeat.subject));
        }
        assert_eq!(all[2].kind, MessageKind::Vote);
        assert_eq!(all[7].sequence, 1_800_000_000_000);
    }

    proptest! {
        #[test]
        fn damaged_messages_never_equal_the_good_one(which in 0_usize..11, position in any::<prop::sample::Index>(), bit in 0_u8..8) {
            let message = samples().swap_remove(which);
            let good = content(&message, 1);
            let mut bad = good.to_vec();
            bad[position.index(good.len())] ^= 1 << bit;
            let decoded = decode(&Bytes::from(bad));
            prop_assert_ne!(decoded, Ok((message, 1)));
        }
    }
}
