//! One file of the block log: its head, its records, and the offset table that seals it.
//!
//! Head (104 bytes): `kwilblk1` ‖ chain hash ‖ first height ‖ salt of 32 random bytes ‖ first 24 bytes of
//! BLAKE3 over all that. A sealed file ends with a seal record (for each block from the first height on, its `u32`
//! offset) and a trailer of 16 bytes: offset of the seal record ‖ `kwilseal`.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kwil_crypto::Hash;

use super::record::{self, Bad, HEADER_LEN, Header, Kind, Salt};
use crate::{StoreError, durable};

const HEAD_BYTES: usize = 104;
pub(crate) const HEAD_LEN: u64 = HEAD_BYTES as u64;
const MAGIC: &[u8; 8] = b"kwilblk1";
const TRAILER_MAGIC: &[u8; 8] = b"kwilseal";
const TRAILER_LEN: usize = 16;
const SUFFIX: &str = ".blocks";

/// What every record of one file shares.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    pub(crate) first: u64,
    pub(crate) salt: Salt,
}

/// A record that passed its checksum.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) header: Header,
    pub(crate) offset: u64,
    pub(crate) body: Bytes,
}

impl Found {
    pub(crate) fn end(&self) -> u64 {
        self.offset.saturating_add(self.header.record_len())
    }
}

pub(crate) fn file_name(first: u64) -> String {
    format!("{first:020}{SUFFIX}")
}

/// First heights of the segments in `dir`, ascending. Foreign files are left alone.
pub(crate) fn list(dir: &Path) -> Result<Vec<u64>, StoreError> {
    let failed = |error| StoreError::io("list", dir, error);
    let mut firsts = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let first = name
            .to_str()
            .and_then(|name| name.strip_suffix(SUFFIX))
            .and_then(|digits| digits.parse().ok());
        firsts.extend(first.filter(|first| name.to_str() == Some(&file_name(*first))));
    }
    firsts.sort_unstable();
    Ok(firsts)
}

impl Segment {
    /// Chooses name and salt of a new file. Returns its head too, for [`Self::put`].
    pub(crate) fn plan(
        dir: &Path,
        chain: &Hash,
        first: u64,
    ) -> Result<(Self, BytesMut), StoreError> {
        let path = dir.join(file_name(first));
        let mut salt = [0; 32];
        getrandom::fill(&mut salt).map_err(|error| StoreError::io("salt", &path, error.into()))?;
        let mut head = BytesMut::with_capacity(HEAD_BYTES);
        head.put_slice(MAGIC);
        head.put_slice(&chain.0);
        head.put_u64(first);
        head.put_slice(&salt);
        let check = head_check(&head);
        head.put_slice(&check);
        Ok((Self { path, first, salt }, head))
    }

    /// Writes a planned file under its name in one step: a segment never exists without `contents`.
    pub(crate) fn put(&self, contents: &[u8]) -> Result<File, StoreError> {
        durable::replace(&self.path, contents)
    }

    /// Starts a new file that holds its head alone.
    pub(crate) fn create(dir: &Path, chain: &Hash, first: u64) -> Result<(Self, File), StoreError> {
        let (segment, head) = Self::plan(dir, chain, first)?;
        let file = segment.put(&head)?;
        Ok((segment, file))
    }

    /// Opens an existing file and checks that it belongs to `chain`.
    pub(crate) fn open(dir: &Path, chain: &Hash, first: u64) -> Result<(Self, File), StoreError> {
        let path = dir.join(file_name(first));
        let file = durable::open(&path)?
            .ok_or_else(|| StoreError::corrupt(&path, 0, "segment is missing"))?;
        let mut head = [0; HEAD_BYTES];
        file.read_exact_at(&mut head, 0)
            .map_err(|_| StoreError::corrupt(&path, 0, "segment head is cut short"))?;
        let (checked, check) = head.split_at(head.len() - 24);
        if head_check(checked) != check {
            return Err(StoreError::corrupt(&path, 0, "segment head does not match its checksum"));
        }
        let mut fields = checked;
        let mut magic = [0; 8];
        let mut got = Hash([0; 32]);
        let mut salt = [0; 32];
        fields.copy_to_slice(&mut magic);
        fields.copy_to_slice(&mut got.0);
        let stored_first = fields.get_u64();
        fields.copy_to_slice(&mut salt);
        if &magic != MAGIC {
            return Err(StoreError::corrupt(&path, 0, "unknown segment version"));
        }
        if got != *chain {
            return Err(StoreError::WrongChain { file: path, want: *chain, got });
        }
        if stored_first != first {
            return Err(StoreError::corrupt(&path, 0, "segment was renamed"));
        }
        Ok((Self { path, first, salt }, file))
    }

    pub(crate) fn corrupt(&self, offset: u64, bad: Bad) -> StoreError {
        StoreError::corrupt(&self.path, offset, bad.text())
    }

