//! `transfer`: tokens to another account.

use kwil_types::Transfer;

use super::RouteError;
use crate::execution::{BlockState, TxContext};

pub(super) fn run(
    state: &mut BlockState,
    tx: &TxContext,
    payload: &Transfer,
) -> Result<(), RouteError> {
    Ok(state.accounts.transfer(&tx.sender, &payload.to, &payload.amount)?)
}
