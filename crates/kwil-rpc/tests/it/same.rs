//! One answer whatever the transport: every method over HTTP, gRPC, QUIC and the socket file.

use kwil_api::Transaction;
use kwil_api::admin::TxOptions;
use kwil_api::chain::{BlockAt, BlockRequest};
use kwil_client::{AdminClient, ClientOptions, Provider, Sender, TxDraft, UserClient};
use kwil_crypto::{NodeId, PrivateKey};
use kwil_types::{AccountId, Amount, RawTx};

use crate::ledger::{CHAIN_ID, Ledger, SOON, eth_account, eth_signer, node_key, proposal};
use crate::running::Running;

fn receiver() -> AccountId {
    AccountId::new(kwil_crypto::KeyType::Secp256k1, &[0xc8; 20]).unwrap()
}

/// A signed transfer of 10 tokens.
pub(crate) fn signed_transfer(nonce: u64) -> RawTx {
    let draft = TxDraft::transfer(receiver(), Amount::from(10)).unwrap();
    draft.nonce(nonce).fee(Amount::ZERO).sign(&eth_signer(), CHAIN_ID).unwrap()
}

pub(crate) fn transfer(nonce: u64) -> Transaction {
    signed_transfer(nonce).transaction().into()
}

/// A user client for each way in.
pub(crate) fn users(node: &Running) -> Vec<UserClient> {
    let id = NodeId::new(node_key().public_key());
    let address = node.address();
    let quic = node.handle.user_quic_addr().unwrap();
    [
        format!("http://{address}"),
        format!("grpc://{address}"),
        format!("quic://{id}@{quic}"),
        node.socket.display().to_string(),
    ]
    .iter()
    .map(|url| UserClient::new(&url.parse::<Provider>().unwrap(), &ClientOptions::new()).unwrap())
    .collect()
}

macro_rules! same {
    ($clients:expr, $call:expr) => {{
        let mut answers = Vec::new();
        for client in &$clients {
            let call = $call;
            answers.push((client.endpoint().to_owned(), call(client.clone()).await.unwrap()));
        }
        let (_, first) = answers.first().cloned().unwrap();
        for (endpoint, answer) in answers {
            assert_eq!(answer, first, "{endpoint}");
        }
        first
    }};
}

#[tokio::test]
async fn user_methods_answer_the_same_everywhere() {
    let node = Running::start(Ledger::new()).await;
    let clients = users(&node);
    let sent = clients[0].broadcast(transfer(8)).await.unwrap();
    node.ledger.commit();
    clients[0].broadcast(transfer(9)).await.unwrap();

    same!(clients, |client: UserClient| async move { client.version().await });
    assert_eq!(same!(clients, |client: UserClient| async move { client.ping().await }), "pong");
    assert_eq!(
        same!(clients, |client: UserClient| async move { client.health().await }).height,
        110
    );
    same!(clients, |client: UserClient| async move { client.chain_info().await });
    let account =
        same!(
            clients,
            |client: UserClient| async move { client.account(&eth_account(), true).await }
        );
    assert_eq!((account.nonce, account.balance.to_string().as_str()), (9, "999990"));
    same!(clients, |client: UserClient| async move { client.account(&receiver(), false).await });
    assert_eq!(
        same!(clients, |client: UserClient| async move { client.num_accounts().await }).count,
        3
    );
    same!(clients, |client: UserClient| async move { client.estimate_price(transfer(0)).await });
    let found =
        same!(clients, |client: UserClient| async move { client.tx_query(sent.tx_hash).await });
    assert_eq!((found.height, found.tx.clone()), (110, transfer(8)));
    let waiting = signed_transfer(9).id();
    assert_eq!(
        same!(clients, |client: UserClient| async move { client.tx_query(waiting).await }).height,
        -1
    );
    same!(clients, |client: UserClient| async move { client.update_proposals().await });
    let one =
        same!(
            clients,
            |client: UserClient| async move { client.update_proposal(proposal().id).await }
        );
    assert_eq!(one, proposal());
    for client in clients {
        client.close().await;
    }
    node.end().await;
}

