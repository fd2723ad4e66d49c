//! Records of the consensus log: what must be durable before a message leaves.

use std::sync::Arc;

use bytes::Bytes;
use kwil_crypto::Hash;
use kwil_types::wire::{Reader, WireError, Writer};
use kwil_types::{
    Block, Header, Height, LeaderDirective, SignedProposal, View, ViewChange, Vote, VoteKind,
};

use crate::message::{Proposal, TX_IDS_MAX, VALIDATORS_MAX, ViewChangeMessage, VoteProof};

/// Longest payload that is decoded, in bytes: a candidate with the largest block.
pub const RECORD_MAX: usize = 96 << 20;
/// Shortest encoded view change or directive in a list.
const MIN_LISTED: usize = 64;

/// A proposal that may be voted for, and its block unless an earlier record has it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Candidate {
    /// The proposal. Its inline block is not stored; `block` is.
    pub proposal: Arc<Proposal>,
    /// The whole block.
    pub block: Option<Arc<Block>>,
}

/// One record of `consensus/log`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Record {
    /// Kind 1: this node votes at no lower view of the height any more.
    Promise {
        /// Height.
        height: Height,
        /// View.
        view: View,
    },
    /// Kind 2.
    Candidate(Candidate),
    /// Kind 3: an own vote.
    Vote(Vote),
    /// Kind 4: everything before belongs to lower heights.
    HeightStart {
        /// Height that begins.
        height: Height,
        /// Genesis hash.
        chain_hash: Hash,
    },
    /// Kind 5: a process start, by its random number. Written by the driver.
    Incarnation(u64),
}

impl Record {
    /// Kind byte of the log.
    #[must_use]
    pub const fn kind(&self) -> u8 {
        match self {
            Self::Promise { .. } => 1,
            Self::Candidate(_) => 2,
            Self::Vote(_) => 3,
            Self::HeightStart { .. } => 4,
            Self::Incarnation(_) => 5,
        }
    }

    /// The height it belongs to; `None` for a process start.
    #[must_use]
    pub fn height(&self) -> Option<Height> {
        match self {
            Self::Promise { height, .. } | Self::HeightStart { height, .. } => Some(*height),
            Self::Candidate(candidate) => Some(candidate.proposal.signed.body.height),
            Self::Vote(vote) => Some(vote.body.height),
            Self::Incarnation(_) => None,
        }
    }

    /// The payload. Network integers, big-endian: promise `u64` height ‖ `u64` view; candidate as
    /// [`encode_proposal`] in `bytes`, then `opt` of the raw block in `bytes`; vote in its network form; height start
    /// `u64` height ‖ hash; incarnation `u64`.
    #[must_use]
    pub fn payload(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        match self {
            Self::Promise { height, view } => {
                writer.u64_be(height.0).u64_be(view.0);
            }
            Self::Candidate(candidate) => {
                writer.bytes(&encode_proposal(&candidate.proposal));
                writer.option(candidate.block.as_ref(), |writer, block| {
                    writer.bytes(&block.encode());
                });
            }
            Self::Vote(vote) => {
                writer.raw(&vote.encode());
            }
            Self::HeightStart { height, chain_hash } => {
                writer.u64_be(height.0).hash(chain_hash);
            }
            Self::Incarnation(number) => {
                writer.u64_be(*number);
            }
        }
        writer.into_bytes()
    }

    /// Reads a record back.
    ///
    /// # Errors
    /// [`WireError`] for an unknown kind or anything but the one encoding. Signatures are not checked: the log is
    /// this node's own.
    pub fn decode(kind: u8, payload: &Bytes) -> Result<Self, WireError> {
        if payload.len() > RECORD_MAX {
            return Err(WireError::Invalid { what: "record is too long" });
        }
        let mut reader = Reader::new(payload);
        let record = match kind {
            1 => Self::Promise { height: Height(reader.u64_be()?), view: View(reader.u64_be()?) },
            2 => Self::Candidate(read_candidate(&mut reader, payload)?),
            3 => {
                let vote = Vote::decode(reader.take_rest())?;
                if vote.body.kind != VoteKind::Commit {
                    return Err(WireError::Invalid { what: "a rejection is not a vote" });
                }
                Self::Vote(vote)
            }
            4 => Self::HeightStart { height: Height(reader.u64_be()?), chain_hash: reader.hash()? },
            5 => Self::Incarnation(reader.u64_be()?),
            _ => return Err(WireError::Invalid { what: "unknown kind of record" }),
        };
        reader.finish()?;
        Ok(record)
    }
}

