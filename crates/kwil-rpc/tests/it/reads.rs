//! Queries and view calls: every value there and back, who asks, and what is refused.

use std::collections::BTreeMap;

use bytes::Bytes;
use kwil_api::RpcCode;
use kwil_api::read::QueryResult;
use kwil_client::{Caller, ClientError, Parameters, UserClient};
use kwil_types::{Array, Decimal, Scalar, TypeKind, Value};
use serde_json::json;

use crate::ledger::{Ledger, eth_signer};
use crate::running::Running;
use crate::same::users;

const ADDRESS: &str = "0x1a642f0E3c3aF545E7AcBD38b07251B3990914F1";

fn every_type() -> Vec<Value> {
    let numeric = TypeKind::numeric(20, 6).unwrap();
    let items = vec![Some(Scalar::Text("a".to_owned())), None];
    vec![
        Value::NULL,
        Value::from(i64::MIN),
        Value::from("it's \u{1f600}"),
        Value::from(false),
        Scalar::Bytea(Bytes::new()).into(),
        Scalar::Uuid(uuid::Uuid::from_bytes([9; 16])).into(),
        Scalar::Numeric(Decimal::parse("-12345678901234.5", 20, 6).unwrap()).into(),
        Value::Null(kwil_types::DataType::scalar(TypeKind::Text)),
        Value::Array(Array::new(TypeKind::Text, items).unwrap()),
        Value::Array(Array::new(numeric, Vec::new()).unwrap()),
    ]
}

fn named(values: &[Value]) -> Parameters {
    values.iter().enumerate().map(|(at, value)| (format!("p{at}"), value.clone())).collect()
}

/// The first values of the only row.
fn echoed(result: &QueryResult, count: usize) -> Vec<Value> {
    assert_eq!(result.rows.len(), 1);
    result.rows[0].iter().take(count).cloned().collect()
}

fn code(error: &ClientError) -> RpcCode {
    error.rpc().unwrap_or_else(|| panic!("{error}")).code()
}

#[tokio::test]
async fn values_come_back_as_they_went_over_every_transport() {
    let node = Running::start(Ledger::new()).await;
    let values = every_type();
    for client in users(&node) {
        let place = client.endpoint().to_owned();
        let result = client.query("SELECT", &named(&values)).await.unwrap();
        assert_eq!(echoed(&result, values.len()), values, "{place}");
        let called = client.call_action("ns", "Act", &values, Caller::Anonymous).await.unwrap();
        assert_eq!(echoed(&called.query_result, values.len()), values, "{place}");
        let rest = &called.query_result.rows[0][values.len()..];
        let nobody =
            [Value::from("ns.Act"), "".into(), Scalar::Bytea(Bytes::new()).into(), "".into()];
        assert_eq!(rest, nobody, "{place}");
        assert_eq!((called.logs.as_str(), called.error), ("1. called", None), "{place}");
        let refused = client.call_action("ns", "fail", &[], Caller::Anonymous).await.unwrap();
        assert_eq!(refused.error.as_deref(), Some("it refuses"), "{place}");
    }
    node.end().await;
}

#[tokio::test]
async fn a_signature_proves_the_caller_in_both_modes() {
    for private in [false, true] {
        let node = Running::start_with(Ledger::new(), |user, _admin| user.private = private).await;
        for client in &users(&node)[..3] {
            let signer = eth_signer();
            let result = client
                .query_as(&signer, "SELECT", &BTreeMap::from([("$b".to_owned(), 2.into())]))
                .await
                .unwrap();
            assert_eq!(result.rows[0][0], Value::from(2));
            assert_eq!(result.rows[0][2], Value::from(ADDRESS));
            let called =
                client.call_action("ns", "Act", &[], Caller::Signed(&signer)).await.unwrap();
            assert_eq!(called.query_result.rows[0][1], Value::from(ADDRESS));
            let claimed = client.call_action("ns", "Act", &[], Caller::Claimed(&signer)).await;
            let anonymous = client.call_action("ns", "Act", &[], Caller::Anonymous).await;
            let plain = client.query("SELECT", &Parameters::new()).await;
            if private {
                for refused in [claimed.unwrap_err(), anonymous.unwrap_err()] {
                    assert_eq!(code(&refused), RpcCode::CHALLENGE_NOT_FOUND);
                    assert_eq!(refused.exit_code(), 5);
                }
                assert_eq!(code(&plain.unwrap_err()), RpcCode::NO_QUERIES);
            } else {
                assert_eq!(claimed.unwrap().query_result.rows[0][1], Value::from(ADDRESS));
                assert_eq!(anonymous.unwrap().query_result.rows[0][1], Value::from(""));
                plain.unwrap();
            }
        }
        node.end().await;
    }
}

