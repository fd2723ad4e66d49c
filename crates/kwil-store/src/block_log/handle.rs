//! The owner task of the block log and the handle that others hold.

use std::future::Future;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::{BlockLog, BlockReader, BlockRecord};
use crate::StoreError;
use crate::journal::{self, Journal, Writer, on_blocking};

/// What the owner can be asked to write.
#[derive(Debug)]
pub(crate) enum Command {
    Block { block: BlockRecord, results: Option<Vec<Bytes>> },
    Results { height: u64, results: Vec<Bytes> },
    StartAt(BlockRecord),
}

impl Journal for BlockLog {
    type Command = Command;

    fn apply(&mut self, command: Command) -> Result<(), StoreError> {
        match command {
            Command::Block { block, results } => self.append(&block, results.as_deref()),
            Command::Results { height, results } => self.append_results(height, &results),
            Command::StartAt(base) => self.start_at(&base),
        }
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        Self::sync(self)
    }

    fn close(self) -> Result<(), StoreError> {
        Self::close(self)
    }
}

/// How much one read of a range may return.
#[derive(Clone, Copy, Debug)]
pub struct RangeLimit {
    /// Blocks at most.
    pub count: usize,
    /// Bytes of blocks and certificates at most; the first block is returned whatever its size.
    pub bytes: usize,
}

/// Cheap, cloneable way to reach the one task that owns the block log.
#[derive(Clone, Debug)]
pub struct BlockLogHandle {
    writer: Writer<Command>,
    reader: BlockReader,
}

impl BlockLog {
    /// Splits into the handle and the owner's future, which the caller runs in a task it watches.
    ///
    /// The future ends after `stop`, when all that waited is written and synced, or with the error that made the log
    /// unusable.
    pub fn start(
        self,
        stop: CancellationToken,
    ) -> (BlockLogHandle, impl Future<Output = Result<(), StoreError>> + Send) {
        let reader = self.reader();
        let (writer, owner) = journal::start(self, stop);
        (BlockLogHandle { writer, reader }, owner)
    }
}

impl BlockLogHandle {
    /// Returns once the block, its certificate and, if given, its results are on disk.
    ///
    /// Results are one byte string for each transaction, in block order.
    ///
    /// # Errors
    /// [`StoreError::WrongHeight`], [`StoreError::TooLarge`]; any other error means that the log is closed.
    pub async fn append(
        &self,
        block: BlockRecord,
        results: Option<Vec<Bytes>>,
    ) -> Result<(), StoreError> {
        self.writer.send(Some(Command::Block { block, results }), true).await
    }

    /// As [`Self::append`], but returns before the disk has it. Readers see the block after the next [`Self::sync`].
    ///
    /// # Errors
    /// As [`Self::append`].
    pub async fn append_unsynced(
        &self,
        block: BlockRecord,
        results: Option<Vec<Bytes>>,
    ) -> Result<(), StoreError> {
        self.writer.send(Some(Command::Block { block, results }), false).await
    }

    /// Writes the results of a stored block, without waiting for the disk: they travel with the next sync.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub async fn append_results(&self, height: u64, results: Vec<Bytes>) -> Result<(), StoreError> {
        self.writer.send(Some(Command::Results { height, results }), false).await
    }

    /// Returns once everything written before is on disk.
    ///
    /// # Errors
    /// I/O errors, after which the log is closed.
    pub async fn sync(&self) -> Result<(), StoreError> {
        self.writer.send(None, true).await
    }

    /// Starts an empty log above a state-synced height; `base.block` is the header alone.
    ///
    /// # Errors
    /// [`StoreError::NotEmpty`]; any other error means that the log is closed.
    pub async fn start_at(&self, base: BlockRecord) -> Result<(), StoreError> {
        self.writer.send(Some(Command::StartAt(base)), true).await
    }

    /// Read access that works where blocking is allowed.
    #[must_use]
    pub fn reader(&self) -> &BlockReader {
        &self.reader
    }

    /// The block at `height`, or `None` when it is not stored.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], I/O errors.
    pub async fn get(&self, height: u64) -> Result<Option<BlockRecord>, StoreError> {
        let reader = self.reader.clone();
        on_blocking(move || reader.get(height)).await?
    }

    /// Consecutive blocks from `from` on, as many as `limit` allows; empty when `from` is not stored.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], I/O errors.
    pub async fn range(
        &self,
        from: u64,
        limit: RangeLimit,
    ) -> Result<Vec<BlockRecord>, StoreError> {
        let reader = self.reader.clone();
        on_blocking(move || {
            let mut blocks = Vec::new();
            let mut bytes = 0usize;
            for block in reader.range(from)?.take(limit.count) {
                let block = block?;
                bytes =
                    bytes.saturating_add(block.block.len()).saturating_add(block.certificate.len());
                if bytes > limit.bytes && !blocks.is_empty() {
                    break;
                }
                blocks.push(block);
            }
            Ok(blocks)
        })
        .await?
    }
}
