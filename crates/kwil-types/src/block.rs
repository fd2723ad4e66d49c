//! Raw blocks, version 1: what the block log stores and peers exchange.

use bytes::Bytes;
use kwil_crypto::{Hash, NetworkSignature, PrivateKey, SignatureError, context, sha256};

use crate::header::MAX_HEADER_LEN;
use crate::wire::{Reader, WireError, Writer};
use crate::{Header, tx_root};

/// What an encoded block may have above the sum of its transactions.
pub const BLOCK_OVERHEAD: u64 = 1 << 20;
/// Smallest share of `max_block_size` that a transaction counts for, in bytes.
const MIN_TX_SHARE: u64 = 64;

/// A header, the signature of its proposer and the transactions in their client binary form.
///
/// Transactions are slices of the buffer that the block was decoded from. Decoding checks the layout only; see
/// [`Block::check`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Block {
    header: Header,
    hash: Hash,
    signature: NetworkSignature,
    txs: Vec<Bytes>,
}

/// Why a block is not acceptable, before anything in it is executed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlockError {
    /// The encoded block is longer than the parameters allow.
    #[error("block of {got} bytes is longer than {limit} bytes")]
    TooLong {
        /// Longest encoded block.
        limit: u64,
        /// Length of this one.
        got: u64,
    },
    /// The bytes are not a block.
    #[error("malformed block: {0}")]
    Wire(#[from] WireError),
    /// The header speaks of another number of transactions.
    #[error("header says {header} transactions, the block has {block}")]
    TxCount {
        /// Number in the header.
        header: u32,
        /// Number in the block.
        block: usize,
    },
    /// More transactions than the parameters allow.
    #[error("{got} transactions are more than {limit}")]
    TooManyTxs {
        /// Most transactions.
        limit: u64,
        /// Number in the block.
        got: usize,
    },
    /// The proposer did not sign this header.
    #[error("proposer signature: {0}")]
    Proposer(#[source] SignatureError),
    /// The transactions are larger than the parameters allow.
    #[error("transactions of {got} bytes are above max_block_size, {limit} bytes")]
    TooLarge {
        /// `max_block_size`.
        limit: u64,
        /// Sum of the transaction lengths.
        got: u64,
    },
    /// The transactions are not those that the header commits to.
    #[error("transaction root {got} is not {want}")]
    TxRoot {
        /// Root in the header.
        want: Hash,
        /// Root of the transactions.
        got: Hash,
    },
    /// A transaction is in the block twice.
    #[error("transaction {id} is in the block twice")]
    DuplicateTx {
        /// Its id.
        id: Hash,
    },
}

impl Block {
    /// Signs a header as its proposer. The header must already commit to the transactions.
    #[must_use]
    pub fn propose(header: Header, txs: Vec<Bytes>, key: &PrivateKey) -> Self {
        let hash = header.hash();
        let signature = key.sign_network(context::BLOCK, &hash.0);
        Self { header, hash, signature, txs }
    }

    /// Puts a block together whose parts arrived apart.
    #[must_use]
    pub fn from_parts(header: Header, signature: NetworkSignature, txs: Vec<Bytes>) -> Self {
        let hash = header.hash();
        Self { header, hash, signature, txs }
    }

    /// The header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The block hash.
    #[must_use]
    pub const fn hash(&self) -> Hash {
        self.hash
    }

    /// Signature of the proposer over the block hash.
    #[must_use]
    pub const fn signature(&self) -> &NetworkSignature {
        &self.signature
    }

    /// Transactions in their client binary form.
    #[must_use]
    pub fn txs(&self) -> &[Bytes] {
        &self.txs
    }

    /// The parts.
    #[must_use]
    pub fn into_parts(self) -> (Header, NetworkSignature, Vec<Bytes>) {
        (self.header, self.signature, self.txs)
    }

    /// Ids of the transactions: SHA-256 of each.
    #[must_use]
    pub fn tx_ids(&self) -> Vec<Hash> {
        self.txs.iter().map(|tx| sha256(tx)).collect()
    }

    /// The raw block.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let content: usize =
            self.txs.iter().map(|tx| tx.len().saturating_add(4)).fold(512, usize::saturating_add);
        let mut writer = Writer::with_capacity(content);
        writer
            .u8(1)
            .bytes(&self.header.encode())
            .signature(&self.signature)
            .count_u32_be(self.txs.len());
        for tx in &self.txs {
            writer.bytes(tx);
        }
        writer.into_bytes()
    }

    /// Reads a raw block that was checked before, exactly, sharing its buffer. For blocks from outside there is
    /// [`Block::receive`], which bounds the number of transactions before it makes room for them.
    ///
    /// # Errors
    /// [`WireError`].
    pub fn decode(raw: &Bytes) -> Result<Self, WireError> {
        let mut reader = Reader::new(raw);
        let (header, signature) = read_head(&mut reader)?;
        let count = reader.u32_be()?;
        let txs = read_txs(reader, raw, count)?;
        Ok(Self::from_parts(header, signature, txs))
    }

    /// Reads a raw block from outside and checks it, cheapest rule first: length, header, number of transactions,
    /// proposer signature, sum of lengths, transaction root, no transaction twice. Returns the ids with it.
    ///
    /// What remains for the caller: that the header continues the chain ([`Header::check`]) and that each transaction
    /// is valid.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn receive(raw: &Bytes, max_block_size: u64) -> Result<(Self, Vec<Hash>), BlockError> {
        let limit = max_block_size.saturating_add(BLOCK_OVERHEAD);
        let got = u64::try_from(raw.len()).unwrap_or(u64::MAX);
        if got > limit {
            return Err(BlockError::TooLong { limit, got });
        }
        let mut reader = Reader::new(raw);
        let (header, signature) = read_head(&mut reader)?;
        let count = reader.u32_be()?;
        check_count(&header, usize::try_from(count).unwrap_or(usize::MAX), max_block_size)?;
        let block = Self::from_parts(header, signature, read_txs(reader, raw, count)?);
        let ids = block.check(max_block_size)?;
        Ok((block, ids))
    }

    /// The checks of [`Block::receive`] for a block that was put together from parts. Returns the transaction ids.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(&self, max_block_size: u64) -> Result<Vec<Hash>, BlockError> {
        check_count(&self.header, self.txs.len(), max_block_size)?;
        self.verify_proposer().map_err(BlockError::Proposer)?;
        let lengths = self.txs.iter().map(|tx| u64::try_from(tx.len()).unwrap_or(u64::MAX));
        let got = lengths.fold(0, u64::saturating_add);
        if got > max_block_size {
            return Err(BlockError::TooLarge { limit: max_block_size, got });
        }
        let ids = self.tx_ids();
        let got = tx_root(&ids);
        if got != self.header.tx_root {
            return Err(BlockError::TxRoot { want: self.header.tx_root, got });
        }
        match duplicate(&ids) {
            Some(id) => Err(BlockError::DuplicateTx { id }),
            None => Ok(ids),
        }
    }

    /// Checks the proposer's signature.
    ///
    /// # Errors
    /// [`SignatureError`].
    pub fn verify_proposer(&self) -> Result<(), SignatureError> {
        self.header.proposer.verify_network(context::BLOCK, &self.hash.0, &self.signature)
    }
}