fn read_candidate(reader: &mut Reader<'_>, payload: &Bytes) -> Result<Candidate, WireError> {
    let proposal = Arc::new(decode_proposal(reader.bytes()?)?);
    let raw = reader.option(Reader::bytes)?;
    let block = raw.map(|raw| Block::decode(&payload.slice_ref(raw))).transpose()?;
    let fits = block.as_ref().is_none_or(|block| block.hash() == proposal.signed.body.block_hash);
    if !fits {
        return Err(WireError::Invalid { what: "candidate block is not the proposed one" });
    }
    Ok(Candidate { proposal, block: block.map(Arc::new) })
}

/// Bytes of a proposal without its inline block: signed part, header, block signature, `u32` count of ids and the ids,
/// `u32` count of directives in `bytes`, `u32` count of view changes (`bytes`, then `opt` of hash and signature).
#[must_use]
pub fn encode_proposal(proposal: &Proposal) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.bytes(&proposal.signed.encode()).bytes(&proposal.header.encode());
    writer.signature(&proposal.block_signature).count_u32_be(proposal.tx_ids.len());
    for id in &proposal.tx_ids {
        writer.hash(id);
    }
    writer.count_u32_be(proposal.directives.len());
    for directive in &proposal.directives {
        writer.bytes(&directive.encode());
    }
    writer.count_u32_be(proposal.justification.len());
    for change in &proposal.justification {
        writer.bytes(&change.signed.encode());
        writer.option(change.proof.as_ref(), |writer, proof| {
            writer.hash(&proof.justification).signature(&proof.signature);
        });
    }
    writer.into_bytes()
}

/// Reads [`encode_proposal`], exactly. Says nothing about signatures or rules.
///
/// # Errors
/// [`WireError`].
pub fn decode_proposal(bytes: &[u8]) -> Result<Proposal, WireError> {
    let mut reader = Reader::new(bytes);
    let signed = SignedProposal::decode(reader.bytes()?)?;
    let header = Header::decode(reader.bytes()?)?;
    let block_signature = reader.signature()?;
    let tx_ids = list(&mut reader, Hash::LEN, TX_IDS_MAX, Reader::hash)?;
    let directives = list(&mut reader, MIN_LISTED, VALIDATORS_MAX, |reader| {
        LeaderDirective::decode(reader.bytes()?)
    })?;
    let justification = list(&mut reader, MIN_LISTED, VALIDATORS_MAX, |reader| {
        let signed = ViewChange::decode(reader.bytes()?)?;
        let proof = reader.option(|reader| {
            Ok(VoteProof { justification: reader.hash()?, signature: reader.signature()? })
        })?;
        Ok(ViewChangeMessage { signed, proof })
    })?;
    reader.finish()?;
    Ok(Proposal {
        signed,
        header,
        block_signature,
        tx_ids,
        inline: None,
        directives,
        justification,
    })
}

fn list<'a, T>(
    reader: &mut Reader<'a>,
    min_len: usize,
    max: usize,
    mut read: impl FnMut(&mut Reader<'a>) -> Result<T, WireError>,
) -> Result<Vec<T>, WireError> {
    let count = reader.u32_be()?;
    let count = reader.count(u64::from(count), min_len)?;
    if count > max {
        return Err(WireError::Invalid { what: "list is longer than any honest one" });
    }
    let mut items = Vec::with_capacity(count);
    for _ in 0..count {
        items.push(read(reader)?);
    }
    Ok(items)
}

#[cfg(test)]
mod tests;
