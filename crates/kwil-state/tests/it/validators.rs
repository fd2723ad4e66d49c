//! How validators come and go.

use kwil_state::{BlockEvent, BlockOutcome, verify_state};
use kwil_types::{
    Payload, RawTx, Validator, ValidatorApprove, ValidatorJoin, ValidatorLeave, ValidatorRemove,
};

use crate::network::{JOIN_EXPIRY, Net, Setup, key, node, tx, user};

/// Signs the next transaction of a node.
struct Nonces([u64; 6]);

impl Nonces {
    fn new() -> Self {
        Self([0; 6])
    }

    fn next(&mut self, number: u8, payload: &Payload) -> RawTx {
        let nonce = &mut self.0[usize::from(number)];
        *nonce += 1;
        tx(&node(number), *nonce, 0, payload)
    }

    fn join(&mut self, number: u8, power: u64) -> RawTx {
        self.next(number, &Payload::ValidatorJoin(ValidatorJoin { power }))
    }

    fn approve(&mut self, number: u8, candidate: u8) -> RawTx {
        self.next(
            number,
            &Payload::ValidatorApprove(ValidatorApprove { candidate: key(candidate) }),
        )
    }

    fn remove(&mut self, number: u8, validator: u8) -> RawTx {
        self.next(number, &Payload::ValidatorRemove(ValidatorRemove { validator: key(validator) }))
    }

    fn leave(&mut self, number: u8) -> RawTx {
        self.next(number, &Payload::ValidatorLeave(ValidatorLeave))
    }
}

fn refused(log: &str) -> (u32, i64, String) {
    (9, 0, format!("ERROR: {log}"))
}

fn update(number: u8, power: u64) -> Vec<Validator> {
    vec![Validator { key: key(number), power }]
}

fn is_confirmed(outcome: &BlockOutcome) -> bool {
    outcome.events.iter().any(|event| matches!(event, BlockEvent::ResolutionConfirmed { .. }))
}

async fn assert_verified(net: &Net) {
    assert!(verify_state(net.test.endpoint(), None).await.unwrap().holds());
}

#[tokio::test]
async fn of_two_validators_both_must_approve_a_join() {
    let (mut net, mut by) = (Setup::free(&[1, 1]).start().await, Nonces::new());
    let outcome = net.ok(by.join(2, 1)).await;
    assert_eq!(outcome.validator_updates, []);
    let request = net.published().network.join_request(&key(2)).unwrap();
    assert_eq!((request.power, request.needed), (0, 2));
    assert!(request.board.iter().all(|(_, approved)| !approved));

    let outcome = net.ok(by.approve(0, 2)).await;
    assert!(!is_confirmed(&outcome));
    let request = net.published().network.join_request(&key(2)).unwrap();
    assert_eq!(request.board, [(key(0), true), (key(1), false)]);
    assert_eq!(net.powers()[2], None);

    let outcome = net.ok(by.approve(1, 2)).await;
    assert!(is_confirmed(&outcome));
    assert_eq!(outcome.validator_updates, update(2, 1));
    assert_eq!(net.powers()[..3], [Some(1), Some(1), Some(1)]);
    assert_eq!(net.published().network.pending_resolutions().count(), 0);
    assert_verified(&net).await;
}

#[tokio::test]
async fn of_three_validators_two_are_not_more_than_two_thirds() {
    let (mut net, mut by) = (Setup::free(&[1, 1, 1]).start().await, Nonces::new());
    net.ok(by.join(3, 1)).await;
    assert_eq!(net.published().network.join_request(&key(3)).unwrap().needed, 3);
    net.ok(by.approve(0, 3)).await;
    let outcome = net.ok(by.approve(1, 3)).await;
    assert!(!is_confirmed(&outcome));
    let outcome = net.ok(by.approve(2, 3)).await;
    assert_eq!(outcome.validator_updates, update(3, 1));
}

#[tokio::test]
async fn joins_need_more_than_two_thirds_of_the_power_for_every_size() {
    for validators in 1..=5_u8 {
        let powers = vec![1; usize::from(validators)];
        let (mut net, mut by) = (Setup::free(&powers).start().await, Nonces::new());
        net.ok(by.join(5, 1)).await;
        let needed = u64::from(2 * validators) / 3 + 1;
        for voter in 0..validators {
            let outcome = net.ok(by.approve(voter, 5)).await;
            assert_eq!(
                is_confirmed(&outcome),
                u64::from(voter) + 1 == needed,
                "{validators} validators, {voter}"
            );
            if is_confirmed(&outcome) {
                break;
            }
        }
        assert_eq!(net.powers()[5], Some(1));
    }
}

#[tokio::test]
async fn power_counts_not_heads() {
    let (mut net, mut by) = (Setup::free(&[7, 1, 1, 1]).start().await, Nonces::new());
    net.ok(by.join(4, 9)).await;
    let outcome = net.ok(by.approve(0, 4)).await;
    assert_eq!(outcome.validator_updates, update(4, 9));
}

