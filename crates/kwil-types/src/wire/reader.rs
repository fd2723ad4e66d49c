//! Bounded, exact reading.

use kwil_crypto::{Hash, KeyError, KeyType, NetworkSignature, PublicKey};

/// Why bytes are not an encoding of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The input ends too early, or a length points behind its end.
    #[error("{want} bytes expected at offset {at}, {left} left")]
    Truncated {
        /// Offset of the read.
        at: usize,
        /// Bytes that were asked for.
        want: u64,
        /// Bytes that are left.
        left: usize,
    },
    /// Bytes follow the value.
    #[error("{left} trailing bytes after offset {at}")]
    Trailing {
        /// Offset of the first of them.
        at: usize,
        /// How many there are.
        left: usize,
    },
    /// A count promises more elements than the bytes that are left can hold.
    #[error("{count} elements at offset {at} cannot fit into {left} bytes")]
    Count {
        /// Offset behind the count.
        at: usize,
        /// Elements promised.
        count: u64,
        /// Bytes that are left.
        left: usize,
    },
    /// A byte that must be 0 or 1 is something else.
    #[error("byte at offset {at} must be 0 or 1, got {got}")]
    Flag {
        /// Offset of the byte.
        at: usize,
        /// The byte.
        got: u8,
    },
    /// A varint is longer than its value needs, or than ten bytes.
    #[error("varint at offset {at} is not minimal or too long")]
    Varint {
        /// Offset of the varint.
        at: usize,
    },
    /// A length is negative and not the one that means "absent".
    #[error("length {got} at offset {at} is negative")]
    NegativeLength {
        /// Offset behind the length.
        at: usize,
        /// The length.
        got: i64,
    },
    /// Text is not UTF-8.
    #[error("invalid UTF-8 in the text that ends at offset {at}")]
    Utf8 {
        /// Offset behind the text.
        at: usize,
    },
    /// A key is not one.
    #[error("key that ends at offset {at}: {source}")]
    Key {
        /// Offset behind the key.
        at: usize,
        /// What is wrong with it.
        source: KeyError,
    },
    /// The version is not the one that this code reads.
    #[error("version {got} is not {want}")]
    Version {
        /// Version that this code reads.
        want: u64,
        /// Version in the input.
        got: u64,
    },
    /// Everything was read, and the value is not allowed.
    #[error("{what}")]
    Invalid {
        /// Which rule is broken.
        what: &'static str,
    },
}

/// Reads a slice from its front. Never panics, never allocates, never reads past the end.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, at: 0 }
    }

    /// Bytes read so far.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.at
    }

    /// Bytes left.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Ends the decoding.
    ///
    /// # Errors
    /// [`WireError::Trailing`] when bytes are left.
    pub const fn finish(self) -> Result<(), WireError> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(WireError::Trailing { at: self.at, left }),
        }
    }

    /// Everything that is left.
    pub const fn take_rest(&mut self) -> &'a [u8] {
        let rest = self.rest;
        self.at = self.at.saturating_add(rest.len());
        self.rest = &[];
        rest
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], WireError> {
        let Some((taken, rest)) = self.rest.split_at_checked(count) else {
            return Err(self.truncated(u64::try_from(count).unwrap_or(u64::MAX)));
        };
        self.rest = rest;
        self.at = self.at.saturating_add(count);
        Ok(taken)
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let Some((taken, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(self.truncated(u64::try_from(N).unwrap_or(u64::MAX)));
        };
        self.rest = rest;
        self.at = self.at.saturating_add(N);
        Ok(*taken)
    }

    /// Checks that `count` elements of at least `min_len` bytes can follow, and returns the count for allocation.
    ///
    /// # Errors
    /// [`WireError::Count`].
    pub fn count(&self, count: u64, min_len: usize) -> Result<usize, WireError> {
        let left = self.rest.len();
        let most = left.checked_div(min_len).unwrap_or(left);
        match usize::try_from(count) {
            Ok(count) if count <= most => Ok(count),
            Ok(_) | Err(_) => Err(WireError::Count { at: self.at, count, left }),
        }
    }

    /// One byte.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    pub fn u8(&mut self) -> Result<u8, WireError> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    /// One byte that is 0 or 1.
    ///
    /// # Errors
    /// [`WireError::Flag`] for any other byte.
    pub fn flag(&mut self) -> Result<bool, WireError> {
        let at = self.at;
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            got => Err(WireError::Flag { at, got }),
        }
    }

    const fn truncated(&self, want: u64) -> WireError {
        WireError::Truncated { at: self.at, want, left: self.rest.len() }
    }

    fn take_u64(&mut self, count: u64) -> Result<&'a [u8], WireError> {
        match usize::try_from(count) {
            Ok(count) => self.take(count),
            Err(_) => Err(self.truncated(count)),
        }
    }

    fn utf8(&self, bytes: &'a [u8]) -> Result<&'a str, WireError> {
        std::str::from_utf8(bytes).map_err(|_| WireError::Utf8 { at: self.at })
    }
}

