//! `approve_resolution`: the sender votes for a pending resolution.

use kwil_types::{ApproveResolution, TxCode};

use super::{RouteError, validator};
use crate::execution::{BlockState, TxContext};

pub(super) fn run(
    state: &mut BlockState,
    tx: &TxContext,
    payload: &ApproveResolution,
) -> Result<(), RouteError> {
    let voter = validator(state, tx)?;
    if state.book.get(&payload.id).is_none() {
        let reason = format!("resolution with ID {} does not exist", payload.id);
        return Err(RouteError::failed(TxCode::InvalidResolutionType, reason));
    }
    state.book.vote(payload.id, voter);
    Ok(())
}
