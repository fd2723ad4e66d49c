//! Bytes of one record of a block log segment.
//!
//! | part | bytes | |
//! |---|---|---|
//! | marker | 4 | `KBR1`, lets a scan find the next record behind a damaged one |
//! | kind | 1 | 1 block, 2 results, 3 base, 4 seal |
//! | codec | 1 | 0 plain, 1 zstd |
//! | height | 8 | |
//! | durable | 8 | length of this file known to be on disk when the record was written |
//! | raw length | 4 | of the body before compression |
//! | stored length | 4 | of the body as it follows |
//! | checksum | 32 | BLAKE3 keyed with the segment's salt over everything above and the stored body |
//! | body | | |
//!
//! Integers are big-endian. The salt keeps a transaction from carrying bytes that pass as a record of the log that
//! stores it.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Largest body: the biggest block a network may allow (64 MiB), its envelope and a certificate, with room.
pub(crate) const MAX_BODY: usize = 80 * 1024 * 1024;
pub(crate) const HEADER_LEN: usize = 62;
pub(crate) const MARKER: [u8; 4] = *b"KBR1";
const CHECKED_LEN: usize = 30;

pub(crate) type Salt = [u8; 32];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Block,
    Results,
    Base,
    Seal,
}

impl Kind {
    fn id(self) -> u8 {
        match self {
            Self::Block => 1,
            Self::Results => 2,
            Self::Base => 3,
            Self::Seal => 4,
        }
    }

    fn from_id(id: u8) -> Option<Self> {
        match id {
            1 => Some(Self::Block),
            2 => Some(Self::Results),
            3 => Some(Self::Base),
            4 => Some(Self::Seal),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Codec {
    Plain,
    Zstd,
}

/// The fixed part in front of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    codec: Codec,
    pub(crate) height: u64,
    pub(crate) durable: u64,
    raw_len: u32,
    stored_len: u32,
    checksum: [u8; 32],
}

/// Why bytes are not a record. The texts go into error messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bad {
    Short,
    Marker,
    Field,
    Checksum,
    Body,
}

impl Bad {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Short => "record is cut short",
            Self::Marker => "no record starts here",
            Self::Field => "record header has an impossible value",
            Self::Checksum => "checksum does not match",
            Self::Body => "record body does not decode",
        }
    }
}

impl Header {
    /// Reads the fixed part; the body is not looked at.
    pub(crate) fn decode(mut bytes: &[u8]) -> Result<Self, Bad> {
        if bytes.len() < HEADER_LEN {
            return Err(Bad::Short);
        }
        let mut marker = [0; 4];
        bytes.try_copy_to_slice(&mut marker).map_err(|_| Bad::Short)?;
        if marker != MARKER {
            return Err(Bad::Marker);
        }
        let kind = bytes.try_get_u8().ok().and_then(Kind::from_id).ok_or(Bad::Field)?;
        let codec = match bytes.try_get_u8() {
            Ok(0) => Codec::Plain,
            Ok(1) => Codec::Zstd,
            Ok(_) | Err(_) => return Err(Bad::Field),
        };
        let height = bytes.try_get_u64().map_err(|_| Bad::Short)?;
        let durable = bytes.try_get_u64().map_err(|_| Bad::Short)?;
        let raw_len = bytes.try_get_u32().map_err(|_| Bad::Short)?;
        let stored_len = bytes.try_get_u32().map_err(|_| Bad::Short)?;
        let mut checksum = [0; 32];
        bytes.try_copy_to_slice(&mut checksum).map_err(|_| Bad::Short)?;
        let header = Self { kind, codec, height, durable, raw_len, stored_len, checksum };
        let plausible = header.raw_len as usize <= MAX_BODY
            && match codec {
                Codec::Plain => raw_len == stored_len,
                Codec::Zstd => stored_len < raw_len,
            };
        plausible.then_some(header).ok_or(Bad::Field)
    }

    pub(crate) fn stored_len(&self) -> usize {
        self.stored_len as usize
    }

    /// Bytes of the whole record.
    pub(crate) fn record_len(&self) -> u64 {
        HEADER_LEN as u64 + u64::from(self.stored_len)
    }

