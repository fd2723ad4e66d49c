//! `validator_remove`: the sender votes to remove a validator; the first such vote makes the request.

use kwil_types::{ResolutionBody, ValidatorChange, ValidatorRemove};

use super::{RouteError, create_from, validator};
use crate::execution::{BlockState, TxContext};

pub(super) fn run(
    state: &mut BlockState,
    tx: &TxContext,
    payload: &ValidatorRemove,
) -> Result<(), RouteError> {
    let target = payload.validator;
    if state.params.is_leader(&target) {
        return Err(RouteError::sender("leader cannot be removed from validator set"));
    }
    let voter = validator(state, tx)?;
    if !state.validators.is_validator(&target) {
        return Err(RouteError::sender("target is not a validator"));
    }
    let body = ResolutionBody::ValidatorRemove(ValidatorChange { key: target, power: 0 });
    let event =
        body.event().map_err(|error| RouteError::failed(error.tx_code(), error.to_string()))?;
    let id = if state.book.get(&event.id()).is_some() {
        event.id()
    } else {
        create_from(state, &body, voter)?
    };
    state.book.vote(id, voter);
    Ok(())
}
