//! The tables and the one writer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Buf;
use kwil_crypto::{Hash, sha256};
use redb::{
    Database, DatabaseError, Durability, ReadableDatabase, ReadableTable, TableDefinition,
    WriteTransaction,
};
use tracing::{info, warn};

use crate::{BlockReader, BlockRecord, LogEntry, LogPosition, StoreError, durable, raw_block};

pub(super) const HASH_BY_HEIGHT: TableDefinition<'_, u64, [u8; 32]> =
    TableDefinition::new("hash_by_height");
pub(super) const HEIGHT_BY_HASH: TableDefinition<'_, [u8; 32], u64> =
    TableDefinition::new("height_by_hash");
pub(super) const PLACE_BY_TX: TableDefinition<'_, [u8; 32], (u64, u32)> =
    TableDefinition::new("place_by_tx");
pub(super) const RESULTS_BY_HEIGHT: TableDefinition<'_, u64, (u64, u64)> =
    TableDefinition::new("results_by_height");
const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");

const FORMAT: &[u8] = b"1";
const CACHE_BYTES: usize = 16 * 1024 * 1024;
/// Records of the log in one transaction.
const BATCH: usize = 1024;
/// A crash costs reading at most about this much of the log again.
const SAVE_AFTER_RECORDS: u64 = 32 * 1024;
const SAVE_AFTER_BYTES: u64 = 32 * 1024 * 1024;

/// The index of one block log. Deleting its file loses nothing: it is built again.
#[derive(Debug)]
pub struct BlockIndex {
    pub(super) path: PathBuf,
    pub(super) db: Arc<Database>,
    pub(super) log: BlockReader,
    position: LogPosition,
    unsaved_records: u64,
    unsaved_bytes: u64,
}

impl BlockIndex {
    /// Opens `blocks/index.redb` under `root`. A damaged or foreign index is replaced by an empty one.
    ///
    /// Nothing is read from the log yet: [`Self::catch_up`] or the owner task does that.
    ///
    /// # Errors
    /// [`StoreError::Index`] when the file is in use or cannot be written; I/O errors.
    pub fn open(root: &Path, log: BlockReader) -> Result<Self, StoreError> {
        let path = root.join("blocks").join("index.redb");
        let chain = log.chain();
        if let Some((db, position)) = open_existing(&path, &chain)?
            && log.start() <= position
            && position <= log.tip().position
        {
            return Ok(Self::new(path, db, log, position));
        }
        if path.exists() {
            warn!(file = %path.display(), "block index does not fit the block log, it is built again");
            durable::remove(&path)?;
        }
        let db = database(&path).map_err(|error| StoreError::index(&path, error))?;
        let position = log.start();
        let index = Self::new(path, db, log, position);
        index.write(Durability::Immediate, |txn| {
            let mut meta = index.table(txn.open_table(META))?;
            index.ok(meta.insert("format", FORMAT))?;
            index.ok(meta.insert("chain", chain.0.as_slice()))?;
            index.ok(meta.insert("position", encode_position(position).as_slice()))?;
            for made in
                [txn.open_table(HASH_BY_HEIGHT).map(drop), txn.open_table(HEIGHT_BY_HASH).map(drop)]
            {
                index.table(made)?;
            }
            index.table(txn.open_table(PLACE_BY_TX).map(drop))?;
            index.table(txn.open_table(RESULTS_BY_HEIGHT).map(drop))
        })?;
        Ok(index)
    }

    fn new(path: PathBuf, db: Database, log: BlockReader, position: LogPosition) -> Self {
        Self { path, db: Arc::new(db), log, position, unsaved_records: 0, unsaved_bytes: 0 }
    }

    /// Everything in the log before this place is in the index.
    #[must_use]
    pub fn position(&self) -> LogPosition {
        self.position
    }

    /// Takes in what the log has made durable since the last call; `seen` is told after each batch.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for damage in the log, [`StoreError::Index`], I/O errors.
    pub fn catch_up(&mut self, mut seen: impl FnMut(LogPosition)) -> Result<(), StoreError> {
        let mut total = 0u64;
        while self.position < self.log.tip().position {
            total = total.saturating_add(self.take_batch()?);
            seen(self.position);
        }
        if total > SAVE_AFTER_RECORDS {
            info!(records = total, "block index has caught up with the block log");
        }
        Ok(())
    }

    /// Saves the index, so that the next start has nothing to read again.
    ///
    /// # Errors
    /// [`StoreError::Index`], I/O errors.
    pub fn save(&mut self) -> Result<(), StoreError> {
        self.write(Durability::Immediate, |_| Ok(()))?;
        (self.unsaved_records, self.unsaved_bytes) = (0, 0);
        Ok(())
    }

