//! Leader directives: an operator wants another leader.

use kwil_crypto::{Context, Hash, PublicKey, context};

use super::{Signed, SignedBody, sealed::Sealed};
use crate::Height;
use crate::wire::{Reader, WireError, Writer};

/// "From this height on, that validator shall lead."
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DirectiveBody {
    /// Genesis hash.
    pub chain_hash: Hash,
    /// First height at which it applies.
    pub from_height: Height,
    /// The leader that is wanted.
    pub candidate: PublicKey,
}

/// A directive with the signature of the validator whose operator gave it.
pub type LeaderDirective = Signed<DirectiveBody>;

impl Sealed for DirectiveBody {}

impl SignedBody for DirectiveBody {
    const CONTEXT: Context = context::DIRECTIVE;

    fn write(&self, writer: &mut Writer) {
        writer.u8(1).hash(&self.chain_hash).u64_be(self.from_height.0).key(&self.candidate);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        reader.version_u8(1)?;
        Ok(Self {
            chain_hash: reader.hash()?,
            from_height: Height(reader.u64_be()?),
            candidate: reader.key()?,
        })
    }
}
