//! The one writer of the block log.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use kwil_crypto::Hash;
use tracing::{debug, warn};

use super::record::{self, Kind, MAX_BODY};
use super::scan::{Tail, read_tail};
use super::segment::{self, HEAD_LEN, Segment, offset32};
use super::view::{BlockReader, BlockRecord, Shared, View, to_block};
use crate::{StoreError, durable};

/// Smaller bodies are stored as they are. Measured on blocks of transactions that wallets make (example `measure`,
/// "compression"): 0.9 of the size at 0.5 KiB, 0.6 at 1.8 KiB for 20 µs, 0.25 at 300 KiB; level 3 gains nothing more.
const COMPRESS_FROM: usize = 1024;
const COMPRESS_LEVEL: i32 = 1;

/// How a block log is opened.
#[derive(Clone, Debug)]
pub struct BlockLogConfig {
    /// Folder of the segment files.
    pub dir: PathBuf,
    /// Genesis hash of the network; a log of another chain is refused.
    pub chain: Hash,
    /// Height of the first block, used when the log is new.
    pub first_height: u64,
    /// A segment that reached this many bytes gets no more blocks.
    pub segment_bytes: u64,
}

impl BlockLogConfig {
    /// The log of the node whose root folder is `root`.
    #[must_use]
    pub fn new(root: &Path, chain: Hash, first_height: u64) -> Self {
        Self { dir: root.join("blocks"), chain, first_height, segment_bytes: 64 * 1024 * 1024 }
    }
}

/// Bytes that a crash left half written and that a start removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// File that was shortened.
    pub file: PathBuf,
    /// Its new length.
    pub offset: u64,
    /// How many bytes went.
    pub bytes: u64,
}

/// Append-only log of committed blocks. One value exists for a folder; readers share it through [`BlockReader`].
#[derive(Debug)]
pub struct BlockLog {
    shared: Arc<Shared>,
    segment_bytes: u64,
    segment: Segment,
    file: Arc<File>,
    len: u64,
    durable: u64,
    pending: Vec<u32>,
    next_height: u64,
    tip_hash: Option<Hash>,
    squeeze: Squeeze,
    buffer: BytesMut,
    failed: bool,
}

struct Squeeze(zstd::bulk::Compressor<'static>);

impl std::fmt::Debug for Squeeze {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Squeeze")
    }
}

impl BlockLog {
    /// Opens the log, creating it when the folder holds none. Reads the newest segment only.
    ///
    /// A torn tail is cut and reported; it was never acknowledged as durable.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for damage inside, [`StoreError::WrongChain`], [`StoreError::DiskFull`], I/O errors.
    pub fn open(config: &BlockLogConfig) -> Result<(Self, Option<TornTail>), StoreError> {
        durable::create_dir(&config.dir)?;
        let mut firsts = segment::list(&config.dir)?;
        let (segment, file) = match firsts.last() {
            Some(first) => Segment::open(&config.dir, &config.chain, *first)?,
            None => {
                firsts.push(config.first_height);
                Segment::create(&config.dir, &config.chain, config.first_height)?
            }
        };
        let base = read_base(config, &mut firsts)?;
        let file = Arc::new(file);
        let tail = read_tail(&segment, &file)?;
        let torn = cut(&segment, &file, &tail)?;
        // What a killed process wrote may still be in memory only; readers count on everything below `end`.
        file.sync_all().map_err(|error| StoreError::io("sync", &segment.path, error))?;
        let next_height = segment.first.saturating_add(tail.table.len() as u64);
        let tip_hash = match tail.tip {
            Some(found) => {
                let height = found.header.height;
                Some(to_block(&segment, found, height)?.hash)
            }
            None => None,
        };
        let view = View {
            firsts,
            active: segment.clone(),
            file: Arc::clone(&file),
            table: tail.table,
            end: tail.end,
            base,
        };
        let shared = Arc::new(Shared::new(config.dir.clone(), config.chain, view));
        let squeeze = zstd::bulk::Compressor::new(COMPRESS_LEVEL)
            .map_err(|error| StoreError::io("compress for", &segment.path, error))?;
        let mut log = Self {
            shared,
            segment_bytes: config.segment_bytes.min(u64::from(u32::MAX) / 2),
            segment,
            file,
            len: tail.end,
            durable: tail.end,
            pending: Vec::new(),
            next_height,
            tip_hash,
            squeeze: Squeeze(squeeze),
            buffer: BytesMut::new(),
            failed: false,
        };
        if tail.sealed {
            log.start_segment()?;
        }
        if log.tip_hash.is_none() {
            log.tip_hash = log.tip_before_segment()?;
        }
        debug!(height = log.next_height.saturating_sub(1), "block log opened");
        Ok((log, torn))
    }

