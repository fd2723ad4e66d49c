//! Votes: what a validator says about a block after it executed it.

use kwil_crypto::{Context, Hash, context};

use crate::signed::{Signed, SignedBody, sealed::Sealed};
use crate::wire::{Reader, WireError, Writer};
use crate::{Height, View};

/// Bytes of a vote body.
pub const VOTE_BODY_LEN: usize = 114;

/// What a vote says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VoteKind {
    /// Kind 1: "I executed this block and got this app hash".
    Commit,
    /// Kind 2: "I do not accept this block"; the app hash is zero. The reason travels unsigned beside it.
    Reject,
}

/// The signed part of a vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VoteBody {
    /// What is said.
    pub kind: VoteKind,
    /// Genesis hash.
    pub chain_hash: Hash,
    /// Height of the block.
    pub height: Height,
    /// View in which the vote is cast.
    pub view: View,
    /// The block.
    pub block_hash: Hash,
    /// App hash after the block; zero in a rejection.
    pub app_hash: Hash,
}

/// A vote with the key and signature of its validator. Stored before it is sent.
pub type Vote = Signed<VoteBody>;

impl Sealed for VoteBody {}

impl SignedBody for VoteBody {
    const CONTEXT: Context = context::VOTE;

    fn write(&self, writer: &mut Writer) {
        let kind = match self.kind {
            VoteKind::Commit => 1,
            VoteKind::Reject => 2,
        };
        writer
            .u8(1)
            .u8(kind)
            .hash(&self.chain_hash)
            .u64_be(self.height.0)
            .u64_be(self.view.0)
            .hash(&self.block_hash)
            .hash(&self.app_hash);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        reader.version_u8(1)?;
        let kind = match reader.u8()? {
            1 => VoteKind::Commit,
            2 => VoteKind::Reject,
            _ => return Err(WireError::Invalid { what: "unknown vote kind" }),
        };
        let body = Self {
            kind,
            chain_hash: reader.hash()?,
            height: Height(reader.u64_be()?),
            view: View(reader.u64_be()?),
            block_hash: reader.hash()?,
            app_hash: reader.hash()?,
        };
        if kind == VoteKind::Reject && !body.app_hash.is_zero() {
            return Err(WireError::Invalid { what: "app hash of a rejection is not zero" });
        }
        Ok(body)
    }
}
