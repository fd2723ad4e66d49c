//! `create_resolution`: an operator proposes something that validators vote on.

use bytes::Bytes;

use super::{PayloadError, VotableEvent, begin, start};
use crate::wire::LengthOverflow;

/// A proposal; the sender votes for it by making it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateResolution {
    /// Type and body of the proposal.
    pub event: VotableEvent,
}

impl CreateResolution {
    /// Layout: the event, without a length.
    ///
    /// # Errors
    /// [`PayloadError`] for anything but the exact layout. Whether the body fits its type is not checked here.
    pub fn decode(bytes: &Bytes) -> Result<Self, PayloadError> {
        let mut reader = start(bytes)?;
        let event = VotableEvent::decode(&bytes.slice_ref(reader.take_rest()))?;
        Ok(Self { event })
    }

    /// The payload bytes.
    ///
    /// # Errors
    /// A body of 4 GiB or more.
    pub fn encode(&self) -> Result<Vec<u8>, LengthOverflow> {
        let mut writer = begin();
        writer.raw(&self.event.encode()?);
        writer.finish()
    }
}
