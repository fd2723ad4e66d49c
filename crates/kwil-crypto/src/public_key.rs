//! Public keys, parsed as strictly as consensus needs.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::VerifyingKey as EdVerifyingKey;
use k256::ecdsa::VerifyingKey as K1VerifyingKey;

use crate::network::{self, NetworkSignature};
use crate::{Context, EthAddress, KeyError, KeyType, SignatureError};

/// A valid public key in its one accepted encoding: compressed secp256k1 (33 bytes) or canonical ed25519 (32 bytes).
///
/// Orders by key type id, then by key bytes: the canonical order of validator sets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(Bytes);

// The variant order is part of `Ord` and follows the wire ids.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Bytes {
    Secp256k1([u8; 33]),
    Ed25519([u8; 32]),
}

impl PublicKey {
    /// Parses raw key bytes.
    ///
    /// # Errors
    /// Another length; a secp256k1 key that is not compressed, not below the field prime or not on the curve; an
    /// ed25519 key that does not decompress, is not canonical or is of small order.
    pub fn from_bytes(key_type: KeyType, bytes: &[u8]) -> Result<Self, KeyError> {
        let length = KeyError::Length {
            key_type,
            what: "public key",
            want: key_type.public_key_len(),
            got: bytes.len(),
        };
        match key_type {
            KeyType::Secp256k1 => {
                let bytes: [u8; 33] = bytes.try_into().map_err(|_| length)?;
                parse_secp256k1(&bytes)?;
                Ok(Self(Bytes::Secp256k1(bytes)))
            }
            KeyType::Ed25519 => {
                let bytes: [u8; 32] = bytes.try_into().map_err(|_| length)?;
                parse_ed25519(&bytes)?;
                Ok(Self(Bytes::Ed25519(bytes)))
            }
        }
    }

    /// Parses the hex text of a key; upper and lower case digits are accepted.
    ///
    /// # Errors
    /// Not hexadecimal, or as [`PublicKey::from_bytes`].
    pub fn from_hex(key_type: KeyType, text: &str) -> Result<Self, KeyError> {
        Self::from_bytes(key_type, &hex::decode(text)?)
    }

    pub(crate) fn from_secp256k1(key: &K1VerifyingKey) -> Self {
        let mut bytes = [0; 33];
        bytes.copy_from_slice(key.to_sec1_point(true).as_bytes());
        Self(Bytes::Secp256k1(bytes))
    }

    pub(crate) fn from_ed25519(key: &EdVerifyingKey) -> Self {
        Self(Bytes::Ed25519(key.to_bytes()))
    }

    /// The curve of this key.
    #[must_use]
    pub const fn key_type(&self) -> KeyType {
        match self.0 {
            Bytes::Secp256k1(_) => KeyType::Secp256k1,
            Bytes::Ed25519(_) => KeyType::Ed25519,
        }
    }

    /// The raw key, 33 or 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Bytes::Secp256k1(bytes) => bytes,
            Bytes::Ed25519(bytes) => bytes,
        }
    }

    /// The raw key as lower-case hex, without the key type.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex::encode(self.as_bytes())
    }

    /// Wire key of the client formats: `u32` little-endian key type id, then the raw key.
    #[must_use]
    pub fn to_wire_bytes(&self) -> Vec<u8> {
        let mut wire = self.key_type().id().to_le_bytes().to_vec();
        wire.extend_from_slice(self.as_bytes());
        wire
    }

    /// Parses the wire key of the client formats.
    ///
    /// # Errors
    /// Fewer than four bytes, an unknown id, or as [`PublicKey::from_bytes`].
    pub fn from_wire_bytes(wire: &[u8]) -> Result<Self, KeyError> {
        let Some((id, key)) = wire.split_first_chunk::<4>() else {
            return Err(KeyError::NodeIdFormat);
        };
        Self::from_bytes(KeyType::from_id(u32::from_le_bytes(*id))?, key)
    }

    /// The Ethereum address that the same secp256k1 key has as a user; `None` for ed25519.
    #[must_use]
    pub fn eth_address(&self) -> Option<EthAddress> {
        match &self.0 {
            Bytes::Secp256k1(bytes) => {
                parse_secp256k1(bytes).ok().map(|key| EthAddress::from_secp256k1(&key))
            }
            Bytes::Ed25519(_) => None,
        }
    }

    /// Checks a signature of the network formats: over `H(context, message)`, 64 bytes.
    ///
    /// # Errors
    /// [`SignatureError`] unless the signature is this key's for exactly this context and message, in its one
    /// accepted form (low `s`; strict ed25519).
    pub fn verify_network(
        &self,
        context: Context,
        message: &[u8],
        signature: &NetworkSignature,
    ) -> Result<(), SignatureError> {
        let digest = crate::hash(context, message);
        match &self.0 {
            Bytes::Secp256k1(bytes) => {
                network::verify_secp256k1(&parse_secp256k1(bytes)?, &digest, signature)
            }
            Bytes::Ed25519(bytes) => {
                network::verify_ed25519(&parse_ed25519(bytes)?, &digest, signature)
            }
        }
    }

    pub(crate) fn as_ed25519(&self) -> Option<Result<EdVerifyingKey, KeyError>> {
        match &self.0 {
            Bytes::Ed25519(bytes) => Some(parse_ed25519(bytes)),
            Bytes::Secp256k1(_) => None,
        }
    }
}

fn parse_secp256k1(bytes: &[u8; 33]) -> Result<K1VerifyingKey, KeyError> {
    let invalid = |reason| KeyError::InvalidPublicKey { key_type: KeyType::Secp256k1, reason };
    if !matches!(bytes, [2 | 3, ..]) {
        return Err(invalid("the first byte is not 02 or 03"));
    }
    K1VerifyingKey::from_sec1_bytes(bytes).map_err(|_| invalid("not a point on the curve"))
}

fn parse_ed25519(bytes: &[u8; 32]) -> Result<EdVerifyingKey, KeyError> {
    let invalid = |reason| KeyError::InvalidPublicKey { key_type: KeyType::Ed25519, reason };
    let key = EdVerifyingKey::from_bytes(bytes).map_err(|_| invalid("not a point on the curve"))?;
    if key.is_weak() {
        return Err(invalid("the point is of small order"));
    }
    // Decompression reduces the coordinate, so a second encoding of the same point shows only here.
    if key.to_edwards().compress().as_bytes() != bytes {
        return Err(invalid("not the canonical encoding"));
    }
    Ok(key)
}

/// `<public key hex>#<key type>`, the text of a node id.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}#{}", self.to_hex(), self.key_type()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    /// Exactly one `#`, hex before it, a key type after it.
    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (key, key_type) = text.split_once('#').ok_or(KeyError::NodeIdFormat)?;
        if key_type.contains('#') {
            return Err(KeyError::NodeIdFormat);
        }
        Self::from_hex(key_type.parse()?, key)
    }
}
