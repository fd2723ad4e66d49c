//! The choice rule: what a new leader must propose, given what validators report about their votes.

use std::collections::BTreeMap;

use kwil_crypto::{Hash, PublicKey};
use kwil_types::View;

use crate::message::ViewChangeMessage;

/// What a set of view changes allows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Choice {
    /// Nobody reports a vote: any block may be proposed.
    Free,
    /// This block may be committed already and must be proposed again.
    Must(Hash),
    /// Votes of one view are for several blocks and more than one may be committed (or none can be told apart):
    /// more view changes are needed.
    Hold {
        /// The blocks voted for at the highest view.
        blocks: Vec<Hash>,
    },
}

/// How a report is weighed; the rule itself is `Highest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weigh {
    Highest,
    /// Planted defect.
    Lowest,
}

/// Applies the rule to a set of view changes for one (height, view).
///
/// The set holds at least a quorum of distinct validators; `n` is the size of the validator set, `quorum` its quorum.
/// App hashes play no role: a validator has one per block.
#[must_use]
pub fn choose<'a>(
    set: impl IntoIterator<Item = &'a ViewChangeMessage>,
    n: usize,
    quorum: usize,
) -> Choice {
    choose_by(set, n, quorum, Weigh::Highest)
}

pub(crate) fn choose_by<'a>(
    set: impl IntoIterator<Item = &'a ViewChangeMessage>,
    n: usize,
    quorum: usize,
    weigh: Weigh,
) -> Choice {
    let mut size = 0_usize;
    let mut reports: BTreeMap<View, BTreeMap<Hash, usize>> = BTreeMap::new();
    for change in set {
        size = size.saturating_add(1);
        if let Some(vote) = &change.signed.body.vote {
            let count = reports.entry(vote.view).or_default().entry(vote.block_hash).or_default();
            *count = count.saturating_add(1);
        }
    }
    let chosen = match weigh {
        Weigh::Highest => reports.last_key_value(),
        Weigh::Lowest => reports.first_key_value(),
    };
    let Some((_, blocks)) = chosen else { return Choice::Free };
    if let (1, Some(block)) = (blocks.len(), blocks.keys().next()) {
        return Choice::Must(*block);
    }
    let unheard = n.saturating_sub(size);
    let mut possible =
        blocks.iter().filter(|(_, count)| count.saturating_add(unheard) >= quorum).map(|(b, _)| *b);
    match (possible.next(), possible.next()) {
        (Some(block), None) => Choice::Must(block),
        (Some(_), Some(_)) | (None, _) => Choice::Hold { blocks: blocks.keys().copied().collect() },
    }
}

/// Validators of the set that report a vote for a block: they have its body.
pub(crate) fn reporters(set: &[std::sync::Arc<ViewChangeMessage>], block: Hash) -> Vec<PublicKey> {
    set.iter()
        .filter(|change| {
            change.signed.body.vote.as_ref().is_some_and(|vote| vote.block_hash == block)
        })
        .map(|change| change.signed.signer)
        .collect()
}

#[cfg(test)]
mod tests {
    use kwil_types::{ReportedVote, ViewChange, ViewChangeBody};

    use super::*;
    use crate::sim::chain::Keys;

    fn report(node: usize, vote: Option<(u64, u8)>) -> ViewChangeMessage {
        let body = ViewChangeBody {
            chain_hash: Hash::ZERO,
            height: kwil_types::Height(1),
            view: View(9),
            vote: vote.map(|(view, block)| ReportedVote {
                view: View(view),
                block_hash: Hash([block; 32]),
                app_hash: Hash([0; 32]),
            }),
        };
        let signed = ViewChange::sign(body, Keys::new(8).private(node));
        ViewChangeMessage { signed, proof: None }
    }

    fn check(n: usize, votes: &[Option<(u64, u8)>], expected: &Choice) {
        let set: Vec<_> =
            votes.iter().enumerate().map(|(node, vote)| report(node, *vote)).collect();
        assert_eq!(choose(&set, n, n / 2 + 1), *expected, "{votes:?} of {n}");
    }

    #[test]
    fn the_block_of_the_highest_reported_view_must_be_proposed_again() {
        let must = |block: u8| Choice::Must(Hash([block; 32]));
        check(3, &[None, None], &Choice::Free);
        check(3, &[None, Some((0, 1))], &must(1));
        check(3, &[Some((2, 2)), Some((0, 1))], &must(2));
        check(5, &[Some((1, 1)), Some((3, 3)), Some((2, 2))], &must(3));
    }

    #[test]
    fn of_two_blocks_in_one_view_the_one_that_can_have_a_quorum_is_chosen() {
        let must = |block: u8| Choice::Must(Hash([block; 32]));
        let hold = Choice::Hold { blocks: vec![Hash([1; 32]), Hash([2; 32])] };
        // n = 5, Q = 3, all heard: three votes for block 1 are a quorum, two for block 2 are not.
        let all = [Some((0, 1)), Some((0, 1)), Some((0, 1)), Some((0, 2)), Some((0, 2))];
        check(5, &all, &must(1));
        // One is missing: with it either block may have a quorum.
        check(5, &[Some((0, 1)), Some((0, 1)), Some((0, 2)), Some((0, 2))], &hold);
        // All in, and neither has one.
        check(4, &[Some((0, 1)), Some((0, 1)), Some((0, 2)), Some((0, 2))], &hold);
        check(4, &[Some((0, 1)), Some((0, 1)), Some((0, 2))], &must(1));
    }
}