    /// Reads and checks the record at `offset`; nothing beyond `end` is looked at.
    pub(crate) fn read(
        &self,
        file: &File,
        offset: u64,
        end: u64,
    ) -> Result<Result<Found, Bad>, StoreError> {
        let failed = |error| StoreError::io("read", &self.path, error);
        let room = end.saturating_sub(offset);
        if room < HEADER_LEN as u64 {
            return Ok(Err(Bad::Short));
        }
        let mut head = [0; HEADER_LEN];
        file.read_exact_at(&mut head, offset).map_err(failed)?;
        let header = match Header::decode(&head) {
            Ok(header) => header,
            Err(bad) => return Ok(Err(bad)),
        };
        if header.record_len() > room {
            return Ok(Err(Bad::Short));
        }
        let mut stored = vec![0; header.stored_len()];
        file.read_exact_at(&mut stored, offset.saturating_add(HEADER_LEN as u64))
            .map_err(failed)?;
        let body =
            header.verify(&self.salt, &stored).and_then(|()| header.body(Bytes::from(stored)));
        Ok(body.map(|body| Found { header, offset, body }))
    }

    /// [`Self::read`] for a place where a record must be.
    pub(crate) fn must_read(
        &self,
        file: &File,
        offset: u64,
        end: u64,
    ) -> Result<Found, StoreError> {
        self.read(file, offset, end)?.map_err(|bad| self.corrupt(offset, bad))
    }

    /// Offsets of all blocks of a finished file, and where its records end.
    ///
    /// Taken from the seal; a damaged seal costs a scan instead of the blocks it lists.
    pub(crate) fn sealed_table(&self, file: &File) -> Result<(Vec<u32>, u64), StoreError> {
        let len =
            file.metadata().map_err(|error| StoreError::io("measure", &self.path, error))?.len();
        match self.read_seal(file, len)? {
            Some((end, table)) => Ok((table, end)),
            None => {
                tracing::warn!(file = %self.path.display(), "offset table is damaged, reading the whole segment");
                self.scan_blocks(file, len)
            }
        }
    }

    /// The seal and its offset, when the file has an intact one at its end.
    pub(crate) fn read_seal(
        &self,
        file: &File,
        len: u64,
    ) -> Result<Option<(u64, Vec<u32>)>, StoreError> {
        let Some(end) = len.checked_sub(TRAILER_LEN as u64).filter(|end| *end >= HEAD_LEN) else {
            return Ok(None);
        };
        let mut trailer = [0; TRAILER_LEN];
        file.read_exact_at(&mut trailer, end)
            .map_err(|error| StoreError::io("read", &self.path, error))?;
        let mut fields = trailer.as_slice();
        let offset = fields.get_u64();
        if fields != TRAILER_MAGIC || offset < HEAD_LEN {
            return Ok(None);
        }
        let Ok(found) = self.read(file, offset, end)? else { return Ok(None) };
        if found.header.kind != Kind::Seal || found.end() != end || found.body.len() % 4 != 0 {
            return Ok(None);
        }
        let mut body = found.body;
        let mut table = Vec::with_capacity(body.len() / 4);
        while body.has_remaining() {
            table.push(body.get_u32());
        }
        Ok(Some((offset, table)))
    }

    fn scan_blocks(&self, file: &File, len: u64) -> Result<(Vec<u32>, u64), StoreError> {
        let mut table = Vec::new();
        let mut offset = HEAD_LEN;
        // Behind the last block lies the damaged seal, so the blocks before the first bad record are complete.
        while let Ok(found) = self.read(file, offset, len)? {
            match found.header.kind {
                Kind::Block => table.push(offset32(&self.path, offset)?),
                Kind::Seal => break,
                Kind::Results | Kind::Base => {}
            }
            offset = found.end();
        }
        Ok((table, offset))
    }

    /// Seal record and trailer for a file of `len` bytes.
    pub(crate) fn seal(&self, len: u64, table: &[u32]) -> Option<BytesMut> {
        let mut body = Vec::with_capacity(table.len().checked_mul(4)?);
        for offset in table {
            body.put_u32(*offset);
        }
        let mut out = BytesMut::new();
        record::encode(&mut out, &self.salt, (Kind::Seal, self.first, len), &body, None)?;
        out.put_u64(len);
        out.put_slice(TRAILER_MAGIC);
        Some(out)
    }
}

pub(crate) fn offset32(path: &Path, offset: u64) -> Result<u32, StoreError> {
    u32::try_from(offset)
        .map_err(|_| StoreError::corrupt(path, offset, "segment is larger than 4 GiB"))
}

fn head_check(head: &[u8]) -> [u8; 24] {
    let mut check = [0; 24];
    blake3::Hasher::new().update(head).finalize_xof().fill(&mut check);
    check
}
