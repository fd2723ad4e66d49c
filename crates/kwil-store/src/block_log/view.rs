//! What readers may see of the log: only what is on disk.

use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use bytes::Bytes;
use kwil_crypto::Hash;
use tokio::sync::watch;

use super::record::{self, Kind};
use super::scan::Scan;
use super::segment::{Found, HEAD_LEN, Segment};
use crate::StoreError;

const CACHED_SEGMENTS: usize = 4;

/// A block with the certificate that committed it, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockRecord {
    /// Height of the block.
    pub height: u64,
    /// Block hash (BLAKE3 of the header).
    pub hash: Hash,
    /// Raw block; for the base of a state-synced node the header bytes alone.
    pub block: Bytes,
    /// Commit certificate.
    pub certificate: Bytes,
}

/// A place in the log: everything before it has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogPosition {
    /// First height of the segment file, which is also its name.
    pub segment: u64,
    /// Byte offset in it.
    pub offset: u64,
}

/// How far the log is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogTip {
    /// Height that is appended next; the newest block is the one below.
    pub next_height: u64,
    /// End of the durable part.
    pub position: LogPosition,
}

/// One record met while following the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogEntry {
    /// A block and its certificate.
    Block(BlockRecord),
    /// Results of the transactions of a block, in block order.
    Results {
        /// Height of the block.
        height: u64,
        /// Where this record starts, for [`BlockReader::results_at`].
        at: LogPosition,
    },
}

/// The durable part of the log; replaced piece by piece by the writer after each fsync.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) firsts: Vec<u64>,
    pub(crate) active: Segment,
    pub(crate) file: Arc<File>,
    pub(crate) table: Vec<u32>,
    pub(crate) end: u64,
    pub(crate) base: Option<BlockRecord>,
}

impl View {
    pub(crate) fn tip(&self) -> LogTip {
        LogTip {
            next_height: self.active.first.saturating_add(self.table.len() as u64),
            position: LogPosition { segment: self.active.first, offset: self.end },
        }
    }
}

#[derive(Debug)]
struct Sealed {
    segment: Segment,
    file: Arc<File>,
    table: Vec<u32>,
    end: u64,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) dir: PathBuf,
    pub(crate) chain: Hash,
    view: RwLock<View>,
    tip: watch::Sender<LogTip>,
    sealed: Mutex<Vec<Arc<Sealed>>>,
}

