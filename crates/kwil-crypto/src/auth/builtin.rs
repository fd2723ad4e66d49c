//! The authenticators that come with the node.

use std::fmt;

use k256::ecdsa::{RecoveryId, VerifyingKey};
use sha3::Digest as _;

use super::Authenticator;
use crate::network::parse_low_s;
use crate::{EthAddress, Hash, KeyType, PublicKey, SignatureError, sha256};

/// The authenticators that come with the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AuthType {
    /// `secp256k1_ep`: Ethereum personal signatures (EIP-191) by wallets; the sender is a 20-byte address.
    EthPersonal,
    /// `secp256k1`: raw secp256k1 over SHA-256, used by nodes; the sender is the 33-byte public key.
    Secp256k1,
    /// `ed25519`: Ed25519 over the message; the sender is the 32-byte public key.
    Ed25519,
    /// `ed25519_nr`: Ed25519 over SHA-256 of the message (NEAR wallets). Not part of a stock node.
    Ed25519Sha256,
}

impl AuthType {
    /// What a stock node accepts.
    pub const STOCK: [Self; 3] = [Self::EthPersonal, Self::Secp256k1, Self::Ed25519];

    /// Name in `signature.type`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EthPersonal => "secp256k1_ep",
            Self::Secp256k1 => "secp256k1",
            Self::Ed25519 => "ed25519",
            Self::Ed25519Sha256 => "ed25519_nr",
        }
    }

    /// The stock authenticator of this exact name.
    ///
    /// # Errors
    /// [`SignatureError::UnknownAuthenticator`]; names are case-sensitive, because the name is outside the signed
    /// text and a second spelling would give the same content a second transaction id.
    pub fn stock(name: &str) -> Result<Self, SignatureError> {
        Self::STOCK
            .into_iter()
            .find(|auth| auth.as_str() == name)
            .ok_or_else(|| SignatureError::UnknownAuthenticator { name: name.to_owned() })
    }
}

impl fmt::Display for AuthType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Authenticator for AuthType {
    fn name(&self) -> &str {
        self.as_str()
    }

    fn key_type(&self) -> KeyType {
        match self {
            Self::EthPersonal | Self::Secp256k1 => KeyType::Secp256k1,
            Self::Ed25519 | Self::Ed25519Sha256 => KeyType::Ed25519,
        }
    }

    fn verify(
        &self,
        sender: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        match self {
            Self::EthPersonal => {
                let address = address(sender)?;
                let key = recover(&personal_digest(message), signature, &[0, 1, 27, 28])?;
                same(EthAddress::from_secp256k1(&key) == address)
            }
            Self::Secp256k1 => {
                // Recovery with the given byte does the whole check, and makes that byte part of the signature. A
                // recovered key is valid, so equal bytes need no parsing.
                let key = recover(&sha256(message), signature, &[0, 1])?;
                if PublicKey::from_secp256k1(&key).as_bytes() == sender {
                    return Ok(());
                }
                PublicKey::from_bytes(KeyType::Secp256k1, sender)?;
                Err(SignatureError::Mismatch)
            }
            Self::Ed25519 => verify_ed25519(sender, message, signature),
            Self::Ed25519Sha256 => verify_ed25519(sender, &sha256(message).0, signature),
        }
    }

    fn identifier(&self, sender: &[u8]) -> Result<String, SignatureError> {
        match self {
            Self::EthPersonal => Ok(address(sender)?.to_string()),
            Self::Secp256k1 | Self::Ed25519 | Self::Ed25519Sha256 => {
                Ok(PublicKey::from_bytes(self.key_type(), sender)?.to_hex())
            }
        }
    }
}

/// EIP-191: Keccak-256 over the prefix, the decimal byte length and the message.
pub(super) fn personal_digest(message: &[u8]) -> Hash {
    let mut hasher = sha3::Keccak256::new();
    hasher.update(b"\x19Ethereum Signed Message:\n");
    hasher.update(message.len().to_string());
    hasher.update(message);
    Hash(hasher.finalize().into())
}

fn address(sender: &[u8]) -> Result<EthAddress, SignatureError> {
    EthAddress::try_from(sender)
        .map_err(|_| SignatureError::SenderLength { want: 20, got: sender.len() })
}

fn same(equal: bool) -> Result<(), SignatureError> {
    if equal { Ok(()) } else { Err(SignatureError::Mismatch) }
}

/// The key that made `r ‖ s ‖ v`, with low `s` and `v` one of `allowed`.
fn recover(
    digest: &Hash,
    signature: &[u8],
    allowed: &[u8],
) -> Result<VerifyingKey, SignatureError> {
    let length = SignatureError::Length { want: 65, got: signature.len() };
    let signature: &[u8; 65] = signature.try_into().map_err(|_| length)?;
    let [scalars @ .., v] = signature;
    if !allowed.contains(v) {
        return Err(SignatureError::RecoveryByte { got: *v });
    }
    let signature = parse_low_s(scalars)?;
    // 0/1 and 27/28 both carry the parity; 27 is odd.
    let is_y_odd = matches!(v, 1 | 28);
    VerifyingKey::recover_from_prehash(&digest.0, &signature, RecoveryId::new(is_y_odd, false))
        .map_err(|_| SignatureError::Unrecoverable)
}

fn verify_ed25519(sender: &[u8], message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
    let length = SignatureError::Length { want: 64, got: signature.len() };
    let signature: &[u8; 64] = signature.try_into().map_err(|_| length)?;
    let key = PublicKey::from_bytes(KeyType::Ed25519, sender)?;
    let key = key.as_ed25519().ok_or(SignatureError::Mismatch)??;
    key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature))
        .map_err(|_| SignatureError::Mismatch)
}
