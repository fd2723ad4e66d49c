//! Private keys: wiped from memory when dropped, never printed.

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey as EdSigningKey};
use k256::ecdsa::SigningKey as K1SigningKey;
use zeroize::{Zeroize, Zeroizing};

use crate::network::NetworkSignature;
use crate::{Context, KeyError, KeyType, PublicKey};

/// A private key. Its memory is wiped on drop and `Debug` shows the public key only.
#[derive(Clone)]
pub struct PrivateKey(Secret);

#[derive(Clone)]
enum Secret {
    Secp256k1(K1SigningKey),
    Ed25519(EdSigningKey),
}

impl PrivateKey {
    /// Parses raw key bytes: a big-endian scalar (secp256k1, 32 bytes) or seed and public key (ed25519, 64 bytes).
    ///
    /// # Errors
    /// Another length, a scalar that is zero or not below the group order, or a public half that does not belong to
    /// the seed. A bare 32-byte ed25519 seed is refused.
    pub fn from_bytes(key_type: KeyType, bytes: &[u8]) -> Result<Self, KeyError> {
        let want = key_type.private_key_len();
        if bytes.len() != want {
            return Err(KeyError::Length { key_type, what: "private key", want, got: bytes.len() });
        }
        match key_type {
            KeyType::Secp256k1 => {
                let key =
                    K1SigningKey::from_slice(bytes).map_err(|_| KeyError::ScalarOutOfRange)?;
                Ok(Self(Secret::Secp256k1(key)))
            }
            KeyType::Ed25519 => {
                let (seed, public) =
                    bytes.split_first_chunk::<32>().ok_or(KeyError::PublicHalfMismatch)?;
                let key = EdSigningKey::from_bytes(seed);
                if key.verifying_key().as_bytes() != public {
                    return Err(KeyError::PublicHalfMismatch);
                }
                Ok(Self(Secret::Ed25519(key)))
            }
        }
    }

    /// Parses the hex text of a private key, as in `nodekey.json`.
    ///
    /// # Errors
    /// Not hexadecimal, or as [`PrivateKey::from_bytes`].
    pub fn from_hex(key_type: KeyType, text: &str) -> Result<Self, KeyError> {
        Self::from_bytes(key_type, &Zeroizing::new(hex::decode(text)?))
    }

    /// Makes a key from entropy that the caller supplies; this crate reads none itself.
    ///
    /// `fill` overwrites the whole buffer with random bytes (`getrandom::fill` fits) and is called again in the
    /// practically impossible case that they are no valid scalar.
    ///
    /// # Errors
    /// What `fill` returns.
    pub fn generate<E>(
        key_type: KeyType,
        mut fill: impl FnMut(&mut [u8]) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut seed = Zeroizing::new([0_u8; 32]);
        fill(seed.as_mut_slice())?;
        match key_type {
            KeyType::Ed25519 => Ok(Self(Secret::Ed25519(EdSigningKey::from_bytes(&seed)))),
            KeyType::Secp256k1 => loop {
                if let Ok(key) = K1SigningKey::from_slice(seed.as_slice()) {
                    return Ok(Self(Secret::Secp256k1(key)));
                }
                fill(seed.as_mut_slice())?;
                // A source stuck at an invalid value must not become an endless loop.
                *seed = crate::sha256(seed.as_slice()).0;
            },
        }
    }

    /// The curve of this key.
    #[must_use]
    pub const fn key_type(&self) -> KeyType {
        match self.0 {
            Secret::Secp256k1(_) => KeyType::Secp256k1,
            Secret::Ed25519(_) => KeyType::Ed25519,
        }
    }

    /// The public key that belongs to this key.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        match &self.0 {
            Secret::Secp256k1(key) => PublicKey::from_secp256k1(key.verifying_key()),
            Secret::Ed25519(key) => PublicKey::from_ed25519(&key.verifying_key()),
        }
    }

    /// The raw key in the form that [`PrivateKey::from_bytes`] reads.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        match &self.0 {
            Secret::Secp256k1(key) => {
                let mut scalar = key.to_bytes();
                let bytes = Zeroizing::new(scalar.to_vec());
                scalar.zeroize();
                bytes
            }
            Secret::Ed25519(key) => Zeroizing::new(Zeroizing::new(key.to_keypair_bytes()).to_vec()),
        }
    }

    /// The raw key as lower-case hex, as in `nodekey.json`.
    #[must_use]
    pub fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.to_bytes().as_slice()))
    }

    /// Signs `H(context, message)` for other nodes. Deterministic: equal input gives an equal signature.
    #[must_use]
    pub fn sign_network(&self, context: Context, message: &[u8]) -> NetworkSignature {
        let digest = crate::hash(context, message);
        match &self.0 {
            Secret::Secp256k1(key) => {
                let (signature, _recovery) = key.sign_prehash_recoverable(&digest.0);
                NetworkSignature(signature.to_bytes().into())
            }
            Secret::Ed25519(key) => NetworkSignature(key.sign(&digest.0).to_bytes()),
        }
    }

    /// `r ‖ s ‖ v` over a 32-byte digest with `v` 0 or 1; `None` for ed25519.
    pub(crate) fn sign_recoverable(&self, digest: &[u8; 32]) -> Option<[u8; 65]> {
        let Secret::Secp256k1(key) = &self.0 else { return None };
        let (signature, recovery) = key.sign_prehash_recoverable(digest);
        let mut bytes = [recovery.to_byte(); 65];
        if let Some(scalars) = bytes.first_chunk_mut::<64>() {
            *scalars = signature.to_bytes().into();
        }
        Some(bytes)
    }

    /// Plain Ed25519 over the message; `None` for secp256k1.
    pub(crate) fn sign_ed25519(&self, message: &[u8]) -> Option<[u8; 64]> {
        let Secret::Ed25519(key) = &self.0 else { return None };
        Some(key.sign(message).to_bytes())
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey(of {})", self.public_key())
    }
}
