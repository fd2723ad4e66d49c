//! Bytes of one record.

use bytes::{Buf, BufMut, Bytes};
use crc::{CRC_32_ISCSI, Crc, Table};

/// Largest payload: a candidate is a proposal and a block.
pub(crate) const MAX_PAYLOAD: usize = 80 * 1024 * 1024;
pub(crate) const HEADER_LEN: usize = 9;
pub(crate) const SALT_RECORD_LEN: usize = HEADER_LEN + 8;
const SALT_KIND: u8 = 0;
const MAX_KIND: u8 = 31;

static CRC32C: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);

/// What a record is, as far as its life span goes. Valid ids are 1 to 31.
///
/// 1 promise, 2 candidate, 3 vote, 4 start of a height, 5 incarnation. Records of kinds 1 to 3 are dead once a later
/// height starts. Of the kinds from 5 on the newest record each stays for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordKind(u8);

impl RecordKind {
    /// Highest view entered at a height.
    pub const PROMISE: Self = Self(1);
    /// A proposal, with its block, that was voted for.
    pub const CANDIDATE: Self = Self(2);
    /// Own vote.
    pub const VOTE: Self = Self(3);
    /// A new height begins; older promises, candidates and votes are dead.
    pub const HEIGHT_START: Self = Self(4);
    /// A start of the process.
    pub const INCARNATION: Self = Self(5);

    /// The kind with this id.
    #[must_use]
    pub fn new(id: u8) -> Option<Self> {
        (id != SALT_KIND && id <= MAX_KIND).then_some(Self(id))
    }

    /// Id as stored.
    #[must_use]
    pub fn id(self) -> u8 {
        self.0
    }

    /// Whether the newest record of this kind outlives the height.
    pub(crate) fn is_sticky(self) -> bool {
        self > Self::HEIGHT_START
    }
}

/// One record of the consensus log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsensusRecord {
    /// What it is.
    pub kind: RecordKind,
    /// Its bytes, defined by consensus.
    pub payload: Bytes,
}

pub(crate) type Salt = [u8; 8];

/// Appends a record. `None` when the payload is too large.
pub(crate) fn encode(
    out: &mut impl BufMut,
    salt: &Salt,
    kind: RecordKind,
    payload: &[u8],
) -> Option<()> {
    if payload.len() > MAX_PAYLOAD {
        return None;
    }
    put(out, salt, kind.0, payload)
}

/// The first record of a file.
pub(crate) fn encode_salt(out: &mut impl BufMut, salt: &Salt) -> Option<()> {
    put(out, &Salt::default(), SALT_KIND, salt)
}

fn put(out: &mut impl BufMut, salt: &Salt, kind: u8, payload: &[u8]) -> Option<()> {
    let len = u32::try_from(payload.len()).ok()?;
    out.put_u32(len);
    out.put_u32(checksum(salt, len, kind, payload));
    out.put_u8(kind);
    out.put_slice(payload);
    Some(())
}

/// The salt, when `bytes` are exactly a salt record.
pub(crate) fn decode_salt(bytes: &[u8]) -> Option<Salt> {
    let (kind, payload, rest) = take(bytes, &Salt::default())?;
    if kind != SALT_KIND || !rest.is_empty() {
        return None;
    }
    payload.try_into().ok()
}

/// The record that `bytes` begin with, and how many bytes it takes. `None` when there is none.
pub(crate) fn decode<'a>(bytes: &'a [u8], salt: &Salt) -> Option<(RecordKind, &'a [u8], usize)> {
    let (kind, payload, _) = take(bytes, salt)?;
    Some((RecordKind::new(kind)?, payload, HEADER_LEN.checked_add(payload.len())?))
}

/// Payload length claimed by a header, when it is possible in a file with `room` bytes from here on.
pub(crate) fn claimed_len(header: &[u8], room: u64) -> Option<usize> {
    let mut header = header;
    let len = header.try_get_u32().ok()? as usize;
    let fits = (len as u64).checked_add(HEADER_LEN as u64)? <= room;
    (fits && len <= MAX_PAYLOAD).then_some(len)
}

fn take<'a>(bytes: &'a [u8], salt: &Salt) -> Option<(u8, &'a [u8], &'a [u8])> {
    let mut rest = bytes;
    let len = rest.try_get_u32().ok()?;
    let want = rest.try_get_u32().ok()?;
    let kind = rest.try_get_u8().ok()?;
    let (payload, rest) = rest.split_at_checked(len as usize)?;
    let plausible = payload.len() <= MAX_PAYLOAD && kind <= MAX_KIND;
    (plausible && checksum(salt, len, kind, payload) == want).then_some((kind, payload, rest))
}

fn checksum(salt: &Salt, len: u32, kind: u8, payload: &[u8]) -> u32 {
    let mut digest = CRC32C.digest();
    digest.update(salt);
    digest.update(&len.to_be_bytes());
    digest.update(&[kind]);
    digest.update(payload);
    digest.finalize()
}