    fn take_batch(&mut self) -> Result<u64, StoreError> {
        let from = self.position;
        let due =
            self.unsaved_records >= SAVE_AFTER_RECORDS || self.unsaved_bytes >= SAVE_AFTER_BYTES;
        let durability = if due { Durability::Immediate } else { Durability::None };
        let mut taken = 0usize;
        let mut bytes = 0u64;
        let mut reached = from;
        self.write(durability, |txn| {
            let mut hashes = self.table(txn.open_table(HASH_BY_HEIGHT))?;
            let mut heights = self.table(txn.open_table(HEIGHT_BY_HASH))?;
            let mut places = self.table(txn.open_table(PLACE_BY_TX))?;
            let mut results = self.table(txn.open_table(RESULTS_BY_HEIGHT))?;
            reached = self.log.follow(from, |entry| -> Result<bool, StoreError> {
                match entry {
                    LogEntry::Block(block) => {
                        self.ok(hashes.insert(block.height, block.hash.0))?;
                        self.ok(heights.insert(block.hash.0, block.height))?;
                        bytes = bytes.saturating_add(block.block.len() as u64);
                        for (index, id) in self.tx_ids(&block)?.into_iter().enumerate() {
                            let known = self.ok(places.get(id.0))?.is_some();
                            if !known {
                                let index = u32::try_from(index).unwrap_or(u32::MAX);
                                self.ok(places.insert(id.0, (block.height, index)))?;
                            }
                        }
                    }
                    LogEntry::Results { height, at } => {
                        self.ok(results.insert(height, (at.segment, at.offset)))?;
                    }
                }
                taken = taken.saturating_add(1);
                Ok(taken < BATCH && bytes < SAVE_AFTER_BYTES)
            })?;
            let mut meta = self.table(txn.open_table(META))?;
            self.ok(meta.insert("position", encode_position(reached).as_slice()))?;
            Ok(())
        })?;
        self.position = reached;
        if due {
            (self.unsaved_records, self.unsaved_bytes) = (0, 0);
        }
        self.unsaved_records = self.unsaved_records.saturating_add(taken as u64);
        self.unsaved_bytes = self.unsaved_bytes.saturating_add(bytes);
        Ok(taken as u64)
    }

    fn tx_ids(&self, block: &BlockRecord) -> Result<Vec<Hash>, StoreError> {
        let txs = raw_block::transactions(&block.block);
        let txs = txs.ok_or_else(|| {
            StoreError::corrupt(&self.path, 0, "the block log holds bytes that are no block")
        })?;
        Ok(txs.iter().map(|tx| sha256(tx)).collect())
    }

    fn write(
        &self,
        durability: Durability,
        change: impl FnOnce(&WriteTransaction) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut txn =
            self.db.begin_write().map_err(|error| StoreError::index(&self.path, error))?;
        // Otherwise the first open after a crash reads the whole file.
        txn.set_quick_repair(matches!(durability, Durability::Immediate));
        txn.set_durability(durability).map_err(|error| StoreError::index(&self.path, error))?;
        change(&txn)?;
        txn.commit().map_err(|error| StoreError::index(&self.path, error))
    }

    fn table<T>(&self, result: Result<T, redb::TableError>) -> Result<T, StoreError> {
        result.map_err(|error| StoreError::index(&self.path, error))
    }

    fn ok<T>(&self, result: Result<T, redb::StorageError>) -> Result<T, StoreError> {
        result.map_err(|error| StoreError::index(&self.path, error))
    }
}

fn database(path: &Path) -> Result<Database, DatabaseError> {
    Database::builder().set_cache_size(CACHE_BYTES).create(path)
}

/// The index at `path` with the place it has reached; `None` when it is missing, damaged or of another chain.
fn open_existing(path: &Path, chain: &Hash) -> Result<Option<(Database, LogPosition)>, StoreError> {
    if !path.exists() {
        return Ok(None);
    }
    // The library panics on some damaged files, and a damaged index must not keep a node from starting.
    let opened =
        catch_unwind(AssertUnwindSafe(|| database(path).map(|db| (position_in(&db, chain), db))));
    match opened {
        Ok(Ok((position, db))) => Ok(position.map(|position| (db, position))),
        Ok(Err(error @ DatabaseError::DatabaseAlreadyOpen)) => Err(StoreError::index(path, error)),
        Ok(Err(DatabaseError::Storage(redb::StorageError::Io(error))))
            if error.kind() != std::io::ErrorKind::InvalidData
                && error.kind() != std::io::ErrorKind::UnexpectedEof =>
        {
            Err(StoreError::io("open", path, error))
        }
        Ok(Err(error)) => {
            warn!(file = %path.display(), %error, "block index cannot be opened");
            Ok(None)
        }
        Err(_) => {
            warn!(file = %path.display(), "block index is damaged");
            Ok(None)
        }
    }
}

fn position_in(db: &Database, chain: &Hash) -> Option<LogPosition> {
    let meta = db.begin_read().ok()?.open_table(META).ok()?;
    let format = meta.get("format").ok()??;
    let of_chain = meta.get("chain").ok()??;
    if format.value() != FORMAT || of_chain.value() != chain.0 {
        return None;
    }
    let position = meta.get("position").ok()??;
    let mut bytes = position.value();
    let segment = bytes.try_get_u64().ok()?;
    let offset = bytes.try_get_u64().ok()?;
    bytes.is_empty().then_some(LogPosition { segment, offset })
}

fn encode_position(position: LogPosition) -> [u8; 16] {
    (u128::from(position.segment) << 64 | u128::from(position.offset)).to_be_bytes()
}