    /// Read access for others.
    #[must_use]
    pub fn reader(&self) -> BlockReader {
        BlockReader(Arc::clone(&self.shared))
    }

    /// The only height that [`Self::append`] accepts now.
    #[must_use]
    pub fn next_height(&self) -> u64 {
        self.next_height
    }

    /// Hash of the newest block, or of the base; `None` in a log that starts at genesis and is empty.
    #[must_use]
    pub fn tip_hash(&self) -> Option<Hash> {
        self.tip_hash
    }

    /// Writes a block, and its results when they are known, without waiting for the disk.
    ///
    /// # Errors
    /// [`StoreError::WrongHeight`] and [`StoreError::TooLarge`] leave the log usable. After any other error it
    /// refuses further writes.
    pub fn append(
        &mut self,
        block: &BlockRecord,
        results: Option<&[Bytes]>,
    ) -> Result<(), StoreError> {
        self.check_usable()?;
        if block.height != self.next_height {
            return Err(StoreError::WrongHeight { want: self.next_height, got: block.height });
        }
        if self.len >= self.segment_bytes && self.next_height > self.segment.first {
            self.rotate().inspect_err(|_| self.failed = true)?;
        }
        let offset = offset32(&self.segment.path, self.len)?;
        self.buffer.clear();
        let body = record::join(&block.hash.0, &block.block, &block.certificate);
        self.encode(Kind::Block, block.height, body)?;
        if let Some(results) = results {
            self.encode(Kind::Results, block.height, record::join_results(results))?;
        }
        self.write_buffer()?;
        self.pending.push(offset);
        self.next_height = self.next_height.saturating_add(1);
        self.tip_hash = Some(block.hash);
        Ok(())
    }

    /// Writes the results of a stored block, without waiting for the disk. The newest results of a height win.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn append_results(&mut self, height: u64, results: &[Bytes]) -> Result<(), StoreError> {
        self.check_usable()?;
        if height >= self.next_height {
            return Err(StoreError::WrongHeight {
                want: self.next_height.saturating_sub(1),
                got: height,
            });
        }
        self.buffer.clear();
        self.encode(Kind::Results, height, record::join_results(results))?;
        self.write_buffer()
    }

    /// Makes everything written so far durable, and visible to readers.
    ///
    /// # Errors
    /// I/O errors; a failed fsync is never tried again, because the kernel may have dropped the bytes.
    pub fn sync(&mut self) -> Result<(), StoreError> {
        self.check_usable()?;
        if self.durable == self.len {
            return Ok(());
        }
        if let Err(error) = self.file.sync_data() {
            self.failed = true;
            return Err(StoreError::io("sync", &self.segment.path, error));
        }
        self.durable = self.len;
        let (end, pending) = (self.len, std::mem::take(&mut self.pending));
        self.shared.update(|view| {
            view.table.extend(pending);
            view.end = end;
        });
        Ok(())
    }

    /// Starts an empty log above `base`, whose `block` holds the header alone. Durable when this returns.
    ///
    /// # Errors
    /// [`StoreError::NotEmpty`] when the log holds blocks; I/O errors.
    pub fn start_at(&mut self, base: &BlockRecord) -> Result<(), StoreError> {
        self.check_usable()?;
        let (only, old_base) =
            self.shared.with(|view| (view.firsts.len() == 1, view.base.is_some()));
        if !only || self.next_height > self.segment.first || old_base {
            return Err(StoreError::NotEmpty { tip: self.next_height.saturating_sub(1) });
        }
        self.replace_with(base).inspect_err(|_| self.failed = true)
    }

    /// Syncs and ends the log.
    ///
    /// # Errors
    /// As [`Self::sync`].
    pub fn close(mut self) -> Result<(), StoreError> {
        self.sync()
    }

    fn replace_with(&mut self, base: &BlockRecord) -> Result<(), StoreError> {
        let first = base.height.saturating_add(1);
        let (segment, mut contents) = Segment::plan(&self.shared.dir, &self.shared.chain, first)?;
        let body = record::join(&base.hash.0, &base.block, &base.certificate).unwrap_or_default();
        let written =
            record::encode(&mut contents, &segment.salt, (Kind::Base, base.height, 0), &body, None);
        let limit = MAX_BODY as u64;
        written.ok_or(StoreError::TooLarge { bytes: body.len() as u64, limit })?;
        let file = Arc::new(segment.put(&contents)?);
        // A crash before this leaves both; a start removes what lies before a base.
        if segment.path != self.segment.path {
            durable::remove(&self.segment.path)?;
        }
        let end = contents.len() as u64;
        (self.segment, self.file, self.len, self.durable) = (segment, Arc::clone(&file), end, end);
        self.next_height = first;
        self.tip_hash = Some(base.hash);
        self.shared.forget_sealed();
        let (active, base) = (self.segment.clone(), Some(base.clone()));
        self.shared.update(|view| {
            *view = View { firsts: vec![first], active, file, table: Vec::new(), end, base }
        });
        Ok(())
    }

    fn check_usable(&self) -> Result<(), StoreError> {
        if self.failed {
            Err(StoreError::Failed { path: self.segment.path.clone() })
        } else {
            Ok(())
        }
    }

    fn encode(
        &mut self,
        kind: Kind,
        height: u64,
        body: Option<BytesMut>,
    ) -> Result<(), StoreError> {
        let limit = MAX_BODY as u64;
        let Some(body) = body else {
            return Err(StoreError::TooLarge { bytes: u64::from(u32::MAX), limit });
        };
        let squeeze = (body.len() >= COMPRESS_FROM).then_some(&mut self.squeeze.0);
        let head = (kind, height, self.durable);
        let written = record::encode(&mut self.buffer, &self.segment.salt, head, &body, squeeze);
        written.ok_or(StoreError::TooLarge { bytes: body.len() as u64, limit })
    }

    fn write_buffer(&mut self) -> Result<(), StoreError> {
        if let Err(error) = self.file.write_all_at(&self.buffer, self.len) {
            self.failed = true;
            return Err(StoreError::io("write", &self.segment.path, error));
        }
        self.len = self.len.saturating_add(self.buffer.len() as u64);
        Ok(())
    }

    fn rotate(&mut self) -> Result<(), StoreError> {
        self.sync()?;
        let seal = self.shared.with(|view| self.segment.seal(self.len, &view.table));
        let Some(seal) = seal else {
            return Err(StoreError::corrupt(
                &self.segment.path,
                self.len,
                "offset table is too large",
            ));
        };
        self.buffer = seal;
        self.write_buffer()?;
        self.file.sync_data().map_err(|error| StoreError::io("sync", &self.segment.path, error))?;
        self.start_segment()
    }

    fn start_segment(&mut self) -> Result<(), StoreError> {
        let first = self.next_height;
        let (segment, file) = Segment::create(&self.shared.dir, &self.shared.chain, first)?;
        (self.segment, self.file, self.len, self.durable) =
            (segment, Arc::new(file), HEAD_LEN, HEAD_LEN);
        let (active, file) = (self.segment.clone(), Arc::clone(&self.file));
        self.shared.update(|view| {
            view.firsts.push(first);
            view.active = active;
            view.file = file;
            view.table.clear();
            view.end = HEAD_LEN;
        });
        Ok(())
    }

    fn tip_before_segment(&self) -> Result<Option<Hash>, StoreError> {
        let reader = self.reader();
        let Some(height) = self.next_height.checked_sub(1) else { return Ok(None) };
        Ok(reader.get(height)?.or_else(|| reader.base()).map(|record| record.hash))
    }
}

