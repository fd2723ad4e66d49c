//! The whole way of a transaction, with real signatures.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kwil_types::{MigrationStatus, TxCode, TxResult};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::*;

const DEADLINE: Duration = Duration::from_secs(20);

fn mempool(gas: bool, state: &State) -> Mempool {
    Mempool::new(limits(), rules(gas), state.lookup(), 2)
}

fn block(height: u64, txs: &[RawTx], accounts: &[(AccountId, Account)]) -> CommittedTxs {
    let results = txs.iter().map(|_| TxResult::ok(height.cast_signed())).collect();
    CommittedTxs { height, txs: txs.into(), results, accounts: accounts.to_vec() }
}

async fn code_of(mempool: &Mempool, tx: Transaction, user: &User) -> TxCode {
    mempool.admit(user.sign(tx), Origin::Client).await.unwrap_err().code
}

#[tokio::test]
async fn each_fault_has_its_code() {
    let user = User::new(1);
    let state = State::default();
    let mempool = mempool(true, &state);
    let good = || user.body(1, &transfer_of(5));

    let mut tx = good();
    tx.body.chain_id = "other".to_owned();
    assert_eq!(code_of(&mempool, tx, &user).await, TxCode::WrongChain);
    let mut tx = good();
    tx.body.chain_id = String::new();
    assert_eq!(code_of(&mempool, tx, &user).await, TxCode::WrongChain);
    let mut tx = good();
    tx.body.payload = vec![1; 5_000].into();
    assert_eq!(code_of(&mempool, tx, &user).await, TxCode::TooLarge);
    let mut tx = good();
    tx.body.payload = vec![1; 50].into();
    assert_eq!(code_of(&mempool, tx, &user).await, TxCode::EncodingError);
    let mut tx = good();
    tx.body.payload_type = "mint".to_owned();
    assert_eq!(code_of(&mempool, tx, &user).await, TxCode::InvalidTxType);
    let mut tx = good();
    tx.body.fee = amount(PRICE - 1);
    assert_eq!(code_of(&mempool, tx, &user).await, TxCode::InsufficientFee);
    assert_eq!(code_of(&mempool, good(), &user).await, TxCode::InsufficientBalance);

    let signed = user.sign(good());
    let mut forged = signed.transaction().clone();
    forged.body.nonce = 2;
    let rejected = mempool.admit(RawTx::new(&forged).unwrap(), Origin::Peer).await.unwrap_err();
    assert_eq!(rejected.code, TxCode::InvalidSignature);
    assert!(rejected.punishes_peer() && !rejected.is_retryable());
    let mut unknown = signed.transaction().clone();
    unknown.signature.auth_type = "magic".to_owned();
    let rejected = mempool.admit(RawTx::new(&unknown).unwrap(), Origin::Peer).await.unwrap_err();
    assert_eq!(rejected.code, TxCode::InvalidSignature);
    assert_eq!(mempool.summary().txs, 0);
}

fn migrating(migration_status: MigrationStatus) -> Rules {
    let params = NetworkParams { migration_status, ..params(false) };
    Rules { params, ..rules(false) }
}

#[tokio::test]
async fn halted_and_migrating_networks_take_less() {
    let user = User::new(1);
    let state = State::default();
    let mempool = mempool(false, &state);
    mempool.set_rules(migrating(MigrationStatus::MigrationInProgress));
    assert_eq!(code_of(&mempool, user.body(1, &join()), &user).await, TxCode::NetworkInMigration);
    mempool.set_rules(migrating(MigrationStatus::MigrationCompleted));
    assert_eq!(
        code_of(&mempool, user.body(1, &transfer_of(1)), &user).await,
        TxCode::NetworkHalted
    );
}

#[tokio::test]
async fn nonce_follows_pending_transactions_and_a_client_may_not_leave_a_gap() {
    let user = User::new(1);
    let state = State::default();
    state.set(user.account(), facts(4, 1_000));
    let mempool = mempool(true, &state);
    let reject = |raw| {
        let mempool = mempool.clone();
        async move { mempool.admit(raw, Origin::Client).await.unwrap_err() }
    };
    assert_eq!(reject(user.transfer(4, 1)).await.code, TxCode::InvalidNonce);
    let account = user.account().to_string();
    let account = account.split('#').next().unwrap();
    assert_eq!(
        reject(user.transfer(7, 1)).await.text,
        format!("invalid nonce for account {account}: got 7, expected 5: invalid nonce")
    );
    assert_eq!(mempool.admit(user.transfer(5, 1), Origin::Client).await, Ok(Admitted::New));
    assert_eq!(mempool.admit(user.transfer(6, 1), Origin::Client).await, Ok(Admitted::New));
    assert_eq!(mempool.pending(&user.account()), Some(facts(6, 1_000 - 2 * (PRICE + 1))));
    assert_eq!(mempool.admit(user.transfer(6, 1), Origin::Client).await, Ok(Admitted::Known));
    assert_eq!(reject(user.transfer(6, 2)).await.code, TxCode::InvalidNonce);
}

