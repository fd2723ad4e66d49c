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
    pub(crate) fn len(&self) -> usize {
        self.by_validator.values().map(BTreeMap::len).fold(0, usize::saturating_add)
    }
}
