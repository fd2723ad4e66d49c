//! Reading a segment from front to back, and deciding what a bad record means.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;

use super::record::{Bad, HEADER_LEN, Header, Kind, MARKER};
use super::segment::{Found, HEAD_LEN, Segment, offset32};
use crate::StoreError;

const BUFFER: usize = 1024 * 1024;

/// Sequential reader with its own position, so that it can share the file with others.
struct At {
    file: Arc<File>,
    position: u64,
}

impl Read for At {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.position)?;
        self.position = self.position.saturating_add(read as u64);
        Ok(read)
    }
}

/// Walks over the records of one segment, up to a fixed end.
pub(crate) struct Scan {
    segment: Segment,
    reader: BufReader<At>,
    offset: u64,
    end: u64,
}

/// A checked record whose body may still be compressed.
pub(crate) struct Raw {
    pub(crate) header: Header,
    pub(crate) offset: u64,
    stored: Bytes,
}

impl Raw {
    pub(crate) fn end(&self) -> u64 {
        self.offset.saturating_add(self.header.record_len())
    }

    pub(crate) fn open(self) -> Result<Found, Bad> {
        let body = self.header.body(self.stored)?;
        Ok(Found { header: self.header, offset: self.offset, body })
    }
}

impl Scan {
    pub(crate) fn new(segment: Segment, file: Arc<File>, offset: u64, end: u64) -> Self {
        let small = usize::try_from(end.saturating_sub(offset)).unwrap_or(BUFFER);
        let reader =
            BufReader::with_capacity(small.clamp(4096, BUFFER), At { file, position: offset });
        Self { segment, reader, offset, end }
    }

    pub(crate) fn segment(&self) -> &Segment {
        &self.segment
    }

    /// The next record; `None` at the end. After a bad record the scan stays where it is.
    pub(crate) fn next(&mut self) -> Result<Option<Result<Raw, Bad>>, StoreError> {
        let room = self.end.saturating_sub(self.offset);
        if room == 0 {
            return Ok(None);
        }
        if room < HEADER_LEN as u64 {
            return Ok(Some(Err(Bad::Short)));
        }
        let mut head = [0; HEADER_LEN];
        self.fill(&mut head)?;
        let header = match Header::decode(&head) {
            Ok(header) if header.record_len() <= room => header,
            Ok(_) => return Ok(Some(Err(Bad::Short))),
            Err(bad) => return Ok(Some(Err(bad))),
        };
        let mut stored = vec![0; header.stored_len()];
        self.fill(&mut stored)?;
        if let Err(bad) = header.verify(&self.segment.salt, &stored) {
            return Ok(Some(Err(bad)));
        }
        let raw = Raw { header, offset: self.offset, stored: Bytes::from(stored) };
        self.offset = raw.end();
        Ok(Some(Ok(raw)))
    }

    /// The next record where a bad one can only be damage.
    pub(crate) fn next_or_corrupt(&mut self) -> Result<Option<Found>, StoreError> {
        let offset = self.offset;
        match self.next()? {
            None => Ok(None),
            Some(raw) => {
                raw.and_then(Raw::open).map(Some).map_err(|bad| self.segment.corrupt(offset, bad))
            }
        }
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), StoreError> {
        self.reader
            .read_exact(buffer)
            .map_err(|error| StoreError::io("read", &self.segment.path, error))
    }
}

/// What a start finds in the newest segment.
pub(crate) struct Tail {
    /// Offsets of its blocks.
    pub(crate) table: Vec<u32>,
    /// Length of the intact part.
    pub(crate) end: u64,
    /// First bad record behind it, when the file goes on.
    pub(crate) torn: Option<Bad>,
    /// The file already has its seal.
    pub(crate) sealed: bool,
    /// Last block record.
    pub(crate) tip: Option<Found>,
}

