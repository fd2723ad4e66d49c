//! `validator_approve`: a validator approves a join request.

use kwil_crypto::PublicKey;

use super::{PayloadError, begin, public_key, start, write_public_key};
use crate::wire::LengthOverflow;

/// The sender approves the join request of a candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorApprove {
    /// Key of the node that asked to join.
    pub candidate: PublicKey,
}

impl ValidatorApprove {
    /// Layout: public key with `u32` length, `u32` key type id.
    ///
    /// # Errors
    /// [`PayloadError`] for anything but the exact layout with a valid key.
    pub fn decode(bytes: &[u8]) -> Result<Self, PayloadError> {
        let mut reader = start(bytes)?;
        let candidate = public_key(&mut reader)?;
        reader.finish()?;
        Ok(Self { candidate })
    }

    /// The payload bytes.
    ///
    /// # Errors
    /// None in practice: a key is short.
    pub fn encode(&self) -> Result<Vec<u8>, LengthOverflow> {
        let mut writer = begin();
        write_public_key(&mut writer, &self.candidate);
        writer.finish()
    }
}