    /// Compares header and stored body with the checksum.
    pub(crate) fn verify(&self, salt: &Salt, stored: &[u8]) -> Result<(), Bad> {
        if stored.len() != self.stored_len() {
            return Err(Bad::Short);
        }
        let mut checked = Vec::with_capacity(CHECKED_LEN);
        self.put_checked(&mut checked);
        if checksum(salt, &checked, stored) == self.checksum { Ok(()) } else { Err(Bad::Checksum) }
    }

    /// Body as it was before compression. Call [`Self::verify`] first.
    pub(crate) fn body(&self, stored: Bytes) -> Result<Bytes, Bad> {
        match self.codec {
            Codec::Plain => Ok(stored),
            Codec::Zstd => {
                let raw_len = self.raw_len as usize;
                let raw = zstd::bulk::decompress(&stored, raw_len).map_err(|_| Bad::Body)?;
                if raw.len() == raw_len { Ok(Bytes::from(raw)) } else { Err(Bad::Body) }
            }
        }
    }

    fn put_checked(&self, out: &mut impl BufMut) {
        out.put_slice(&MARKER);
        out.put_u8(self.kind.id());
        out.put_u8(match self.codec {
            Codec::Plain => 0,
            Codec::Zstd => 1,
        });
        out.put_u64(self.height);
        out.put_u64(self.durable);
        out.put_u32(self.raw_len);
        out.put_u32(self.stored_len);
    }
}

/// Appends one record to `out`.
///
/// `squeeze` is the compressor to try; without one the body is stored as it is. `None` when the body is too large.
pub(crate) fn encode(
    out: &mut BytesMut,
    salt: &Salt,
    head: (Kind, u64, u64),
    body: &[u8],
    squeeze: Option<&mut zstd::bulk::Compressor<'static>>,
) -> Option<()> {
    if body.len() > MAX_BODY {
        return None;
    }
    let (kind, height, durable) = head;
    let packed = squeeze.and_then(|squeeze| pack(squeeze, body));
    let (codec, stored) = match &packed {
        Some(packed) => (Codec::Zstd, packed.as_slice()),
        None => (Codec::Plain, body),
    };
    let raw_len = u32::try_from(body.len()).ok()?;
    let stored_len = u32::try_from(stored.len()).ok()?;
    let mut header =
        Header { kind, codec, height, durable, raw_len, stored_len, checksum: [0; 32] };
    let mut checked = Vec::with_capacity(CHECKED_LEN);
    header.put_checked(&mut checked);
    header.checksum = checksum(salt, &checked, stored);
    out.reserve(HEADER_LEN + stored.len());
    out.put_slice(&checked);
    out.put_slice(&header.checksum);
    out.put_slice(stored);
    Some(())
}

/// Compressed form when it saves at least an eighth; reading it back costs time too.
fn pack(squeeze: &mut zstd::bulk::Compressor<'static>, body: &[u8]) -> Option<Vec<u8>> {
    let packed = squeeze.compress(body).ok()?;
    (packed.len() < body.len() - body.len() / 8).then_some(packed)
}

fn checksum(salt: &Salt, head: &[u8], stored: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_keyed(salt);
    hasher.update(head);
    hasher.update(stored);
    *hasher.finalize().as_bytes()
}

/// Body of block and base records: a hash and two byte strings.
pub(crate) fn join(hash: &[u8; 32], first: &[u8], second: &[u8]) -> Option<BytesMut> {
    let mut body = BytesMut::with_capacity(36 + first.len() + second.len());
    body.put_slice(hash);
    body.put_u32(u32::try_from(first.len()).ok()?);
    body.put_slice(first);
    body.put_slice(second);
    Some(body)
}

/// Inverse of [`join`].
pub(crate) fn split(mut body: Bytes) -> Result<([u8; 32], Bytes, Bytes), Bad> {
    let mut hash = [0; 32];
    body.try_copy_to_slice(&mut hash).map_err(|_| Bad::Body)?;
    let len = body.try_get_u32().map_err(|_| Bad::Body)? as usize;
    if len > body.remaining() {
        return Err(Bad::Body);
    }
    let first = body.split_to(len);
    Ok((hash, first, body))
}

/// Body of a results record: one byte string for each transaction, in block order.
pub(crate) fn join_results(results: &[Bytes]) -> Option<BytesMut> {
    let bytes: usize = results.iter().map(|result| result.len().saturating_add(4)).sum();
    let mut body = BytesMut::with_capacity(bytes.checked_add(4)?.min(MAX_BODY));
    body.put_u32(u32::try_from(results.len()).ok()?);
    for result in results {
        body.put_u32(u32::try_from(result.len()).ok()?);
        body.put_slice(result);
    }
    Some(body)
}

