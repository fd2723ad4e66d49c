//! What transactions cost, and what happens when they fail.

use kwil_crypto::{EthAddress, KeyType};
use kwil_state::Extensions;
use kwil_state::{BlockEvent, verify_state};
use kwil_types::{
    AccountId, Amount, CreateResolution, Execute, Payload, RawStatement, Transfer, ValidatorJoin,
    ValidatorVoteIds, VotableEvent,
};

use crate::network::{Net, Setup, account_of, key, node, raw, tx, user};

const TRANSFER_PRICE: u64 = 210_000;

fn transfer(to: AccountId, amount: u64) -> Payload {
    Payload::Transfer(Transfer { to, amount: Amount::from(amount) })
}

fn nobody() -> AccountId {
    EthAddress([0xee; 20]).into()
}

async fn with_gas(balance: u64) -> Net {
    let alloc =
        vec![(account_of(&user(1)), balance), (account_of(&node(0)), 1_000_000_000_000_000)];
    Setup { powers: vec![1], gas: true, alloc, ..Setup::free(&[1]) }.start().await
}

/// Starts with a balance for user 1 and runs one transfer; what is left of user 1 and what the receiver has.
async fn pay(
    balance: u64,
    nonce: u64,
    fee: u64,
) -> ((u32, i64, String), Option<(String, u64)>, Option<String>) {
    let mut net = with_gas(balance).await;
    let result = net.one(tx(&user(1), nonce, fee, &transfer(nobody(), 7))).await;
    let received = net.account(&nobody()).await.map(|(balance, _)| balance);
    assert!(verify_state(net.test.endpoint(), None).await.unwrap().holds());
    (result, net.account(&account_of(&user(1))).await, received)
}

fn failed(code: u32, gas: u64, log: &str) -> (u32, i64, String) {
    (code, gas.cast_signed(), format!("ERROR: {log}"))
}

#[tokio::test]
async fn a_paid_transfer_takes_the_price_not_the_fee() {
    let (result, payer, receiver) = pay(300_000, 1, 290_000).await;
    assert_eq!(result, (0, 210_000, String::new()));
    assert_eq!(payer, Some(("89993".into(), 1)));
    assert_eq!(receiver.as_deref(), Some("7"));
}

#[tokio::test]
async fn a_fee_below_the_price_is_lost() {
    let (result, payer, receiver) = pay(300_000, 1, 200_000).await;
    let text = "transaction does not consent to spending enough tokens. transaction fee: 200000, required fee: 210000";
    assert_eq!(result, failed(7, 200_000, text));
    assert_eq!(payer, Some(("100000".into(), 1)));
    assert_eq!(receiver, None);
}

#[tokio::test]
async fn a_low_fee_and_a_lower_balance_lose_the_balance() {
    let (result, payer, _) = pay(1_000, 1, 2_000).await;
    assert_eq!(
        result,
        failed(
            6,
            1_000,
            "transaction tries to spend 210000 tokens, but account only has 1000 tokens"
        )
    );
    assert_eq!(payer, Some(("0".into(), 1)));
}

#[tokio::test]
async fn a_balance_below_the_price_is_lost() {
    let (result, payer, _) = pay(209_999, 1, TRANSFER_PRICE).await;
    assert_eq!(
        result,
        failed(
            6,
            209_999,
            "transaction tries to spend 210000 tokens, but account has 209999 tokens"
        )
    );
    assert_eq!(payer, Some(("0".into(), 1)));
}

#[tokio::test]
async fn an_account_that_does_not_exist_pays_nothing_and_is_not_made() {
    let mut net = with_gas(0).await;
    let result = net.one(tx(&user(2), 1, TRANSFER_PRICE, &transfer(nobody(), 0))).await;
    assert_eq!(result, failed(6, 0, "account has zero balance"));
    assert_eq!(net.account(&account_of(&user(2))).await, None);
}

#[tokio::test]
async fn a_wrong_nonce_costs_nothing() {
    let (result, payer, _) = pay(300_000, 3, TRANSFER_PRICE).await;
    assert_eq!(result, failed(4, 0, "invalid nonce: expected nonce 1, got 3"));
    assert_eq!(payer, Some(("300000".into(), 0)));
}

