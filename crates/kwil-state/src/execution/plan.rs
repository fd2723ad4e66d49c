//! Before execution: who sends what, and which rows the block can touch.

use std::collections::BTreeSet;

use kwil_crypto::auth::Registry;
use kwil_types::{
    AccountError, AccountId, Payload, PayloadError, PayloadType, RawTx, ResolutionBody,
    ResolutionType, TxId,
};
use uuid::Uuid;

use super::{BlockInput, InvalidBlock};
use crate::network_state::NetworkState;

/// A transaction with everything that can be known without the state.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) raw: RawTx,
    /// Text identity of the sender.
    pub(crate) caller: String,
    pub(crate) sender: Result<AccountId, AccountError>,
    pub(crate) payload: Result<Payload, PayloadError>,
}

/// A block's transactions and the rows that they can touch.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) txs: Vec<Planned>,
    pub(crate) accounts: BTreeSet<AccountId>,
    /// Ids that could be created again.
    pub(crate) resolutions: BTreeSet<Uuid>,
}

/// Looks at every transaction once.
pub(crate) fn plan(
    input: &BlockInput,
    chain_id: &str,
    authenticators: &Registry,
    committed: &NetworkState,
) -> Result<Plan, InvalidBlock> {
    let mut plan = Plan::default();
    let mut seen: BTreeSet<TxId> = BTreeSet::new();
    for raw in input.txs.iter() {
        if !seen.insert(raw.id()) {
            return Err(InvalidBlock::Twice(raw.id()));
        }
        let planned = planned(raw, chain_id, authenticators)?;
        plan.accounts.extend(planned.sender.iter().cloned());
        if let Ok(payload) = &planned.payload {
            plan.touch(payload);
        }
        plan.txs.push(planned);
    }
    plan.touch_pending(committed);
    Ok(plan)
}

fn planned(
    raw: &RawTx,
    chain_id: &str,
    authenticators: &Registry,
) -> Result<Planned, InvalidBlock> {
    let (id, tx) = (raw.id(), raw.transaction());
    if tx.body.chain_id != chain_id {
        return Err(InvalidBlock::WrongChain { id, chain_id: tx.body.chain_id.clone() });
    }
    let auth_type = tx.signature.auth_type.as_str();
    let invalid = |source| InvalidBlock::Sender { id, source };
    let caller = authenticators.identifier(auth_type, &tx.sender).map_err(invalid)?;
    let key_type = authenticators.get(auth_type).map_err(invalid)?.key_type();
    Ok(Planned {
        raw: raw.clone(),
        caller,
        sender: AccountId::new(key_type, &tx.sender),
        payload: Payload::decode(&tx.body.payload_type, &tx.body.payload),
    })
}

impl Planned {
    /// The payload type, when there is such a type.
    pub(crate) fn payload_type(&self) -> Option<PayloadType> {
        PayloadType::from_name(&self.raw.transaction().body.payload_type).ok()
    }
}

impl Plan {
    fn touch(&mut self, payload: &Payload) {
        match payload {
            Payload::Transfer(transfer) => {
                self.accounts.insert(transfer.to.clone());
            }
            Payload::CreateResolution(proposal) => {
                self.resolutions.insert(proposal.event.id());
            }
            Payload::ValidatorVoteBodies(votes) => {
                for event in &votes.events {
                    self.resolutions.insert(event.id());
                    self.touch_body(event.event_type(), event.body());
                }
            }
            Payload::RawStatement(_)
            | Payload::Execute(_)
            | Payload::ValidatorJoin(_)
            | Payload::ValidatorLeave(_)
            | Payload::ValidatorApprove(_)
            | Payload::ValidatorRemove(_)
            | Payload::ValidatorVoteIds(_)
            | Payload::ApproveResolution(_)
            | Payload::DeleteResolution(_)
            | Payload::MaaExec(_) => {}
        }
    }

    /// What pending resolutions can do at the end of this block: credits, and refunds on a network with gas.
    fn touch_pending(&mut self, committed: &NetworkState) {
        for resolution in committed.resolutions.values() {
            self.touch_body(resolution.event_type(), resolution.body());
        }
        if committed.params.disabled_gas_costs {
            return;
        }
        let proposers = committed.resolutions.values().map(|resolution| resolution.proposer);
        let voters = committed.votes.values().flatten().copied();
        let validators = committed.validators.iter().map(|member| member.key);
        self.accounts
            .extend(proposers.chain(voters).chain(validators).map(|key| AccountId::from(&key)));
    }

    fn touch_body(&mut self, event_type: &str, body: &[u8]) {
        if event_type != ResolutionType::CreditAccount.name() {
            return;
        }
        if let Ok(ResolutionBody::CreditAccount(credit)) =
            ResolutionBody::decode(ResolutionType::CreditAccount, body)
        {
            self.accounts.insert(credit.account);
        }
    }
}
