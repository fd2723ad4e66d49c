//! The answers.

use std::sync::Arc;

use bytes::Bytes;
use kwil_consensus::CommitAnnounce;
use kwil_crypto::Hash;
use kwil_proto::p2p::v1 as proto;
use kwil_types::Height;
use prost::Message as _;
use proto::answer::Part as Wire;

use super::server::RefuseCode;
use crate::wire;

/// Most records in a list of peers.
const MAX_RECORDS: usize = 64;
/// Most tables in a state summary.
const MAX_TABLES: usize = 100_000;

/// One part of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// A transaction, of a body (in the order asked) or of the mempool.
    Transaction(Bytes),
    /// A whole proposed block.
    RawBlock(Bytes),
    /// A committed block.
    Block(CommittedBlock),
    /// Header and certificate.
    Certificate(Arc<CommitAnnounce>),
    /// An encoded light block.
    LightBlock(Bytes),
    /// An encoded snapshot manifest.
    Manifest(Bytes),
    /// Bytes of a snapshot chunk.
    Chunk(Bytes),
    /// What a state hash is made of.
    StateSummary(StateSummary),
    /// Signed peer records.
    Peers(Vec<Bytes>),
}

/// A block with the certificate that committed it, both encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedBlock {
    /// Raw block.
    pub raw: Bytes,
    /// Commit certificate.
    pub certificate: Bytes,
}

/// What the state hash of a height is made of, to find out where two nodes differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateSummary {
    /// The height.
    pub height: Height,
    /// App hash after it.
    pub app_hash: Hash,
    /// Root over catalog and tables.
    pub state_root: Hash,
    /// Hash of the catalog.
    pub catalog_hash: Hash,
    /// Every table, in name order.
    pub tables: Vec<TableSummary>,
}

/// One table of a [`StateSummary`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSummary {
    /// Namespace of the table.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Number of rows.
    pub rows: u64,
    /// Hash of its lattice.
    pub lattice_hash: Hash,
}

/// A message that breaks its form; says which part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed {0}")]
pub(crate) struct Malformed(pub(crate) &'static str);

impl Malformed {
    pub(crate) fn unless(holds: bool, what: &'static str) -> Result<(), Self> {
        if holds { Ok(()) } else { Err(Self(what)) }
    }
}

impl Part {
    pub(crate) fn to_proto(&self) -> proto::Answer {
        let part = match self {
            Self::Transaction(bytes) => Wire::Transaction(bytes.clone()),
            Self::RawBlock(bytes) => Wire::RawBlock(bytes.clone()),
            Self::Block(CommittedBlock { raw, certificate }) => {
                Wire::CommittedBlock(proto::CommittedBlock {
                    raw_block: raw.clone(),
                    certificate: certificate.clone(),
                })
            }
            Self::Certificate(announce) => {
                Wire::Certificate(wire::consensus::commit_announce_to_proto(announce))
            }
            Self::LightBlock(bytes) => Wire::LightBlock(bytes.clone()),
            Self::Manifest(bytes) => Wire::Manifest(bytes.clone()),
            Self::Chunk(bytes) => Wire::Chunk(bytes.clone()),
            Self::StateSummary(summary) => Wire::StateSummary(summary.to_proto()),
            Self::Peers(records) => Wire::Peers(proto::PeerRecords { records: records.clone() }),
        };
        proto::Answer { code: proto::AnswerCode::Ok.into(), part: Some(part) }
    }

    fn from_proto(part: Wire) -> Result<Self, Malformed> {
        Ok(match part {
            Wire::Transaction(bytes) => Self::Transaction(bytes),
            Wire::RawBlock(bytes) => Self::RawBlock(bytes),
            Wire::CommittedBlock(block) => {
                Self::Block(CommittedBlock { raw: block.raw_block, certificate: block.certificate })
            }
            Wire::Certificate(announce) => {
                let announce = wire::consensus::commit_announce_from_proto(&announce);
                Self::Certificate(Arc::new(announce.map_err(|_| Malformed("certificate"))?))
            }
            Wire::LightBlock(bytes) => Self::LightBlock(bytes),
            Wire::Manifest(bytes) => Self::Manifest(bytes),
            Wire::Chunk(bytes) => Self::Chunk(bytes),
            Wire::StateSummary(summary) => Self::StateSummary(StateSummary::from_proto(summary)?),
            Wire::Peers(peers) => {
                Malformed::unless(peers.records.len() <= MAX_RECORDS, "number of peer records")?;
                Self::Peers(peers.records)
            }
        })
    }
}

fn bytes_of(hash: &Hash) -> Bytes {
    Bytes::copy_from_slice(hash.as_bytes())
}

impl StateSummary {
    fn to_proto(&self) -> proto::StateSummary {
        let tables = self.tables.iter().map(|table| proto::TableSummary {
            namespace: table.namespace.clone(),
            name: table.name.clone(),
            rows: table.rows,
            lattice_hash: bytes_of(&table.lattice_hash),
        });
        proto::StateSummary {
            height: self.height.0,
            app_hash: bytes_of(&self.app_hash),
            state_root: bytes_of(&self.state_root),
            catalog_hash: bytes_of(&self.catalog_hash),
            tables: tables.collect(),
        }
    }

    fn from_proto(summary: proto::StateSummary) -> Result<Self, Malformed> {
        Malformed::unless(summary.tables.len() <= MAX_TABLES, "number of tables")?;
        let hash = |bytes: &[u8]| wire::hash(bytes).ok_or(Malformed("hash in a state summary"));
        let tables = summary.tables.into_iter().map(|table| {
            Ok(TableSummary {
                lattice_hash: hash(&table.lattice_hash)?,
                namespace: table.namespace,
                name: table.name,
                rows: table.rows,
            })
        });
        Ok(Self {
            height: Height(summary.height),
            app_hash: hash(&summary.app_hash)?,
            state_root: hash(&summary.state_root)?,
            catalog_hash: hash(&summary.catalog_hash)?,
            tables: tables.collect::<Result<_, Malformed>>()?,
        })
    }
}

/// A decoded answer frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    Part(Part),
    /// An answer without content, or of a kind that this version does not know.
    Empty,
    Refused(RefuseCode),
}

