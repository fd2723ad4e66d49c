//! Proposals: parameters, credits, and what may be proposed.

use kwil_state::{BlockEvent, ExecuteError, InvalidBlock, verify_state};
use kwil_types::{
    Amount, ApproveResolution, CreateResolution, CreditAccount, GoDuration, MigrationProposal,
    ParamUpdateProposal, ParamUpdates, ParamValue, Payload, RawTx, ResolutionBody, Transfer,
    ValidatorChange, ValidatorLeave, ValidatorVoteBodies, ValidatorVoteIds, VotableEvent,
};
use tokio_util::sync::CancellationToken;

use crate::network::{Setup, account_of, key, node, tx, user};

fn proposal(description: &str, values: impl IntoIterator<Item = ParamValue>) -> VotableEvent {
    let updates = ParamUpdates::from_iter(values);
    ResolutionBody::ParamUpdates(ParamUpdateProposal { description: description.into(), updates })
        .event()
        .unwrap()
}

fn create(number: u8, nonce: u64, event: VotableEvent) -> RawTx {
    tx(&node(number), nonce, 0, &Payload::CreateResolution(CreateResolution { event }))
}

fn approve(number: u8, nonce: u64, event: &VotableEvent) -> RawTx {
    tx(&node(number), nonce, 0, &Payload::ApproveResolution(ApproveResolution { id: event.id() }))
}

fn credit(amount: u64) -> VotableEvent {
    let credit = CreditAccount {
        account: account_of(&user(1)),
        amount: Amount::from(amount),
        deposit_tx: [1; 32],
    };
    ResolutionBody::CreditAccount(credit).event().unwrap()
}

#[tokio::test]
async fn parameters_change_with_more_than_half_from_the_next_height() {
    let mut net = Setup::free(&[1, 1]).start().await;
    let event = proposal(
        "more",
        [ParamValue::MaxBlockSize(8_000_000), ParamValue::JoinExpiry(GoDuration::from_secs(75))],
    );
    let outcome = net.ok(create(0, 1, event.clone())).await;
    assert!(outcome.param_updates.is_empty(), "one of two is not more than half");
    let pending = net.published().network.resolution(&event.id()).unwrap();
    assert_eq!((pending.power, pending.needed), (1, 2));
    let outcome = net.ok(approve(1, 1, &event)).await;
    assert_eq!(outcome.param_updates.len(), 2);
    let params = net.published().network.params().clone();
    assert_eq!((params.max_block_size, params.join_expiry.as_secs()), (8_000_000, 75));
    assert!(verify_state(net.test.endpoint(), None).await.unwrap().holds());

    let (code, _, log) = net.one(create(0, 2, event)).await;
    assert_eq!(
        (code, log.as_str()),
        (65535, "ERROR: an identical proposal was already processed; change the description")
    );
}

#[tokio::test]
async fn later_proposals_of_one_block_win_by_id_and_the_header_is_first() {
    let mut net = Setup::free(&[1]).start().await;
    let events =
        [1_000_000_u64, 2_000_000].map(|size| proposal("x", [ParamValue::MaxBlockSize(size)]));
    let later = events.iter().max_by_key(|event| event.id()).unwrap();
    let size = if later == &events[0] { 1_000_000 } else { 2_000_000 };
    net.block(vec![create(0, 1, events[0].clone()), create(0, 2, events[1].clone())]).await;
    assert_eq!(net.published().network.params().max_block_size, size);
}

#[tokio::test]
async fn a_leader_is_replaced_by_a_validator_only() {
    let mut net = Setup::free(&[1, 1]).start().await;
    let stranger = proposal("no", [ParamValue::Leader(key(3))]);
    let (code, _, log) = net.one(create(0, 1, stranger)).await;
    assert_eq!(code, 1);
    assert!(log.contains("is not in the validator set"), "{log}");

    // The chosen one leaves before the votes are in: the proposal fails, and is over.
    let event = proposal("yes", [ParamValue::Leader(key(1))]);
    net.ok(create(0, 2, event.clone())).await;
    let leave = tx(&node(1), 2, 0, &Payload::ValidatorLeave(ValidatorLeave));
    let outcome = net.block(vec![approve(1, 1, &event), leave]).await;
    assert_eq!(outcome.events, [], "the vote left with the voter");
    let outcome = net.block(Vec::new()).await;
    assert!(
        matches!(&outcome.events[..], [BlockEvent::ResolutionFailed { reason, .. }] if reason.contains("validator set"))
    );
    assert_eq!(net.published().network.params().leader, key(0));
    assert_eq!(net.published().network.pending_resolutions().count(), 0);
}