impl Shared {
    pub(crate) fn new(dir: PathBuf, chain: Hash, view: View) -> Self {
        let (tip, _) = watch::channel(view.tip());
        Self { dir, chain, view: RwLock::new(view), tip, sealed: Mutex::new(Vec::new()) }
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut View)) {
        let tip = {
            let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
            change(&mut view);
            view.tip()
        };
        self.tip.send_replace(tip);
    }

    pub(crate) fn with<T>(&self, look: impl FnOnce(&View) -> T) -> T {
        look(&self.view.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Forgets open segment files, because the folder was started anew.
    pub(crate) fn forget_sealed(&self) {
        self.sealed.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn sealed(&self, first: u64, next_first: u64) -> Result<Arc<Sealed>, StoreError> {
        {
            let cached = self.sealed.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(found) = cached.iter().find(|sealed| sealed.segment.first == first) {
                return Ok(Arc::clone(found));
            }
        }
        let (segment, file) = Segment::open(&self.dir, &self.chain, first)?;
        let (table, end) = segment.sealed_table(&file)?;
        let last = first.checked_add(table.len() as u64);
        if last != Some(next_first) {
            return Err(StoreError::corrupt(
                &segment.path,
                HEAD_LEN,
                "blocks are missing from the segment",
            ));
        }
        let sealed = Arc::new(Sealed { segment, file: Arc::new(file), table, end });
        let mut cached = self.sealed.lock().unwrap_or_else(PoisonError::into_inner);
        if cached.len() >= CACHED_SEGMENTS {
            cached.remove(0);
        }
        cached.push(Arc::clone(&sealed));
        Ok(sealed)
    }
}

/// Where a block lies.
struct Place {
    segment: Segment,
    file: Arc<File>,
    offset: u64,
    end: u64,
}

/// The readable part of one segment.
struct Source {
    segment: Segment,
    file: Arc<File>,
    end: u64,
    sealed: bool,
}

/// Cloneable read access to the durable part of the log. Its methods read files: call them where blocking is allowed.
#[derive(Clone, Debug)]
pub struct BlockReader(pub(crate) Arc<Shared>);

impl BlockReader {
    /// How far the log is on disk.
    #[must_use]
    pub fn tip(&self) -> LogTip {
        self.0.with(View::tip)
    }

    /// Lowest height whose block is stored, or would be next when there is none.
    #[must_use]
    pub fn first_height(&self) -> u64 {
        self.0.with(|view| view.firsts.first().copied().unwrap_or(view.active.first))
    }

    /// Genesis hash of the network that the log belongs to.
    #[must_use]
    pub fn chain(&self) -> Hash {
        self.0.chain
    }

    /// Where following starts.
    #[must_use]
    pub fn start(&self) -> LogPosition {
        LogPosition { segment: self.first_height(), offset: HEAD_LEN }
    }

    /// Header and certificate that a state-synced log starts from.
    #[must_use]
    pub fn base(&self) -> Option<BlockRecord> {
        self.0.with(|view| view.base.clone())
    }

    /// Told whenever the durable part grows.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<LogTip> {
        self.0.tip.subscribe()
    }

    /// The block at `height`, or `None` when it is outside what this log holds.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when its bytes are damaged; I/O errors.
    pub fn get(&self, height: u64) -> Result<Option<BlockRecord>, StoreError> {
        let Some(place) = self.locate(height)? else { return Ok(None) };
        let found = place.segment.must_read(&place.file, place.offset, place.end)?;
        to_block(&place.segment, found, height).map(Some)
    }

    /// Consecutive blocks from `height` on, read one after the other; ends at the newest durable block.
    ///
    /// # Errors
    /// As [`Self::get`]. The iterator ends after its first error.
    pub fn range(&self, height: u64) -> Result<BlockRange, StoreError> {
        Ok(BlockRange {
            reader: self.clone(),
            next: height,
            scan: self.scan_from(height)?,
            failed: false,
        })
    }

    /// Results stored at a place that [`Self::follow`] reported.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn results_at(&self, at: LogPosition) -> Result<Vec<Bytes>, StoreError> {
        let Source { segment, file, end, .. } = self.source(at.segment)?;
        let found = segment.must_read(&file, at.offset, end)?;
        if found.header.kind != Kind::Results {
            return Err(StoreError::corrupt(&segment.path, at.offset, "not a results record"));
        }
        record::split_results(found.body).map_err(|bad| segment.corrupt(at.offset, bad))
    }

    /// Visits durable records from `from` on, in the order they were written, until the end or until `visit` says
    /// stop. Returns the place to go on from.
    ///
    /// # Errors
    /// As [`Self::get`], and whatever `visit` returns.
    pub fn follow<E: From<StoreError>>(
        &self,
        from: LogPosition,
        mut visit: impl FnMut(LogEntry) -> Result<bool, E>,
    ) -> Result<LogPosition, E> {
        let mut position = from;
        loop {
            let source = self.source(position.segment)?;
            let mut scan = Scan::new(source.segment, source.file, position.offset, source.end);
            while let Some(found) = scan.next_or_corrupt()? {
                let at = LogPosition { offset: found.offset, ..position };
                position.offset = found.end();
                let height = found.header.height;
                let entry = match found.header.kind {
                    Kind::Seal | Kind::Base => continue,
                    Kind::Results => LogEntry::Results { height, at },
                    Kind::Block => LogEntry::Block(to_block(scan.segment(), found, height)?),
                };
                if !visit(entry)? {
                    return Ok(position);
                }
            }
            match (source.sealed, self.segment_after(position.segment)) {
                (true, Some(next)) => position = LogPosition { segment: next, offset: HEAD_LEN },
                // Sealed since `source` was taken, perhaps with more records: look again.
                (false, Some(_)) => {}
                (_, None) => return Ok(position),
            }
        }
    }

    fn locate(&self, height: u64) -> Result<Option<Place>, StoreError> {
        enum At {
            Active(Option<Place>),
            Sealed { first: u64, next_first: u64 },
        }
        let at = self.0.with(|view| {
            if let Some(index) = height.checked_sub(view.active.first) {
                let offset = usize::try_from(index).ok().and_then(|index| view.table.get(index));
                return At::Active(offset.map(|offset| Place {
                    segment: view.active.clone(),
                    file: Arc::clone(&view.file),
                    offset: u64::from(*offset),
                    end: view.end,
                }));
            }
            let above = view.firsts.partition_point(|first| *first <= height);
            match (
                above.checked_sub(1).and_then(|index| view.firsts.get(index)),
                view.firsts.get(above),
            ) {
                (Some(first), Some(next_first)) => {
                    At::Sealed { first: *first, next_first: *next_first }
                }
                (None, _) | (_, None) => At::Active(None),
            }
        });
        let (first, next_first) = match at {
            At::Active(place) => return Ok(place),
            At::Sealed { first, next_first } => (first, next_first),
        };
        let sealed = self.0.sealed(first, next_first)?;
        let offset = height.checked_sub(first).and_then(|index| usize::try_from(index).ok());
        Ok(offset.and_then(|index| sealed.table.get(index)).map(|offset| Place {
            segment: sealed.segment.clone(),
            file: Arc::clone(&sealed.file),
            offset: u64::from(*offset),
            end: sealed.end,
        }))
    }

    fn scan_from(&self, height: u64) -> Result<Option<Scan>, StoreError> {
        Ok(self
            .locate(height)?
            .map(|place| Scan::new(place.segment, place.file, place.offset, place.end)))
    }

    fn source(&self, first: u64) -> Result<Source, StoreError> {
        let active = self.0.with(|view| {
            (view.active.first == first).then(|| Source {
                segment: view.active.clone(),
                file: Arc::clone(&view.file),
                end: view.end,
                sealed: false,
            })
        });
        if let Some(active) = active {
            return Ok(active);
        }
        let Some(next_first) = self.segment_after(first) else {
            return Err(StoreError::corrupt(&self.0.dir, 0, "position names an unknown segment"));
        };
        let sealed = self.0.sealed(first, next_first)?;
        Ok(Source {
            segment: sealed.segment.clone(),
            file: Arc::clone(&sealed.file),
            end: sealed.end,
            sealed: true,
        })
    }

    fn segment_after(&self, first: u64) -> Option<u64> {
        self.0.with(|view| {
            let index = view.firsts.binary_search(&first).ok()?;
            view.firsts.get(index.checked_add(1)?).copied()
        })
    }
}

