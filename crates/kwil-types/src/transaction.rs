//! Transactions: what a client signs and what the network orders.
//!
//! [`Transaction`] is the open record that clients fill in. [`RawTx`] is what travels: the exact bytes, their parsed
//! view and the id, each computed once. Only a transaction that obeys every limit becomes a [`RawTx`].

mod codec;
mod raw;
mod text;

pub use codec::TxError;
pub use raw::RawTx;
pub use text::payload_digest;

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use kwil_crypto::Hash;

use crate::Amount;

/// SHA-256 of a transaction's bytes, signature included; 64 lower-case hex digits as text.
pub type TxId = Hash;

/// Limits on the parts of a transaction, in bytes.
pub mod limits {
    /// Free text in front of the signed text.
    pub const DESCRIPTION: usize = 200;
    /// Payload type, authenticator and serialization names.
    pub const NAME: usize = 64;
    /// Chain id.
    pub const CHAIN_ID: usize = 50;
    /// Sender.
    pub const SENDER: usize = 128;
    /// Signature; extensions may have longer ones than the built-in authenticators.
    pub const SIGNATURE: usize = 4096;
}

/// A transaction in its parts, signed or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// Who vouches for it; empty before signing.
    pub signature: Signature,
    /// What is signed.
    pub body: TxBody,
    /// How the body becomes the signed message.
    pub serialization: Serialization,
    /// Compact id of the signer: address or public key, depending on the authenticator.
    pub sender: Bytes,
}

/// A signature and the authenticator that checks it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signature {
    /// Signature bytes.
    pub bytes: Bytes,
    /// Name of the authenticator, like `secp256k1_ep`.
    pub auth_type: String,
}

/// The signed part of a transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TxBody {
    /// Text for the person who signs, at most 200 bytes.
    pub description: String,
    /// Encoded payload.
    pub payload: Bytes,
    /// Payload type by name; may be one that this build does not know.
    pub payload_type: String,
    /// Most tokens that may be taken.
    pub fee: Amount,
    /// One more than the sender's last nonce; the first is 1.
    pub nonce: u64,
    /// Network that the transaction is for.
    pub chain_id: String,
}

/// How a body becomes the message that is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Serialization {
    /// A text that a wallet can show.
    Concat,
    /// SHA-256 of the encoded body.
    Direct,
}

impl Serialization {
    /// The name in JSON and binary forms.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Concat => "concat",
            Self::Direct => "direct",
        }
    }
}

impl fmt::Display for Serialization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Serialization {
    type Err = TxError;

    fn from_str(text: &str) -> Result<Self, TxError> {
        match text {
            "concat" => Ok(Self::Concat),
            "direct" => Ok(Self::Direct),
            _ => Err(TxError::Serialization(text.chars().take(limits::NAME).collect())),
        }
    }
}

impl Transaction {
    /// The message that the signature covers.
    ///
    /// # Errors
    /// [`TxError`] when the body breaks a limit, so that it has no encoding.
    pub fn signed_message(&self) -> Result<Vec<u8>, TxError> {
        self.body.signed_message(self.serialization)
    }
}