/// Checks every record of the newest segment.
///
/// A write that a crash interrupted leaves a bad record that no fsync ever covered: it is a torn tail. Every later
/// record names the file length that was durable when it was written, so a bad record below such a length was
/// damaged afterwards: that is an error.
pub(crate) fn read_tail(segment: &Segment, file: &Arc<File>) -> Result<Tail, StoreError> {
    let len =
        file.metadata().map_err(|error| StoreError::io("measure", &segment.path, error))?.len();
    let mut scan = Scan::new(segment.clone(), Arc::clone(file), HEAD_LEN, len);
    let mut tail = Tail { table: Vec::new(), end: HEAD_LEN, torn: None, sealed: false, tip: None };
    let mut last = None;
    while let Some(next) = scan.next()? {
        let raw = match next {
            Ok(raw) => raw,
            Err(bad) => {
                tail.torn = Some(bad);
                break;
            }
        };
        match raw.header.kind {
            Kind::Seal => {
                tail.sealed = segment.read_seal(file, len)?.is_some_and(|(at, _)| at == raw.offset);
                tail.torn = (!tail.sealed).then_some(Bad::Short);
                break;
            }
            Kind::Block => {
                check_height(segment, &raw, tail.table.len())?;
                tail.table.push(offset32(&segment.path, raw.offset)?);
                tail.end = raw.end();
                last = Some(raw);
            }
            Kind::Results | Kind::Base => tail.end = raw.end(),
        }
    }
    if let Some(bad) = tail.torn
        && was_durable(segment, file, tail.end, len)?
    {
        return Err(segment.corrupt(tail.end, bad));
    }
    tail.tip =
        last.map(|raw| raw.open().map_err(|bad| segment.corrupt(tail.end, bad))).transpose()?;
    Ok(tail)
}

fn check_height(segment: &Segment, raw: &Raw, index: usize) -> Result<(), StoreError> {
    if segment.first.checked_add(index as u64) == Some(raw.header.height) {
        return Ok(());
    }
    Err(StoreError::corrupt(&segment.path, raw.offset, "height is not the next one"))
}

/// Whether an intact record behind the bad one at `bad_offset` proves that it once was on disk.
fn was_durable(
    segment: &Segment,
    file: &File,
    bad_offset: u64,
    len: u64,
) -> Result<bool, StoreError> {
    let overlap = MARKER.len() - 1;
    let mut chunk = vec![0; BUFFER];
    let mut start = bad_offset.saturating_add(1);
    while start < len {
        let want = usize::try_from(len - start).unwrap_or(BUFFER).min(BUFFER);
        let Some(chunk) = chunk.get_mut(..want) else { return Ok(false) };
        file.read_exact_at(chunk, start)
            .map_err(|error| StoreError::io("read", &segment.path, error))?;
        for at in memchr_marker(chunk) {
            let offset = start.saturating_add(at as u64);
            if proves(segment, file, offset, len, bad_offset)? {
                return Ok(true);
            }
        }
        start = start.saturating_add(want.saturating_sub(overlap).max(1) as u64);
        if want <= overlap {
            break;
        }
    }
    Ok(false)
}

fn memchr_marker(chunk: &[u8]) -> impl Iterator<Item = usize> + '_ {
    chunk
        .windows(MARKER.len())
        .enumerate()
        .filter(|(_, window)| *window == MARKER)
        .map(|(at, _)| at)
}

fn proves(
    segment: &Segment,
    file: &File,
    offset: u64,
    len: u64,
    bad_offset: u64,
) -> Result<bool, StoreError> {
    let mut head = [0; HEADER_LEN];
    if len.saturating_sub(offset) < HEADER_LEN as u64 {
        return Ok(false);
    }
    file.read_exact_at(&mut head, offset)
        .map_err(|error| StoreError::io("read", &segment.path, error))?;
    let claims = Header::decode(&head).is_ok_and(|header| header.durable > bad_offset);
    Ok(claims && segment.read(file, offset, len)?.is_ok())
}