fn cut(segment: &Segment, file: &File, tail: &Tail) -> Result<Option<TornTail>, StoreError> {
    let Some(bad) = tail.torn else { return Ok(None) };
    let len =
        file.metadata().map_err(|error| StoreError::io("measure", &segment.path, error))?.len();
    durable::cut(file, &segment.path, tail.end)?;
    let torn = TornTail {
        file: segment.path.clone(),
        offset: tail.end,
        bytes: len.saturating_sub(tail.end),
    };
    warn!(file = %torn.file.display(), offset = torn.offset, bytes = torn.bytes, reason = bad.text(), "unfinished write removed from the block log");
    Ok(Some(torn))
}

/// The base record, which is the first record of the first segment, if there is one.
///
/// Segments below a base are leftovers of [`BlockLog::start_at`] and are removed.
fn read_base(
    config: &BlockLogConfig,
    firsts: &mut Vec<u64>,
) -> Result<Option<BlockRecord>, StoreError> {
    if let (Some(last), true) = (firsts.last().copied(), firsts.len() > 1)
        && base_of(config, last)?.is_some()
    {
        for first in firsts.drain(..firsts.len().saturating_sub(1)) {
            durable::remove(&config.dir.join(segment::file_name(first)))?;
        }
    }
    firsts.first().map_or(Ok(None), |first| base_of(config, *first))
}

fn base_of(config: &BlockLogConfig, first: u64) -> Result<Option<BlockRecord>, StoreError> {
    let (segment, file) = Segment::open(&config.dir, &config.chain, first)?;
    let len =
        file.metadata().map_err(|error| StoreError::io("measure", &segment.path, error))?.len();
    match segment.read(&file, HEAD_LEN, len)? {
        Ok(found) if found.header.kind == Kind::Base => {
            let height = found.header.height;
            to_block(&segment, found, height).map(Some)
        }
        // Damage here is reported when the record is asked for as a block.
        Ok(_) | Err(_) => Ok(None),
    }
}
