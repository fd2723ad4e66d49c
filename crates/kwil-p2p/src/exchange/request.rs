//! The questions.

use kwil_crypto::Hash;
use kwil_proto::p2p::v1 as proto;
use kwil_types::{Height, TxId};
use prost::Message as _;
use proto::request::Message;

use super::answer::Malformed;
use crate::wire;

/// Most transactions in one request.
pub const MAX_TXS: usize = 256;
/// Most blocks in one request.
pub const MAX_BLOCKS: u32 = 16;
/// Most bytes of blocks in one answer, a last block aside.
pub const MAX_BLOCKS_BYTES: u32 = 8 * 1024 * 1024;
/// Most light blocks in one request.
pub const MAX_HEIGHTS: usize = 256;

/// What one node may ask another.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// Transactions of a proposed block, by position; none named: the whole block.
    Body {
        /// The block.
        block: Hash,
        /// Wanted positions, ascending.
        missing: Vec<u32>,
    },
    /// Transactions of the mempool; answered by the network itself.
    Txs {
        /// At most [`MAX_TXS`].
        ids: Vec<TxId>,
    },
    /// Committed blocks with certificates. The first missing height ends the answer.
    Blocks {
        /// First height.
        from: Height,
        /// At most [`MAX_BLOCKS`].
        count: u32,
        /// At most [`MAX_BLOCKS_BYTES`]; at least one block is sent.
        max_bytes: u32,
    },
    /// Header and certificate of a height.
    Certificate {
        /// The height.
        height: Height,
    },
    /// Headers with certificates and what changed, of the named heights.
    LightBlocks {
        /// Heights below are not asked for.
        from: Height,
        /// At most [`MAX_HEIGHTS`].
        heights: Vec<Height>,
    },
    /// Manifests of the snapshots that are served.
    Snapshots,
    /// Manifest of one snapshot.
    Manifest {
        /// Its height.
        height: Height,
    },
    /// Part of a snapshot.
    Chunk {
        /// Height of the snapshot.
        height: Height,
        /// Number of the chunk.
        index: u32,
        /// First byte wanted.
        offset: u64,
    },
    /// What the state hash of a height is made of.
    StateSummary {
        /// The height.
        height: Height,
    },
    /// Records of other nodes; answered by the network itself.
    Peers,
}

impl Request {
    /// Name in metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Body { .. } => "body",
            Self::Txs { .. } => "txs",
            Self::Blocks { .. } => "blocks",
            Self::Certificate { .. } => "certificate",
            Self::LightBlocks { .. } => "light_blocks",
            Self::Snapshots => "snapshots",
            Self::Manifest { .. } => "manifest",
            Self::Chunk { .. } => "chunk",
            Self::StateSummary { .. } => "state_summary",
            Self::Peers => "peers",
        }
    }

    /// Order of sending among the streams of a connection.
    pub(crate) const fn priority(&self) -> i32 {
        match self {
            Self::Body { .. } => 90,
            Self::Certificate { .. } => 60,
            Self::Txs { .. } => 20,
            Self::LightBlocks { .. } => 10,
            Self::Blocks { .. } | Self::StateSummary { .. } | Self::Peers => 0,
            Self::Snapshots | Self::Manifest { .. } | Self::Chunk { .. } => -10,
        }
    }

    pub(crate) fn to_proto(&self) -> proto::Request {
        let message = match self {
            Self::Body { block, missing } => Message::Body(proto::BodyRequest {
                block_hash: block.as_bytes().to_vec().into(),
                missing: missing.clone(),
            }),
            Self::Txs { ids } => Message::Txs(proto::TxsRequest { tx_ids: wire::join_tx_ids(ids) }),
            Self::Blocks { from, count, max_bytes } => Message::Blocks(proto::BlocksRequest {
                from: from.0,
                count: *count,
                max_bytes: *max_bytes,
            }),
            Self::Certificate { height } => {
                Message::Certificate(proto::CertificateRequest { height: height.0 })
            }
            Self::LightBlocks { from, heights } => {
                Message::LightBlocks(proto::LightBlocksRequest {
                    from: from.0,
                    heights: heights.iter().map(|height| height.0).collect(),
                })
            }
            Self::Snapshots => Message::Snapshots(proto::SnapshotsRequest {}),
            Self::Manifest { height } => {
                Message::Manifest(proto::ManifestRequest { height: height.0 })
            }
            Self::Chunk { height, index, offset } => Message::Chunk(proto::ChunkRequest {
                height: height.0,
                index: *index,
                offset: *offset,
            }),
            Self::StateSummary { height } => {
                Message::StateSummary(proto::StateSummaryRequest { height: height.0 })
            }
            Self::Peers => Message::Peers(proto::PeersRequest {}),
        };
        proto::Request { message: Some(message) }
    }

    fn from_proto(message: Message) -> Result<Self, Malformed> {
        Ok(match message {
            Message::Body(body) => {
                let ascending = body.missing.is_sorted_by(|a, b| a < b);
                Malformed::unless(ascending, "positions are not ascending")?;
                Self::Body { block: block_hash(&body.block_hash)?, missing: body.missing }
            }
            Message::Txs(txs) => {
                let ids = wire::tx_ids(&txs.tx_ids, MAX_TXS).ok_or(Malformed("transaction ids"))?;
                Self::Txs { ids }
            }
            Message::Blocks(blocks) => {
                let bounded = (1..=MAX_BLOCKS).contains(&blocks.count)
                    && blocks.max_bytes <= MAX_BLOCKS_BYTES;
                Malformed::unless(bounded, "range of blocks")?;
                Self::Blocks {
                    from: Height(blocks.from),
                    count: blocks.count,
                    max_bytes: blocks.max_bytes,
                }
            }
            Message::Certificate(certificate) => {
                Self::Certificate { height: Height(certificate.height) }
            }
            Message::LightBlocks(light) => {
                Malformed::unless(light.heights.len() <= MAX_HEIGHTS, "number of light blocks")?;
                let heights = light.heights.into_iter().map(Height).collect();
                Self::LightBlocks { from: Height(light.from), heights }
            }
            Message::Snapshots(_) => Self::Snapshots,
            Message::Manifest(manifest) => Self::Manifest { height: Height(manifest.height) },
            Message::Chunk(chunk) => Self::Chunk {
                height: Height(chunk.height),
                index: chunk.index,
                offset: chunk.offset,
            },
            Message::StateSummary(summary) => Self::StateSummary { height: Height(summary.height) },
            Message::Peers(_) => Self::Peers,
        })
    }
}

