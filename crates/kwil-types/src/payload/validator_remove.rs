//! `validator_remove`: a validator votes to remove another.

use kwil_crypto::PublicKey;

use super::{PayloadError, begin, public_key, start, write_public_key};
use crate::wire::LengthOverflow;

/// The sender votes to remove a validator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorRemove {
    /// Key of the validator to remove.
    pub validator: PublicKey,
}

impl ValidatorRemove {
    /// Layout: public key with `u32` length, `u32` key type id.
    ///
    /// # Errors
    /// [`PayloadError`] for anything but the exact layout with a valid key.
    pub fn decode(bytes: &[u8]) -> Result<Self, PayloadError> {
        let mut reader = start(bytes)?;
        let validator = public_key(&mut reader)?;
        reader.finish()?;
        Ok(Self { validator })
    }

    /// The payload bytes.
    ///
    /// # Errors
    /// None in practice: a key is short.
    pub fn encode(&self) -> Result<Vec<u8>, LengthOverflow> {
        let mut writer = begin();
        write_public_key(&mut writer, &self.validator);
        writer.finish()
    }
}
