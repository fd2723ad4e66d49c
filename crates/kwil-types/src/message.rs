//! Signed requests that are not transactions: view calls and queries of a private node.

use bytes::Bytes;

use crate::wire::LengthOverflow;
use crate::{ActionCall, PayloadError, RawStatement, payload_digest};

/// Bytes of a challenge.
pub const CHALLENGE_LEN: usize = 32;

/// A view call as a client sends it. Without a sender the caller is anonymous; without a challenge and a signature the
/// sender is only a claim (open mode).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallMessage {
    /// Encoded [`ActionCall`].
    pub payload: Bytes,
    /// The node's challenge; empty in open mode.
    pub challenge: Bytes,
    /// Name of the authenticator.
    pub auth_type: String,
    /// Compact id of the caller; empty for an anonymous one.
    pub sender: Bytes,
    /// Signature over [`call_text`]; empty in open mode.
    pub signature: Bytes,
}

impl CallMessage {
    /// The call inside.
    ///
    /// # Errors
    /// [`PayloadError`] when the payload does not decode.
    pub fn call(&self) -> Result<ActionCall, PayloadError> {
        ActionCall::decode(&self.payload)
    }

    /// The text that must be signed in private mode. Namespace and action are those of the payload, in its case.
    ///
    /// # Errors
    /// [`PayloadError`] when the payload does not decode.
    pub fn signed_text(&self) -> Result<String, PayloadError> {
        let call = self.call()?;
        Ok(call_text(&call.namespace, &call.action, &self.payload, &self.challenge))
    }
}

/// The text that a caller signs in private mode.
#[must_use]
pub fn call_text(namespace: &str, action: &str, payload: &[u8], challenge: &[u8]) -> String {
    let digest = payload_digest(payload);
    let challenge = hex::encode(challenge);
    format!(
        "Kwil view call.\n\nNamespace: {namespace}\nMethod: {action}\nDigest: {digest}\nChallenge: {challenge}\n"
    )
}

/// A query with proof of who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticatedQuery {
    /// Statement and parameters.
    pub statement: RawStatement,
    /// The node's challenge.
    pub challenge: Bytes,
    /// Name of the authenticator.
    pub auth_type: String,
    /// Compact id of the caller.
    pub sender: Bytes,
    /// Signature over [`AuthenticatedQuery::signed_text`].
    pub signature: Bytes,
}

impl AuthenticatedQuery {
    /// The text that the caller signs.
    ///
    /// # Errors
    /// More than 65,535 parameters.
    pub fn signed_text(&self) -> Result<String, LengthOverflow> {
        let digest = payload_digest(&self.statement.encode()?);
        let statement = &self.statement.statement;
        let challenge = hex::encode(&self.challenge);
        Ok(format!(
            "Kwil SQL statement.\n\nStatement: {statement}\nDigest: {digest}\nChallenge: {challenge}\n"
        ))
    }
}