#[tokio::test]
async fn second_signature_form_of_the_same_content_exists_already() {
    let user = User::new(1);
    let state = State::default();
    state.set(user.account(), facts(0, 1_000));
    let mempool = mempool(true, &state);
    let first = user.transfer(1, 1);
    let mut other = first.transaction().clone();
    let mut signature = other.signature.bytes.to_vec();
    *signature.last_mut().unwrap() += 27;
    other.signature.bytes = signature.into();
    let other = RawTx::new(&other).unwrap();
    assert_ne!(first.id(), other.id());
    mempool.admit(first.clone(), Origin::Client).await.unwrap();
    let rejected = mempool.admit(other.clone(), Origin::Client).await.unwrap_err();
    assert_eq!(
        (rejected.text.as_str(), rejected.blame),
        ("transaction already exists", Blame::Twin(first.id()))
    );

    // Whichever form the block holds, the client that sent the first is answered.
    let mut waiter = mempool.wait_for(first.id()).unwrap();
    mempool.commit(&block(9, std::slice::from_ref(&other), &[(user.account(), facts(1, 900))]));
    let outcome = timeout(DEADLINE, waiter.outcome()).await.unwrap().unwrap();
    assert_eq!(
        outcome,
        Outcome::Included { id: other.id(), height: 9, index: 0, result: TxResult::ok(9) }
    );
    assert_eq!(mempool.summary().txs, 0);
}

