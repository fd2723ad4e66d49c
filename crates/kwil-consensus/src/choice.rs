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
