//! A transaction as it travels: bytes, view and id, each made once.

use std::sync::Arc;

use bytes::Bytes;
use kwil_crypto::sha256;

use super::{Transaction, TxError, TxId};

/// A transaction that obeys every limit, with its bytes and id. Clones share everything.
///
/// Nothing is re-encoded on the way: mempool, gossip, blocks and the block log hand these bytes around.
#[derive(Clone, Debug)]
pub struct RawTx {
    bytes: Bytes,
    id: TxId,
    view: Arc<Transaction>,
}

impl RawTx {
    /// Decodes the binary form strictly and computes the id.
    ///
    /// # Errors
    /// [`TxError`] for anything but the one valid encoding of a signed transaction within its limits. Whether the
    /// signature is right and the payload decodes is not checked here.
    pub fn decode(bytes: Bytes) -> Result<Self, TxError> {
        let view = Arc::new(Transaction::decode(&bytes)?);
        let id = sha256(&bytes);
        Ok(Self { bytes, id, view })
    }

    /// Encodes a signed transaction.
    ///
    /// # Errors
    /// [`TxError`] when it is not signed or breaks a limit.
    pub fn new(transaction: &Transaction) -> Result<Self, TxError> {
        Self::decode(transaction.encode()?.into())
    }

    /// The bytes as they were received or first encoded.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// SHA-256 of the bytes.
    #[must_use]
    pub fn id(&self) -> TxId {
        self.id
    }

    /// The parts.
    #[must_use]
    pub fn transaction(&self) -> &Transaction {
        &self.view
    }

    /// Length of the bytes, which is what block and mempool limits count.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Always false: a transaction has bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

impl PartialEq for RawTx {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for RawTx {}