fn block_hash(bytes: &[u8]) -> Result<Hash, Malformed> {
    wire::hash(bytes).ok_or(Malformed("block hash"))
}

/// Reads a request. `Ok(None)`: well-formed, but of a kind that this version does not know.
pub(crate) fn decode_request(frame: &[u8]) -> Result<Option<Request>, Malformed> {
    let request = proto::Request::decode(frame).map_err(|_| Malformed("request"))?;
    request.message.map(Request::from_proto).transpose()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn samples() -> Vec<Request> {
        vec![
            Request::Body { block: Hash([1; 32]), missing: vec![0, 3, 900] },
            Request::Body { block: Hash([1; 32]), missing: vec![] },
            Request::Txs { ids: vec![Hash([1; 32]), Hash([2; 32])] },
            Request::Blocks { from: Height(7), count: 16, max_bytes: 100 },
            Request::Certificate { height: Height(9) },
            Request::LightBlocks { from: Height(1), heights: vec![Height(2), Height(300)] },
            Request::Snapshots,
            Request::Manifest { height: Height(5) },
            Request::Chunk { height: Height(5), index: 3, offset: 1 << 40 },
            Request::StateSummary { height: Height(5) },
            Request::Peers,
        ]
    }

    #[test]
    fn requests_survive_the_wire() {
        for request in samples() {
            let bytes = request.to_proto().encode_to_vec();
            assert_eq!(decode_request(&bytes), Ok(Some(request)));
        }
    }

    #[test]
    fn unknown_request_is_told_apart_from_a_malformed_one() {
        // Field 99, length-delimited, empty.
        assert_eq!(decode_request(&[0x9a, 0x06, 0x00]), Ok(None));
        assert_eq!(decode_request(b""), Ok(None));
        assert!(decode_request(&[0xff]).is_err());
    }

    #[test]
    fn bounds_are_enforced() {
        let blocks = |count, max_bytes| Request::Blocks { from: Height(1), count, max_bytes };
        for request in [
            blocks(0, 1),
            blocks(17, 1),
            blocks(1, MAX_BLOCKS_BYTES + 1),
            Request::Txs { ids: vec![Hash([0; 32]); MAX_TXS + 1] },
            Request::LightBlocks { from: Height(1), heights: vec![Height(1); MAX_HEIGHTS + 1] },
            Request::Body { block: Hash([0; 32]), missing: vec![2, 1] },
            Request::Body { block: Hash([0; 32]), missing: vec![1, 1] },
        ] {
            assert!(decode_request(&request.to_proto().encode_to_vec()).is_err(), "{request:?}");
        }
    }
}
