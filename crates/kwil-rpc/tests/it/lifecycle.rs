//! Stopping: what runs may end, what waits is told.

use std::time::Duration;

use kwil_client::{ClientOptions, Provider, UserClient};
use kwil_crypto::NodeId;

use crate::ledger::{Ledger, SOON, node_key};
use crate::running::Running;
use crate::same::{transfer, users};

/// Waits until the ledger holds this many transactions.
async fn in_mempool(node: &Running, count: usize) {
    while node.ledger.mempool_len() < count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn requests_that_run_are_finished() {
    let node = Running::start(Ledger::new()).await;
    let mut waiting = tokio::task::JoinSet::new();
    for (nonce, client) in (8..).zip(users(&node)) {
        waiting.spawn(async move { client.broadcast_and_wait(transfer(nonce), SOON).await });
        in_mempool(&node, usize::try_from(nonce - 7).unwrap()).await;
    }
    let ledger = std::sync::Arc::clone(&node.ledger);
    node.stop.cancel();
    let stopped = tokio::spawn(node.handle.stopped());
    ledger.commit();
    while let Some(answer) = waiting.join_next().await {
        assert_eq!(answer.unwrap().unwrap().result.unwrap().code, 0);
    }
    tokio::time::timeout(SOON, stopped).await.unwrap().unwrap();
}

#[tokio::test]
async fn those_who_wait_too_long_are_told() {
    let node = Running::start_with(Ledger::new(), |user, admin| {
        user.limits.drain = Duration::from_millis(200);
        admin.limits.drain = Duration::from_millis(200);
    })
    .await;
    let mut waiting = tokio::task::JoinSet::new();
    for (nonce, client) in (8..).zip(users(&node)) {
        waiting.spawn(async move { client.broadcast_and_wait(transfer(nonce), SOON).await });
        in_mempool(&node, usize::try_from(nonce - 7).unwrap()).await;
    }
    node.stop.cancel();
    let stopped = tokio::spawn(node.handle.stopped());
    while let Some(answer) = waiting.join_next().await {
        let error = answer.unwrap().unwrap_err();
        assert_eq!(error.rpc().map(|error| error.code().0), Some(-32003), "{error}");
    }
    tokio::time::timeout(SOON, stopped).await.unwrap().unwrap();
}

#[tokio::test]
async fn after_the_stop_nobody_answers() {
    let node = Running::start(Ledger::new()).await;
    let (address, clients) = (node.address(), users(&node));
    node.end().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    for client in clients.into_iter().filter(|client| !client.endpoint().starts_with("quic")) {
        assert_eq!(client.ping().await.unwrap_err().exit_code(), 3);
    }
}

#[tokio::test]
async fn quic_clients_survive_a_restart_of_the_node() {
    let node = Running::start(Ledger::new()).await;
    let address = node.handle.user_quic_addr().unwrap();
    let id = NodeId::new(node_key().public_key());
    let provider: Provider = format!("quic://{id}@{address}").parse().unwrap();
    let client = UserClient::new(&provider, &ClientOptions::new().timeout(SOON)).unwrap();
    assert_eq!(client.ping().await.unwrap(), "pong");
    node.end().await;
    let again = Running::start_with(Ledger::new(), |user, _admin| user.listen = address).await;
    assert_eq!(again.handle.user_quic_addr(), Some(address));
    assert_eq!(client.ping().await.unwrap(), "pong");
}
