//! `create_resolution`: a validator proposes something and votes for it. The body is checked now, not when the votes are
//! in: a proposal that cannot take effect is never on the chain.

use kwil_types::{CreateResolution, ResolutionBody, TxCode};

use super::{RouteError, validator};
use crate::execution::{BlockState, TxContext};
use crate::votes::{Resolution, kind_of};

pub(super) fn run(
    state: &mut BlockState,
    tx: &TxContext,
    payload: &CreateResolution,
) -> Result<(), RouteError> {
    let event = &payload.event;
    let name = event.event_type();
    let Some(kind) = kind_of(name).filter(|kind| kind.by_operator) else {
        let reason = format!("resolution type {name} cannot be proposed");
        return Err(RouteError::failed(TxCode::InvalidResolutionType, reason));
    };
    let voter = validator(state, tx)?;
    let body = ResolutionBody::decode(kind.resolution_type, event.body())
        .map_err(|error| RouteError::failed(error.tx_code(), error.to_string()))?;
    if let ResolutionBody::ParamUpdates(proposal) = &body {
        let checked = proposal.updates.check_resolution(state.validators.now());
        checked.map_err(|error| RouteError::failed(TxCode::EncodingError, error.to_string()))?;
    }
    let expiration = kind.expiration(state.context.time, state.params.in_force());
    let resolution = Resolution::new(event.clone(), voter, expiration);
    let id = resolution.id();
    state.book.create(resolution)?;
    state.book.vote(id, voter);
    Ok(())
}
