//! Heartbeats: a validator is there, and how far it is.

use kwil_crypto::{Context, Hash, context};

use super::{Signed, SignedBody, sealed::Sealed};
use crate::wire::{Reader, WireError, Writer};
use crate::{Height, View};

/// State of a validator, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct HeartbeatFlags {
    /// Bit 1: in the validator set, not held, not syncing, database usable.
    pub ready: bool,
    /// Bit 2: catching up.
    pub syncing: bool,
    /// Bit 4: stopped voting until an operator acts.
    pub held: bool,
}

impl HeartbeatFlags {
    const fn bits(self) -> u8 {
        let [ready, syncing, held] = [self.ready, self.syncing, self.held];
        (ready as u8) | ((syncing as u8) << 1) | ((held as u8) << 2)
    }

    const fn from_bits(bits: u8) -> Option<Self> {
        if bits > 7 {
            return None;
        }
        Some(Self { ready: bits & 1 != 0, syncing: bits & 2 != 0, held: bits & 4 != 0 })
    }
}

/// "I am here, I committed this height and I am in that view."
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HeartbeatBody {
    /// Genesis hash.
    pub chain_hash: Hash,
    /// Last committed height of the sender.
    pub committed: Height,
    /// View of the sender at the next height.
    pub view: View,
    /// Rises with every heartbeat of a sender; Unix milliseconds.
    pub sequence: u64,
    /// State of the sender.
    pub flags: HeartbeatFlags,
}

/// A heartbeat with the signature of its validator.
pub type Heartbeat = Signed<HeartbeatBody>;

impl Sealed for HeartbeatBody {}

impl SignedBody for HeartbeatBody {
    const CONTEXT: Context = context::HEARTBEAT;

    fn write(&self, writer: &mut Writer) {
        writer
            .u8(1)
            .hash(&self.chain_hash)
            .u64_be(self.committed.0)
            .u64_be(self.view.0)
            .u64_be(self.sequence)
            .u8(self.flags.bits());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        reader.version_u8(1)?;
        Ok(Self {
            chain_hash: reader.hash()?,
            committed: Height(reader.u64_be()?),
            view: View(reader.u64_be()?),
            sequence: reader.u64_be()?,
            flags: HeartbeatFlags::from_bits(reader.u8()?)
                .ok_or(WireError::Invalid { what: "unknown heartbeat flag" })?,
        })
    }
}
