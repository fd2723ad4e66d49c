//! Authenticators: how the sender of a client message proves who it is.
//!
//! An authenticator is named by the `signature.type` of a transaction. It knows which bytes name a sender, what is
//! hashed before signing, and which of the possible encodings of a signature is the accepted one. All checks are
//! consensus-critical: every node must give the same answer, so each signature has exactly one accepted form (except
//! the recovery byte of wallets, where 0/1 and 27/28 are both in use).

mod builtin;
mod registry;
mod signer;

pub use builtin::AuthType;
pub use registry::{Registry, RegistryError};
pub use signer::Signer;

use crate::{KeyType, SignatureError};

/// One way to prove who sent a message. Implemented by [`AuthType`] and by extensions of an embedder.
///
/// An implementation must be a pure function of its arguments: all validators have to reach the same verdict.
pub trait Authenticator: Send + Sync + std::fmt::Debug {
    /// Name in `signature.type`: lower-case, exact, at most 64 bytes.
    fn name(&self) -> &str;

    /// Key type of the accounts of its senders.
    fn key_type(&self) -> KeyType;

    /// Checks that `sender` signed `message`.
    ///
    /// # Errors
    /// Why not.
    fn verify(&self, sender: &[u8], message: &[u8], signature: &[u8])
    -> Result<(), SignatureError>;

    /// Text identity of a sender, as `@caller` shows it.
    ///
    /// # Errors
    /// When the bytes are no sender of this authenticator.
    fn identifier(&self, sender: &[u8]) -> Result<String, SignatureError>;
}

/// Checks a signature with one of the authenticators that every node has; see [`Registry`] for extensions.
///
/// # Errors
/// [`SignatureError::UnknownAuthenticator`], or why the signature is not the sender's.
pub fn verify(
    auth_type: &str,
    sender: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), SignatureError> {
    AuthType::stock(auth_type)?.verify(sender, message, signature)
}

/// Text identity of a sender of one of the authenticators that every node has.
///
/// # Errors
/// [`SignatureError::UnknownAuthenticator`], or why the bytes are no sender.
pub fn identifier(auth_type: &str, sender: &[u8]) -> Result<String, SignatureError> {
    AuthType::stock(auth_type)?.identifier(sender)
}
