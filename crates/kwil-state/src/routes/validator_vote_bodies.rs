//! `validator_vote_bodies`: the proposer of the block puts events on the chain and votes for them. Events that are there
//! or were decided before are skipped, because another way may have been faster.

use kwil_types::{ResolutionBody, TxCode, ValidatorVoteBodies, VotableEvent};

use super::validator_vote_ids::within_limit;
use super::{RouteError, validator};
use crate::execution::{BlockState, TxContext};
use crate::votes::{Kind, Resolution, kind_of};

pub(super) fn run(
    state: &mut BlockState,
    tx: &TxContext,
    payload: &ValidatorVoteBodies,
) -> Result<(), RouteError> {
    if tx.sender.public_key() != Some(state.context.proposer) {
        return Err(RouteError::sender("caller is not the block proposer"));
    }
    let voter = validator(state, tx)?;
    within_limit(state, payload.events.len())?;
    for event in &payload.events {
        let kind = event_kind(event)?;
        let expiration = kind.expiration(state.context.time, state.params.in_force());
        let id = event.id();
        if state.book.get(&id).is_none() && !state.book.is_processed(&id)? {
            state.book.create(Resolution::new(event.clone(), voter, expiration))?;
            state.book.vote(id, voter);
        }
    }
    Ok(())
}

/// The rules of an event's type, with its body checked.
fn event_kind(event: &VotableEvent) -> Result<Kind, RouteError> {
    let name = event.event_type();
    let Some(kind) = kind_of(name).filter(|kind| kind.by_event) else {
        return Err(RouteError::failed(
            TxCode::InvalidResolutionType,
            format!("resolution type {name} is not an event type"),
        ));
    };
    ResolutionBody::decode(kind.resolution_type, event.body())
        .map_err(|error| RouteError::failed(error.tx_code(), error.to_string()))?;
    Ok(kind)
}
