//! Signatures that nodes make for nodes: 64 bytes over a BLAKE3 digest with a context.

use std::fmt;

use ed25519_dalek::VerifyingKey as EdVerifyingKey;
use k256::ecdsa::signature::hazmat::PrehashVerifier as _;
use k256::ecdsa::{Signature as K1Signature, VerifyingKey as K1VerifyingKey};

use crate::{Hash, SignatureError};

/// A signature of the network formats: `r ‖ s` with low `s`, or Ed25519. Always 64 bytes.
///
/// Existing says nothing about being valid; see [`PublicKey::verify_network`](crate::PublicKey::verify_network).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkSignature(pub [u8; 64]);

impl NetworkSignature {
    /// Bytes of every network signature.
    pub const LEN: usize = 64;

    /// The signature bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl From<[u8; 64]> for NetworkSignature {
    fn from(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for NetworkSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for NetworkSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NetworkSignature({self})")
    }
}

/// Parses `r ‖ s` with both in range and `s` in the lower half.
pub(crate) fn parse_low_s(bytes: &[u8; 64]) -> Result<K1Signature, SignatureError> {
    let signature = K1Signature::from_slice(bytes).map_err(|_| SignatureError::ScalarOutOfRange)?;
    if signature.normalize_s() != signature {
        return Err(SignatureError::HighS);
    }
    Ok(signature)
}

pub(crate) fn verify_secp256k1(
    key: &K1VerifyingKey,
    digest: &Hash,
    signature: &NetworkSignature,
) -> Result<(), SignatureError> {
    let signature = parse_low_s(&signature.0)?;
    key.verify_prehash(&digest.0, &signature).map_err(|_| SignatureError::Mismatch)
}

pub(crate) fn verify_ed25519(
    key: &EdVerifyingKey,
    digest: &Hash,
    signature: &NetworkSignature,
) -> Result<(), SignatureError> {
    key.verify_strict(&digest.0, &ed25519_dalek::Signature::from_bytes(&signature.0))
        .map_err(|_| SignatureError::Mismatch)
}
