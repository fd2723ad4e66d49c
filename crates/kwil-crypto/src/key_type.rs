//! The key types of the network.

use std::fmt;
use std::str::FromStr;

use crate::KeyError;

/// Which curve a key belongs to. Orders by wire id, which is the first part of the canonical validator order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyType {
    /// ECDSA on secp256k1; wire id 0.
    Secp256k1,
    /// Ed25519; wire id 1.
    Ed25519,
}

impl KeyType {
    /// Every key type, in wire id order.
    pub const ALL: [Self; 2] = [Self::Secp256k1, Self::Ed25519];

    /// The number in wire formats.
    #[must_use]
    pub const fn id(self) -> u32 {
        match self {
            Self::Secp256k1 => 0,
            Self::Ed25519 => 1,
        }
    }

    /// The name in JSON, node ids and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Secp256k1 => "secp256k1",
            Self::Ed25519 => "ed25519",
        }
    }

    /// The type with this wire id.
    ///
    /// # Errors
    /// [`KeyError::UnknownTypeId`] for any number but 0 and 1.
    pub const fn from_id(id: u32) -> Result<Self, KeyError> {
        match id {
            0 => Ok(Self::Secp256k1),
            1 => Ok(Self::Ed25519),
            _ => Err(KeyError::UnknownTypeId { id }),
        }
    }

    /// Bytes of a public key: 33 (compressed) or 32.
    #[must_use]
    pub const fn public_key_len(self) -> usize {
        match self {
            Self::Secp256k1 => 33,
            Self::Ed25519 => 32,
        }
    }

    /// Bytes of a private key: 32 (scalar) or 64 (seed and public key).
    #[must_use]
    pub const fn private_key_len(self) -> usize {
        match self {
            Self::Secp256k1 => 32,
            Self::Ed25519 => 64,
        }
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for KeyType {
    type Err = KeyError;

    /// Exact, case-sensitive names.
    fn from_str(name: &str) -> Result<Self, KeyError> {
        Self::ALL
            .into_iter()
            .find(|key_type| key_type.name() == name)
            .ok_or_else(|| KeyError::UnknownTypeName { name: name.to_owned() })
    }
}
