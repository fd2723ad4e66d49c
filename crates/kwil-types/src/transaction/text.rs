//! The messages that users and nodes sign.

use kwil_crypto::sha256;

use super::{Serialization, TxBody, TxError};

/// Hex digits of a digest in a signed text: the first 20 bytes of SHA-256.
const DIGEST_BYTES: usize = 20;

/// The digest of payload bytes as signed texts show it: 40 lower-case hex digits.
#[must_use]
pub fn payload_digest(payload: &[u8]) -> String {
    let digest = sha256(payload);
    hex::encode(digest.as_bytes().get(..DIGEST_BYTES).unwrap_or_default())
}

impl TxBody {
    /// The message that is signed: the text, or the hash of the encoded body.
    ///
    /// # Errors
    /// [`TxError`] when the body breaks a limit.
    pub fn signed_message(&self, serialization: Serialization) -> Result<Vec<u8>, TxError> {
        match serialization {
            Serialization::Concat => Ok(self.signed_text()?.into_bytes()),
            Serialization::Direct => Ok(sha256(&self.encode()?).0.to_vec()),
        }
    }

    /// The text of serialization `concat`, exactly as existing wallets sign it.
    ///
    /// # Errors
    /// [`TxError`] when the body breaks a limit.
    pub fn signed_text(&self) -> Result<String, TxError> {
        self.check()?;
        let Self { description, payload, payload_type, fee, nonce, chain_id } = self;
        let digest = payload_digest(payload);
        Ok(format!(
            "{description}\n\nPayloadType: {payload_type}\nPayloadDigest: {digest}\nFee: {fee}\nNonce: {nonce}\n\n\
             Kwil Chain ID: {chain_id}\n"
        ))
    }
}