/// Client formats: little-endian, varints.
impl<'a> Reader<'a> {
    /// Fixed two bytes, little-endian.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    pub fn u16_le(&mut self) -> Result<u16, WireError> {
        self.array().map(u16::from_le_bytes)
    }

    /// Fixed four bytes, little-endian.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    pub fn u32_le(&mut self) -> Result<u32, WireError> {
        self.array().map(u32::from_le_bytes)
    }

    /// Fixed eight bytes, little-endian.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    pub fn u64_le(&mut self) -> Result<u64, WireError> {
        self.array().map(u64::from_le_bytes)
    }

    /// Fixed eight bytes, little-endian two's complement.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    pub fn i64_le(&mut self) -> Result<i64, WireError> {
        self.array().map(i64::from_le_bytes)
    }

    /// Base-128, least significant group first. Only the shortest form is accepted.
    ///
    /// # Errors
    /// [`WireError::Varint`] for a longer form or more than 64 bits; [`WireError::Truncated`].
    pub fn uvarint(&mut self) -> Result<u64, WireError> {
        let at = self.at;
        let mut value = 0_u64;
        for shift in (0..64_u32).step_by(7) {
            let byte = self.u8()?;
            let group = u64::from(byte & 0x7f);
            let shifted = group.checked_shl(shift).unwrap_or(0);
            if shifted.checked_shr(shift).unwrap_or(0) != group {
                return Err(WireError::Varint { at });
            }
            value |= shifted;
            if byte & 0x80 == 0 {
                // A last group of zero adds nothing, so the form before it was shorter.
                return if byte == 0 && shift > 0 {
                    Err(WireError::Varint { at })
                } else {
                    Ok(value)
                };
            }
        }
        Err(WireError::Varint { at })
    }

    /// Zig-zag number in a [`Reader::uvarint`].
    ///
    /// # Errors
    /// As [`Reader::uvarint`].
    pub fn svarint(&mut self) -> Result<i64, WireError> {
        let value = self.uvarint()?;
        let magnitude = (value >> 1).cast_signed();
        Ok(if value & 1 == 0 { magnitude } else { !magnitude })
    }

    /// `uvarint` length, then UTF-8 bytes.
    ///
    /// # Errors
    /// Length behind the end, or invalid UTF-8.
    pub fn cstr(&mut self) -> Result<&'a str, WireError> {
        let length = self.uvarint()?;
        let bytes = self.take_u64(length)?;
        self.utf8(bytes)
    }

    /// `svarint` length, then bytes. Length −1 is `None`.
    ///
    /// # Errors
    /// Another negative length, or a length behind the end.
    pub fn cbytes(&mut self) -> Result<Option<&'a [u8]>, WireError> {
        match self.svarint()? {
            -1 => Ok(None),
            length => match u64::try_from(length) {
                Ok(length) => self.take_u64(length).map(Some),
                Err(_) => Err(WireError::NegativeLength { at: self.at, got: length }),
            },
        }
    }

    /// `u32` little-endian length, then bytes. Length `ff ff ff ff` is `None`.
    ///
    /// # Errors
    /// A length behind the end.
    pub fn bytes32(&mut self) -> Result<Option<&'a [u8]>, WireError> {
        match self.u32_le()? {
            u32::MAX => Ok(None),
            length => self.take_u64(u64::from(length)).map(Some),
        }
    }

    /// `u32` little-endian length, then UTF-8 bytes.
    ///
    /// # Errors
    /// A length behind the end, or invalid UTF-8.
    pub fn str32(&mut self) -> Result<&'a str, WireError> {
        let length = self.u32_le()?;
        let bytes = self.take_u64(u64::from(length))?;
        self.utf8(bytes)
    }
}

