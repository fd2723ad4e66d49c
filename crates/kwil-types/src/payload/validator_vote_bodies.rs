//! `validator_vote_bodies`: the leader puts events on the chain.

use bytes::Bytes;

use super::{PayloadError, VotableEvent, begin, start};
use crate::wire::LengthOverflow;

/// The smallest event with its length: version, one byte of type, empty body.
const EVENT_MIN: usize = 15;

/// Events that become resolutions; the sender votes for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorVoteBodies {
    /// The events in order.
    pub events: Vec<VotableEvent>,
}

impl ValidatorVoteBodies {
    /// Layout: `u32` count, events with `u32` lengths.
    ///
    /// # Errors
    /// [`PayloadError`] for anything but the exact layout.
    pub fn decode(bytes: &Bytes) -> Result<Self, PayloadError> {
        let mut reader = start(bytes)?;
        let count = reader.u32_le()?;
        let count = reader.count(u64::from(count), EVENT_MIN)?;
        let mut events = Vec::with_capacity(count);
        for _ in 0..count {
            let event = reader.bytes32()?.ok_or(PayloadError::Missing("event"))?;
            events.push(VotableEvent::decode(&bytes.slice_ref(event))?);
        }
        reader.finish()?;
        Ok(Self { events })
    }

    /// The payload bytes.
    ///
    /// # Errors
    /// A body of 4 GiB or more.
    pub fn encode(&self) -> Result<Vec<u8>, LengthOverflow> {
        let mut writer = begin();
        writer.count_u32_le(self.events.len());
        for event in &self.events {
            writer.bytes32(Some(&event.encode()?));
        }
        writer.finish()
    }
}