#[tokio::test]
async fn a_payload_that_hides_its_price_costs_nothing_and_does_not_count() {
    let mut net = with_gas(0).await;
    for payload_type in ["validator_vote_ids", "validator_vote_bodies", "create_resolution"] {
        let (code, gas, log) = net.one(raw(&node(0), 1, 1, payload_type, vec![9, 9])).await;
        assert_eq!((code, gas), (65535, 0), "{payload_type}");
        assert_eq!(log, "ERROR: unsupported payload version 2313");
    }
    assert_eq!(net.account(&account_of(&node(0))).await, Some(("1000000000000000".into(), 0)));
}

#[tokio::test]
async fn a_payload_that_does_not_decode_pays_its_fixed_price() {
    let mut net = with_gas(1_000_000).await;
    let (code, gas, _) = net.one(raw(&user(1), 1, TRANSFER_PRICE, "transfer", vec![0, 0, 1])).await;
    assert_eq!((code, gas), (1, 210_000));
    assert_eq!(net.account(&account_of(&user(1))).await, Some(("790000".into(), 1)));
}

#[tokio::test]
async fn a_failed_transfer_keeps_the_price_and_leaves_no_other_trace() {
    let mut net = with_gas(500_000).await;
    let result = net.one(tx(&user(1), 1, TRANSFER_PRICE, &transfer(nobody(), 290_001))).await;
    let text = format!(
        "insufficient funds: account {} tried to use 290001, but only has balance 290000",
        account_of(&user(1))
    );
    assert_eq!(result, failed(6, TRANSFER_PRICE, &text));
    assert_eq!(net.account(&account_of(&user(1))).await, Some(("290000".into(), 1)));
    assert_eq!(net.account(&nobody()).await, None);
}

#[tokio::test]
async fn prices_are_those_of_the_table() {
    let mut net = with_gas(0).await;
    let event = VotableEvent::new("param_updates", vec![0; 7]).unwrap();
    let cases = [
        (Payload::ValidatorJoin(ValidatorJoin { power: 1 }), 9, 10_000_000_000_000),
        (
            Payload::ValidatorVoteIds(ValidatorVoteIds { ids: vec![uuid::Uuid::nil(); 3] }),
            0,
            48_000,
        ),
        (Payload::CreateResolution(CreateResolution { event }), 1, 7_000),
        (transfer(nobody(), 0), 0, 210_000),
    ];
    for (nonce, (payload, code, price)) in (1..).zip(cases) {
        let (got, gas, log) = net.one(tx(&node(0), nonce, 20_000_000_000_000, &payload)).await;
        assert_eq!((got, gas), (code, price), "{}: {log}", payload.payload_type());
    }
}

#[tokio::test]
async fn without_gas_nonces_count_and_transfers_need_a_balance() {
    let alloc = vec![(account_of(&user(1)), 10)];
    let mut net = Setup { powers: vec![1], gas: false, alloc, ..Setup::free(&[1]) }.start().await;
    net.ok(tx(&user(1), 1, 0, &transfer(nobody(), 4))).await;
    net.ok(tx(&user(1), 2, 0, &transfer(account_of(&user(1)), 6))).await;
    assert_eq!(
        net.account(&account_of(&user(1))).await,
        Some(("6".into(), 2)),
        "a transfer to oneself changes nothing"
    );
    let (code, gas, _) = net.one(tx(&user(1), 3, 0, &transfer(account_of(&user(1)), 7))).await;
    assert_eq!((code, gas), (6, 0));
    net.ok(tx(&user(2), 1, 0, &transfer(nobody(), 0))).await;
    assert_eq!(net.account(&account_of(&user(2))).await, Some(("0".into(), 1)));
    assert_eq!(net.account(&nobody()).await, Some(("4".into(), 0)));
}