/// Network formats: big-endian, `u32` lengths.
impl<'a> Reader<'a> {
    /// Fixed two bytes, big-endian.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    pub fn u16_be(&mut self) -> Result<u16, WireError> {
        self.array().map(u16::from_be_bytes)
    }

    /// Fixed four bytes, big-endian.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    pub fn u32_be(&mut self) -> Result<u32, WireError> {
        self.array().map(u32::from_be_bytes)
    }

    /// Fixed eight bytes, big-endian.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    pub fn u64_be(&mut self) -> Result<u64, WireError> {
        self.array().map(u64::from_be_bytes)
    }

    /// Fixed eight bytes, big-endian two's complement.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    pub fn i64_be(&mut self) -> Result<i64, WireError> {
        self.array().map(i64::from_be_bytes)
    }

    /// `u32` big-endian length, then bytes.
    ///
    /// # Errors
    /// A length behind the end.
    pub fn bytes(&mut self) -> Result<&'a [u8], WireError> {
        let length = self.u32_be()?;
        self.take_u64(u64::from(length))
    }

    /// `u32` big-endian length, then UTF-8 bytes.
    ///
    /// # Errors
    /// A length behind the end, or invalid UTF-8.
    pub fn text(&mut self) -> Result<&'a str, WireError> {
        let bytes = self.bytes()?;
        self.utf8(bytes)
    }

    /// 32 raw bytes.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    pub fn hash(&mut self) -> Result<Hash, WireError> {
        self.array().map(Hash)
    }

    /// 64 raw bytes. Says nothing about the signature being valid.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    pub fn signature(&mut self) -> Result<NetworkSignature, WireError> {
        self.array().map(NetworkSignature)
    }

    /// `u32` key type id, then the public key as [`Reader::bytes`].
    ///
    /// # Errors
    /// [`WireError::Key`] when the key is not valid and canonical.
    pub fn key(&mut self) -> Result<PublicKey, WireError> {
        let id = self.u32_be()?;
        let bytes = self.bytes()?;
        KeyType::from_id(id)
            .and_then(|key_type| PublicKey::from_bytes(key_type, bytes))
            .map_err(|source| WireError::Key { at: self.at, source })
    }

    /// `00`, or `01` and a value.
    ///
    /// # Errors
    /// [`WireError::Flag`], or what `read` returns.
    pub fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, WireError>,
    ) -> Result<Option<T>, WireError> {
        if self.flag()? { read(self).map(Some) } else { Ok(None) }
    }

    /// One version byte.
    ///
    /// # Errors
    /// [`WireError::Version`] for another version.
    pub fn version_u8(&mut self, want: u8) -> Result<(), WireError> {
        match self.u8()? {
            got if got == want => Ok(()),
            got => Err(WireError::Version { want: u64::from(want), got: u64::from(got) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_shortest_varint_is_read() {
        assert_eq!(Reader::new(&[0]).uvarint(), Ok(0));
        assert_eq!(Reader::new(&[0x82, 0x01]).uvarint(), Ok(130));
        let most = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(Reader::new(&most).uvarint(), Ok(u64::MAX));
        for long in [
            &[0x80, 0x00][..],
            &[0xff; 11][..],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02],
        ] {
            assert_eq!(
                Reader::new(long).uvarint(),
                Err(WireError::Varint { at: 0 }),
                "{long:02x?}"
            );
        }
    }

    #[test]
    fn nil_and_negative_lengths_of_client_bytes_differ() {
        assert_eq!(Reader::new(&[0x01]).cbytes(), Ok(None));
        assert_eq!(
            Reader::new(&[0x03]).cbytes(),
            Err(WireError::NegativeLength { at: 1, got: -2 })
        );
        assert_eq!(Reader::new(&[0x04, 7, 8]).cbytes(), Ok(Some(&[7, 8][..])));
    }

    #[test]
    fn count_is_compared_with_what_is_left() {
        let reader = Reader::new(&[0; 10]);
        assert_eq!(reader.count(5, 2), Ok(5));
        assert_eq!(reader.count(6, 2), Err(WireError::Count { at: 0, count: 6, left: 10 }));
        assert_eq!(
            reader.count(u64::MAX, 0),
            Err(WireError::Count { at: 0, count: u64::MAX, left: 10 })
        );
    }
}