/// A signed call as JSON-RPC parameters.
async fn signed_call(client: &UserClient) -> serde_json::Value {
    let call = kwil_types::ActionCall {
        namespace: "ns".to_owned(),
        action: "act".to_owned(),
        arguments: Vec::new(),
    };
    let signer = eth_signer();
    let mut message = kwil_types::CallMessage {
        payload: call.encode().unwrap().into(),
        challenge: client.challenge().await.unwrap().challenge.into(),
        auth_type: signer.auth_type().as_str().to_owned(),
        sender: signer.sender().to_vec().into(),
        signature: Bytes::new(),
    };
    message.signature = signer.sign(message.signed_text().unwrap().as_bytes()).into();
    serde_json::to_value(kwil_types::json::CallMessage::from(&message)).unwrap()
}

#[tokio::test]
async fn what_is_wrong_with_a_proof_is_told_and_the_challenge_is_used_up() {
    let node = Running::start_with(Ledger::new(), |user, _admin| user.private = true).await;
    let client = users(&node).remove(0);
    let good = signed_call(&client).await;
    let of = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut params = good.clone();
        change(&mut params);
        params
    };
    let short = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, [1; 31]);
    for (params, wrong) in [
        (of(&|params| params["body"] = json!(null)), -32602),
        (of(&|params| params["body"]["payload"] = json!("AAA=")), -32602),
        (of(&|params| params["signature"] = json!("")), -1001),
        (of(&|params| params["sender"] = json!("")), -1001),
        (of(&|params| params["body"]["challenge"] = json!(short)), -1002),
    ] {
        assert_eq!(node.call("user.call", params).await.error_code(), wrong);
    }
    // A wrong signature uses the challenge up, so the right one comes too late.
    let wrong = of(&|params| params["auth_type"] = json!("ed25519"));
    assert_eq!(node.call("user.call", wrong).await.error_code(), -1004);
    assert_eq!(node.call("user.call", good).await.error_code(), -1001);
    let fresh = signed_call(&client).await;
    let answer = node.call("user.call", fresh.clone()).await;
    assert_eq!(answer.json()["result"]["query_result"]["values"][0][1], ADDRESS);
    assert_eq!(node.call("user.call", fresh).await.error_code(), -1001);
    node.end().await;
}

#[tokio::test]
async fn callers_are_signed_and_queries_are_off_where_the_operator_wants_it() {
    let node = Running::start_with(Ledger::new(), |user, _admin| {
        user.disable_query = true;
        user.signed_callers = true;
    })
    .await;
    let client = users(&node).remove(0);
    let plain = client.query("SELECT 1", &Parameters::new()).await.unwrap_err();
    assert_eq!(plain.to_string(), "ad-hoc queries are disabled on this node (code -1007)");
    let look_up = "SELECT * FROM info.actions WHERE namespace = $namespace";
    client.query(look_up, &Parameters::new()).await.unwrap();
    let signer = eth_signer();
    let claimed = client.call_action("n", "a", &[], Caller::Claimed(&signer)).await.unwrap_err();
    assert_eq!(code(&claimed), RpcCode::CHALLENGE_NOT_FOUND);
    client.call_action("n", "a", &[], Caller::Signed(&signer)).await.unwrap();
    client.call_action("n", "a", &[], Caller::Anonymous).await.unwrap();
    node.end().await;
}

#[tokio::test]
async fn reads_tell_their_height_and_wait_for_the_one_that_is_wanted() {
    let node = Running::start(Ledger::new()).await;
    let answer = node.call("user.query", json!({"query": "SELECT", "params": null})).await;
    assert_eq!(answer.header("x-kwil-height"), "109");
    for client in &users(&node)[..3] {
        let next = node.ledger.best_height() + 1;
        let (reader, none) = (client.at_least(next), Parameters::new());
        let (result, ()) = tokio::join!(reader.query("SELECT", &none), async {
            tokio::task::yield_now().await;
            node.ledger.commit();
        });
        let height = result.unwrap().height;
        // JSON-RPC tells the height in a header.
        assert!(height == 0 || height >= i64::try_from(next).unwrap(), "{height}");
    }
    node.end().await;
}

#[tokio::test]
async fn refusals_have_the_documented_codes_on_both_front_ends() {
    let node = Running::start_with(Ledger::new(), |user, _admin| user.limits.max_rows = 7).await;
    for client in &users(&node)[..3] {
        let rows = client.query("ROWS", &Parameters::new()).await.unwrap_err();
        assert_eq!(code(&rows), RpcCode::RESULT_TOO_LARGE);
        assert_eq!(rows.rpc().unwrap().detail("limit_rows"), Some(&json!(7)));
        let syntax = client.query("SELEC 1", &Parameters::new()).await.unwrap_err();
        assert_eq!(code(&syntax), RpcCode::ENGINE);
        assert_eq!(syntax.rpc().unwrap().grpc_code(), tonic::Code::InvalidArgument);
    }
    let value = json!({"type": {"name": "bool"}, "data": ["AQI="]});
    let answer =
        node.call("user.query", json!({"query": "SELECT $a", "params": {"$a": value}})).await;
    assert_eq!((answer.status.as_u16(), answer.error_code()), (400, -32602));
    assert_eq!(
        answer.json()["error"]["message"],
        "failed to decode parameter: $a: invalid bool byte 2"
    );
    node.end().await;
}
