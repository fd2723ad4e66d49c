//! `validator_join`: the sender asks to become a validator. Nobody votes for the request yet.

use kwil_types::{MAX_TOTAL_POWER, ResolutionBody, ResolutionType, ValidatorChange, ValidatorJoin};

use super::{RouteError, create_from};
use crate::execution::{BlockState, TxContext};

pub(super) fn run(
    state: &mut BlockState,
    tx: &TxContext,
    payload: &ValidatorJoin,
) -> Result<(), RouteError> {
    let Some(key) = tx.sender.public_key() else {
        return Err(RouteError::sender("caller is not a node key"));
    };
    if state.validators.is_validator(&key) {
        return Err(RouteError::sender("caller is already a validator"));
    }
    let name = ResolutionType::ValidatorJoin.name();
    if state.book.pending_of(name, &key).is_some() {
        return Err(RouteError::sender("validator already has a pending join request"));
    }
    let total = state.validators.now().total_power().checked_add(payload.power);
    if payload.power == 0 || total.is_none_or(|total| total > MAX_TOTAL_POWER) {
        return Err(RouteError::sender("invalid validator power"));
    }
    let body = ResolutionBody::ValidatorJoin(ValidatorChange { key, power: payload.power });
    create_from(state, &body, key)?;
    Ok(())
}
