//! Equal blocks give equal hashes, whatever happened before.

use kwil_crypto::EthAddress;
use kwil_state::{ExecuteError, Executor, Extensions, FaultKind, InvalidBlock, verify_state};
use kwil_types::{Amount, Payload, RawTx, Transaction, Transfer, ValidatorApprove, ValidatorJoin};
use tokio_util::sync::CancellationToken;

use crate::network::{Net, Setup, account_of, key, node, tx, user};

fn transfer(from: u8, nonce: u64, to: u8, amount: u64) -> RawTx {
    let payload = Transfer { to: EthAddress([to; 20]).into(), amount: Amount::from(amount) };
    tx(&user(from), nonce, 0, &Payload::Transfer(payload))
}

fn setup() -> Setup {
    let alloc = (1..6).map(|number| (account_of(&user(number)), 1_000)).collect();
    Setup { powers: vec![1, 1], gas: false, alloc, ..Setup::free(&[1]) }
}

/// Some blocks with everything in them, failures included.
async fn history() -> Net {
    let mut net = setup().start().await;
    net.block(vec![transfer(1, 1, 9, 5), transfer(2, 1, 9, 6), transfer(1, 2, 8, 5_000)]).await;
    net.block(Vec::new()).await;
    net.block(vec![
        tx(&node(2), 1, 0, &Payload::ValidatorJoin(ValidatorJoin { power: 3 })),
        tx(&node(0), 1, 0, &Payload::ValidatorApprove(ValidatorApprove { candidate: key(2) })),
        transfer(3, 7, 9, 1),
    ])
    .await;
    net.block(vec![tx(
        &node(1),
        1,
        0,
        &Payload::ValidatorApprove(ValidatorApprove { candidate: key(2) }),
    )])
    .await;
    net.block(vec![transfer(4, 1, 9, 1)]).await;
    net
}

#[tokio::test]
async fn replaying_the_blocks_gives_the_same_app_hash_at_every_height() {
    let first = history().await;
    let mut second = setup().start().await;
    assert_ne!(second.executor.chain().app_hash, first.executor.chain().app_hash);
    for input in &first.inputs {
        // The header names the app hash before the block.
        assert_eq!(input.header.prev_app_hash, second.executor.chain().app_hash);
        second.commit(input.clone()).await;
    }
    assert_eq!(second.executor.chain(), first.executor.chain());
    for net in [&first, &second] {
        assert!(verify_state(net.test.endpoint(), None).await.unwrap().holds());
    }
}

#[tokio::test]
async fn an_aborted_block_leaves_nothing_and_executes_again_to_the_same_hash() {
    let mut net = history().await;
    let before = net.executor.chain();
    let input = net.input(vec![transfer(5, 1, 7, 9), transfer(5, 2, 7, 9)]);
    let first = net.executor.execute(&input, CancellationToken::new()).await.unwrap();
    net.executor.abort().await;
    assert_eq!(net.executor.chain(), before);
    let other = net.input(vec![transfer(4, 2, 7, 1)]);
    net.executor.execute(&other, CancellationToken::new()).await.unwrap();
    net.executor.abort().await;
    let again = net.commit(input).await;
    assert_eq!((first.app_hash, first.results), (again.app_hash, again.results));
}

#[tokio::test]
async fn a_restarted_executor_goes_on_where_it_was() {
    let Net { executor, database, test, genesis, time, inputs } = history().await;
    let before = executor.chain();
    let reader = executor.subscribe();
    executor.close().await;
    let executor =
        Executor::open(test.endpoint().clone(), &genesis, Extensions::default()).await.unwrap();
    assert_eq!(executor.chain(), before);
    let (old, new) =
        (reader.borrow().network.clone(), executor.subscribe().borrow().network.clone());
    assert_eq!(old.validators(), new.validators());
    assert_eq!(old.params(), new.params());
    assert_eq!(
        old.pending_resolutions().collect::<Vec<_>>(),
        new.pending_resolutions().collect::<Vec<_>>()
    );
    let mut net = Net { executor, database, test, genesis, time, inputs };
    net.ok(transfer(4, 2, 9, 1)).await;
}

#[tokio::test]
async fn a_pending_request_survives_a_restart() {
    let mut net = setup().start().await;
    net.ok(tx(&node(2), 1, 0, &Payload::ValidatorJoin(ValidatorJoin { power: 3 }))).await;
    net.ok(tx(&node(0), 1, 0, &Payload::ValidatorApprove(ValidatorApprove { candidate: key(2) })))
        .await;
    let Net { executor, database, test, genesis, time, inputs } = net;
    let before: Vec<_> = executor.subscribe().borrow().network.pending_resolutions().collect();
    executor.close().await;
    let executor =
        Executor::open(test.endpoint().clone(), &genesis, Extensions::default()).await.unwrap();
    let mut net = Net { executor, database, test, genesis, time, inputs };
    assert_eq!(net.published().network.pending_resolutions().collect::<Vec<_>>(), before);
    let approve = Payload::ValidatorApprove(ValidatorApprove { candidate: key(2) });
    let outcome = net.ok(tx(&node(1), 1, 0, &approve)).await;
    assert_eq!(outcome.validator_updates.len(), 1);
}

