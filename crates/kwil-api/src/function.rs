//! Requests and answers of the function service.

use serde::{Deserialize, Serialize};

use crate::text;
use crate::transaction::Signature;

/// Parameters of `function.verify_sig`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifySigRequest {
    /// The signature and its authenticator.
    #[serde(default)]
    pub signature: Option<Signature>,
    /// Compact identity of the signer.
    #[serde(default, with = "text::hex_bytes")]
    pub sender: Vec<u8>,
    /// What was signed.
    #[serde(default, with = "text::base64_bytes")]
    pub msg: Vec<u8>,
}

/// Answer of `function.verify_sig`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifySig {
    /// Whether the sender signed the message.
    pub valid: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}
