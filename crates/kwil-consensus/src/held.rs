//! Reasons to stop signing, and the way back.

use kwil_crypto::Hash;
use kwil_types::Height;

use crate::effect::Effect;
use crate::machine::{Cx, Machine, Phase};

/// Why a node signs nothing any more. Reads go on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
pub enum HeldReason {
    /// A quorum got another app hash for the block that this node executed.
    #[error("app hash {own} at height {height} differs from the certified {certified}")]
    Diverged {
        /// Height.
        height: Height,
        /// Certified block.
        block: Hash,
        /// App hash in the certificate.
        certified: Hash,
        /// App hash of this node.
        own: Hash,
    },
    /// This node got two app hashes for one block.
    #[error("block {block} gave app hash {second} after {first}: execution is not deterministic")]
    Nondeterminism {
        /// Block.
        block: Hash,
        /// App hash of an earlier vote.
        first: Hash,
        /// App hash now.
        second: Hash,
    },
    /// No app hash of a block can reach a quorum any more.
    #[error("no app hash of block {block} at height {height} can reach a quorum")]
    NoAppHashMajority {
        /// Height.
        height: Height,
        /// Block.
        block: Hash,
    },
    /// Two values were certified at one height.
    #[error("two certificates with different values exist at height {height}")]
    Fork {
        /// Height.
        height: Height,
    },
    /// A message signed with this node's key was not sent by this process.
    #[error("another process signs with this node's key")]
    KeyInUse,
    /// A leader made several blocks for one view and the votes do not tell which may be committed.
    #[error("votes at height {height} do not tell which block may be committed")]
    Equivocation {
        /// Height.
        height: Height,
    },
    /// The database failed repeatedly. Clears itself.
    #[error("database failed: {detail}")]
    Database {
        /// Last failure.
        detail: String,
    },
    /// Disk space is low. Clears itself.
    #[error("disk space is low")]
    Disk,
}

impl HeldReason {
    /// Whether only an operator may clear it (it then outlives a restart).
    #[must_use]
    pub const fn is_durable(&self) -> bool {
        match self {
            Self::Diverged { .. }
            | Self::Nondeterminism { .. }
            | Self::NoAppHashMajority { .. }
            | Self::Fork { .. }
            | Self::KeyInUse
            | Self::Equivocation { .. } => true,
            Self::Database { .. } | Self::Disk => false,
        }
    }

    /// Short name for metrics and files.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Diverged { .. } => "diverged",
            Self::Nondeterminism { .. } => "nondeterminism",
            Self::NoAppHashMajority { .. } => "no_app_hash_majority",
            Self::Fork { .. } => "fork",
            Self::KeyInUse => "key_in_use",
            Self::Equivocation { .. } => "equivocation",
            Self::Database { .. } => "database",
            Self::Disk => "disk",
        }
    }
}

impl Machine {
    /// Stops signing. The first durable reason stays.
    pub(crate) fn hold(&mut self, cx: &mut Cx, reason: HeldReason) {
        if let Phase::Held(current) = &self.phase
            && (current.is_durable() || !reason.is_durable())
        {
            return;
        }
        cx.push(Effect::Hold(reason.clone()));
        if self.committing.is_none() {
            self.cancel_execution(cx);
        }
        self.phase = Phase::Held(reason);
        self.heartbeat_soon();
        self.finish_drain(cx);
    }

    pub(crate) const fn held(&self) -> bool {
        matches!(self.phase, Phase::Held(_))
    }

    /// The database came back, or was lost while nothing was executing.
    pub(crate) fn on_database(&mut self, cx: &mut Cx, usable: bool) {
        match (&self.phase, usable) {
            (Phase::Held(HeldReason::Database { .. }), true) => self.release(cx),
            (Phase::Held(_), _) | (_, true) => {}
            (_, false) => {
                self.hold(cx, HeldReason::Database { detail: "not usable".to_owned() });
            }
        }
    }

    pub(crate) fn on_disk(&mut self, cx: &mut Cx, low: bool) {
        match (&self.phase, low) {
            (Phase::Held(HeldReason::Disk), false) => self.release(cx),
            (Phase::Held(_), _) | (_, false) => {}
            (_, true) => self.hold(cx, HeldReason::Disk),
        }
    }

    /// Back from a held state: as after a restart, with the votes of this height.
    pub(crate) fn release(&mut self, cx: &mut Cx) {
        cx.push(Effect::Unhold);
        self.phase = Phase::Await;
        self.heartbeat_soon();
        self.resume_height(cx);
    }
}