#[tokio::test]
async fn chain_methods_answer_the_same_everywhere() {
    let node = Running::start(Ledger::new()).await;
    let clients = users(&node);
    let sent = clients[0].broadcast(transfer(8)).await.unwrap();
    node.ledger.commit();
    clients[0].broadcast(transfer(9)).await.unwrap();
    let waiting = signed_transfer(9).id();

    let block = same!(clients, |client: UserClient| async move { client.block(110).await });
    let commit = block.commit_info.unwrap();
    assert_eq!(
        (block.block.unwrap().txns.len(), commit.votes.len(), commit.votes[0].ack),
        (1, 1, 1)
    );
    let raw = BlockRequest { height: 110, raw: true, ..BlockRequest::default() };
    let raw = same!(clients, |client: UserClient| async move { client.block_as(raw).await });
    assert_eq!(kwil_types::Block::decode(&raw.raw_block.into()).unwrap().hash(), block.hash);
    let ids = BlockRequest { hash: Some(block.hash), tx_ids_only: true, ..BlockRequest::default() };
    let ids = same!(clients, |client: UserClient| async move { client.block_as(ids).await });
    assert_eq!(ids.tx_ids, [sent.tx_hash]);
    let at = BlockAt { height: 110, hash: None };
    let header = same!(clients, |client: UserClient| async move { client.block_header(at).await });
    assert_eq!((header.hash, header.header.num_txns), (block.hash, 1));
    let results =
        same!(clients, |client: UserClient| async move { client.block_results(at).await });
    assert_eq!(results.tx_results.len(), 1);
    let tx =
        same!(clients, |client: UserClient| async move { client.chain_tx(sent.tx_hash).await });
    assert_eq!((tx.index, tx.tx), (0, transfer(8)));
    let genesis = same!(clients, |client: UserClient| async move { client.genesis().await });
    assert_eq!((genesis.chain_id.as_str(), genesis.alloc.len()), (CHAIN_ID, 2));
    same!(clients, |client: UserClient| async move { client.validators(None).await });
    let unconfirmed =
        same!(clients, |client: UserClient| async move { client.unconfirmed(0).await });
    assert_eq!((unconfirmed.total, unconfirmed.txs[0].hash), (1, waiting));
    // Height and migration state of the parameters are told over gRPC only.
    let params = same!(clients, |client: UserClient| async move {
        client
            .consensus_params()
            .await
            .map(|params| (params.leader, params.join_expiry, params.max_block_size))
    });
    assert_eq!(params.1.to_string(), "24h0m0s");
    for client in clients {
        client.close().await;
    }
    node.end().await;
}

#[tokio::test]
async fn errors_are_the_same_everywhere() {
    let node = Running::start(Ledger::new()).await;
    for client in users(&node) {
        let missing = client.tx_query(kwil_crypto::Hash([3; 32])).await.unwrap_err();
        let missing_code = missing.rpc().unwrap().code().0;
        assert_eq!((missing_code, missing.exit_code()), (-202, 4), "{}", client.endpoint());
        let refused = client.broadcast(transfer(5)).await.unwrap_err();
        let rpc = refused.rpc().unwrap();
        assert_eq!((rpc.code().0, rpc.tx_code()), (-201, Some(4)), "{}", client.endpoint());
        assert_eq!(rpc.detail("expected_nonce").unwrap(), 8, "{}", client.endpoint());
        assert!(refused.to_string().starts_with("broadcast error: code = 4, hash = "), "{refused}");
        let mut forged = transfer(8);
        forged.body.as_mut().unwrap().nonce = 9;
        let forged = client.broadcast(forged).await.unwrap_err();
        assert_eq!(forged.rpc().unwrap().tx_code(), Some(3), "{}", client.endpoint());
    }
}

#[tokio::test]
async fn a_sender_that_waits_sees_the_result() {
    let node = Running::start(Ledger::instant()).await;
    for (nonce, client) in (8..).zip(users(&node)) {
        let answer = client.broadcast_and_wait(transfer(nonce), SOON).await.unwrap();
        assert_eq!((answer.result.unwrap().code, answer.tx_hash), (0, signed_transfer(nonce).id()));
        // Sending it again is no error.
        let again = client.broadcast_and_wait(transfer(nonce), SOON).await.unwrap();
        assert_eq!(again.tx_hash, answer.tx_hash);
    }
}

#[tokio::test]
async fn a_transaction_is_prepared_sent_and_awaited() {
    let node = Running::start(Ledger::instant()).await;
    for client in users(&node) {
        let raw = client
            .prepare_transfer(receiver(), Amount::from(3), &eth_signer(), CHAIN_ID)
            .await
            .unwrap();
        let hash = client.broadcast(raw.transaction().into()).await.unwrap().tx_hash;
        let found = client.wait_for_success(hash, SOON).await.unwrap();
        assert_eq!(found.tx_hash, raw.id());
        let too_much: Amount = "99999999".parse().unwrap();
        let poor = client
            .prepare_transfer(receiver(), too_much.clone(), &eth_signer(), CHAIN_ID)
            .await
            .unwrap_err();
        assert!(
            poor.to_string().starts_with("send amount plus fees (99999999) larger than balance ("),
            "{poor}"
        );
        let draft = TxDraft::transfer(receiver(), too_much).unwrap();
        let failing = client.send(draft, &eth_signer(), CHAIN_ID).await.unwrap();
        let failed = client.wait_for_success(failing, SOON).await.unwrap_err();
        assert_eq!((failed.exit_code(), failed.error_code()), (6, "tx_failed"));
    }
}

