//! The owner task of the index and the handle that answers questions.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use kwil_crypto::Hash;
use redb::{Database, Key, ReadableDatabase, TableDefinition, Value};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::tables::{BlockIndex, HASH_BY_HEIGHT, HEIGHT_BY_HASH, PLACE_BY_TX, RESULTS_BY_HEIGHT};
use crate::journal::on_blocking;
use crate::{BlockReader, LogPosition, StoreError, raw_block};

/// Where a transaction was included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxLocation {
    /// Height of its block.
    pub height: u64,
    /// Its place in that block, from 0.
    pub index: u32,
}

/// A transaction as the chain holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredTransaction {
    /// Where it was included.
    pub location: TxLocation,
    /// Its bytes.
    pub raw: Bytes,
    /// Its result as the node encoded it; `None` while the block is stored but not executed here.
    pub result: Option<Bytes>,
}

/// Cheap, cloneable read access to the index.
#[derive(Clone, Debug)]
pub struct BlockIndexHandle {
    path: Arc<Path>,
    db: Arc<Database>,
    log: BlockReader,
    indexed: watch::Receiver<LogPosition>,
}

impl BlockIndex {
    /// Splits into the handle and the owner's future, which the caller runs in a task it watches.
    ///
    /// The future follows the log until `stop`, saves the index and ends. Stop the block log first: then the index
    /// holds everything.
    pub fn start(
        self,
        stop: CancellationToken,
    ) -> (BlockIndexHandle, impl Future<Output = Result<(), StoreError>> + Send) {
        let (indexed_tx, indexed) = watch::channel(self.position());
        let handle = BlockIndexHandle {
            path: Arc::from(self.path.as_path()),
            db: Arc::clone(&self.db),
            log: self.log.clone(),
            indexed,
        };
        (handle, own(self, indexed_tx, stop))
    }
}

async fn own(
    mut index: BlockIndex,
    indexed: watch::Sender<LogPosition>,
    stop: CancellationToken,
) -> Result<(), StoreError> {
    let mut tip = index.log.watch();
    tip.mark_changed();
    loop {
        let stopping = tokio::select! {
            biased;
            () = stop.cancelled() => true,
            changed = tip.changed() => changed.is_err(),
        };
        let seen = indexed.clone();
        let (back, outcome) = on_blocking(move || {
            let mut outcome = index.catch_up(|position| {
                seen.send_replace(position);
            });
            if stopping && outcome.is_ok() {
                outcome = index.save();
            }
            (index, outcome)
        })
        .await?;
        outcome?;
        if stopping {
            return Ok(());
        }
        index = back;
    }
}

impl BlockIndexHandle {
    /// Returns once everything that the log had on disk at the call can be found here.
    ///
    /// # Errors
    /// [`StoreError::Stopped`] when the owner task ended before.
    pub async fn caught_up(&self) -> Result<(), StoreError> {
        let target = self.log.tip().position;
        let mut indexed = self.indexed.clone();
        indexed
            .wait_for(|position| *position >= target)
            .await
            .map(drop)
            .map_err(|_| StoreError::Stopped)
    }

    /// Height of the block with this hash.
    ///
    /// # Errors
    /// [`StoreError::Index`].
    pub async fn height_of(&self, hash: Hash) -> Result<Option<u64>, StoreError> {
        let this = self.clone();
        on_blocking(move || this.get(HEIGHT_BY_HASH, hash.0, |height| height)).await?
    }

    /// Hash of the block at this height.
    ///
    /// # Errors
    /// [`StoreError::Index`].
    pub async fn hash_of(&self, height: u64) -> Result<Option<Hash>, StoreError> {
        let this = self.clone();
        on_blocking(move || this.get(HASH_BY_HEIGHT, height, Hash)).await?
    }

    /// Where the transaction with this id was first included.
    ///
    /// # Errors
    /// [`StoreError::Index`].
    pub async fn locate(&self, tx: Hash) -> Result<Option<TxLocation>, StoreError> {
        let this = self.clone();
        on_blocking(move || this.locate_blocking(tx)).await?
    }

    /// For each id whether a block holds it; used to drop announcements of what is committed.
    ///
    /// # Errors
    /// [`StoreError::Index`].
    pub async fn contains(&self, txs: Vec<Hash>) -> Result<Vec<bool>, StoreError> {
        let this = self.clone();
        on_blocking(move || {
            let txn = this.db.begin_read().map_err(|error| StoreError::index(&this.path, error))?;
            let table = txn
                .open_table(PLACE_BY_TX)
                .map_err(|error| StoreError::index(&this.path, error))?;
            let known = |id: Hash| table.get(id.0).map(|place| place.is_some());
            txs.into_iter()
                .map(|id| known(id).map_err(|error| StoreError::index(&this.path, error)))
                .collect()
        })
        .await?
    }

    /// Results of the block at `height`, one for each transaction; `None` when none are stored.
    ///
    /// # Errors
    /// [`StoreError::Index`], [`StoreError::Corrupt`], I/O errors.
    pub async fn results(&self, height: u64) -> Result<Option<Vec<Bytes>>, StoreError> {
        let this = self.clone();
        on_blocking(move || this.results_blocking(height)).await?
    }

    /// The transaction with this id, with its result.
    ///
    /// # Errors
    /// [`StoreError::Index`], [`StoreError::Corrupt`], I/O errors.
    pub async fn transaction(&self, tx: Hash) -> Result<Option<StoredTransaction>, StoreError> {
        let this = self.clone();
        on_blocking(move || {
            let Some(location) = this.locate_blocking(tx)? else { return Ok(None) };
            let index = location.index as usize;
            let Some(block) = this.log.get(location.height)? else { return Ok(None) };
            let raw =
                raw_block::transactions(&block.block).and_then(|txs| txs.into_iter().nth(index));
            let Some(raw) = raw else { return Ok(None) };
            let result =
                this.results_blocking(location.height)?.and_then(|all| all.into_iter().nth(index));
            Ok(Some(StoredTransaction { location, raw, result }))
        })
        .await?
    }

    fn locate_blocking(&self, tx: Hash) -> Result<Option<TxLocation>, StoreError> {
        self.get(PLACE_BY_TX, tx.0, |(height, index)| TxLocation { height, index })
    }

    fn results_blocking(&self, height: u64) -> Result<Option<Vec<Bytes>>, StoreError> {
        let at = self
            .get(RESULTS_BY_HEIGHT, height, |(segment, offset)| LogPosition { segment, offset })?;
        at.map(|at| self.log.results_at(at)).transpose()
    }

    fn get<'k, K: Key + 'static, V: Value + 'static, T>(
        &self,
        table: TableDefinition<'_, K, V>,
        key: K::SelfType<'k>,
        read: impl FnOnce(V::SelfType<'_>) -> T,
    ) -> Result<Option<T>, StoreError> {
        let failed = |error: redb::Error| StoreError::index(&self.path, error);
        let txn = self.db.begin_read().map_err(|error| failed(error.into()))?;
        let table = txn.open_table(table).map_err(|error| failed(error.into()))?;
        let found = table.get(key).map_err(|error| failed(error.into()))?;
        Ok(found.map(|guard| read(guard.value())))
    }
}
