//! Transactions between nodes.

use bytes::Bytes;
use kwil_crypto::NodeId;
use kwil_p2p::{Conduct, NetworkEvent};

use crate::harness::{Node, Setup, eventually, id, pair, view};

fn transaction(event: NetworkEvent) -> Option<(NodeId, Bytes)> {
    match event {
        NetworkEvent::Transaction { from, bytes, .. } => Some((from, bytes)),
        _ => None,
    }
}

/// As the mempool does: keep, then tell the others.
fn admit(node: &Node, bytes: &Bytes, from: Option<&NodeId>) {
    let id = node.pool.insert(bytes);
    node.handle.announce_tx(id, from);
}

#[tokio::test]
async fn announced_transaction_is_fetched_and_told_on() {
    let (a, mut b) = pair().await;
    let mut c = Setup::new(3).knowing(&[&b]).start();
    c.connected_to(b.id).await;
    b.connected_to(c.id).await;

    let bytes = Bytes::from_static(b"a transaction");
    admit(&a, &bytes, None);
    assert_eq!(b.wait(transaction).await, (a.id, bytes.clone()));
    admit(&b, &bytes, Some(&a.id));
    assert_eq!(c.wait(transaction).await, (b.id, bytes));
}

#[tokio::test]
async fn many_transactions_arrive_once_each() {
    let (a, mut b) = pair().await;
    let all: Vec<Bytes> =
        (0..1000).map(|number| Bytes::from(format!("transaction {number}"))).collect();
    for bytes in &all {
        admit(&a, bytes, None);
        admit(&a, bytes, None);
    }
    let mut got = Vec::new();
    for _ in 0..all.len() {
        let (_, bytes) = b.wait(transaction).await;
        b.pool.insert(&bytes);
        got.push(bytes);
    }
    got.sort_unstable();
    let mut want = all;
    want.sort_unstable();
    assert_eq!(got, want);
}

#[tokio::test]
async fn transaction_is_pushed_to_the_leader_unasked() {
    let (a, mut b) = pair().await;
    let bytes = Bytes::from(vec![7; 300_000]);
    assert!(a.handle.push_tx(&b.id, kwil_crypto::sha256(&bytes), &bytes));
    assert_eq!(b.wait(transaction).await, (a.id, bytes));
    assert!(!a.handle.push_tx(&id(9), kwil_crypto::sha256(b"x"), &Bytes::from_static(b"x")));
}

#[tokio::test]
async fn rejected_transaction_is_not_fetched_again() {
    let (a, mut b) = pair().await;
    let (bad, good) = (Bytes::from_static(b"bad"), Bytes::from_static(b"good"));
    let bad_id = kwil_crypto::sha256(&bad);
    b.handle.reject_tx(bad_id, Some(a.id), Some(Conduct::InvalidTransaction));
    admit(&a, &bad, None);
    admit(&a, &good, None);
    assert_eq!(b.wait(transaction).await.1, good);
    // Validators are reserved, yet what they do is remembered.
    assert!(b.handle.peers()[0].score < 0.0);
}

#[tokio::test]
async fn node_that_catches_up_does_not_fetch_transactions() {
    let (a, mut b) = pair().await;
    let mut behind = view(&[1, 2, 3]);
    behind.syncing = true;
    b.handle.update_chain(behind);
    admit(&a, &Bytes::from_static(b"early"), None);
    let heard = kwil_p2p::Label { kind: "announced" };
    let gossip = b.handle.metrics().gossip;
    eventually(|| (gossip.get_or_create(&heard).get() == 1).then_some(())).await;
    b.handle.update_chain(view(&[1, 2, 3]));
    admit(&a, &Bytes::from_static(b"late"), None);
    assert_eq!(b.wait(transaction).await.1, Bytes::from_static(b"late"));
}

#[tokio::test]
async fn busy_node_still_hears_consensus() {
    let (a, mut b) = pair().await;
    admit(&a, &Bytes::from_static(b"work"), None);
    a.handle.broadcast(&crate::flood::vote(1, 11, 0), 0);
    let urgent = async {
        loop {
            let event = b.events.recv_urgent().await.unwrap();
            assert!(!matches!(event, NetworkEvent::Transaction { .. } | NetworkEvent::Request(_)));
            if crate::flood::voted(event).is_some() {
                return;
            }
        }
    };
    tokio::time::timeout(crate::harness::PATIENCE, urgent).await.unwrap();
    assert_eq!(b.wait(transaction).await.1, Bytes::from_static(b"work"));
}
