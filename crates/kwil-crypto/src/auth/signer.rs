//! Who signs client messages: users and nodes, each in their own way.

use super::builtin::personal_digest;
use super::{AuthType, Authenticator as _};
use crate::{PrivateKey, PublicKey, sha256};

/// A private key together with the authenticator it signs for.
///
/// One secp256k1 key has two identities: an address as a user, a public key as a node. They are two accounts.
#[derive(Debug, Clone)]
pub struct Signer {
    key: PrivateKey,
    auth_type: AuthType,
    sender: Vec<u8>,
}

impl Signer {
    /// Signs as a user: `secp256k1_ep` or `ed25519`.
    #[must_use]
    pub fn user(key: PrivateKey) -> Self {
        let public = key.public_key();
        match public.eth_address() {
            Some(address) => {
                Self { key, auth_type: AuthType::EthPersonal, sender: address.0.to_vec() }
            }
            None => Self::ed25519(key, &public),
        }
    }

    /// Signs as a node: `secp256k1` or `ed25519`.
    #[must_use]
    pub fn node(key: PrivateKey) -> Self {
        let public = key.public_key();
        match public.eth_address() {
            Some(_) => {
                Self { key, auth_type: AuthType::Secp256k1, sender: public.as_bytes().to_vec() }
            }
            None => Self::ed25519(key, &public),
        }
    }

    fn ed25519(key: PrivateKey, public: &PublicKey) -> Self {
        Self { key, auth_type: AuthType::Ed25519, sender: public.as_bytes().to_vec() }
    }

    /// The authenticator that checks these signatures.
    #[must_use]
    pub const fn auth_type(&self) -> AuthType {
        self.auth_type
    }

    /// The sender bytes of what this signer signs.
    #[must_use]
    pub fn sender(&self) -> &[u8] {
        &self.sender
    }

    /// The text identity of this signer: an EIP-55 address or the hex public key.
    #[must_use]
    pub fn identifier(&self) -> String {
        self.auth_type.identifier(&self.sender).unwrap_or_default()
    }

    /// The public key behind this signer.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.key.public_key()
    }

    /// Signs a message of the client formats: 65 bytes with recovery byte 0 or 1, or 64 bytes for ed25519.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let ecdsa =
            |digest: &[u8; 32]| self.key.sign_recoverable(digest).map(|bytes| bytes.to_vec());
        let eddsa = |message: &[u8]| self.key.sign_ed25519(message).map(|bytes| bytes.to_vec());
        let signature = match self.auth_type {
            AuthType::EthPersonal => ecdsa(&personal_digest(message).0),
            AuthType::Secp256k1 => ecdsa(&sha256(message).0),
            AuthType::Ed25519 => eddsa(message),
            AuthType::Ed25519Sha256 => eddsa(&sha256(message).0),
        };
        // The constructors pair every key with an authenticator of its own curve.
        signature.unwrap_or_default()
    }
}