fn read_head(reader: &mut Reader<'_>) -> Result<(Header, NetworkSignature), WireError> {
    reader.version_u8(1)?;
    let length = reader.u32_be()?;
    if usize::try_from(length).map_or(true, |length| length > MAX_HEADER_LEN) {
        return Err(WireError::Invalid { what: "header is longer than 1024 bytes" });
    }
    let header = Header::decode(reader.take(reader.count(u64::from(length), 1)?)?)?;
    Ok((header, reader.signature()?))
}

fn read_txs(mut reader: Reader<'_>, raw: &Bytes, count: u32) -> Result<Vec<Bytes>, WireError> {
    let mut txs = Vec::with_capacity(reader.count(u64::from(count), 4)?);
    for _ in 0..count {
        txs.push(raw.slice_ref(reader.bytes()?));
    }
    reader.finish()?;
    Ok(txs)
}

fn check_count(header: &Header, count: usize, max_block_size: u64) -> Result<(), BlockError> {
    if usize::try_from(header.tx_count) != Ok(count) {
        return Err(BlockError::TxCount { header: header.tx_count, block: count });
    }
    let limit = max_block_size.checked_div(MIN_TX_SHARE).unwrap_or(0);
    if u64::from(header.tx_count) > limit {
        return Err(BlockError::TooManyTxs { limit, got: count });
    }
    Ok(())
}

/// An id that is in the list twice.
fn duplicate(ids: &[Hash]) -> Option<Hash> {
    let mut sorted = ids.to_vec();
    sorted.sort_unstable();
    sorted.array_windows().find(|[left, right]| left == right).map(|[id, _]| *id)
}
