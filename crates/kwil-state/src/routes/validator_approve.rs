//! `validator_approve`: the sender votes for a pending join request.

use kwil_types::{ResolutionType, ValidatorApprove};

use super::{RouteError, validator};
use crate::execution::{BlockState, TxContext};

pub(super) fn run(
    state: &mut BlockState,
    tx: &TxContext,
    payload: &ValidatorApprove,
) -> Result<(), RouteError> {
    if tx.sender.public_key() == Some(payload.candidate) {
        return Err(RouteError::sender("cannot approve own join request"));
    }
    let pending = state.book.pending_of(ResolutionType::ValidatorJoin.name(), &payload.candidate);
    let Some(id) = pending.map(|resolution| resolution.id()) else {
        return Err(RouteError::sender("validator does not have a pending join request"));
    };
    let voter = validator(state, tx)?;
    state.book.vote(id, voter);
    Ok(())
}
