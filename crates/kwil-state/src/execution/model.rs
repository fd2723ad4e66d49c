//! Random blocks against the rules that must hold whatever validators send.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use kwil_crypto::{Hash, KeyType, PrivateKey, PublicKey};
use kwil_types::{
    AccountId, Amount, ApproveResolution, CreateResolution, MAX_TOTAL_POWER, NetworkParams,
    ParamUpdateProposal, ParamUpdates, ParamValue, Payload, ResolutionBody, Transfer, Validator,
    ValidatorApprove, ValidatorJoin, ValidatorLeave, ValidatorRemove, ValidatorSet,
};
use proptest::collection::vec;
use proptest::prelude::*;

use super::end::end_of_block;
use super::state::{BlockContext, BlockState, Loaded, TxContext};
use crate::accounts::Account;
use crate::network_state::NetworkState;
use crate::routes::{self, RouteError};

const NODES: u8 = 6;

static KEYS: LazyLock<Vec<PublicKey>> = LazyLock::new(|| {
    let key =
        |number| PrivateKey::from_bytes(KeyType::Secp256k1, &[number; 32]).unwrap().public_key();
    (1..=NODES).map(key).collect()
});

fn key(number: u8) -> PublicKey {
    KEYS[usize::from(number)]
}

fn id(number: u8) -> AccountId {
    AccountId::from(&key(number))
}

fn node() -> impl Strategy<Value = u8> {
    0..NODES
}

fn payload() -> impl Strategy<Value = Payload> {
    let leader = |number: u8, salt: u8| {
        let updates = ParamUpdates::from_iter([ParamValue::Leader(key(number))]);
        let proposal = ParamUpdateProposal { description: salt.to_string(), updates };
        ResolutionBody::ParamUpdates(proposal).event().unwrap()
    };
    prop_oneof![
        2 => (node(), 0_u64..4).prop_map(|(to, amount)| Payload::Transfer(Transfer { to: id(to), amount: amount.into() })),
        3 => prop_oneof![Just(0), Just(1), Just(5), Just(MAX_TOTAL_POWER), Just(u64::MAX)]
            .prop_map(|power| Payload::ValidatorJoin(ValidatorJoin { power })),
        1 => Just(Payload::ValidatorLeave(ValidatorLeave)),
        6 => node().prop_map(|number| Payload::ValidatorApprove(ValidatorApprove { candidate: key(number) })),
        4 => node().prop_map(|number| Payload::ValidatorRemove(ValidatorRemove { validator: key(number) })),
        2 => (node(), 0_u8..2).prop_map(move |(number, salt)| Payload::CreateResolution(CreateResolution { event: leader(number, salt) })),
        4 => (node(), 0_u8..2).prop_map(move |(number, salt)| Payload::ApproveResolution(ApproveResolution { id: leader(number, salt).id() })),
    ]
}

#[derive(Clone, Debug)]
struct Round {
    txs: Vec<(u8, Payload)>,
    seconds: i64,
}

fn round() -> impl Strategy<Value = Round> {
    (vec((node(), payload()), 0..8), prop_oneof![5 => 1_i64..3, 1 => Just(90_000_i64)])
        .prop_map(|(txs, seconds)| Round { txs, seconds })
}

/// Everything that can be seen of a state.
#[derive(Debug, PartialEq)]
struct Seen {
    accounts: Vec<Option<Account>>,
    validators: ValidatorSet,
    decided: ParamUpdates,
    resolutions: Vec<(uuid::Uuid, Vec<PublicKey>)>,
}

fn seen(state: &BlockState) -> Seen {
    let resolutions = state
        .book
        .iter()
        .map(|resolution| (resolution.id(), state.book.voters(resolution.id()).copied().collect()));
    Seen {
        accounts: (0..NODES)
            .map(|number| state.accounts.get(&id(number)).unwrap().cloned())
            .collect(),
        validators: state.validators.now().clone(),
        decided: state.params.decided().clone(),
        resolutions: resolutions.collect(),
    }
}

/// What must hold between blocks.
fn check(network: &NetworkState) -> Result<(), TestCaseError> {
    prop_assert!(network.validators.contains(&network.params.leader), "the leader is a validator");
    prop_assert!(network.votes.values().all(|voters| !voters.is_empty()), "an entry without votes");
    prop_assert!(network.validators.total_power() <= MAX_TOTAL_POWER);
    for (resolution, voter) in
        network.votes.iter().flat_map(|(id, voters)| voters.iter().map(move |voter| (id, voter)))
    {
        prop_assert!(network.validators.contains(voter), "a vote of somebody who is no validator");
        prop_assert!(network.resolutions.contains_key(resolution), "a vote for nothing");
    }
    for request in network.join_requests() {
        prop_assert!(
            !network.validators.contains(&request.resolution.proposer),
            "a validator asks to join"
        );
    }
    Ok(())
}

fn start(validators: u8) -> NetworkState {
    let set =
        ValidatorSet::new((0..validators).map(|number| Validator { key: key(number), power: 1 }))
            .unwrap();
    NetworkState {
        params: NetworkParams::new(key(0)).into(),
        validators: set.into(),
        resolutions: Arc::default(),
        votes: Arc::default(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_nodes_send_a_network_keeps_a_leader_and_its_books(validators in 1_u8..5, rounds in vec(round(), 1..25)) {
        let mut network = start(validators);
        let mut accounts: BTreeMap<AccountId, Account> = BTreeMap::new();
        accounts.insert(id(0), Account { balance: Amount::from(9), nonce: 0 });
        let mut processed = BTreeSet::new();
        let mut time = 1_000_000;
        for round in rounds {
            time += round.seconds;
            let ids = round.txs.iter().filter_map(|(_, payload)| match payload {
                Payload::CreateResolution(proposal) => Some(proposal.event.id()),
                _ => None,
            });
            let loaded = Loaded {
                asked_accounts: (0..NODES).map(id).collect(),
                accounts: accounts.clone(),
                asked_processed: ids.collect(),
                processed: processed.iter().copied().collect(),
            };
            let context = BlockContext { height: 1, time, proposer: network.params.leader };
            let mut state = BlockState::new(context, &network, loaded);
            for (sender, payload) in &round.txs {
                let tx = TxContext { id: Hash::ZERO, sender: id(*sender), caller: String::new(), auth_type: String::new() };
                let (before, point) = (seen(&state), state.checkpoint());
                match routes::run(&mut state, &tx, payload) {
                    Ok(()) => {}
                    Err(RouteError::Failed { .. }) => {
                        state.rollback_to(point);
                        prop_assert_eq!(seen(&state), before, "a failed transaction left a trace");
                    }
                    Err(RouteError::Fault(fault)) => return Err(TestCaseError::fail(fault.to_string())),
                }
            }
            let expired = |state: &BlockState| state.book.iter().filter(|pending| pending.expiration <= time).count();
            end_of_block(&mut state).unwrap();
            prop_assert_eq!(expired(&state), 0, "an expired resolution stays");
            accounts.extend(state.accounts.changes().into_iter().map(|change| (change.key, change.new.unwrap())));
            processed.extend(state.book.processed_changes().into_iter().map(|change| change.key));
            let (updates, before) = (state.validators.updates(), network.validators.clone());
            network = state.into_next();
            prop_assert_eq!(&before.apply(&updates).unwrap(), &*network.validators, "updates lead to the next set");
            check(&network)?;
        }
        let sum: u64 = accounts.values().map(|account| account.balance.to_string().parse::<u64>().unwrap()).sum();
        prop_assert_eq!(sum, 9, "tokens are conserved");
    }
}