#[tokio::test]
async fn commit_serves_waiters_and_moves_nonces_without_asking_the_state() {
    let (user, stranger) = (User::new(1), User::new(2));
    let state = State::default();
    state.set(user.account(), facts(0, 1_000));
    let mempool = mempool(true, &state);
    let txs: Vec<RawTx> = (1..=3).map(|nonce| user.transfer(nonce, 1)).collect();
    for tx in &txs {
        mempool.admit(tx.clone(), Origin::Client).await.unwrap();
    }
    let mut first = mempool.wait_for(txs[0].id()).unwrap();
    let mut also_first = mempool.wait_for(txs[0].id()).unwrap();
    let mut second = mempool.wait_for(txs[1].id()).unwrap();
    // Never seen here before its block.
    let foreign = stranger.transfer(1, 1);
    let mut third = mempool.wait_for(foreign.id()).unwrap();
    state.set(user.account(), facts(77, 0));
    let moved = [(user.account(), facts(2, 1_000)), (stranger.account(), facts(1, 5))];
    mempool.commit(&block(5, &[foreign.clone(), txs[0].clone(), txs[1].clone()], &moved));
    for (waiter, index) in
        [(&mut third, 0), (&mut first, 1), (&mut also_first, 1), (&mut second, 2)]
    {
        match timeout(DEADLINE, waiter.outcome()).await.unwrap().unwrap() {
            Outcome::Included { height: 5, index: at, .. } => assert_eq!(at, index),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(mempool.list(9), [txs[2].clone()]);
    assert_eq!(mempool.pending(&user.account()).unwrap().nonce, 3);
}

#[tokio::test]
async fn transaction_whose_nonce_another_used_is_dropped_and_its_waiter_told() {
    let user = User::new(1);
    let state = State::default();
    state.set(user.account(), facts(0, 1_000));
    let mempool = mempool(true, &state);
    let ours = user.transfer(1, 1);
    mempool.admit(ours.clone(), Origin::Client).await.unwrap();
    let mut waiter = mempool.wait_for(ours.id()).unwrap();
    let theirs = user.transfer(1, 2);
    mempool.commit(&block(2, &[theirs], &[(user.account(), facts(1, 900))]));
    match timeout(DEADLINE, waiter.outcome()).await.unwrap().unwrap() {
        Outcome::Dropped(reason) => assert_eq!(reason.code, TxCode::InvalidNonce),
        other => panic!("{other:?}"),
    }
    assert_eq!(mempool.reason_gone(&ours.id()).unwrap().code, TxCode::InvalidNonce);
    assert!(mempool.wanted(&[ours.id()]).is_empty(), "gossip does not pull it again");
}

#[tokio::test]
async fn waiter_that_gives_up_is_forgotten_and_their_number_is_bounded() {
    let state = State::default();
    let mempool = mempool(false, &state);
    let id = User::new(1).transfer(1, 1).id();
    let waiting: Vec<_> =
        std::iter::repeat_with(|| mempool.wait_for(id).unwrap()).take(10_000).collect();
    assert_eq!(mempool.wait_for(id).unwrap_err().code, TxCode::MempoolFull);
    drop(waiting);
    assert_eq!(mempool.metrics().waiters.get(), 0);
    drop(mempool.wait_for(id).unwrap());
}

/// A lookup that counts, and that a block can overtake.
fn slow_lookup(state: &State, calls: &Arc<AtomicUsize>, gate: &Arc<Notify>) -> AccountLookup {
    let (inner, calls, gate) = (state.lookup(), Arc::clone(calls), Arc::clone(gate));
    Arc::new(move |account| {
        let first = calls.fetch_add(1, Ordering::SeqCst) == 0;
        let (facts, gate) = (inner(account), Arc::clone(&gate));
        Box::pin(async move {
            let facts = facts.await;
            if first {
                gate.notified().await;
            }
            facts
        })
    })
}

#[tokio::test]
async fn facts_read_before_a_block_are_read_again_and_an_id_is_checked_once() {
    let user = User::new(1);
    let state = State::default();
    let (calls, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let mempool = Mempool::new(limits(), rules(false), slow_lookup(&state, &calls, &gate), 2);
    let tx = user.transfer(2, 1);
    let admit = || {
        let (mempool, tx) = (mempool.clone(), tx.clone());
        tokio::spawn(async move { mempool.admit(tx, Origin::Client).await })
    };
    let checker = admit();
    while calls.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    assert!(mempool.wanted(&[tx.id()]).is_empty(), "what is being checked is not pulled");
    let joiner = admit();
    state.set(user.account(), facts(1, 0));
    mempool.commit(&block(1, &[], &[]));
    gate.notify_one();
    assert_eq!(timeout(DEADLINE, checker).await.unwrap().unwrap(), Ok(Admitted::New));
    assert_eq!(timeout(DEADLINE, joiner).await.unwrap().unwrap(), Ok(Admitted::Known));
    assert_eq!(calls.load(Ordering::SeqCst), 2);
    assert_eq!(mempool.admit(user.transfer(3, 1), Origin::Client).await, Ok(Admitted::New));
    assert_eq!(calls.load(Ordering::SeqCst), 2, "an account that is here is not read again");
}

#[tokio::test]
async fn check_that_is_given_up_is_taken_over_by_who_waits_for_it() {
    let user = User::new(1);
    let state = State::default();
    let (calls, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let mempool = Mempool::new(limits(), rules(false), slow_lookup(&state, &calls, &gate), 2);
    let tx = user.transfer(1, 1);
    let gone = tokio::spawn({
        let (mempool, tx) = (mempool.clone(), tx.clone());
        async move { mempool.admit(tx, Origin::Client).await }
    });
    while calls.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    let stays = mempool.admit(tx, Origin::Client);
    gone.abort();
    assert_eq!(timeout(DEADLINE, stays).await.unwrap(), Ok(Admitted::New));
}

#[tokio::test]
async fn changed_rules_drop_what_breaks_them() {
    let (rich, poor) = (User::new(1), User::new(2));
    let state = State::default();
    state.set(rich.account(), facts(0, 1_000));
    let mempool = mempool(false, &state);
    let kept = rich.transfer(1, 1);
    let unfunded = poor.transfer(1, 1);
    for tx in [&kept, &unfunded] {
        mempool.admit(tx.clone(), Origin::Client).await.unwrap();
    }
    mempool.set_rules(rules(true));
    assert_eq!(mempool.list(9), std::slice::from_ref(&kept));
    assert_eq!(mempool.reason_gone(&unfunded.id()).unwrap().code, TxCode::InsufficientBalance);
    mempool.set_rules(Rules { max_tx_bytes: 100, ..rules(true) });
    assert_eq!(mempool.reason_gone(&kept.id()).unwrap().code, TxCode::TooLarge);
    assert_eq!(mempool.summary().bytes, 0);
}

#[tokio::test]
async fn bodies_of_a_proposal_come_in_its_order_and_what_a_block_took_is_not_pulled_again() {
    let user = User::new(1);
    let state = State::default();
    let mempool = mempool(false, &state);
    let (first, second) = (user.transfer(1, 1), user.transfer(2, 1));
    mempool.admit(first.clone(), Origin::Client).await.unwrap();
    let ids = [second.id(), first.id()];
    assert_eq!(mempool.bodies(&ids), [None, Some(first.clone())]);
    assert_eq!(mempool.wanted(&ids), [second.id()]);
    mempool.commit(&block(1, &[first, second], &[(user.account(), facts(2, 0))]));
    assert!(mempool.wanted(&ids).is_empty());
}

#[tokio::test]
async fn barred_transaction_leaves_and_does_not_come_back() {
    let user = User::new(1);
    let state = State::default();
    let mempool = mempool(false, &state);
    let tx = user.transfer(1, 1);
    mempool.admit(tx.clone(), Origin::Client).await.unwrap();
    let mut waiter = mempool.wait_for(tx.id()).unwrap();
    mempool.bar(&[tx.id()]);
    assert!(
        matches!(waiter.outcome().await, Some(Outcome::Dropped(reason)) if reason.code == TxCode::RejectedByPolicy)
    );
    assert_eq!(mempool.admit(tx, Origin::Peer).await.unwrap_err().code, TxCode::RejectedByPolicy);
    assert_eq!(mempool.summary().txs, 0);
}
