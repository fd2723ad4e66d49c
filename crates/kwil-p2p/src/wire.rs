//! Byte forms: frames on streams and the messages in them.

pub(crate) mod consensus;
pub(crate) mod frame;

use bytes::Bytes;
use kwil_crypto::Hash;
use kwil_types::TxId;

/// First byte of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamKind {
    Control,
    Consensus,
    Gossip,
    Request,
}

impl StreamKind {
    pub(crate) const fn byte(self) -> u8 {
        match self {
            Self::Control => 0,
            Self::Consensus => 1,
            Self::Gossip => 2,
            Self::Request => 3,
        }
    }

    pub(crate) const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Control),
            1 => Some(Self::Consensus),
            2 => Some(Self::Gossip),
            3 => Some(Self::Request),
            _ => None,
        }
    }
}

/// Longest frame of the control stream and of a request, bytes.
pub(crate) const SMALL_FRAME: usize = 64 * 1024;
/// Longest frame of the consensus stream, bytes.
pub(crate) const CONSENSUS_FRAME: usize = 4 * 1024 * 1024;
/// What a frame may carry beside a transaction, bytes.
pub(crate) const TX_OVERHEAD: usize = 1024;
/// What a frame may carry beside a block of the largest size, bytes.
pub(crate) const BLOCK_FRAME_OVERHEAD: usize = 1024 * 1024 + 64 * 1024;

/// 32 bytes, or nothing.
pub(crate) fn hash(bytes: &[u8]) -> Option<Hash> {
    <[u8; 32]>::try_from(bytes).ok().map(Hash)
}

/// Transaction ids without separators; `None` when they are not whole or more than `most`.
pub(crate) fn tx_ids(bytes: &[u8], most: usize) -> Option<Vec<TxId>> {
    let (whole, rest) = bytes.as_chunks::<32>();
    (rest.is_empty() && whole.len() <= most).then(|| whole.iter().map(|id| Hash(*id)).collect())
}

/// The reverse of [`tx_ids`].
pub(crate) fn join_tx_ids(ids: &[TxId]) -> Bytes {
    let mut bytes = Vec::with_capacity(ids.len().saturating_mul(32));
    for id in ids {
        bytes.extend_from_slice(id.as_bytes());
    }
    Bytes::from(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_whole_and_bounded() {
        let ids = vec![Hash([1; 32]), Hash([2; 32])];
        let joined = join_tx_ids(&ids);
        assert_eq!(tx_ids(&joined, 2), Some(ids));
        assert_eq!(tx_ids(&joined, 1), None);
        assert_eq!(tx_ids(&joined[..63], 2), None);
    }

    #[test]
    fn stream_kinds_have_their_bytes() {
        for byte in 0..=255 {
            let kind = StreamKind::from_byte(byte);
            assert_eq!(kind.map(StreamKind::byte), (byte < 4).then_some(byte));
        }
    }
}
