//! 32-byte hashes and the functions that make them.

use std::fmt;
use std::str::FromStr;

use sha2::Digest as _;

use crate::{Context, KeyError};

/// A 32-byte hash of any of the functions below. Text form: 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Bytes of a hash.
    pub const LEN: usize = 32;
    /// 32 zero bytes, which several formats use for "none".
    pub const ZERO: Self = Self([0; 32]);

    /// The hash bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether all bytes are zero.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }

    /// The first eight hex digits, for log lines.
    #[must_use]
    pub fn short(&self) -> String {
        self.0.first_chunk::<4>().map(hex::encode).unwrap_or_default()
    }
}

impl From<[u8; 32]> for Hash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl AsRef<[u8]> for Hash {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hex::encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl FromStr for Hash {
    type Err = KeyError;

    /// Exactly 64 hex digits in any case.
    fn from_str(text: &str) -> Result<Self, KeyError> {
        if text.len() != 64 {
            return Err(KeyError::HashLength { got: text.chars().count() });
        }
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes)?;
        Ok(Self(bytes))
    }
}

/// `H(context, message)`: BLAKE3 in derive-key mode, 32 bytes out. What the network itself commits to.
#[must_use]
pub fn hash(context: Context, message: &[u8]) -> Hash {
    let mut hasher = Hasher::new(context);
    hasher.update(message);
    hasher.finalize()
}

/// Incremental form of [`hash`].
#[derive(Debug, Clone)]
pub struct Hasher(blake3::Hasher);

impl Hasher {
    /// Starts a hash for one use.
    #[must_use]
    pub fn new(context: Context) -> Self {
        Self(blake3::Hasher::new_derive_key(context.name()))
    }

    /// Adds bytes. How the input is split into calls makes no difference.
    pub fn update(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.update(bytes);
        self
    }

    /// The hash of everything added.
    #[must_use]
    pub fn finalize(&self) -> Hash {
        Hash(*self.0.finalize().as_bytes())
    }

    /// Fills `out` with the extended output; its first 32 bytes are [`Hasher::finalize`].
    pub fn finalize_xof(&self, out: &mut [u8]) {
        self.0.finalize_xof().fill(out);
    }

    /// Starts over with the same context, keeping its derived key.
    pub fn reset(&mut self) -> &mut Self {
        self.0.reset();
        self
    }
}

/// SHA-256: transaction ids and payload digests of the client formats.
#[must_use]
pub fn sha256(message: &[u8]) -> Hash {
    Hash(sha2::Sha256::digest(message).into())
}

/// Keccak-256 as Ethereum uses it (not SHA3-256).
#[must_use]
pub fn keccak256(message: &[u8]) -> Hash {
    Hash(sha3::Keccak256::digest(message).into())
}
