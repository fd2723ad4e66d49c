//! Votes of one height.

use std::collections::{BTreeMap, BTreeSet};

use kwil_crypto::{Hash, PublicKey};
use kwil_types::{View, Vote};

/// Votes remembered per validator: those of its highest views.
pub(crate) const VIEWS_PER_VALIDATOR: usize = 32;

/// First vote of each validator in each view.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Tally {
    by_validator: BTreeMap<PublicKey, BTreeMap<View, Vote>>,
}

/// What adding a vote found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Added {
    /// Known already, or older than everything that is remembered.
    Known,
    /// New. Holds an earlier vote for the same block with another app hash, if there is one.
    New { other_app_hash: Option<Vote> },
    /// Contradicts the first vote of that view, which stays.
    Double { first: Vote },
}

impl Tally {
    pub(crate) fn add(&mut self, vote: Vote) -> Added {
        let of_validator = self.by_validator.entry(vote.signer).or_default();
        if let Some(first) = of_validator.get(&vote.body.view) {
            return if first.body == vote.body {
                Added::Known
            } else {
                Added::Double { first: first.clone() }
            };
        }
        let other = of_validator.values().find(|known| {
            known.body.block_hash == vote.body.block_hash
                && known.body.app_hash != vote.body.app_hash
        });
        let other_app_hash = other.cloned();
        let view = vote.body.view;
        of_validator.insert(view, vote);
        if of_validator.len() > VIEWS_PER_VALIDATOR {
            of_validator.pop_first();
        }
        if of_validator.contains_key(&view) { Added::New { other_app_hash } } else { Added::Known }
    }

    /// Votes of one view for one block and app hash.
    pub(crate) fn agreeing(&self, view: View, block: Hash, app: Hash) -> Vec<Vote> {
        self.by_validator
            .values()
            .filter_map(|votes| votes.get(&view))
            .filter(|vote| vote.body.block_hash == block && vote.body.app_hash == app)
            .cloned()
            .collect()
    }

    /// Vote of a validator in a view.
    pub(crate) fn of(&self, validator: &PublicKey, view: View) -> Option<&Vote> {
        self.by_validator.get(validator)?.get(&view)
    }

    /// A vote of a validator that a view change hides: below `view` and above what it reports.
    pub(crate) fn hidden(
        &self,
        validator: &PublicKey,
        reported: Option<View>,
        view: View,
    ) -> Option<&Vote> {
        let votes = self.by_validator.get(validator)?;
        let (highest, vote) = votes.range(..view).next_back()?;
        reported.is_none_or(|reported| reported < *highest).then_some(vote)
    }

    /// Validators per app hash of a block, in any view. A validator counts for its first app hash.
    pub(crate) fn app_hashes(&self, block: Hash) -> BTreeMap<Hash, BTreeSet<PublicKey>> {
        let mut voters: BTreeMap<Hash, BTreeSet<PublicKey>> = BTreeMap::new();
        for (validator, votes) in &self.by_validator {
            if let Some(vote) = votes.values().find(|vote| vote.body.block_hash == block) {
                voters.entry(vote.body.app_hash).or_default().insert(*validator);
            }
        }
        voters
    }

    /// Number of votes held, for bounds.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn len(&self) -> usize {
        self.by_validator.values().map(BTreeMap::len).fold(0, usize::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use kwil_types::{Height, VoteBody, VoteKind};

    use super::*;
    use crate::sim::chain::Keys;

    fn vote(node: usize, view: u64, block: u8, app: u8) -> Vote {
        let body = VoteBody {
            kind: VoteKind::Commit,
            chain_hash: Hash::ZERO,
            height: Height(1),
            view: View(view),
            block_hash: Hash([block; 32]),
            app_hash: Hash([app; 32]),
        };
        Vote::sign(body, Keys::new(4).private(node))
    }

    #[test]
    fn votes_of_different_views_blocks_and_app_hashes_never_add_up() {
        let mut tally = Tally::default();
        for vote in [vote(0, 0, 1, 1), vote(1, 1, 1, 1), vote(2, 0, 2, 1), vote(3, 0, 1, 2)] {
            tally.add(vote);
        }
        assert_eq!(tally.agreeing(View(0), Hash([1; 32]), Hash([1; 32])).len(), 1);
    }

    #[test]
    fn the_first_vote_of_a_view_stays_and_a_second_is_reported() {
        let mut tally = Tally::default();
        let first = vote(0, 0, 1, 1);
        assert_eq!(tally.add(first.clone()), Added::New { other_app_hash: None });
        assert_eq!(tally.add(first.clone()), Added::Known);
        assert_eq!(tally.add(vote(0, 0, 2, 1)), Added::Double { first: first.clone() });
        assert_eq!(tally.of(&first.signer, View(0)), Some(&first));
        let changed = tally.add(vote(0, 1, 1, 9));
        assert_eq!(changed, Added::New { other_app_hash: Some(first) });
    }

    #[test]
    fn a_validator_fills_no_more_than_its_share() {
        let mut tally = Tally::default();
        for view in 0..100 {
            tally.add(vote(0, view, 1, 1));
        }
        assert_eq!(tally.len(), VIEWS_PER_VALIDATOR);
        assert_eq!(tally.add(vote(0, 0, 1, 1)), Added::Known, "too old to matter");
    }

    #[test]
    fn a_hidden_vote_is_the_highest_below_the_view_and_above_the_report() {
        let mut tally = Tally::default();
        let (low, high) = (vote(0, 1, 1, 1), vote(0, 3, 1, 1));
        tally.add(low.clone());
        tally.add(high.clone());
        let signer = high.signer;
        assert_eq!(tally.hidden(&signer, None, View(5)), Some(&high));
        assert_eq!(tally.hidden(&signer, Some(View(3)), View(5)), None);
        assert_eq!(tally.hidden(&signer, None, View(3)), Some(&low));
    }
}
