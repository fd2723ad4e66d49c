//! Events that validators vote on: type and body, identified by both.

use bytes::Bytes;
use uuid::Uuid;

use super::{MAX_NAME, PayloadError};
use crate::wire::{LengthOverflow, Reader, Writer};

/// Namespace of resolution ids.
const ID_NAMESPACE: Uuid = Uuid::from_u128(0xcc1c_d90f_b4db_47f4_b6df_4bbe_5fca_88eb);

/// Something validators vote on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VotableEvent {
    event_type: String,
    body: Bytes,
}

impl VotableEvent {
    /// An event of a type.
    ///
    /// # Errors
    /// The type name is empty or longer than 256 bytes.
    pub fn new(
        event_type: impl Into<String>,
        body: impl Into<Bytes>,
    ) -> Result<Self, PayloadError> {
        let event_type = event_type.into();
        let what = "resolution type";
        match event_type.len() {
            0 => Err(PayloadError::EmptyName { what }),
            got if got > MAX_NAME => Err(PayloadError::NameTooLong { what, got }),
            _ if event_type.contains('\0') => Err(PayloadError::Nul { what }),
            _ => Ok(Self { event_type, body: body.into() }),
        }
    }

    /// Name of the resolution type.
    #[must_use]
    pub fn event_type(&self) -> &str {
        &self.event_type
    }

    /// Body in the form of its type.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The id that operator tools print: UUIDv5 over type and body.
    #[must_use]
    pub fn id(&self) -> Uuid {
        let name = [self.event_type.as_bytes(), &self.body].concat();
        Uuid::new_v5(&ID_NAMESPACE, &name)
    }

    /// Layout: `u16` version 0 (the same in both byte orders), type and body with `u32` little-endian lengths.
    ///
    /// # Errors
    /// [`PayloadError`] for anything but the exact layout.
    pub fn decode(bytes: &Bytes) -> Result<Self, PayloadError> {
        let mut reader = Reader::new(bytes);
        let version = reader.u16_be()?;
        if version != 0 {
            return Err(PayloadError::Version(version));
        }
        let event_type = reader.str32()?;
        let body = reader.bytes32()?.ok_or(PayloadError::Missing("body"))?;
        reader.finish()?;
        Self::new(event_type, bytes.slice_ref(body))
    }

    /// The bytes that [`VotableEvent::decode`] reads.
    ///
    /// # Errors
    /// A body of 4 GiB or more.
    pub fn encode(&self) -> Result<Vec<u8>, LengthOverflow> {
        let mut writer = Writer::new();
        writer.u16_be(0).str32(&self.event_type).bytes32(Some(&self.body));
        writer.finish()
    }
}
