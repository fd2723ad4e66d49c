//! The pool alone: unsigned transactions, times as arguments.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use kwil_types::TxCode;
use proptest::prelude::*;

use super::super::pool::{Pool, Reannounce};
use super::super::rules::Checked;
use super::*;

/// A transaction whose signature nobody will look at, padded to a size.
fn tx(user: u8, nonce: u64, units: u64, pad: usize) -> Checked {
    let mut tx = unsigned(user, nonce, units);
    tx.body.description = "x".repeat(pad);
    checked(&tx, user)
}

fn unsigned(user: u8, nonce: u64, units: u64) -> Transaction {
    let payload = transfer_of(units);
    Transaction {
        signature: Signature {
            bytes: Bytes::from_static(&[1; 65]),
            auth_type: "secp256k1_ep".to_owned(),
        },
        body: TxBody {
            description: String::new(),
            payload: payload.encode().unwrap().into(),
            payload_type: payload.payload_type().name().to_owned(),
            fee: amount(PRICE),
            nonce,
            chain_id: CHAIN.to_owned(),
        },
        serialization: Serialization::Concat,
        sender: Bytes::copy_from_slice(account(user).identifier()),
    }
}

fn checked(tx: &Transaction, user: u8) -> Checked {
    rules(true)
        .check(&RawTx::new(tx).unwrap())
        .inspect(|checked| assert_eq!(checked.envelope.sender, account(user)))
        .unwrap()
}

fn account(user: u8) -> AccountId {
    AccountId::new(KeyType::Secp256k1, &[user; 20]).unwrap()
}

fn pool_with(limits: Limits, balances: &[u64]) -> Pool {
    let mut pool = Pool::new(limits, params(true));
    for (user, balance) in (1..).zip(balances) {
        pool.learn(&account(user), facts(0, *balance));
    }
    pool
}

fn reap_all(own: Option<u8>) -> ReapLimits {
    ReapLimits { max_bytes: usize::MAX, reserved: 0, max_txs: usize::MAX, own: own.map(account) }
}

fn places(txs: &[RawTx]) -> Vec<(u8, u64)> {
    txs.iter().map(|raw| (raw.transaction().sender[0], raw.transaction().body.nonce)).collect()
}

#[test]
fn peers_transactions_wait_for_the_missing_nonce_and_are_then_executable() {
    let now = Instant::now();
    let mut pool = pool_with(limits(), &[1_000]);
    for nonce in [3, 5, 2] {
        pool.insert(tx(1, nonce, 1, 0), Origin::Peer, now).unwrap();
    }
    assert_eq!((pool.summary().txs, pool.summary().ready_txs), (3, 0));
    assert!(pool.reap(&reap_all(None)).others.is_empty());
    pool.insert(tx(1, 1, 1, 0), Origin::Peer, now).unwrap();
    assert_eq!(places(&pool.reap(&reap_all(None)).others), [(1, 1), (1, 2), (1, 3)]);
    assert_eq!(pool.pending(&account(1)).unwrap().nonce, 3);
    let too_far = pool.insert(tx(1, 3 + 1 + 64 + 1, 1, 0), Origin::Peer, now).unwrap_err();
    assert_eq!(too_far.code, TxCode::InvalidNonce);
    pool.insert(tx(1, 3 + 1 + 64, 1, 0), Origin::Peer, now).unwrap();
}

#[test]
fn parked_transaction_is_dropped_after_a_minute() {
    let now = Instant::now();
    let mut pool = pool_with(limits(), &[1_000]);
    pool.insert(tx(1, 1, 1, 0), Origin::Peer, now).unwrap();
    let parked = tx(1, 3, 1, 0);
    let id = parked.raw.id();
    pool.insert(parked, Origin::Peer, now).unwrap();
    assert!(pool.commit(&[], &[], now + Duration::from_secs(59)).dropped.is_empty());
    let dropped = pool.commit(&[], &[], now + Duration::from_secs(60)).dropped;
    assert_eq!(dropped.iter().map(|dropped| dropped.id).collect::<Vec<_>>(), [id]);
    assert_eq!(pool.summary().txs, 1);
}

