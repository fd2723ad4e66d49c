//! Requests recorded from the published JavaScript client 0.9.4, against the real HTTP server.

use kwil_types::{RawTx, json};
use serde_json::Value;

use crate::ledger::Ledger;
use crate::running::{Answer, Running, data};

/// Methods of a gateway: the answer is that of any unknown method.
const NOT_HERE: &[&str] = &["kgw.authn_param", "kgw.authn", "kgw.logout"];

struct Exchange {
    scenario: String,
    request: Value,
    answer: Value,
}

/// Every recorded exchange, scenario by scenario.
fn recorded() -> Vec<Vec<Exchange>> {
    let mut files: Vec<_> = std::fs::read_dir(data("kwil-js-requests"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let scenario = |path: &std::path::PathBuf| -> Vec<Exchange> {
        let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let exchanges = file["exchanges"].as_array().unwrap().iter();
        exchanges
            .map(|exchange| Exchange {
                scenario: file["name"].as_str().unwrap().to_owned(),
                request: exchange["request"]["body"].clone(),
                answer: exchange["response"]["body"].clone(),
            })
            .collect()
    };
    files.iter().map(scenario).collect()
}

fn scenario_named(name: &str) -> Vec<Exchange> {
    recorded()
        .into_iter()
        .find(|all| all.first().is_some_and(|first| first.scenario == name))
        .unwrap()
}

fn is_private(scenario: &[Exchange]) -> bool {
    scenario.iter().any(|exchange| exchange.answer["result"]["mode"] == "private")
}

#[tokio::test]
async fn every_recorded_request_gets_the_answer_that_the_client_needs() {
    let scenarios = recorded();
    assert_eq!(scenarios.len(), 50);
    let mut answered = 0;
    for scenario in scenarios {
        let private = is_private(&scenario);
        let node =
            Running::start_with(Ledger::instant(), |user, _admin| user.private = private).await;
        for exchange in scenario {
            let answer = node.post(exchange.request.to_string()).await;
            if private && exchange.request["method"] == "user.call" {
                check_refused(&exchange, &answer);
            } else {
                check(&exchange, &answer);
            }
            answered += 1;
        }
        node.end().await;
    }
    assert_eq!(answered, 107);
}

fn check(Exchange { scenario, request, answer: recorded }: &Exchange, answer: &Answer) {
    let method = request["method"].as_str().unwrap();
    let context = format!("{scenario} {method}: {}", answer.text());
    let ours = answer.json();
    assert_eq!((&ours["jsonrpc"], &ours["id"]), (&Value::from("2.0"), &request["id"]), "{context}");
    if NOT_HERE.contains(&method) {
        assert_eq!((answer.status.as_u16(), answer.error_code()), (404, -32601), "{context}");
        assert_eq!(ours["error"]["message"], "unknown method", "{context}");
        return;
    }
    assert_eq!(answer.status, 200, "{context}");
    match method {
        "user.tx_query" => assert_eq!(answer.error_code(), -202, "{context}"),
        "user.broadcast" => check_broadcast(request, &ours, &context),
        "user.query" => check_query(request, &ours["result"], &context),
        "user.call" => check_call(request, &ours["result"], &context),
        _ => {
            // Scenarios that show what the client does without a key are recorded without it.
            let recorded = &recorded["result"];
            assert!(ours["result"].is_object(), "{context}");
            has_shape_of(recorded, &ours["result"], &context);
        }
    }
}

/// A recorded challenge is not one of this node.
fn check_refused(Exchange { scenario, request, .. }: &Exchange, answer: &Answer) {
    assert_eq!((answer.status.as_u16(), answer.error_code()), (200, -1001), "{scenario}");
    let text = if request["params"]["signature"] == "" {
        "signed call message with challenge required"
    } else {
        "invalid challenge"
    };
    assert_eq!(answer.json()["error"]["message"], text, "{scenario}");
}

/// Every parameter that was sent comes back as a column with its type.
fn check_query(request: &Value, result: &Value, context: &str) {
    let sent = request["params"]["params"].as_object().cloned().unwrap_or_default();
    let names: Vec<&Value> = result["column_names"].as_array().unwrap().iter().collect();
    let mut expected: Vec<Value> = sent.keys().map(|name| name.as_str().into()).collect();
    expected.push("text".into());
    assert_eq!(names, expected.iter().collect::<Vec<_>>(), "{context}");
    for (at, value) in sent.values().enumerate() {
        let ours = &result["column_types"][at];
        assert_eq!(
            (&ours["name"], &ours["is_array"]),
            (&value["type"]["name"], &value["type"]["is_array"]),
            "{context}"
        );
        if value["type"]["name"] == "int8" && value["type"]["is_array"] == false {
            assert!(result["values"][0][at].is_string(), "{context}");
        }
    }
}

/// Who calls is what was sent, proven or not.
fn check_call(request: &Value, result: &Value, context: &str) {
    let shape = serde_json::json!({
        "query_result": {"column_names": [], "column_types": [], "values": []},
        "logs": "",
        "error": null,
    });
    has_shape_of(&shape, result, context);
    let row = result["query_result"]["values"][0].as_array().unwrap();
    let [.., caller, _signer, authenticator] = row.as_slice() else { panic!("{context}") };
    let sender = request["params"]["sender"].as_str().unwrap();
    let caller = caller.as_str().unwrap().to_lowercase();
    assert_eq!(caller.trim_start_matches("0x"), sender, "{context}");
    assert_eq!(*authenticator, request["params"]["auth_type"], "{context}");
}

/// Ours is the id of the bytes that were signed, with a result exactly when the client waits.
fn check_broadcast(request: &Value, ours: &Value, context: &str) {
    let params = &request["params"];
    if ours["error"]["code"] == -201 {
        // A recorded nonce of the caller's own choice.
        assert_eq!(ours["error"]["data"]["code"], 4, "{context}");
        assert_ne!(params["tx"]["body"]["nonce"], 8, "{context}");
        return;
    }
    let tx: json::Transaction = serde_json::from_value(params["tx"].clone()).unwrap();
    let raw = RawTx::new(&kwil_types::Transaction::try_from(tx).unwrap()).unwrap();
    assert_eq!(ours["result"]["tx_hash"], raw.id().to_string(), "{context}");
    let waits = params["sync"] == 1;
    assert_eq!(ours["result"].get("result").is_some(), waits, "{context}");
    if waits {
        assert!(ours["result"]["result"]["code"].is_u64(), "{context}");
    }
}

/// Each key of the recorded answer is in ours, with a value of the same kind.
fn has_shape_of(recorded: &Value, ours: &Value, context: &str) {
    match (recorded, ours) {
        (Value::Object(recorded), Value::Object(ours)) => {
            for (key, value) in recorded {
                let found = ours.get(key).unwrap_or_else(|| panic!("no {key} in {context}"));
                has_shape_of(value, found, context);
            }
        }
        (Value::Null, _) => {}
        (recorded, ours) => {
            let kinds = [recorded, ours].map(std::mem::discriminant::<Value>);
            assert_eq!(kinds[0], kinds[1], "{recorded} and {ours} in {context}");
        }
    }
}

#[tokio::test]
async fn identifiers_may_carry_0x_and_mixed_case() {
    let node = Running::start(Ledger::new()).await;
    let id = serde_json::json!({"identifier": "0x1a642f0E3c3aF545E7AcBD38b07251B3990914F1", "key_type": "secp256k1"});
    let answer = node.call("user.account", serde_json::json!({"id": id, "status": 0})).await;
    insta::assert_snapshot!(answer.text(), @r#"{"jsonrpc":"2.0","id":1,"result":{"id":{"identifier":"1a642f0e3c3af545e7acbd38b07251b3990914f1","key_type":"secp256k1"},"balance":"1000000","nonce":7}}"#);
}

#[tokio::test]
async fn an_unknown_account_has_no_id() {
    let node = Running::start(Ledger::new()).await;
    let id = serde_json::json!({"identifier": "00".repeat(20), "key_type": "secp256k1"});
    let answer = node.call("user.account", serde_json::json!({"id": id})).await;
    insta::assert_snapshot!(answer.text(), @r#"{"jsonrpc":"2.0","id":1,"result":{"balance":"0","nonce":0}}"#);
}

#[tokio::test]
async fn the_three_spellings_of_a_hash_find_the_same_transaction() {
    let node = Running::start(Ledger::instant()).await;
    let scenario = scenario_named("12-execute-sync");
    let sent = node.post(scenario.last().unwrap().request.to_string()).await.json();
    let hash = sent["result"]["tx_hash"].as_str().unwrap();
    let bytes: Vec<u8> =
        (0..64).step_by(2).map(|at| u8::from_str_radix(&hash[at..at + 2], 16).unwrap()).collect();
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes);
    for spelling in [hash.to_owned(), format!("0x{}", hash.to_uppercase()), base64] {
        let found =
            node.call("user.tx_query", serde_json::json!({"tx_hash": spelling})).await.json();
        assert_eq!(found["result"]["tx_hash"], hash, "{spelling}");
        assert_eq!(found["result"]["height"], 110);
        assert_eq!(found["result"]["tx_result"], serde_json::json!({"code": 0, "gas": 0}));
    }
}

#[tokio::test]
async fn the_order_of_keys_is_that_of_existing_nodes() {
    let node = Running::start(Ledger::new()).await;
    let hash = node.ledger.best_hash().to_string();
    let answer = node.call("user.health", serde_json::json!({})).await;
    insta::assert_snapshot!(answer.text().replace(&hash, "HASH"), @r#"{"jsonrpc":"2.0","id":1,"result":{"chain_id":"prod-chain","block_height":109,"block_hash":"HASH","gas":false,"healthy":true,"version":"0.2.0","block_time":1738000000109,"block_age":812,"syncing":false,"height":109,"app_hash":"5353535353535353535353535353535353535353535353535353535353535353","peer_count":1,"mode":"open","phase":"live","reasons":[],"target_height":109,"progress":1.0,"node_version":"0.1.0"}}"#);
    let answer = node.call("user.chain_info", serde_json::json!({})).await;
    insta::assert_snapshot!(answer.text().replace(&hash, "HASH"), @r#"{"jsonrpc":"2.0","id":1,"result":{"chain_id":"prod-chain","block_height":109,"block_hash":"HASH","gas":false}}"#);
    let answer = node.call("user.version", serde_json::json!({})).await;
    insta::assert_snapshot!(answer.text(), @r#"{"jsonrpc":"2.0","id":1,"result":{"service":"user","api_ver":"0.2.0","major":0,"minor":2,"patch":0,"kwil_ver":"0.1.0"}}"#);
}

#[tokio::test]
async fn private_mode_shows_who_and_when_but_not_what() {
    let node = Running::start_with(Ledger::instant(), |user, _admin| user.private = true).await;
    let scenario = scenario_named("12-execute-sync");
    let sent = node.post(scenario.last().unwrap().request.to_string()).await.json();
    let found = node
        .call("user.tx_query", serde_json::json!({"tx_hash": sent["result"]["tx_hash"]}))
        .await
        .json();
    let tx = &found["result"]["tx"];
    assert_eq!(
        (&tx["body"]["payload"], &tx["signature"]["sig"]),
        (&Value::from(""), &Value::from(""))
    );
    assert_eq!(
        (&tx["body"]["nonce"], &tx["body"]["type"]),
        (&Value::from(8), &Value::from("execute"))
    );
    assert_eq!(tx["sender"], "1a642f0e3c3af545e7acbd38b07251b3990914f1");
    let raw = node.call("chain.block", serde_json::json!({"height": 110, "raw": true})).await;
    assert_eq!(raw.error_code(), -1007);
}