#[tokio::test]
async fn a_sender_counts_its_nonces_and_notices_others() {
    let node = Running::start(Ledger::new()).await;
    for (round, client) in (0..).zip(users(&node)) {
        let sender = Sender::new(client, eth_signer(), CHAIN_ID).unwrap();
        let draft = || TxDraft::transfer(receiver(), Amount::from(1)).unwrap().fee(Amount::ZERO);
        let first = 8 + round * 4;
        assert_eq!(sender.send(draft()).await.unwrap(), signed(1, first));
        assert_eq!(sender.send(draft()).await.unwrap(), signed(1, first + 1));
        // Somebody else uses the same key.
        users(&node)[0].broadcast(transfer(first + 2)).await.unwrap();
        assert_eq!(sender.send(draft()).await.unwrap(), signed(1, first + 3));
        assert_eq!(u64::try_from(node.ledger.mempool_len()).unwrap(), (round + 1) * 4);
    }
}

/// Id of a transfer of this amount.
fn signed(amount: u64, nonce: u64) -> kwil_crypto::Hash {
    let draft = TxDraft::transfer(receiver(), Amount::from(amount)).unwrap();
    draft.nonce(nonce).fee(Amount::ZERO).sign(&eth_signer(), CHAIN_ID).unwrap().id()
}

#[tokio::test]
async fn admin_methods_over_the_socket() {
    let node = Running::start(Ledger::instant()).await;
    let admin = AdminClient::new(
        &Provider::admin(&node.socket.display().to_string()).unwrap(),
        &ClientOptions::new(),
    );
    admin_walk(&admin.unwrap()).await;
}

/// Every admin method once, in the order of an operator's day.
pub(crate) async fn admin_walk(admin: &AdminClient) {
    let own = NodeId::new(node_key().public_key());
    let other = NodeId::new(
        PrivateKey::from_bytes(kwil_crypto::KeyType::Secp256k1, &[0x22; 32]).unwrap().public_key(),
    );
    let options = TxOptions { wait: true, timeout: "10s".parse().unwrap() };
    assert_eq!(admin.version().await.unwrap().service, "admin");
    assert!(admin.health().await.unwrap().healthy);
    let status = admin.status().await.unwrap();
    assert_eq!((status.node.role.as_str(), status.node.node_id), ("leader", own.to_string()));
    assert_eq!(admin.peers().await.unwrap()[0].connected_since, Some(1_738_000_000_123));
    assert!(admin.config(false).await.unwrap().contains("***"));
    assert!(admin.config(true).await.unwrap().contains("hunter2"));
    assert_eq!(admin.validators().await.unwrap()[0].power, 1);

    assert_eq!(admin.join_status(&other).await.unwrap_err().exit_code(), 4);
    let joined = admin.join(options).await.unwrap();
    assert_eq!(joined.result.unwrap().code, 0);
    let requests = admin.join_requests().await.unwrap();
    assert_eq!((requests.needed, requests.join_requests.is_empty()), (1, false));
    assert_eq!(admin.join_status(&own).await.unwrap().expires_at, 1_738_430_489_000);
    let refused = admin.approve(&other, TxOptions::default()).await.unwrap_err();
    assert_eq!(refused.rpc().unwrap().tx_code(), Some(9));
    admin.approve(&own, TxOptions::default()).await.unwrap();
    admin.remove(&own, TxOptions::default()).await.unwrap();
    admin.leave(TxOptions::default()).await.unwrap();

    let past = admin.replace_leader(&own, 1).await.unwrap_err();
    assert!(
        past.to_string().contains("height 1 is less than or equal to the current height"),
        "{past}"
    );
    admin.replace_leader(&own, 100_000).await.unwrap();

    admin.whitelist_add(&other).await.unwrap();
    assert_eq!(admin.whitelist().await.unwrap(), [other.to_string()]);
    admin.whitelist_remove(&other).await.unwrap();
    assert!(admin.whitelist().await.unwrap().is_empty());
    admin.blacklist_add(&other, "", Some("1h".parse().unwrap())).await.unwrap();
    let banned = admin.blacklist().await.unwrap();
    assert_eq!((banned[0].reason.as_str(), banned[0].permanent), ("manual", false));
    assert_eq!(banned[0].expires_at, Some(1_738_003_600_000));
    admin.blacklist_remove(&other).await.unwrap();
    assert!(
        admin
            .blacklist_remove(&other)
            .await
            .unwrap_err()
            .to_string()
            .contains("peer not found in blacklist")
    );

    admin.create_resolution("param_updates", vec![1, 2, 3], TxOptions::default()).await.unwrap();
    admin.approve_resolution(proposal().id, TxOptions::default()).await.unwrap();
    assert_eq!(admin.resolution(proposal().id).await.unwrap().r#type, "param_updates");
    assert_eq!(admin.resolution(uuid::Uuid::nil()).await.unwrap_err().exit_code(), 4);
    assert_eq!(admin.block_execution().await.unwrap(), None);
    let not_leading = admin.abort_block_execution(1, Vec::new()).await.unwrap_err();
    assert!(
        not_leading.to_string().starts_with("only the leader can abort block execution"),
        "{not_leading}"
    );
    assert!(admin.verify_state().await.unwrap().ok);
    assert_eq!(admin.user().ping().await.unwrap(), "pong");
}