#[tokio::test]
async fn the_order_of_independent_transactions_does_not_show() {
    let mut hashes = Vec::new();
    for reversed in [false, true] {
        let mut net = setup().start().await;
        let mut txs = vec![
            transfer(1, 1, 9, 5),
            transfer(2, 1, 9, 6),
            transfer(3, 1, 8, 7),
            transfer(4, 1, 9, 0),
        ];
        if reversed {
            txs.reverse();
        }
        hashes.push(net.block(txs).await.app_hash);
    }
    assert_eq!(hashes[0], hashes[1]);
}

#[tokio::test]
async fn a_failed_transaction_leaves_the_state_of_one_that_only_counted() {
    // The same sender fails in three ways; only its nonce may show.
    let failing: [fn() -> Payload; 3] = [
        || Payload::Transfer(Transfer { to: account_of(&user(9)), amount: Amount::from(2_000) }),
        || Payload::ValidatorJoin(ValidatorJoin { power: 1 }),
        || Payload::ValidatorApprove(ValidatorApprove { candidate: key(3) }),
    ];
    let mut roots = Vec::new();
    for payload in failing {
        let mut net = setup().start().await;
        let outcome = net.block(vec![tx(&user(1), 1, 0, &payload())]).await;
        assert!(!outcome.results[0].code.is_ok());
        roots.push(outcome.state_root);
    }
    assert!(roots.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test]
async fn networks_with_other_genesis_differ_from_the_start() {
    let mut hashes = Vec::new();
    for setup in [
        Setup::free(&[1]),
        Setup::free(&[2]),
        Setup::free(&[1, 1]),
        Setup { gas: true, ..Setup::free(&[1]) },
    ] {
        hashes.push(setup.start().await.executor.chain().app_hash);
    }
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 4);
}

#[tokio::test]
async fn blocks_that_no_node_may_accept_are_refused_and_leave_nothing() {
    let mut net = setup().start().await;
    let good = transfer(1, 1, 9, 5);
    let twice = net.input(vec![good.clone(), good.clone()]);
    let error = net.executor.execute(&twice, CancellationToken::new()).await.unwrap_err();
    assert!(matches!(error, ExecuteError::Invalid(InvalidBlock::Twice(id)) if id == good.id()));

    let mut foreign: Transaction = good.transaction().clone();
    foreign.body.chain_id = "other".into();
    let other_chain = net.input(vec![RawTx::new(&foreign).unwrap()]);
    let error = net.executor.execute(&other_chain, CancellationToken::new()).await.unwrap_err();
    assert!(matches!(error, ExecuteError::Invalid(InvalidBlock::WrongChain { .. })));

    let mut unknown: Transaction = good.transaction().clone();
    unknown.signature.auth_type = "SECP256K1_EP".into();
    let no_sender = net.input(vec![RawTx::new(&unknown).unwrap()]);
    let error = net.executor.execute(&no_sender, CancellationToken::new()).await.unwrap_err();
    assert!(matches!(error, ExecuteError::Invalid(InvalidBlock::Sender { .. })));

    net.ok(good).await;
}

#[tokio::test]
async fn a_cancelled_block_is_no_result_and_can_be_executed_again() {
    let mut net = setup().start().await;
    let input = net.input(vec![transfer(1, 1, 9, 5)]);
    let cancelled = CancellationToken::new();
    cancelled.cancel();
    let error = net.executor.execute(&input, cancelled).await.unwrap_err();
    assert!(matches!(error, ExecuteError::Node(fault) if fault.is_retryable()));
    net.commit(input).await;
}

#[tokio::test]
async fn a_block_beyond_the_ceiling_is_a_fault_of_the_node() {
    let Net { executor, database, test, genesis, time, inputs } = setup().start().await;
    let executor = executor.with_ceiling(std::time::Duration::from_millis(50));
    let mut net = Net { executor, database, test, genesis, time, inputs };
    let input = net.input(vec![transfer(1, 1, 9, 5)]);
    // Somebody holds the accounts, so that the block cannot be faster than its ceiling.
    let mut holder = net.test.connect_superuser().await;
    let hold = "BEGIN; LOCK TABLE kwild_meta.accounts IN ACCESS EXCLUSIVE MODE";
    sqlx::raw_sql(hold).execute(&mut holder).await.unwrap();
    let error = net.executor.execute(&input, CancellationToken::new()).await.unwrap_err();
    sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.unwrap();
    let ExecuteError::Node(fault) = error else { panic!("{error}") };
    assert!(matches!(fault.kind, FaultKind::TooSlow(_)) && !fault.is_retryable());
    net.executor = net.executor.with_ceiling(std::time::Duration::from_secs(600));
    net.commit(input).await;
}
