//! The one writer of the consensus log.

use std::fs::File;
use std::io::{BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use tracing::{debug, warn};

use super::record::{
    self, ConsensusRecord, HEADER_LEN, MAX_PAYLOAD, RecordKind, SALT_RECORD_LEN, Salt,
};
use crate::{StoreError, TornTail, durable};

/// A file that grew beyond this is rewritten without its dead records.
const REWRITE_ABOVE: u64 = 64 * 1024 * 1024;
/// Bytes checked while looking for intact records behind a bad one.
const SEARCH_BUDGET: u64 = 256 * 1024 * 1024;

/// What a start finds in the log.
#[derive(Clone, Debug)]
pub struct Recovered {
    /// Living records: everything since the last start of a height, and the newest of each lasting kind.
    pub records: Vec<ConsensusRecord>,
    /// There was no log, so nothing is known about earlier votes.
    pub fresh: bool,
    /// Half-written bytes that were removed from the end.
    pub torn: Option<TornTail>,
}

#[derive(Clone, Copy, Debug)]
struct Live {
    kind: RecordKind,
    offset: u64,
    len: u64,
}

/// Append-only log of a validator's promises, candidates and votes.
#[derive(Debug)]
pub struct ConsensusLog {
    path: PathBuf,
    file: File,
    salt: Salt,
    len: u64,
    synced: u64,
    live: Vec<Live>,
    rewrite_above: u64,
    failed: bool,
}

impl ConsensusLog {
    /// Opens `consensus/log` under `root`, creating it when it is missing.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when a bad record is followed by a good one, or when the file does not begin as a
    /// log: a validator must not start with votes it cannot read. [`StoreError::DiskFull`], I/O errors.
    pub fn open(root: &Path) -> Result<(Self, Recovered), StoreError> {
        let folder = root.join("consensus");
        durable::create_dir(&folder)?;
        Self::open_file(folder.join("log"), REWRITE_ABOVE)
    }

    pub(crate) fn open_file(
        path: PathBuf,
        rewrite_above: u64,
    ) -> Result<(Self, Recovered), StoreError> {
        let Some(file) = durable::open(&path)? else {
            let (file, salt, len) = create(&path, &[])?;
            let log = Self {
                path,
                file,
                salt,
                len,
                synced: len,
                live: Vec::new(),
                rewrite_above,
                failed: false,
            };
            return Ok((log, Recovered { records: Vec::new(), fresh: true, torn: None }));
        };
        let size = file.metadata().map_err(|error| StoreError::io("measure", &path, error))?.len();
        let mut head = [0; SALT_RECORD_LEN];
        let read = file.read_exact_at(&mut head, 0);
        let salt = read.ok().and_then(|()| record::decode_salt(&head));
        let salt = salt
            .ok_or_else(|| StoreError::corrupt(&path, 0, "not the beginning of a consensus log"))?;
        let mut log = Self {
            path,
            file,
            salt,
            len: 0,
            synced: 0,
            live: Vec::new(),
            rewrite_above,
            failed: false,
        };
        let records = log.read_records(size)?;
        let torn = log.cut_tail(size)?;
        log.file.sync_all().map_err(|error| StoreError::io("sync", &log.path, error))?;
        log.synced = log.len;
        debug!(records = records.len(), bytes = log.len, "consensus log opened");
        Ok((log, Recovered { records, fresh: false, torn }))
    }

    /// Writes records without waiting for the disk.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] leaves the log usable. After any other error it refuses further writes.
    pub fn append(&mut self, records: &[ConsensusRecord]) -> Result<(), StoreError> {
        self.check_usable()?;
        let mut bytes = BytesMut::new();
        let mut live = Vec::with_capacity(records.len());
        for ConsensusRecord { kind, payload } in records {
            let offset = self.len.saturating_add(bytes.len() as u64);
            record::encode(&mut bytes, &self.salt, *kind, payload).ok_or(StoreError::TooLarge {
                bytes: payload.len() as u64,
                limit: MAX_PAYLOAD as u64,
            })?;
            let len = self.len.saturating_add(bytes.len() as u64).saturating_sub(offset);
            live.push(Live { kind: *kind, offset, len });
        }
        if let Err(error) = self.file.write_all_at(&bytes, self.len) {
            self.failed = true;
            return Err(StoreError::io("write", &self.path, error));
        }
        self.len = self.len.saturating_add(bytes.len() as u64);
        let starts_height = live.iter().any(|live| live.kind == RecordKind::HEIGHT_START);
        for record in live {
            keep(&mut self.live, record, |live| live.kind);
        }
        if starts_height && self.len > self.rewrite_above {
            self.rewrite().inspect_err(|_| self.failed = true)?;
        }
        Ok(())
    }

    /// Makes everything written so far durable: the barrier before a message leaves.
    ///
    /// # Errors
    /// I/O errors; a failed fsync is never tried again.
    pub fn sync(&mut self) -> Result<(), StoreError> {
        self.check_usable()?;
        if self.synced == self.len {
            return Ok(());
        }
        if let Err(error) = self.file.sync_data() {
            self.failed = true;
            return Err(StoreError::io("sync", &self.path, error));
        }
        self.synced = self.len;
        Ok(())
    }

    /// Removes dead records and ends the log.
    ///
    /// # Errors
    /// As [`Self::sync`].
    pub fn close(mut self) -> Result<(), StoreError> {
        self.sync()?;
        if self.live_bytes().saturating_add(SALT_RECORD_LEN as u64) < self.len {
            self.rewrite()?;
        }
        Ok(())
    }

    /// Length of the file in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.len
    }

    fn check_usable(&self) -> Result<(), StoreError> {
        if self.failed { Err(StoreError::Failed { path: self.path.clone() }) } else { Ok(()) }
    }

    fn live_bytes(&self) -> u64 {
        self.live.iter().map(|live| live.len).fold(0, u64::saturating_add)
    }

    /// Reads records up to the first bad one; `self.len` becomes the length of the good part.
    fn read_records(&mut self, size: u64) -> Result<Vec<ConsensusRecord>, StoreError> {
        let failed = |error| StoreError::io("read", &self.path, error);
        let mut reader =
            BufReader::with_capacity(256 * 1024, self.file.try_clone().map_err(failed)?);
        let mut bytes = vec![0; SALT_RECORD_LEN];
        reader.read_exact(&mut bytes).map_err(failed)?;
        let mut records: Vec<(Live, ConsensusRecord)> = Vec::new();
        let mut offset = SALT_RECORD_LEN as u64;
        loop {
            let room = size.saturating_sub(offset);
            let mut header = [0; HEADER_LEN];
            if room < HEADER_LEN as u64 {
                break;
            }
            reader.read_exact(&mut header).map_err(failed)?;
            let Some(len) = record::claimed_len(&header, room) else { break };
            bytes.clear();
            bytes.extend_from_slice(&header);
            reader.by_ref().take(len as u64).read_to_end(&mut bytes).map_err(failed)?;
            let Some((kind, payload, taken)) = record::decode(&bytes, &self.salt) else { break };
            let live = Live { kind, offset, len: taken as u64 };
            let record = ConsensusRecord { kind, payload: Bytes::copy_from_slice(payload) };
            keep(&mut records, (live, record), |(live, _)| live.kind);
            offset = offset.saturating_add(taken as u64);
        }
        self.len = offset;
        self.live = records.iter().map(|(live, _)| *live).collect();
        Ok(records.into_iter().map(|(_, record)| record).collect())
    }

    fn cut_tail(&mut self, size: u64) -> Result<Option<TornTail>, StoreError> {
        let bytes = size.saturating_sub(self.len);
        if bytes == 0 {
            return Ok(None);
        }
        self.refuse_damage(size)?;
        durable::cut(&self.file, &self.path, self.len)?;
        warn!(file = %self.path.display(), offset = self.len, bytes, "unfinished write removed from the consensus log");
        Ok(Some(TornTail { file: self.path.clone(), offset: self.len, bytes }))
    }

    /// Fails when a good record lies behind the bad one at `self.len`.
    fn refuse_damage(&self, size: u64) -> Result<(), StoreError> {
        let room = usize::try_from(size.saturating_sub(self.len)).unwrap_or(usize::MAX);
        let mut tail = vec![0; room];
        self.file
            .read_exact_at(&mut tail, self.len)
            .map_err(|error| StoreError::io("read", &self.path, error))?;
        let mut budget = SEARCH_BUDGET;
        for start in 1..room {
            let Some(rest) = tail.get(start..) else { break };
            let Some(len) = record::claimed_len(rest, rest.len() as u64) else { continue };
            let kind = rest.get(HEADER_LEN - 1).copied().and_then(RecordKind::new);
            if kind.is_none() {
                continue;
            }
            let Some(left) = budget.checked_sub(len as u64) else {
                return Err(StoreError::corrupt(
                    &self.path,
                    self.len,
                    "cannot tell damage from an unfinished write",
                ));
            };
            budget = left;
            if record::decode(rest, &self.salt).is_some() {
                return Err(StoreError::corrupt(
                    &self.path,
                    self.len,
                    "bad record followed by a good one",
                ));
            }
        }
        Ok(())
    }

    /// Replaces the file by one that holds the living records only.
    fn rewrite(&mut self) -> Result<(), StoreError> {
        let mut records = Vec::with_capacity(self.live.len());
        for live in &self.live {
            let mut bytes = vec![0; usize::try_from(live.len).unwrap_or(usize::MAX)];
            let read = self.file.read_exact_at(&mut bytes, live.offset);
            read.map_err(|error| StoreError::io("read", &self.path, error))?;
            let (kind, payload, _) = record::decode(&bytes, &self.salt).ok_or_else(|| {
                StoreError::corrupt(&self.path, live.offset, "record changed after it was written")
            })?;
            records.push(ConsensusRecord { kind, payload: Bytes::copy_from_slice(payload) });
        }
        let before = self.len;
        (self.file, self.salt, self.len) = create(&self.path, &records)?;
        self.synced = self.len;
        let mut offset = SALT_RECORD_LEN as u64;
        for live in &mut self.live {
            live.offset = offset;
            offset = offset.saturating_add(live.len);
        }
        debug!(before, after = self.len, "consensus log rewritten");
        Ok(())
    }
}

/// Adds `record` and drops what it makes dead.
fn keep<T>(live: &mut Vec<T>, record: T, kind_of: impl Fn(&T) -> RecordKind) {
    let kind = kind_of(&record);
    if kind == RecordKind::HEIGHT_START {
        live.retain(|old| kind_of(old).is_sticky());
    } else if kind.is_sticky() {
        live.retain(|old| kind_of(old) != kind);
    }
    live.push(record);
}

fn create(path: &Path, records: &[ConsensusRecord]) -> Result<(File, Salt, u64), StoreError> {
    let mut salt = Salt::default();
    getrandom::fill(&mut salt).map_err(|error| StoreError::io("salt", path, error.into()))?;
    let mut bytes = BytesMut::new();
    let written = record::encode_salt(&mut bytes, &salt).and_then(|()| {
        records
            .iter()
            .try_for_each(|record| record::encode(&mut bytes, &salt, record.kind, &record.payload))
    });
    written.ok_or(StoreError::TooLarge { bytes: bytes.len() as u64, limit: MAX_PAYLOAD as u64 })?;
    let file = durable::replace(path, &bytes)?;
    Ok((file, salt, bytes.len() as u64))
}
