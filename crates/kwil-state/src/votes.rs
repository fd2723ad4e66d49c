//! Resolutions, the votes for them, and the ids that can never come back.

mod kinds;
mod resolution;
mod tally;

pub use kinds::{Kind, kind_of};
pub use resolution::Resolution;
pub(crate) use resolution::{ProcessedRow, ResolutionRow, VoteRow};
pub(crate) use tally::{power, tally};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kwil_crypto::PublicKey;
use uuid::Uuid;

use crate::overlay::{Change, Checkpoint, Overlay};
use crate::store::RowChange;

/// Every pending resolution.
pub(crate) type Resolutions = Arc<BTreeMap<Uuid, Resolution>>;
/// Who voted for which pending resolution; one without votes has no entry.
pub(crate) type Votes = Arc<BTreeMap<Uuid, BTreeSet<PublicKey>>>;

/// Resolutions and votes during a block.
#[derive(Debug)]
pub(crate) struct VoteBook {
    resolutions: Overlay<Uuid, Resolution>,
    votes: Overlay<Uuid, BTreeSet<PublicKey>>,
    // Only the ids that the block could create again were looked up.
    processed: Overlay<Uuid, ()>,
    looked_up: BTreeSet<Uuid>,
}

/// A point to go back to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BookCheckpoint {
    resolutions: Checkpoint,
    votes: Checkpoint,
    processed: Checkpoint,
}

/// Why a resolution cannot be created.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CreateError {
    #[error("resolution with ID {0} already exists")]
    Exists(Uuid),
    #[error("an identical proposal was already processed; change the description")]
    Processed,
    /// A mistake of this program, never a result.
    #[error("resolution {0} was not looked up among the processed ones")]
    NotLookedUp(Uuid),
}

impl VoteBook {
    /// `looked_up` were asked for among the processed ids, `processed` were found.
    pub(crate) fn new(
        resolutions: Resolutions,
        votes: Votes,
        looked_up: BTreeSet<Uuid>,
        processed: impl IntoIterator<Item = Uuid>,
    ) -> Self {
        let processed = processed.into_iter().map(|id| (id, ())).collect();
        Self {
            resolutions: Overlay::new(resolutions),
            votes: Overlay::new(votes),
            processed: Overlay::new(Arc::new(processed)),
            looked_up,
        }
    }

    pub(crate) fn checkpoint(&self) -> BookCheckpoint {
        BookCheckpoint {
            resolutions: self.resolutions.checkpoint(),
            votes: self.votes.checkpoint(),
            processed: self.processed.checkpoint(),
        }
    }

    pub(crate) fn rollback_to(&mut self, point: BookCheckpoint) {
        self.resolutions.rollback_to(point.resolutions);
        self.votes.rollback_to(point.votes);
        self.processed.rollback_to(point.processed);
    }

    pub(crate) fn get(&self, id: &Uuid) -> Option<&Resolution> {
        self.resolutions.get(id)
    }

    /// The pending resolutions in id order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Resolution> {
        self.resolutions.iter().map(|(_, resolution)| resolution)
    }

    /// The first pending resolution of a type and proposer.
    pub(crate) fn pending_of(&self, event_type: &str, proposer: &PublicKey) -> Option<&Resolution> {
        self.iter().find(|resolution| {
            resolution.event_type() == event_type && resolution.proposer == *proposer
        })
    }

    /// Whether a resolution was processed before. Types that may come back are never in the list.
    pub(crate) fn is_processed(&self, id: &Uuid) -> Result<bool, CreateError> {
        if self.processed.contains(id) {
            return Ok(true);
        }
        if self.looked_up.contains(id) { Ok(false) } else { Err(CreateError::NotLookedUp(*id)) }
    }

    /// Adds a resolution without votes.
    pub(crate) fn create(&mut self, resolution: Resolution) -> Result<(), CreateError> {
        let id = resolution.id();
        if self.resolutions.contains(&id) {
            return Err(CreateError::Exists(id));
        }
        let remembered = kind_of(resolution.event_type()).is_none_or(|kind| kind.remembered);
        if remembered && self.is_processed(&id)? {
            return Err(CreateError::Processed);
        }
        self.resolutions.put(id, Some(resolution));
        Ok(())
    }

    /// Adds a vote; voting twice is the same as voting once.
    pub(crate) fn vote(&mut self, id: Uuid, voter: PublicKey) {
        let mut voters = self.votes.get(&id).cloned().unwrap_or_default();
        if voters.insert(voter) {
            self.votes.put(id, Some(voters));
        }
    }

    /// The voters of a resolution in key order.
    pub(crate) fn voters(&self, id: Uuid) -> impl Iterator<Item = &PublicKey> {
        self.votes.get(&id).into_iter().flatten()
    }

    /// Removes every vote of a validator that left.
    pub(crate) fn remove_voter(&mut self, voter: &PublicKey) {
        let voted = self.votes.iter().filter(|(_, voters)| voters.contains(voter));
        let voted: Vec<(Uuid, BTreeSet<PublicKey>)> =
            voted.map(|(id, voters)| (*id, voters.clone())).collect();
        for (id, mut voters) in voted {
            voters.remove(voter);
            self.votes.put(id, Some(voters).filter(|voters| !voters.is_empty()));
        }
    }

    /// Removes a resolution that was confirmed or expired, with its votes; most types can never come back.
    pub(crate) fn close(&mut self, resolution: &Resolution) {
        let id = resolution.id();
        self.votes.put(id, None);
        self.resolutions.put(id, None);
        if kind_of(resolution.event_type()).is_none_or(|kind| kind.remembered) {
            self.processed.put(id, Some(()));
        }
    }

    pub(crate) fn resolution_changes(&self) -> Vec<Change<Uuid, Resolution>> {
        self.resolutions.changes()
    }

    pub(crate) fn vote_changes(&self) -> Vec<RowChange<VoteRow>> {
        self.votes.changes().into_iter().flat_map(VoteRow::changes).collect()
    }

    pub(crate) fn processed_changes(&self) -> Vec<Change<Uuid, ()>> {
        self.processed.changes()
    }

    /// The committed state of the next block.
    pub(crate) fn into_base(self) -> (Resolutions, Votes) {
        (self.resolutions.into_base(), self.votes.into_base())
    }
}
