//! `validator_leave`: the sender leaves the validator set.

use super::{PayloadError, begin, start};
use crate::wire::LengthOverflow;

/// The sender leaves the validator set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorLeave;

impl ValidatorLeave {
    /// Layout: nothing behind the version.
    ///
    /// # Errors
    /// [`PayloadError`] for anything but exactly two zero bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, PayloadError> {
        start(bytes)?.finish()?;
        Ok(Self)
    }

    /// The payload bytes.
    ///
    /// # Errors
    /// None: the length is fixed.
    pub fn encode(&self) -> Result<Vec<u8>, LengthOverflow> {
        begin().finish()
    }
}
