//! Prices in base tokens.

use kwil_types::{Amount, NetworkParams, Payload, PayloadType, VotableEvent};

const MILLION: u64 = 1_000_000;
/// Price of a vote by id.
const PER_ID: u64 = 16_000;
/// Price of a byte of a proposed body.
const PER_BYTE: u64 = 1_000;

/// The price of a payload: nothing on a network without gas.
///
/// `payload` is needed for the types that are priced by content only.
pub(crate) fn price(
    params: &NetworkParams,
    payload_type: PayloadType,
    payload: Option<&Payload>,
) -> Option<Amount> {
    if params.disabled_gas_costs {
        return Some(Amount::ZERO);
    }
    let fixed = match payload_type {
        PayloadType::RawStatement
        | PayloadType::ValidatorJoin
        | PayloadType::ValidatorApprove
        | PayloadType::ValidatorLeave => 10 * MILLION * MILLION,
        PayloadType::Execute | PayloadType::MaaExec => 2_000 * MILLION * MILLION,
        PayloadType::Transfer => 210_000,
        PayloadType::ValidatorRemove => 100_000,
        PayloadType::ApproveResolution => PER_ID,
        PayloadType::DeleteResolution => 0,
        PayloadType::ValidatorVoteIds
        | PayloadType::ValidatorVoteBodies
        | PayloadType::CreateResolution => {
            return payload.map(by_content);
        }
    };
    Some(Amount::from(fixed))
}

fn by_content(payload: &Payload) -> Amount {
    let bytes = |event: &VotableEvent| u64::try_from(event.body().len()).unwrap_or(u64::MAX);
    let price = match payload {
        Payload::ValidatorVoteIds(votes) => {
            u64::try_from(votes.ids.len()).unwrap_or(u64::MAX).saturating_mul(PER_ID)
        }
        Payload::ValidatorVoteBodies(votes) => {
            votes.events.iter().map(bytes).fold(0, u64::saturating_add).saturating_mul(PER_BYTE)
        }
        Payload::CreateResolution(proposal) => bytes(&proposal.event).saturating_mul(PER_BYTE),
        Payload::RawStatement(_)
        | Payload::Execute(_)
        | Payload::Transfer(_)
        | Payload::ValidatorJoin(_)
        | Payload::ValidatorLeave(_)
        | Payload::ValidatorApprove(_)
        | Payload::ValidatorRemove(_)
        | Payload::ApproveResolution(_)
        | Payload::DeleteResolution(_)
        | Payload::MaaExec(_) => 0,
    };
    Amount::from(price)
}