#[tokio::test]
async fn approving_twice_counts_once() {
    let (mut net, mut by) = (Setup::free(&[1, 1]).start().await, Nonces::new());
    net.ok(by.join(2, 1)).await;
    net.ok(by.approve(0, 2)).await;
    let outcome = net.ok(by.approve(0, 2)).await;
    assert!(!is_confirmed(&outcome));
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused() {
    let (mut net, mut by) = (Setup::free(&[1, 1]).start().await, Nonces::new());
    assert_eq!(net.one(by.join(0, 1)).await, refused("caller is already a validator"));
    assert_eq!(net.one(by.join(2, 0)).await, refused("invalid validator power"));
    assert_eq!(net.one(by.join(2, u64::MAX)).await, refused("invalid validator power"));
    assert_eq!(net.one(by.join(2, (1 << 62) - 1)).await, refused("invalid validator power"));
    assert_eq!(
        net.one(by.approve(0, 2)).await,
        refused("validator does not have a pending join request")
    );
    net.ok(by.join(2, 1)).await;
    assert_eq!(
        net.one(by.join(2, 5)).await,
        refused("validator already has a pending join request")
    );
    assert_eq!(net.one(by.approve(2, 2)).await, refused("cannot approve own join request"));
    assert_eq!(net.one(by.approve(3, 2)).await, refused("caller is not a validator"));
    assert_eq!(net.one(by.leave(3)).await, refused("caller is not a validator"));
    assert_eq!(net.one(by.remove(3, 1)).await, refused("caller is not a validator"));
    assert_eq!(net.one(by.remove(0, 3)).await, refused("target is not a validator"));
    let wallet = tx(&user(7), 1, 0, &Payload::ValidatorJoin(ValidatorJoin { power: 1 }));
    assert_eq!(net.one(wallet).await, refused("caller is not a node key"));
    assert_eq!(net.published().network.pending_resolutions().count(), 1);
    assert_verified(&net).await;
}

#[tokio::test]
async fn a_request_expires_at_its_block_time_and_can_be_made_again() {
    let (mut net, mut by) = (Setup::free(&[1, 1]).start().await, Nonces::new());
    let asked_at = net.time;
    net.ok(by.join(2, 1)).await;
    net.ok(by.approve(0, 2)).await;
    let request = net.published().network.join_request(&key(2)).unwrap();
    assert_eq!(request.resolution.expiration, (asked_at + JOIN_EXPIRY).cast_signed());

    net.time = asked_at + JOIN_EXPIRY - 1;
    let outcome = net.block(Vec::new()).await;
    assert_eq!(outcome.events, []);
    let outcome = net.block(Vec::new()).await;
    assert!(matches!(outcome.events[..], [BlockEvent::ResolutionExpired { .. }]));
    assert_eq!(net.published().network.pending_resolutions().count(), 0);
    assert_eq!(
        net.one(by.approve(1, 2)).await,
        refused("validator does not have a pending join request")
    );

    net.ok(by.join(2, 1)).await;
    let request = net.published().network.join_request(&key(2)).unwrap();
    assert_eq!(request.power, 0, "votes of the expired request do not come back");
    assert_verified(&net).await;
}

#[tokio::test]
async fn a_request_confirmed_at_its_expiry_is_confirmed() {
    let (mut net, mut by) = (Setup::free(&[1, 1]).start().await, Nonces::new());
    let asked_at = net.time;
    net.ok(by.join(2, 1)).await;
    net.time = asked_at + JOIN_EXPIRY;
    let outcome = net.block(vec![by.approve(0, 2), by.approve(1, 2)]).await;
    assert!(matches!(outcome.events[..], [BlockEvent::ResolutionConfirmed { .. }]));
    assert_eq!(net.powers()[2], Some(1));
}

#[tokio::test]
async fn the_leader_can_neither_leave_nor_be_removed() {
    let (mut net, mut by) = (Setup::free(&[1, 1, 1]).start().await, Nonces::new());
    assert_eq!(net.one(by.leave(0)).await, refused("leader cannot leave validator set"));
    assert_eq!(
        net.one(by.remove(1, 0)).await,
        refused("leader cannot be removed from validator set")
    );
    assert_eq!(net.published().network.pending_resolutions().count(), 0);
}

#[tokio::test]
async fn a_new_leader_cannot_leave_in_the_block_that_makes_it_one() {
    let (mut net, mut by) = (Setup::free(&[1, 1, 1]).start().await, Nonces::new());
    let mut input = net.input(vec![by.leave(1), by.leave(2)]);
    input.header.new_leader = Some(key(1));
    let outcome = net.commit(input).await;
    assert_eq!(outcome.results[0].log, "ERROR: leader cannot leave validator set");
    assert_eq!(outcome.validator_updates, update(2, 0));
    assert_eq!(net.published().network.params().leader, key(1));
    net.ok(by.leave(0)).await;
    assert_eq!(net.powers()[..3], [None, Some(1), None]);
}

#[tokio::test]
async fn leaving_is_immediate_and_takes_the_votes_along() {
    let (mut net, mut by) = (Setup::free(&[1, 1, 1]).start().await, Nonces::new());
    net.ok(by.join(3, 1)).await;
    net.block(vec![by.approve(0, 3), by.approve(1, 3)]).await;
    // The vote of the one that leaves does not count any more, even when the last approval is in the same block.
    let outcome = net.block(vec![by.approve(2, 3), by.leave(1)]).await;
    assert_eq!(outcome.validator_updates, update(1, 0));
    assert!(!is_confirmed(&outcome));
    let request = net.published().network.join_request(&key(3)).unwrap();
    assert_eq!((request.power, request.needed), (2, 2));
    // Two of two: confirmed by the next block without any transaction.
    let outcome = net.block(Vec::new()).await;
    assert_eq!(outcome.validator_updates, update(3, 1));
    assert_verified(&net).await;
}

#[tokio::test]
async fn one_dead_validator_of_three_can_be_removed_by_the_others() {
    let (mut net, mut by) = (Setup::free(&[1, 1, 1]).start().await, Nonces::new());
    let outcome = net.ok(by.remove(0, 2)).await;
    assert!(!is_confirmed(&outcome));
    let outcome = net.ok(by.remove(1, 2)).await;
    assert_eq!(outcome.validator_updates, update(2, 0));
    assert_eq!(net.powers()[..3], [Some(1), Some(1), None]);
    // The removed one may ask again.
    net.ok(by.join(2, 1)).await;
    assert_verified(&net).await;
}
