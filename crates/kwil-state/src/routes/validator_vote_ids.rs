//! `validator_vote_ids`: the sender votes for resolutions by id. Ids without a pending resolution are skipped, because they
//! may have been decided while the transaction waited.

use kwil_types::ValidatorVoteIds;

use super::{RouteError, validator};
use crate::execution::{BlockState, TxContext};

pub(super) fn run(
    state: &mut BlockState,
    tx: &TxContext,
    payload: &ValidatorVoteIds,
) -> Result<(), RouteError> {
    let voter = validator(state, tx)?;
    within_limit(state, payload.ids.len())?;
    for id in &payload.ids {
        if state.book.get(id).is_some() {
            state.book.vote(*id, voter);
        }
    }
    Ok(())
}

/// Refuses more events or ids than one transaction may carry.
pub(super) fn within_limit(state: &BlockState, votes: usize) -> Result<(), RouteError> {
    let limit = state.params.in_force().max_votes_per_tx;
    if u64::try_from(votes).is_ok_and(|votes| votes <= limit) {
        return Ok(());
    }
    let reason = format!("{votes} votes in one transaction, at most {limit} are allowed");
    Err(RouteError::failed(kwil_types::TxCode::Unknown, reason))
}