#[tokio::test]
async fn a_header_can_name_a_validator_as_leader_only() {
    let mut net = Setup::free(&[1, 1]).start().await;
    let mut input = net.input(Vec::new());
    input.header.new_leader = Some(key(4));
    let error = net.executor.execute(&input, CancellationToken::new()).await.unwrap_err();
    assert!(
        matches!(error, ExecuteError::Invalid(InvalidBlock::NewLeader(leader)) if leader == key(4))
    );
    let mut input = net.input(Vec::new());
    input.header.new_leader = Some(key(1));
    let outcome = net.commit(input).await;
    assert_eq!(outcome.param_updates.len(), 1);
    assert_eq!(net.published().network.params().leader, key(1));
}

#[tokio::test]
async fn only_types_for_operators_can_be_proposed() {
    let mut net = Setup::free(&[1, 1]).start().await;
    let change = ValidatorChange { key: key(3), power: 100 };
    let migration =
        MigrationProposal { activation_period: 1, duration: 2, timestamp: String::new() };
    let events = [
        ResolutionBody::ValidatorJoin(change.clone()).event().unwrap(),
        ResolutionBody::ValidatorRemove(change).event().unwrap(),
        ResolutionBody::Migration(migration).event().unwrap(),
        credit(5),
        VotableEvent::new("no_such_type", Vec::new()).unwrap(),
    ];
    for (nonce, event) in (1..).zip(events) {
        let name = event.event_type().to_owned();
        let (code, _, log) = net.one(create(0, nonce, event)).await;
        assert_eq!((code, log), (130, format!("ERROR: resolution type {name} cannot be proposed")));
    }
    let unknown = proposal("never created", []);
    let (code, _, log) = net.one(approve(0, 6, &unknown)).await;
    assert_eq!(
        (code, log),
        (130, format!("ERROR: resolution with ID {} does not exist", unknown.id()))
    );
    let (code, ..) = net.one(create(3, 1, proposal("not mine", []))).await;
    assert_eq!(code, 9);
    let broken = VotableEvent::new("param_updates", vec![0, 0, 9]).unwrap();
    let (code, ..) = net.one(create(0, 7, broken)).await;
    assert_eq!(code, 1);
    assert_eq!(net.published().network.pending_resolutions().count(), 0);
}

#[tokio::test]
async fn a_proposal_exists_once() {
    let mut net = Setup::free(&[1, 1]).start().await;
    let event = proposal("once", [ParamValue::MaxVotesPerTx(3)]);
    net.ok(create(0, 1, event.clone())).await;
    let (code, _, log) = net.one(create(1, 1, event.clone())).await;
    assert_eq!(
        (code, log),
        (65535, format!("ERROR: resolution with ID {} already exists", event.id()))
    );
    let pending = net.published().network.resolution(&event.id()).unwrap();
    assert_eq!(pending.power, 1, "the failed one left no vote");
}

#[tokio::test]
async fn events_of_the_proposer_become_credits() {
    let mut net = Setup::free(&[1, 1, 1]).start().await;
    let bodies = |events| Payload::ValidatorVoteBodies(ValidatorVoteBodies { events });
    let ids = |ids| Payload::ValidatorVoteIds(ValidatorVoteIds { ids });
    let (code, _, log) = net.one(tx(&node(1), 1, 0, &bodies(vec![credit(5)]))).await;
    assert_eq!((code, log.as_str()), (9, "ERROR: caller is not the block proposer"));
    net.ok(tx(&node(0), 1, 0, &bodies(vec![credit(5)]))).await;
    net.ok(tx(&node(0), 2, 0, &bodies(vec![credit(5)]))).await;
    // Ids that nobody knows are skipped.
    let outcome = net.ok(tx(&node(1), 2, 0, &ids(vec![uuid::Uuid::nil(), credit(5).id()]))).await;
    assert!(matches!(outcome.events[..], [BlockEvent::ResolutionConfirmed { .. }]));
    assert_eq!(net.account(&account_of(&user(1))).await, Some(("5".into(), 0)));
    // Once processed, an event never comes back.
    net.ok(tx(&node(0), 3, 0, &bodies(vec![credit(5)]))).await;
    assert_eq!(net.published().network.pending_resolutions().count(), 0);
    // Credited tokens can be spent in the next block.
    let spend = Payload::Transfer(Transfer { to: account_of(&user(2)), amount: Amount::from(5) });
    net.ok(tx(&user(1), 1, 0, &spend)).await;
    let (code, ..) = net.one(tx(&node(2), 1, 0, &ids(vec![uuid::Uuid::nil(); 201]))).await;
    assert_eq!(code, 65535);
    assert!(verify_state(net.test.endpoint(), None).await.unwrap().holds());
}