#[test]
fn proposal_has_own_transactions_first_then_senders_in_order_of_arrival() {
    let now = Instant::now();
    let mut pool = pool_with(limits(), &[1_000, 1_000, 1_000]);
    for (user, nonce, origin) in [
        (1, 2, Origin::Peer),
        (2, 1, Origin::Client),
        (3, 1, Origin::Own),
        (1, 1, Origin::Peer),
        (2, 2, Origin::Client),
        (3, 2, Origin::Own),
    ] {
        pool.insert(tx(user, nonce, 1, 0), origin, now).unwrap();
    }
    let reaped = pool.reap(&reap_all(Some(3)));
    assert_eq!(places(&reaped.own), [(3, 1), (3, 2)]);
    // The first place belongs to account 1, whose next nonce is 1 although 2 came first.
    assert_eq!(places(&reaped.others), [(1, 1), (2, 1), (1, 2), (2, 2)]);
    let bytes: usize = reaped.own.iter().chain(&reaped.others).map(RawTx::len).sum();
    assert_eq!(reaped.bytes, bytes);
}

#[test]
fn proposal_stops_a_sender_at_the_first_that_does_not_fit_and_keeps_the_reserve() {
    let now = Instant::now();
    let mut pool = pool_with(limits(), &[1_000, 1_000]);
    let small = tx(2, 1, 1, 0).raw.len();
    pool.insert(tx(1, 1, 1, 0), Origin::Client, now).unwrap();
    pool.insert(tx(1, 2, 1, 150), Origin::Client, now).unwrap();
    pool.insert(tx(1, 3, 1, 0), Origin::Client, now).unwrap();
    pool.insert(tx(2, 1, 1, 0), Origin::Client, now).unwrap();
    let limits = ReapLimits { max_bytes: 2 * small + 20, ..reap_all(None) };
    assert_eq!(places(&pool.reap(&limits).others), [(1, 1), (2, 1)]);
    let with_reserve = ReapLimits { reserved: small, ..limits.clone() };
    assert_eq!(places(&pool.reap(&with_reserve).others), [(1, 1)]);
    assert_eq!(places(&pool.reap(&ReapLimits { max_txs: 1, ..limits }).others), [(1, 1)]);
}

#[test]
fn balance_counts_what_waits_and_a_commit_drops_what_is_no_longer_covered() {
    let now = Instant::now();
    let mut pool = pool_with(limits(), &[120, 0]);
    pool.insert(tx(1, 1, 60, 0), Origin::Client, now).unwrap();
    assert_eq!(pool.pending(&account(1)), Some(facts(1, 120 - 60 - PRICE)));
    let refused = pool.insert(tx(1, 2, 51, 0), Origin::Client, now).unwrap_err();
    assert_eq!(refused.code, TxCode::InsufficientBalance);
    assert_eq!(
        pool.insert(tx(2, 1, 0, 0), Origin::Client, now).unwrap_err().code,
        TxCode::InsufficientBalance
    );
    let second = tx(1, 2, 30, 0);
    let id = second.raw.id();
    pool.insert(second, Origin::Client, now).unwrap();
    pool.insert(tx(1, 3, 0, 0), Origin::Client, now).unwrap();
    let first = (account(1), pool.reap(&reap_all(None)).others[0].clone());
    let done = pool.commit(&[first], &[(account(1), facts(1, 29))], now);
    assert_eq!(done.included.len(), 1);
    assert_eq!(done.dropped.iter().map(|dropped| dropped.id).collect::<Vec<_>>(), [id]);
    assert_eq!(pool.summary().ready_txs, 0, "what follows the dropped one waits for a replacement");
}

#[test]
fn one_account_gets_a_tenth_of_the_bytes_and_its_number_of_transactions() {
    let now = Instant::now();
    let few = Limits { max_per_sender: 3, ..limits() };
    let mut pool = pool_with(few, &[1_000_000]);
    for nonce in 1..=3 {
        pool.insert(tx(1, nonce, 1, 0), Origin::Client, now).unwrap();
    }
    assert_eq!(
        pool.insert(tx(1, 4, 1, 0), Origin::Client, now).unwrap_err().code,
        TxCode::MempoolFull
    );
    pool.insert(tx(1, 4, 1, 0), Origin::Own, now).unwrap();

    let len = tx(1, 1, 1, 0).raw.len();
    let tight = Limits { max_bytes: 10 * len * 2 + 5, ..limits() };
    let mut pool = pool_with(tight, &[1_000_000]);
    pool.insert(tx(1, 1, 1, 0), Origin::Client, now).unwrap();
    pool.insert(tx(1, 2, 1, 0), Origin::Client, now).unwrap();
    assert_eq!(
        pool.insert(tx(1, 3, 1, 0), Origin::Client, now).unwrap_err().code,
        TxCode::MempoolFull
    );

    let tiny = Limits { max_bytes: len, ..limits() };
    let mut pool = pool_with(tiny, &[1_000_000]);
    pool.insert(tx(1, 1, 1, 0), Origin::Client, now).unwrap();
}

