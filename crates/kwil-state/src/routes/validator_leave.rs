//! `validator_leave`: the sender leaves the validator set at once; its votes go with it.

use super::{RouteError, validator};
use crate::execution::{BlockState, TxContext};

pub(super) fn run(state: &mut BlockState, tx: &TxContext) -> Result<(), RouteError> {
    let leader = tx.sender.public_key().is_some_and(|key| state.params.is_leader(&key));
    if leader {
        return Err(RouteError::sender("leader cannot leave validator set"));
    }
    let key = validator(state, tx)?;
    state.remove_validator(&key).map_err(|error| RouteError::sender(&error.to_string()))
}
