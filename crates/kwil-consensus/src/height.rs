//! What is in force at one height: validators, leader order, quorum.

use std::sync::Arc;

use kwil_crypto::{Hash, PublicKey};
use kwil_types::{Height, ValidatorSet, View};

use crate::message::CommitAnnounce;

/// The committed end of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tip {
    /// Committed height (the genesis document's initial height before the first block).
    pub height: Height,
    /// Block hash; zero before the first block.
    pub block_hash: Hash,
    /// App hash; that of the genesis state before the first block.
    pub app_hash: Hash,
    /// Block time, Unix milliseconds; 0 before the first block.
    pub time_ms: u64,
    /// Header and certificate; `None` before the first block.
    pub announce: Option<Arc<CommitAnnounce>>,
}

impl Tip {
    /// The tip that a committed block makes.
    #[must_use]
    pub fn of(announce: Arc<CommitAnnounce>) -> Self {
        Self {
            height: announce.certificate.height(),
            block_hash: announce.certificate.block_hash(),
            app_hash: announce.certificate.app_hash(),
            time_ms: announce.header.time_ms,
            announce: Some(announce),
        }
    }
}

/// What the committed state says about the next height.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NextHeight {
    /// Validators that vote on the next height.
    pub validators: Arc<ValidatorSet>,
    /// Hash of the parameters in force while the next block executes.
    pub params_hash: Hash,
    /// Network parameter `leader`: the preferred leader.
    pub leader: PublicKey,
    /// Whether the newest committed block changed the parameter `leader`. `false` at the first height.
    pub leader_changed: bool,
    /// Parameter `max_block_size` in bytes.
    pub max_block_size: u64,
    /// False once a migration is complete: blocks are not produced any more.
    pub produce: bool,
}

/// Validators and leader order of one height.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Committee {
    pub(crate) set: Arc<ValidatorSet>,
    pub(crate) set_hash: Hash,
    /// Leader of view 0.
    pub(crate) first: PublicKey,
}

impl Committee {
    /// Who leads first depends on committed data only: see [`ValidatorSet::first_leader`].
    pub(crate) fn new(next: &NextHeight, proposer: Option<&PublicKey>) -> Self {
        let set = Arc::clone(&next.validators);
        let first = set.first_leader(&next.leader, next.leader_changed, proposer);
        Self { set_hash: set.hash(), first, set }
    }

    pub(crate) fn n(&self) -> usize {
        self.set.len()
    }

    /// Views until the same validator leads again.
    pub(crate) fn turn(&self) -> u64 {
        u64::try_from(self.n()).unwrap_or(1)
    }

    pub(crate) fn position(&self, key: &PublicKey) -> Option<usize> {
        self.set.index_of(key)
    }

    pub(crate) fn key(&self, index: usize) -> Option<PublicKey> {
        self.set.get(index).map(|validator| validator.key)
    }

    /// Key of the leader of a view.
    pub(crate) fn leader(&self, view: View) -> PublicKey {
        self.set.leader(&self.first, view).copied().unwrap_or(self.first)
    }

    /// Smallest view above `view` that this validator leads; just the next turn for a stranger.
    pub(crate) fn next_view_of(&self, leader: &PublicKey, view: View) -> View {
        (1..=self.turn())
            .map(|step| view.saturating_add(step))
            .find(|next| self.leader(*next) == *leader)
            .unwrap_or(view.saturating_add(self.turn()))
    }
}
