//! What other nodes are told about the newest heights.

use kwil_state::{Executor, Extensions, verify_state};
use kwil_types::{Amount, Payload, Transfer};

use crate::network::{Setup, account_of, tx, user};

#[tokio::test]
async fn a_summary_holds_what_a_verification_finds_and_the_newest_sixteen_are_kept() {
    let alloc = vec![(account_of(&user(1)), 1000), (account_of(&user(2)), 1)];
    let mut net = Setup { alloc, ..Setup::free(&[1]) }.start().await;
    let summaries = net.executor.summaries();
    for nonce in 1..=20 {
        let payment = Transfer { to: account_of(&user(2)), amount: Amount::from(1_u64) };
        net.ok(tx(&user(1), nonce, 0, &Payload::Transfer(payment))).await;
    }
    let report = verify_state(net.test.endpoint(), None).await.unwrap();
    let newest = summaries.at(report.chain.height).unwrap();
    assert_eq!(newest.chain, report.chain);
    assert_eq!(newest.catalog_hash, report.catalog_hash);
    let found: Vec<_> =
        report.tables.iter().map(|it| (it.table.clone(), it.found_rows, it.found_digest)).collect();
    let told: Vec<_> = newest
        .tables
        .iter()
        .map(|it| (format!("{}.{}", it.schema, it.name), it.rows, it.digest))
        .collect();
    assert_eq!(told, found);
    let known = |height: &u64| summaries.at(*height).is_some();
    let heights: Vec<u64> = (0..=report.chain.height + 1).filter(known).collect();
    assert_eq!(heights, (5..=20).collect::<Vec<u64>>());
    let before = summaries.at(report.chain.height - 1).unwrap();
    let differing: Vec<_> =
        before.tables.iter().zip(&newest.tables).filter(|(a, b)| a != b).collect();
    assert_eq!(differing.len(), 1, "a transfer changes one table: {differing:?}");

    // A node that has just started knows the state it stands at.
    let (genesis, endpoint) = (net.genesis.clone(), net.test.endpoint().clone());
    drop(net.executor);
    let again = Executor::open(endpoint, &genesis, Extensions::default()).await.unwrap();
    assert_eq!(again.summaries().at(report.chain.height), Some(newest));
}
