//! `param_updates`: new values of network parameters.

use super::{start, text};
use crate::ParamUpdates;
use crate::wire::{LengthOverflow, Writer};

/// New values with a text for the people who vote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParamUpdateProposal {
    /// Makes the proposal unique: the same values can be proposed again with another text.
    pub description: String,
    /// The values.
    pub updates: ParamUpdates,
}

impl ParamUpdateProposal {
    /// Layout: `u16` 0, description with `u32` length, update map with `u32` length.
    pub(super) fn decode(body: &[u8]) -> Result<Self, String> {
        let mut reader = start(body)?;
        let description = reader.str32().map_err(text)?.to_owned();
        let updates = reader.bytes32().map_err(text)?.ok_or("updates are missing")?;
        reader.finish().map_err(text)?;
        let updates = ParamUpdates::decode_reference(updates).map_err(|error| error.to_string())?;
        Ok(Self { description, updates })
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, LengthOverflow> {
        let mut writer = Writer::new();
        writer.u16_le(0).str32(&self.description).bytes32(Some(&self.updates.encode_reference()?));
        writer.finish()
    }
}
