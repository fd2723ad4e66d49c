//! `delete_resolution`: withdrawal of a proposal. Nothing executes it; proposals only expire.

use uuid::Uuid;

use super::{PayloadError, begin, start};
use crate::wire::LengthOverflow;

/// The sender withdraws a proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteResolution {
    /// Which resolution.
    pub id: Uuid,
}

impl DeleteResolution {
    /// Layout: 16 bytes, without a length.
    ///
    /// # Errors
    /// [`PayloadError`] for anything but the exact layout.
    pub fn decode(bytes: &[u8]) -> Result<Self, PayloadError> {
        let mut reader = start(bytes)?;
        let id = Uuid::from_bytes(reader.array()?);
        reader.finish()?;
        Ok(Self { id })
    }

    /// The payload bytes.
    ///
    /// # Errors
    /// None: the length is fixed.
    pub fn encode(&self) -> Result<Vec<u8>, LengthOverflow> {
        let mut writer = begin();
        writer.raw(self.id.as_bytes());
        writer.finish()
    }
}
