//! Which resolutions are decided at the end of a block.

use kwil_types::ValidatorSet;

use super::{Resolution, VoteBook, kind_of};

/// What the end of a block decides, before anything takes effect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Confirmed, by type name, then id.
    pub(crate) confirmed: Vec<Resolution>,
    /// Expired and not confirmed, by id.
    pub(crate) expired: Vec<Resolution>,
}

/// Counts with the validators and powers of the start of the block, so that no change of power confirms something in its own
/// block. Votes of a validator that left in this block are gone already.
pub(crate) fn tally(book: &VoteBook, validators: &ValidatorSet, now: i64) -> Tally {
    let mut decided = Tally::default();
    for resolution in book.iter() {
        let confirmed = kind_of(resolution.event_type()).is_some_and(|kind| {
            kind.threshold.passes(power(book, resolution, validators), validators.total_power())
        });
        if confirmed {
            decided.confirmed.push(resolution.clone());
        } else if resolution.expiration <= now {
            decided.expired.push(resolution.clone());
        }
    }
    // Stable, and the book is in id order.
    decided.confirmed.sort_by(|a, b| a.event_type().cmp(b.event_type()));
    decided
}

/// The power that voted for a resolution.
pub(crate) fn power(book: &VoteBook, resolution: &Resolution, validators: &ValidatorSet) -> u64 {
    let powers = book.voters(resolution.id()).filter_map(|voter| validators.power_of(voter));
    // The sum of the whole set is bounded far below the type's range.
    powers.fold(0, u64::saturating_add)
}