#[test]
fn full_pool_gives_up_parked_transactions_and_for_its_own_node_the_heaviest_senders_last() {
    let now = Instant::now();
    let len = tx(1, 1, 1, 0).raw.len();
    let limits = Limits { max_bytes: 4 * len, ..limits() };
    let mut pool = pool_with(limits, &[1_000; 6]);
    let parked = tx(1, 2, 1, 0);
    let parked_id = parked.raw.id();
    pool.insert(parked, Origin::Peer, now).unwrap();
    for user in 2..=4 {
        pool.insert(tx(user, 1, 1, 0), Origin::Client, now).unwrap();
    }
    let dropped = pool.insert(tx(5, 1, 1, 0), Origin::Client, now).unwrap();
    assert_eq!(dropped.iter().map(|dropped| dropped.id).collect::<Vec<_>>(), [parked_id]);
    assert_eq!(
        pool.insert(tx(1, 1, 1, 0), Origin::Client, now).unwrap_err().code,
        TxCode::MempoolFull
    );
    let dropped = pool.insert(tx(6, 1, 1, 0), Origin::Own, now).unwrap();
    assert_eq!((dropped.len(), dropped[0].reason.code), (1, TxCode::MempoolFull));
    assert_eq!(pool.summary().bytes, 4 * len);
}

#[test]
fn only_transactions_that_entered_here_are_announced_again_and_not_for_ever() {
    let start = Instant::now();
    let mut pool = pool_with(limits(), &[1_000; 3]);
    pool.insert(tx(1, 1, 1, 0), Origin::Client, start).unwrap();
    pool.insert(tx(2, 1, 1, 0), Origin::Peer, start).unwrap();
    pool.insert(tx(3, 1, 1, 0), Origin::Own, start).unwrap();
    let plan = Reannounce::default();
    assert!(pool.announce_again(&plan, start + Duration::from_secs(29)).is_empty());
    for round in 1..=10 {
        let due = pool.announce_again(&plan, start + round * plan.every);
        assert_eq!(places(&due), [(1, 1), (3, 1)]);
    }
    assert!(pool.announce_again(&plan, start + 11 * plan.every).is_empty());
    let small = Reannounce { max_txs: 1, times: 99, ..plan };
    assert_eq!(places(&pool.announce_again(&small, start + 20 * small.every)), [(1, 1)]);
    assert_eq!(places(&pool.announce_again(&small, start + 20 * small.every)), [(3, 1)]);
}

#[test]
fn summary_tells_since_when_executable_work_waits() {
    let start = Instant::now();
    let later = start + Duration::from_secs(1);
    let mut pool = pool_with(limits(), &[1_000; 2]);
    assert_eq!(pool.summary().waiting_since, None);
    pool.insert(tx(1, 2, 1, 0), Origin::Peer, start).unwrap();
    assert_eq!(pool.summary().waiting_since, None);
    pool.insert(tx(2, 1, 1, 0), Origin::Peer, later).unwrap();
    assert_eq!((pool.summary().waiting_since, pool.summary().newest), (Some(later), 2));
}

