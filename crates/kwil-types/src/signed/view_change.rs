//! View changes: a validator enters a view and reports its highest own vote.

use kwil_crypto::{Context, Hash, context};

use super::{Signed, SignedBody, sealed::Sealed};
use crate::wire::{Reader, WireError, Writer};
use crate::{Height, View};

/// A vote that its voter reports when it enters a later view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReportedVote {
    /// View of the vote.
    pub view: View,
    /// Block voted for.
    pub block_hash: Hash,
    /// App hash voted for.
    pub app_hash: Hash,
}

/// "I have entered this view, and my highest vote at this height is that one."
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ViewChangeBody {
    /// Genesis hash.
    pub chain_hash: Hash,
    /// Height that is voted on.
    pub height: Height,
    /// View that is entered.
    pub view: View,
    /// Highest own vote at this height.
    pub vote: Option<ReportedVote>,
}

/// A view change with the signature of its validator.
pub type ViewChange = Signed<ViewChangeBody>;

impl Sealed for ViewChangeBody {}

impl SignedBody for ViewChangeBody {
    const CONTEXT: Context = context::VIEW;

    fn write(&self, writer: &mut Writer) {
        writer.u8(1).hash(&self.chain_hash).u64_be(self.height.0).u64_be(self.view.0).option(
            self.vote,
            |writer, vote| {
                writer.u64_be(vote.view.0).hash(&vote.block_hash).hash(&vote.app_hash);
            },
        );
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        reader.version_u8(1)?;
        Ok(Self {
            chain_hash: reader.hash()?,
            height: Height(reader.u64_be()?),
            view: View(reader.u64_be()?),
            vote: reader.option(|reader| {
                Ok(ReportedVote {
                    view: View(reader.u64_be()?),
                    block_hash: reader.hash()?,
                    app_hash: reader.hash()?,
                })
            })?,
        })
    }
}
