//! `validator_vote_ids`: a validator votes for events that are on the chain already.

use uuid::Uuid;

use super::{PayloadError, begin, start};
use crate::wire::LengthOverflow;

/// An id with its length.
const ID_MIN: usize = 20;

/// Votes of the sender for resolutions by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorVoteIds {
    /// The resolutions in order.
    pub ids: Vec<Uuid>,
}

impl ValidatorVoteIds {
    /// Layout: `u32` count, ids of 16 bytes with `u32` lengths.
    ///
    /// # Errors
    /// [`PayloadError`] for anything but the exact layout.
    pub fn decode(bytes: &[u8]) -> Result<Self, PayloadError> {
        let mut reader = start(bytes)?;
        let count = reader.u32_le()?;
        let count = reader.count(u64::from(count), ID_MIN)?;
        let mut ids = Vec::with_capacity(count);
        for _ in 0..count {
            let id = reader.bytes32()?.ok_or(PayloadError::Missing("resolution id"))?;
            ids.push(Uuid::from_slice(id).map_err(|_| PayloadError::IdLength(id.len()))?);
        }
        reader.finish()?;
        Ok(Self { ids })
    }

    /// The payload bytes.
    ///
    /// # Errors
    /// None in practice: 2^32 ids do not fit into memory.
    pub fn encode(&self) -> Result<Vec<u8>, LengthOverflow> {
        let mut writer = begin();
        writer.count_u32_le(self.ids.len());
        for id in &self.ids {
            writer.bytes32(Some(id.as_bytes()));
        }
        writer.finish()
    }
}
