//! The end of a block: what validators decided takes effect, what expired is removed, voters are paid back.

use std::collections::BTreeMap;

use kwil_crypto::PublicKey;
use kwil_types::{AccountId, Amount, ResolutionBody, ValidatorChange};

use super::outcome::BlockEvent;
use super::state::BlockState;
use crate::accounts::BalanceError;
use crate::fault::NodeFault;
use crate::votes::{Resolution, kind_of, power, tally};

/// Paid back for a vote.
const REFUND_PER_VOTE: u64 = 16_000;
/// Paid back to the proposer for a byte of the body.
const REFUND_PER_BYTE: u64 = 1_000;

/// Why a confirmed resolution has no effect.
enum ResolveError {
    Failed(String),
    Fault(NodeFault),
}

impl From<BalanceError> for ResolveError {
    fn from(error: BalanceError) -> Self {
        match error {
            BalanceError::NotLoaded(_) => Self::Fault(NodeFault::invariant("resolve", error)),
            BalanceError::Insufficient { .. } | BalanceError::TooLarge { .. } => {
                Self::Failed(error.to_string())
            }
        }
    }
}

/// Ends the block. All confirmed resolutions are chosen before the first takes effect, so none can change the threshold of
/// another.
pub(super) fn end_of_block(state: &mut BlockState) -> Result<Vec<BlockEvent>, NodeFault> {
    let decided = tally(&state.book, state.validators.at_start(), state.context.time);
    let refunds = refunds(state, &decided.confirmed, &decided.expired);
    let mut events = Vec::new();
    for resolution in &decided.confirmed {
        let (id, event_type) = (resolution.id(), resolution.event_type().to_owned());
        let point = state.checkpoint();
        events.push(match resolve(state, resolution) {
            Ok(()) => BlockEvent::ResolutionConfirmed { id, event_type },
            Err(ResolveError::Failed(reason)) => {
                state.rollback_to(point);
                BlockEvent::ResolutionFailed { id, event_type, reason }
            }
            Err(ResolveError::Fault(fault)) => return Err(fault),
        });
    }
    for resolution in &decided.expired {
        let (id, event_type) = (resolution.id(), resolution.event_type().to_owned());
        events.push(BlockEvent::ResolutionExpired { id, event_type });
    }
    for resolution in decided.confirmed.iter().chain(&decided.expired) {
        state.book.close(resolution);
    }
    pay(state, refunds)?;
    Ok(events)
}

fn resolve(state: &mut BlockState, resolution: &Resolution) -> Result<(), ResolveError> {
    let Some(kind) = kind_of(resolution.event_type()) else {
        return Err(ResolveError::Failed("resolution type is not available".to_owned()));
    };
    let body = ResolutionBody::decode(kind.resolution_type, resolution.body());
    match body.map_err(|error| ResolveError::Failed(error.to_string()))? {
        ResolutionBody::ValidatorJoin(change) => join(state, &change),
        ResolutionBody::ValidatorRemove(change) => remove(state, &change.key),
        ResolutionBody::ParamUpdates(proposal) => {
            let checked = proposal.updates.check_resolution(state.validators.now());
            checked.map_err(|error| ResolveError::Failed(error.to_string()))?;
            state.params.decide(&proposal.updates);
            Ok(())
        }
        ResolutionBody::CreditAccount(credit) => {
            Ok(state.accounts.credit(&credit.account, &credit.amount)?)
        }
        ResolutionBody::Migration(_) => {
            Err(ResolveError::Failed("migration is not available".to_owned()))
        }
    }
}

fn join(state: &mut BlockState, change: &ValidatorChange) -> Result<(), ResolveError> {
    let set = state.validators.set_power(change.key, change.power);
    set.map_err(|error| ResolveError::Failed(error.to_string()))
}

fn remove(state: &mut BlockState, key: &PublicKey) -> Result<(), ResolveError> {
    if state.params.is_leader(key) {
        return Err(ResolveError::Failed("leader cannot be removed from validator set".to_owned()));
    }
    state.remove_validator(key).map_err(|error| ResolveError::Failed(error.to_string()))
}

/// What voters and proposers get back on a network with gas: of every confirmed resolution, and of an expired one that
/// enough power voted for. Summed up per account.
fn refunds(
    state: &BlockState,
    confirmed: &[Resolution],
    expired: &[Resolution],
) -> BTreeMap<AccountId, u64> {
    let mut refunds = BTreeMap::new();
    if state.params.in_force().disabled_gas_costs {
        return refunds;
    }
    let validators = state.validators.at_start();
    let enough = |resolution: &&Resolution| {
        kind_of(resolution.event_type()).is_some_and(|kind| {
            kind.refund.passes(power(&state.book, resolution, validators), validators.total_power())
        })
    };
    for resolution in confirmed.iter().chain(expired.iter().filter(enough)) {
        let mut add = |key: &PublicKey, tokens: u64| {
            let sum: &mut u64 = refunds.entry(AccountId::from(key)).or_default();
            *sum = sum.saturating_add(tokens);
        };
        let bytes = u64::try_from(resolution.body().len()).unwrap_or(u64::MAX);
        add(&resolution.proposer, bytes.saturating_mul(REFUND_PER_BYTE));
        for voter in state.book.voters(resolution.id()) {
            if *voter != resolution.proposer {
                add(voter, REFUND_PER_VOTE);
            }
        }
    }
    refunds
}

fn pay(state: &mut BlockState, refunds: BTreeMap<AccountId, u64>) -> Result<(), NodeFault> {
    for (account, tokens) in refunds {
        match state.accounts.credit(&account, &Amount::from(tokens)) {
            // A balance that has no room gets nothing, on every node alike.
            Ok(()) | Err(BalanceError::TooLarge { .. } | BalanceError::Insufficient { .. }) => {}
            Err(error @ BalanceError::NotLoaded(_)) => {
                return Err(NodeFault::invariant("pay refunds", error));
            }
        }
    }
    Ok(())
}