#[tokio::test]
async fn amounts_and_receivers_that_cannot_be_are_refused() {
    let mut net = Setup {
        powers: vec![1],
        gas: false,
        alloc: vec![(account_of(&user(1)), 10)],
        ..Setup::free(&[1])
    }
    .start()
    .await;
    let negative = hex::decode(
        "00001e000000000014000000c89d42189f0450c2b2c3c61f58ec5d628176a1e70000000001022d35",
    )
    .unwrap();
    let result = net.one(raw(&user(1), 1, 0, "transfer", negative)).await;
    assert_eq!(result, failed(8, 0, "invalid transfer amount: -5"));
    let three_bytes = hex::decode("00000d00000000000300000001020300000000010135").unwrap();
    let (code, _, _) = net.one(raw(&user(1), 2, 0, "transfer", three_bytes)).await;
    assert_eq!(code, 1);
    let js = Transfer { to: nobody(), amount: Amount::from(3) }.encode_js().unwrap();
    net.ok(raw(&user(1), 3, 0, "transfer", js)).await;
    assert_eq!(net.account(&nobody()).await, Some(("3".into(), 0)));
}

#[tokio::test]
async fn payloads_without_an_executor_are_unknown_and_cost_nothing() {
    let alloc = vec![(account_of(&user(1)), 1_000)];
    let setup = Setup { gas: true, alloc, ..Setup::free(&[1]) };
    let mut net = setup.start_with(Extensions { engine: None, ..Extensions::default() }).await;
    let statement = RawStatement {
        statement: "CREATE TABLE t (id INT PRIMARY KEY)".into(),
        parameters: Vec::new(),
    };
    let execute = Execute::new("main", "act", Vec::new()).unwrap();
    let mut txs = vec![
        tx(&user(1), 1, 0, &Payload::RawStatement(statement)),
        tx(&user(1), 1, 0, &Payload::Execute(execute)),
        raw(&user(1), 1, 0, "deploy_schema", Vec::new()),
    ];
    txs.push(raw(&user(1), 1, 0, "delete_resolution", [0; 18].to_vec()));
    let outcome = net.block(txs).await;
    for result in outcome.results {
        assert_eq!(
            (result.code.code(), result.gas, result.log.as_str()),
            (2, 0, "ERROR: unknown payload type")
        );
    }
    assert_eq!(net.account(&account_of(&user(1))).await, Some(("1000".into(), 0)));
}

#[tokio::test]
async fn one_key_has_an_account_as_a_user_and_another_as_a_node() {
    let private = kwil_crypto::PrivateKey::from_bytes(KeyType::Secp256k1, &[1; 32]).unwrap();
    let as_node = kwil_crypto::auth::Signer::node(private);
    let mut net = Setup {
        powers: vec![1],
        gas: false,
        alloc: vec![(account_of(&user(1)), 10)],
        ..Setup::free(&[1])
    }
    .start()
    .await;
    let (code, _, _) = net.one(tx(&as_node, 1, 0, &transfer(nobody(), 1))).await;
    assert_eq!(code, 6);
    net.ok(tx(&user(1), 1, 0, &transfer(AccountId::from(&as_node.public_key()), 1))).await;
    net.ok(tx(&as_node, 2, 0, &transfer(nobody(), 1))).await;
}

#[tokio::test]
async fn voters_and_proposers_are_paid_back() {
    let alloc = (0..4).map(|number| (AccountId::from(&key(number)), 100_000_000_000_000)).collect();
    let mut net = Setup { powers: vec![1, 1], gas: true, alloc, ..Setup::free(&[1]) }.start().await;
    let fee = 20_000_000_000_000;
    net.ok(tx(&node(2), 1, fee, &Payload::ValidatorJoin(ValidatorJoin { power: 1 }))).await;
    let approve = Payload::ValidatorApprove(kwil_types::ValidatorApprove { candidate: key(2) });
    net.ok(tx(&node(0), 1, fee, &approve)).await;
    let outcome = net.ok(tx(&node(1), 1, fee, &approve)).await;
    assert!(matches!(outcome.events[..], [BlockEvent::ResolutionConfirmed { .. }]));
    // A body of a secp256k1 join: version, length and key, name of the type, power.
    let body = 2 + 1 + 33 + 1 + 9 + 8;
    let paid = 100_000_000_000_000_u64 - 10_000_000_000_000;
    assert_eq!(
        net.account(&AccountId::from(&key(2))).await,
        Some(((paid + body * 1_000).to_string(), 1))
    );
    for voter in [0, 1] {
        assert_eq!(
            net.account(&AccountId::from(&key(voter))).await,
            Some(((paid + 16_000).to_string(), 1))
        );
    }
}
