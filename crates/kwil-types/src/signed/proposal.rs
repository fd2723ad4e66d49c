//! Proposals: the leader of a view puts a block to the vote.

use kwil_crypto::{Context, Hash, context};

use super::{Signed, SignedBody, sealed::Sealed};
use crate::wire::{Reader, WireError, Writer};
use crate::{Height, View};

/// Which block a leader proposes in a view. The header travels beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProposalBody {
    /// Genesis hash.
    pub chain_hash: Hash,
    /// Height of the block.
    pub height: Height,
    /// View of this proposal; the block may be from an earlier one.
    pub view: View,
    /// The block.
    pub block_hash: Hash,
    /// Hash of the view changes that justify this proposal; zero in view 0.
    pub justification: Hash,
}

/// A proposal with the signature of its leader.
pub type SignedProposal = Signed<ProposalBody>;

impl Sealed for ProposalBody {}

impl SignedBody for ProposalBody {
    const CONTEXT: Context = context::PROPOSAL;

    fn write(&self, writer: &mut Writer) {
        writer
            .u8(1)
            .hash(&self.chain_hash)
            .u64_be(self.height.0)
            .u64_be(self.view.0)
            .hash(&self.block_hash)
            .hash(&self.justification);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        reader.version_u8(1)?;
        let body = Self {
            chain_hash: reader.hash()?,
            height: Height(reader.u64_be()?),
            view: View(reader.u64_be()?),
            block_hash: reader.hash()?,
            justification: reader.hash()?,
        };
        if body.view == View::ZERO && !body.justification.is_zero() {
            return Err(WireError::Invalid {
                what: "justification of a proposal in view 0 is not zero",
            });
        }
        Ok(body)
    }
}