/// Inverse of [`join_results`].
pub(crate) fn split_results(mut body: Bytes) -> Result<Vec<Bytes>, Bad> {
    let count = body.try_get_u32().map_err(|_| Bad::Body)? as usize;
    if count > body.remaining() / 4 {
        return Err(Bad::Body);
    }
    let mut results = Vec::with_capacity(count);
    for _ in 0..count {
        let len = body.try_get_u32().map_err(|_| Bad::Body)? as usize;
        if len > body.remaining() {
            return Err(Bad::Body);
        }
        results.push(body.split_to(len));
    }
    if body.has_remaining() { Err(Bad::Body) } else { Ok(results) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SALT: Salt = [9; 32];

    fn encoded(kind: Kind, height: u64, body: &[u8], squeeze: bool) -> BytesMut {
        let mut out = BytesMut::new();
        let mut compressor = zstd::bulk::Compressor::new(1).unwrap();
        encode(&mut out, &SALT, (kind, height, 77), body, squeeze.then_some(&mut compressor))
            .unwrap();
        out
    }

    fn decoded(bytes: &[u8]) -> Result<(Header, Bytes), Bad> {
        let header = Header::decode(bytes)?;
        let stored = bytes.get(HEADER_LEN..HEADER_LEN + header.stored_len()).ok_or(Bad::Short)?;
        header.verify(&SALT, stored)?;
        Ok((header, header.body(Bytes::copy_from_slice(stored))?))
    }

    proptest! {
        #[test]
        fn record_round_trips(height: u64, body: Vec<u8>, squeeze: bool) {
            let bytes = encoded(Kind::Block, height, &body, squeeze);
            let (header, back) = decoded(&bytes).unwrap();
            prop_assert_eq!((header.kind, header.height, header.durable), (Kind::Block, height, 77));
            prop_assert_eq!(header.record_len(), bytes.len() as u64);
            prop_assert_eq!(back.as_ref(), body.as_slice());
        }

        #[test]
        fn strict_prefix_of_a_record_is_refused(body: Vec<u8>, cut: prop::sample::Index) {
            let bytes = encoded(Kind::Results, 3, &body, false);
            prop_assert!(decoded(&bytes[..cut.index(bytes.len())]).is_err());
        }

        #[test]
        fn flipped_bit_in_a_record_is_refused(body: Vec<u8>, at: prop::sample::Index, bit in 0..8u8, squeeze: bool) {
            let mut bytes = encoded(Kind::Base, 3, &body, squeeze);
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert!(decoded(&bytes).is_err());
        }

        #[test]
        fn two_part_body_round_trips(hash: [u8; 32], first: Vec<u8>, second: Vec<u8>) {
            let body = join(&hash, &first, &second).unwrap().freeze();
            prop_assert_eq!(split(body).unwrap(), (hash, Bytes::from(first), Bytes::from(second)));
        }

        #[test]
        fn results_body_is_exact(results: Vec<Vec<u8>>, cut: prop::sample::Index) {
            let results: Vec<Bytes> = results.into_iter().map(Bytes::from).collect();
            let body = join_results(&results).unwrap().freeze();
            prop_assert_eq!(&split_results(body.clone()).unwrap(), &results);
            prop_assert!(split_results(body.slice(..cut.index(body.len()))).is_err());
            let mut longer = BytesMut::from(&body[..]);
            longer.put_u8(0);
            prop_assert!(split_results(longer.freeze()).is_err());
        }
    }

    #[test]
    fn record_of_another_segment_is_refused() {
        let bytes = encoded(Kind::Block, 1, b"block", false);
        let header = Header::decode(&bytes).unwrap();
        assert_eq!(header.verify(&[8; 32], &bytes[HEADER_LEN..]), Err(Bad::Checksum));
    }

    #[test]
    fn repetitive_body_is_stored_smaller_and_noise_is_not() {
        assert!(encoded(Kind::Block, 1, &[b'a'; 10_000], true).len() < 1_000);
        let mut noise = vec![0; 10_000];
        blake3::Hasher::new().finalize_xof().fill(&mut noise);
        assert_eq!(encoded(Kind::Block, 1, &noise, true).len(), HEADER_LEN + noise.len());
    }
}
