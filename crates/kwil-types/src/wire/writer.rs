//! Writing, the mirror of the reader.

use kwil_crypto::{Hash, NetworkSignature, PublicKey};

/// A list or byte string is too long for the width of its length field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("length {length} does not fit its field of {width} bytes")]
pub struct LengthOverflow {
    /// The first length that did not fit.
    pub length: usize,
    /// Width of the length field in bytes.
    pub width: u8,
}

/// Collects an encoding. Methods return the writer, so that a layout reads as one chain.
#[derive(Debug, Clone, Default)]
pub struct Writer {
    bytes: Vec<u8>,
    overflow: Option<LengthOverflow>,
}

impl Writer {
    /// An empty writer.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), overflow: None }
    }

    /// An empty writer with room for `capacity` bytes.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { bytes: Vec::with_capacity(capacity), overflow: None }
    }

    /// The encoding.
    ///
    /// # Errors
    /// [`LengthOverflow`] when a length did not fit its field; then there is no encoding.
    pub fn finish(self) -> Result<Vec<u8>, LengthOverflow> {
        match self.overflow {
            None => Ok(self.bytes),
            Some(overflow) => Err(overflow),
        }
    }

    /// The encoding of a value whose lengths are bounded by its type, as those of all network formats are.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        debug_assert_eq!(self.overflow, None, "a bounded value had an unbounded length");
        self.bytes
    }

    /// Bytes written so far.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing was written yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Raw bytes without a length.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// One byte.
    pub fn u8(&mut self, value: u8) -> &mut Self {
        self.bytes.push(value);
        self
    }

    /// One byte, 0 or 1.
    pub fn flag(&mut self, value: bool) -> &mut Self {
        self.u8(u8::from(value))
    }

    fn fitting<T: TryFrom<usize> + Default>(&mut self, length: usize, width: u8) -> T {
        T::try_from(length).unwrap_or_else(|_| {
            self.overflow.get_or_insert(LengthOverflow { length, width });
            T::default()
        })
    }
}

/// Client formats: little-endian, varints.
impl Writer {
    /// Fixed two bytes, little-endian.
    pub fn u16_le(&mut self, value: u16) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    /// Fixed four bytes, little-endian.
    pub fn u32_le(&mut self, value: u32) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    /// Fixed eight bytes, little-endian.
    pub fn u64_le(&mut self, value: u64) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    /// Fixed eight bytes, little-endian two's complement.
    pub fn i64_le(&mut self, value: i64) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    /// Number of elements in two bytes, little-endian. More than 65 535 is an error at [`Writer::finish`].
    pub fn count_u16_le(&mut self, count: usize) -> &mut Self {
        let count = self.fitting(count, 2);
        self.u16_le(count)
    }

    /// Number of elements in four bytes, little-endian.
    pub fn count_u32_le(&mut self, count: usize) -> &mut Self {
        let count = self.fitting(count, 4);
        self.u32_le(count)
    }

    /// Base-128, least significant group first, shortest form.
    pub fn uvarint(&mut self, value: u64) -> &mut Self {
        let mut rest = value;
        loop {
            let [group, ..] = (rest & 0x7f).to_le_bytes();
            rest >>= 7;
            if rest == 0 {
                return self.u8(group);
            }
            self.u8(group | 0x80);
        }
    }

    /// Zig-zag number in a [`Writer::uvarint`].
    pub fn svarint(&mut self, value: i64) -> &mut Self {
        self.uvarint(((value << 1) ^ (value >> 63)).cast_unsigned())
    }

    /// `uvarint` length, then UTF-8 bytes.
    pub fn cstr(&mut self, text: &str) -> &mut Self {
        let length = self.fitting(text.len(), 8);
        self.uvarint(length).raw(text.as_bytes())
    }

    /// `svarint` length, then bytes.
    pub fn cbytes(&mut self, bytes: &[u8]) -> &mut Self {
        let length = self.fitting(bytes.len(), 8);
        self.svarint(length).raw(bytes)
    }

    /// `u32` little-endian length, then bytes; `None` is the length `ff ff ff ff`.
    pub fn bytes32(&mut self, bytes: Option<&[u8]>) -> &mut Self {
        match bytes {
            None => self.u32_le(u32::MAX),
            Some(bytes) => {
                let length = self.fitting(bytes.len(), 4);
                self.u32_le(length).raw(bytes)
            }
        }
    }

    /// `u32` little-endian length, then UTF-8 bytes.
    pub fn str32(&mut self, text: &str) -> &mut Self {
        self.bytes32(Some(text.as_bytes()))
    }
}

/// Network formats: big-endian, `u32` lengths.
impl Writer {
    /// Fixed two bytes, big-endian.
    pub fn u16_be(&mut self, value: u16) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    /// Fixed four bytes, big-endian.
    pub fn u32_be(&mut self, value: u32) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    /// Fixed eight bytes, big-endian.
    pub fn u64_be(&mut self, value: u64) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    /// Fixed eight bytes, big-endian two's complement.
    pub fn i64_be(&mut self, value: i64) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    /// Number of elements in four bytes, big-endian.
    pub fn count_u32_be(&mut self, count: usize) -> &mut Self {
        let count = self.fitting(count, 4);
        self.u32_be(count)
    }

    /// `u32` big-endian length, then bytes.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.count_u32_be(bytes.len()).raw(bytes)
    }

    /// `u32` big-endian length, then UTF-8 bytes.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    /// 32 raw bytes.
    pub fn hash(&mut self, hash: &Hash) -> &mut Self {
        self.raw(&hash.0)
    }

    /// 64 raw bytes.
    pub fn signature(&mut self, signature: &NetworkSignature) -> &mut Self {
        self.raw(&signature.0)
    }

    /// `u32` key type id, then the public key as [`Writer::bytes`].
    pub fn key(&mut self, key: &PublicKey) -> &mut Self {
        self.u32_be(key.key_type().id()).bytes(key.as_bytes())
    }

    /// `00`, or `01` and a value.
    pub fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) -> &mut Self {
        match value {
            None => self.u8(0),
            Some(value) => {
                self.u8(1);
                write(self, value);
                self
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_lengths_have_the_documented_prefixes() {
        let prefix = |length: usize| {
            let mut writer = Writer::new();
            writer.cbytes(&vec![0; length]);
            let bytes = writer.finish().unwrap();
            bytes[..bytes.len() - length].to_vec()
        };
        assert_eq!(prefix(65), [0x82, 0x01]);
        assert_eq!(prefix(20), [0x28]);
        assert_eq!(prefix(0), [0]);
    }

    #[test]
    fn a_count_that_does_not_fit_leaves_no_encoding() {
        let mut writer = Writer::new();
        writer.count_u16_le(65_536).u8(1);
        assert_eq!(writer.finish(), Err(LengthOverflow { length: 65_536, width: 2 }));
    }
}