/// Reads an answer frame.
pub(crate) fn decode_answer(frame: Bytes) -> Result<Frame, Malformed> {
    let answer = proto::Answer::decode(frame).map_err(|_| Malformed("answer"))?;
    let code = match answer.code() {
        // An unknown code reads as OK in protobuf; it must not be taken for one.
        proto::AnswerCode::Ok if answer.code != 0 => return Err(Malformed("answer code")),
        proto::AnswerCode::Ok => {
            return answer
                .part
                .map_or(Ok(Frame::Empty), |part| Part::from_proto(part).map(Frame::Part));
        }
        proto::AnswerCode::NotFound => RefuseCode::NotFound,
        proto::AnswerCode::Unsupported => RefuseCode::Unsupported,
        proto::AnswerCode::Busy => RefuseCode::Busy,
        proto::AnswerCode::Refused => RefuseCode::Refused,
    };
    Ok(Frame::Refused(code))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn samples() -> Vec<Part> {
        let hash = |byte| Hash([byte; 32]);
        let table = |name: &str| TableSummary {
            namespace: "main".to_owned(),
            name: name.to_owned(),
            rows: 7,
            lattice_hash: hash(4),
        };
        let bytes = Bytes::from_static(b"bytes");
        vec![
            Part::Transaction(bytes.clone()),
            Part::RawBlock(bytes.clone()),
            Part::Block(CommittedBlock { raw: bytes.clone(), certificate: bytes.clone() }),
            Part::LightBlock(bytes.clone()),
            Part::Manifest(bytes.clone()),
            Part::Chunk(bytes.clone()),
            Part::StateSummary(StateSummary {
                height: Height(3),
                app_hash: hash(1),
                state_root: hash(2),
                catalog_hash: hash(3),
                tables: vec![table("a"), table("b")],
            }),
            Part::Peers(vec![bytes.clone(), bytes]),
        ]
    }

    #[test]
    fn parts_survive_the_wire() {
        for part in samples() {
            let frame = Bytes::from(part.to_proto().encode_to_vec());
            assert_eq!(decode_answer(frame), Ok(Frame::Part(part)));
        }
    }

    #[test]
    fn unknown_code_is_not_ok() {
        let answer = proto::Answer { code: 77, part: None };
        assert!(decode_answer(Bytes::from(answer.encode_to_vec())).is_err());
    }

    #[test]
    fn codes_survive_the_wire() {
        for code in
            [RefuseCode::NotFound, RefuseCode::Unsupported, RefuseCode::Busy, RefuseCode::Refused]
        {
            let answer = proto::Answer { code: code.to_proto().into(), part: None };
            assert_eq!(
                decode_answer(Bytes::from(answer.encode_to_vec())),
                Ok(Frame::Refused(code))
            );
        }
    }
}