#[derive(Clone, Debug)]
enum Step {
    Insert { user: u8, nonce: u64, amount: u64, origin: Origin, pad: usize },
    Commit { take: usize, balances: [u64; 3], skip: u64 },
    Remove(prop::sample::Index),
    Gas(bool),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let origin = prop_oneof![Just(Origin::Own), Just(Origin::Client), Just(Origin::Peer)];
    prop_oneof![
        8 => (1..4u8, 1..12u64, 0..80u64, origin, 0..200usize)
            .prop_map(|(user, nonce, amount, origin, pad)| Step::Insert { user, nonce, amount, origin, pad }),
        2 => (0..6usize, prop::array::uniform3(0..300u64), 0..2u64)
            .prop_map(|(take, balances, skip)| Step::Commit { take, balances, skip }),
        1 => any::<prop::sample::Index>().prop_map(Step::Remove),
        1 => any::<bool>().prop_map(Step::Gas),
        1 => (0..90u64).prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn proposals_are_always_executable_and_the_books_always_agree(steps in prop::collection::vec(step(), 1..60)) {
        let mut now = Instant::now();
        let max_bytes = 6_000;
        let mut pool = pool_with(Limits { max_bytes, max_per_sender: 8, max_gap: 2 }, &[200, 200, 200]);
        let mut state = [facts(0, 200), facts(0, 200), facts(0, 200)];
        let mut gas = true;
        let mut here = BTreeSet::new();
        for step in steps {
            match step {
                Step::Insert { user, nonce, amount, origin, pad } => {
                    let new = tx(user, nonce, amount, pad);
                    let id = new.raw.id();
                    if here.contains(&id) {
                        continue;
                    }
                    if let Ok(dropped) = pool.insert(new, origin, now) {
                        here.insert(id);
                        for gone in dropped {
                            prop_assert!(here.remove(&gone.id));
                        }
                    }
                }
                Step::Commit { take, balances, skip } => {
                    let txs: Vec<_> = pool.reap(&reap_all(None)).others.into_iter().take(take).collect();
                    for (facts, balance) in state.iter_mut().zip(balances) {
                        *facts = Account { nonce: facts.nonce + skip, balance: amount(balance) };
                    }
                    for (user, nonce) in places(&txs) {
                        let facts = &mut state[usize::from(user) - 1];
                        facts.nonce = facts.nonce.max(nonce);
                    }
                    let txs: Vec<_> = txs.into_iter().map(|raw| (account(raw.transaction().sender[0]), raw)).collect();
                    let accounts: Vec<_> = (1..).map(account).zip(state.iter().cloned()).collect();
                    let done = pool.commit(&txs, &accounts, now);
                    prop_assert_eq!(done.included.len(), txs.len());
                    for id in done.included.iter().map(|(id, _)| *id).chain(done.dropped.iter().map(|gone| gone.id)) {
                        prop_assert!(here.remove(&id));
                    }
                }
                Step::Remove(index) => {
                    let ids: Vec<_> = here.iter().copied().collect();
                    if !ids.is_empty() {
                        let reason = Rejected::plain(TxCode::RejectedByPolicy);
                        for gone in pool.remove(&[ids[index.index(ids.len())]], &reason, now) {
                            prop_assert!(here.remove(&gone.id));
                        }
                    }
                }
                Step::Gas(on) => {
                    gas = on;
                    for gone in pool.set_params(params(on), now) {
                        prop_assert!(here.remove(&gone.id));
                    }
                }
                Step::Wait(seconds) => now += Duration::from_secs(seconds),
            }
            let all: Vec<_> = pool.all().cloned().collect();
            prop_assert_eq!(all.iter().map(RawTx::id).collect::<BTreeSet<_>>(), here.clone());
            let summary = pool.summary();
            prop_assert_eq!((summary.txs, summary.bytes), (all.len(), all.iter().map(RawTx::len).sum::<usize>()));
            prop_assert!(summary.bytes <= max_bytes);
            let reaped = pool.reap(&reap_all(None));
            prop_assert_eq!(reaped.others.len(), summary.ready_txs);
            prop_assert_eq!(reaped.bytes, summary.ready_bytes);
            let mut next = state.clone();
            for raw in &reaped.others {
                let user = raw.transaction().sender[0];
                let facts = &mut next[usize::from(user) - 1];
                prop_assert_eq!(raw.transaction().body.nonce, facts.nonce + 1);
                facts.nonce += 1;
                if gas {
                    let transfer = rules(false).check(raw).unwrap().envelope.amount;
                    prop_assert!(transfer <= facts.balance);
                    let spend = transfer.checked_add(&amount(PRICE)).unwrap();
                    facts.balance = facts.balance.saturating_sub(&spend);
                }
            }
            for (user, facts) in (1..).zip(&next) {
                prop_assert_eq!(pool.pending(&account(user)).unwrap().nonce, facts.nonce);
            }
        }
    }
}
