//! Ethereum addresses, the identity of wallet users.

use std::fmt;
use std::str::FromStr;

use k256::ecdsa::VerifyingKey;

use crate::{KeyError, keccak256};

/// A 20-byte Ethereum address. `Display` writes the EIP-55 checksum form, which is the text identity in roles,
/// ownership and `@caller`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EthAddress(pub [u8; 20]);

impl EthAddress {
    /// The address bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// Last 20 bytes of Keccak-256 over the uncompressed key without its first byte.
    pub(crate) fn from_secp256k1(key: &VerifyingKey) -> Self {
        let point = key.to_sec1_point(false);
        let coordinates = point.as_bytes().get(1..).unwrap_or_default();
        let digest = keccak256(coordinates);
        Self(digest.0.last_chunk().copied().unwrap_or_default())
    }
}

impl From<[u8; 20]> for EthAddress {
    fn from(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }
}

impl TryFrom<&[u8]> for EthAddress {
    type Error = KeyError;

    fn try_from(bytes: &[u8]) -> Result<Self, KeyError> {
        bytes.try_into().map(Self).map_err(|_| KeyError::Address)
    }
}

impl fmt::Display for EthAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = hex::encode(self.0);
        let digest = keccak256(digits.as_bytes());
        let nibbles = digest.0.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
        let cased = digits.chars().zip(nibbles).map(|(digit, nibble)| match nibble {
            8.. => digit.to_ascii_uppercase(),
            _ => digit,
        });
        f.pad(&"0x".chars().chain(cased).collect::<String>())
    }
}

impl fmt::Debug for EthAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EthAddress({self})")
    }
}

impl FromStr for EthAddress {
    type Err = KeyError;

    /// `0x` and 40 hex digits in any case; the checksum is not demanded, because existing texts often lack it.
    fn from_str(text: &str) -> Result<Self, KeyError> {
        let digits = text.strip_prefix("0x").ok_or(KeyError::Address)?;
        let mut bytes = [0; 20];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| KeyError::Address)?;
        Ok(Self(bytes))
    }
}
