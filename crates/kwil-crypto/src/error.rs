//! Why a key, a text or a signature is refused.

use crate::KeyType;

/// Why bytes or text are not a key or an identity of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The name is none of the known key types.
    #[error("unknown key type {name:?}")]
    UnknownTypeName {
        /// The name as given.
        name: String,
    },
    /// The number is none of the known key types.
    #[error("unknown key type id {id}")]
    UnknownTypeId {
        /// The id as given.
        id: u32,
    },
    /// The key has another length than its type demands.
    #[error("{key_type} {what} needs {want} bytes, got {got}")]
    Length {
        /// The type that was asked for.
        key_type: KeyType,
        /// "public key" or "private key".
        what: &'static str,
        /// Bytes demanded.
        want: usize,
        /// Bytes given.
        got: usize,
    },
    /// The bytes are no canonical encoding of a usable curve point.
    #[error("invalid {key_type} public key: {reason}")]
    InvalidPublicKey {
        /// The type that was asked for.
        key_type: KeyType,
        /// What is wrong with the point.
        reason: &'static str,
    },
    /// The scalar is zero or not below the group order.
    #[error("invalid secp256k1 private key: the scalar is zero or not below the group order")]
    ScalarOutOfRange,
    /// The second half of an ed25519 private key is not the public key of the first.
    #[error("invalid ed25519 private key: the public half does not belong to the seed")]
    PublicHalfMismatch,
    /// The text is not hexadecimal.
    #[error("not hexadecimal: {reason}")]
    Hex {
        /// The first thing that is wrong with the text.
        reason: String,
    },
    /// The text is not `<public key hex>#<key type>`.
    #[error("invalid pubkey format, expected <pubkey#pubkeytype>")]
    NodeIdFormat,
    /// The text is not a libp2p peer id with an inlined key.
    #[error("invalid peer id: {reason}")]
    PeerId {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The text is not an Ethereum address.
    #[error("invalid address: expected 40 hex digits after 0x")]
    Address,
    /// The text is not a hash of 64 hex digits.
    #[error("invalid hash: expected 64 hex digits, got {got} characters")]
    HashLength {
        /// Characters given.
        got: usize,
    },
}

/// Why a signature is refused. The same input gets the same answer on every node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// No authenticator of this name; names are case-sensitive.
    #[error("unknown authenticator {name:?}")]
    UnknownAuthenticator {
        /// The name as given.
        name: String,
    },
    /// The sender is no identity of this authenticator.
    #[error("invalid sender: {0}")]
    Sender(#[from] KeyError),
    /// The sender has another length than the authenticator demands.
    #[error("sender needs {want} bytes, got {got}")]
    SenderLength {
        /// Bytes demanded.
        want: usize,
        /// Bytes given.
        got: usize,
    },
    /// The signature has another length than the authenticator demands.
    #[error("signature needs {want} bytes, got {got}")]
    Length {
        /// Bytes demanded.
        want: usize,
        /// Bytes given.
        got: usize,
    },
    /// The recovery byte is none of the allowed ones.
    #[error("recovery byte {got} is not allowed")]
    RecoveryByte {
        /// The byte as given.
        got: u8,
    },
    /// `r` or `s` is zero or not below the group order.
    #[error("r or s is zero or not below the group order")]
    ScalarOutOfRange,
    /// `s` is in the upper half: the other form of a valid signature.
    #[error("s is in the upper half of the group order")]
    HighS,
    /// No key can be recovered from the signature.
    #[error("no public key can be recovered")]
    Unrecoverable,
    /// The signature is well formed and not the sender's for this message.
    #[error("invalid signature")]
    Mismatch,
}

impl From<hex::FromHexError> for KeyError {
    fn from(error: hex::FromHexError) -> Self {
        Self::Hex { reason: error.to_string() }
    }
}
