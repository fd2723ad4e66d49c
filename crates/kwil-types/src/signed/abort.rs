//! Aborts: a leader gives up the block it proposed.

use kwil_crypto::{Context, Hash, context};

use super::{Signed, SignedBody, sealed::Sealed};
use crate::wire::{Reader, WireError, Writer};
use crate::{Height, View};

/// "Stop executing this block; I leave the view."
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AbortBody {
    /// Genesis hash.
    pub chain_hash: Hash,
    /// Height of the block.
    pub height: Height,
    /// View that the leader leaves.
    pub view: View,
    /// The block.
    pub block_hash: Hash,
}

/// An abort with the signature of the leader.
pub type Abort = Signed<AbortBody>;

impl Sealed for AbortBody {}

impl SignedBody for AbortBody {
    const CONTEXT: Context = context::ABORT;

    fn write(&self, writer: &mut Writer) {
        writer
            .u8(1)
            .hash(&self.chain_hash)
            .u64_be(self.height.0)
            .u64_be(self.view.0)
            .hash(&self.block_hash);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        reader.version_u8(1)?;
        Ok(Self {
            chain_hash: reader.hash()?,
            height: Height(reader.u64_be()?),
            view: View(reader.u64_be()?),
            block_hash: reader.hash()?,
        })
    }
}
