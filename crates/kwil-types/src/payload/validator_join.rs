//! `validator_join`: a node asks to become a validator.

use super::{PayloadError, begin, start};
use crate::wire::LengthOverflow;

/// A request to join the validator set with the sender's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorJoin {
    /// Voting power that is asked for. Which powers are possible is a rule of execution, not of the format.
    pub power: u64,
}

impl ValidatorJoin {
    /// Layout: `u64` power, ten bytes in all.
    ///
    /// # Errors
    /// [`PayloadError`] for anything but the exact layout.
    pub fn decode(bytes: &[u8]) -> Result<Self, PayloadError> {
        let mut reader = start(bytes)?;
        let power = reader.u64_le()?;
        reader.finish()?;
        Ok(Self { power })
    }

    /// The payload bytes.
    ///
    /// # Errors
    /// None: the length is fixed.
    pub fn encode(&self) -> Result<Vec<u8>, LengthOverflow> {
        let mut writer = begin();
        writer.u64_le(self.power);
        writer.finish()
    }
}
