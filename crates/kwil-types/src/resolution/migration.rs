//! `migration`: the network moves to a new one after a period.

use super::{start, text};
use crate::wire::{LengthOverflow, Writer};

/// When the migration starts and how long it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationProposal {
    /// Blocks between the decision and the start.
    pub activation_period: u64,
    /// Blocks from start to end.
    pub duration: u64,
    /// Free text that makes the proposal unique.
    pub timestamp: String,
}

impl MigrationProposal {
    /// Layout: `u16` 0, `u64` activation period, `u64` duration, text with `u32` length.
    pub(super) fn decode(body: &[u8]) -> Result<Self, String> {
        let mut reader = start(body)?;
        let activation_period = reader.u64_le().map_err(text)?;
        let duration = reader.u64_le().map_err(text)?;
        let timestamp = reader.str32().map_err(text)?.to_owned();
        reader.finish().map_err(text)?;
        Ok(Self { activation_period, duration, timestamp })
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, LengthOverflow> {
        let mut writer = Writer::new();
        writer
            .u16_le(0)
            .u64_le(self.activation_period)
            .u64_le(self.duration)
            .str32(&self.timestamp);
        writer.finish()
    }
}