/// Iterator over consecutive blocks.
pub struct BlockRange {
    reader: BlockReader,
    next: u64,
    scan: Option<Scan>,
    failed: bool,
}

impl std::fmt::Debug for BlockRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlockRange").field("next", &self.next).finish_non_exhaustive()
    }
}

impl BlockRange {
    fn step(&mut self) -> Result<Option<BlockRecord>, StoreError> {
        loop {
            let Some(scan) = &mut self.scan else { return Ok(None) };
            match scan.next_or_corrupt()? {
                Some(found) if found.header.kind == Kind::Block => {
                    let block = to_block(scan.segment(), found, self.next)?;
                    self.next = self.next.saturating_add(1);
                    return Ok(Some(block));
                }
                Some(found) if found.header.kind != Kind::Seal => {}
                Some(_) | None => self.scan = self.reader.scan_from(self.next)?,
            }
        }
    }
}

impl Iterator for BlockRange {
    type Item = Result<BlockRecord, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let item = self.step().transpose();
        self.failed = matches!(item, Some(Err(_)));
        item
    }
}

pub(crate) fn to_block(
    segment: &Segment,
    found: Found,
    want: u64,
) -> Result<BlockRecord, StoreError> {
    let offset = found.offset;
    let height = found.header.height;
    if height != want || !matches!(found.header.kind, Kind::Block | Kind::Base) {
        return Err(StoreError::corrupt(
            &segment.path,
            offset,
            "another record than the one looked for",
        ));
    }
    let (hash, block, certificate) =
        record::split(found.body).map_err(|bad| segment.corrupt(offset, bad))?;
    Ok(BlockRecord { height, hash: Hash(hash), block, certificate })
}
