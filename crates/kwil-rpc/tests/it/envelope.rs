//! The envelope, row by row: bytes in, status and bytes out.

use std::time::Duration;

use http::{Method, Request};
use serde_json::json;

use crate::ledger::Ledger;
use crate::running::{Running, send};

const PING: &str = r#"{"jsonrpc":"2.0","id":7,"method":"user.ping","params":{"message":"x"}}"#;

#[tokio::test]
async fn a_request_and_its_answer() {
    let node = Running::start(Ledger::new()).await;
    let answer = node.post(PING).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("content-type")),
        (200, "application/json; charset=utf-8")
    );
    assert_eq!((answer.header("cache-control"), answer.header("x-kwil-grpc")), ("no-store", "1"));
    insta::assert_snapshot!(answer.text(), @r#"{"jsonrpc":"2.0","id":7,"result":{"message":"pong"}}"#);
}

#[tokio::test]
async fn faults_of_the_envelope() {
    let node = Running::start(Ledger::new()).await;
    let mut lines = Vec::new();
    for body in [
        "nonsense",
        "",
        r#"{"jsonrpc":"1.0","id":1,"method":"user.ping"}"#,
        r#"{"jsonrpc":"2.0","method":"user.ping"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":""}"#,
        r#"{"jsonrpc":"2.0","id":"a","method":"user.pong"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"user.schema","params":{"namespace":"main"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"admin.status"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"user.ping","params":[]}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"user.account","params":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"user.account","params":{"id":{"identifier":"zz","key_type":"secp256k1"}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"chain.block","params":{"height":"5"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"chain.block","params":{"height":-1}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"chain.block","params":{"height":999}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"chain.tx","params":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"user.broadcast","params":{"tx":null}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"user.broadcast","params":{"tx":{"sender":"ab"}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"user.tx_query","params":{"tx_hash":"12"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"user.ping","params":{"message":"a","message":"b"}}"#,
    ] {
        let answer = node.post(body).await;
        lines.push(format!("{} {}", answer.status.as_u16(), answer.stable()));
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[tokio::test]
async fn other_verbs_and_paths() {
    let node = Running::start(Ledger::new()).await;
    let answer = node.get("/rpc/v1").await;
    assert_eq!((answer.status.as_u16(), answer.text()), (405, "POST required for JSON-RPC"));
    assert_eq!(answer.header("allow"), "POST, OPTIONS");
    let answer = node.get("/nope").await;
    assert_eq!((answer.status.as_u16(), answer.text()), (404, "Not Found"));
    let form = Request::post(node.url("/rpc/v1"))
        .header("content-type", "application/x-www-form-urlencoded");
    let answer = send(form, PING).await;
    assert_eq!((answer.status.as_u16(), answer.error_code()), (415, -32600));
    let none = Request::post(node.url("/rpc/v1"));
    assert_eq!(send(none, PING).await.status, 200);
    let grpc = Request::post(node.url("/kwil.rpc.v1.UserService/Ping"))
        .header("content-type", "application/grpc");
    assert_eq!(send(grpc, "").await.status, 505);
}

#[tokio::test]
async fn large_requests_and_answers_are_refused() {
    let node = Running::start_with(Ledger::new(), |user, _admin| {
        user.limits.max_request = 1_000;
        user.limits.max_response = 400;
    })
    .await;
    let large = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"user.ping","params":{{"message":"{}"}}}}"#,
        "x".repeat(1_000)
    );
    let answer = node.post(large).await;
    assert_eq!((answer.status.as_u16(), answer.error_code()), (413, -32600));
    assert_eq!(answer.json()["error"]["data"]["limit"], 1_000);
    let answer = node.call("chain.block", json!({})).await;
    assert_eq!((answer.status.as_u16(), answer.error_code()), (200, -32002));
    assert_eq!(node.post(PING).await.status, 200);
}

#[tokio::test]
async fn a_batch_is_answered_in_order() {
    let node = Running::start(Ledger::new()).await;
    let answer = node.post(format!(r#"[{PING},{{"jsonrpc":"2.0","id":8,"method":"x"}},1]"#)).await;
    assert_eq!(answer.status, 200);
    let codes: Vec<_> =
        answer.json().as_array().unwrap().iter().map(|one| one["error"]["code"].clone()).collect();
    assert_eq!(codes, [json!(null), json!(-32601), json!(-32700)]);
    let many = format!("[{}]", vec![PING; 65].join(","));
    assert_eq!(node.post(many).await.error_code(), -32600);
}

#[tokio::test]
async fn a_request_that_takes_too_long_keeps_its_id() {
    let node = Running::start(Ledger::new()).await;
    let tx = crate::same::transfer(8);
    let body = json!({"jsonrpc": "2.0", "id": "slow", "method": "user.broadcast", "params": {"tx": tx, "sync": 1}});
    let request = Request::post(node.url("/rpc/v1")).header("x-request-timeout-ms", "150");
    let answer = send(request, body.to_string()).await;
    assert_eq!((answer.status.as_u16(), answer.json()["id"].as_str()), (200, Some("slow")));
    // The wait ends a little before the request, with an answer of its own.
    assert_eq!(answer.json()["error"]["data"]["code"], 10);
    assert_eq!(node.ledger.mempool_len(), 1);
}

#[tokio::test]
async fn browsers_see_their_own_origin() {
    let node = Running::start(Ledger::new()).await;
    let options = Request::builder().method(Method::OPTIONS).uri(node.url("/rpc/v1"));
    let answer = send(options.header("origin", "https://app.example"), "").await;
    assert_eq!((answer.status.as_u16(), answer.text()), (204, ""));
    assert_eq!(answer.header("access-control-allow-origin"), "https://app.example");
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
    assert_eq!(answer.header("access-control-max-age"), "600");
    let post = Request::post(node.url("/rpc/v1")).header("origin", "https://app.example");
    let answer = send(post, PING).await;
    assert_eq!(answer.header("access-control-allow-origin"), "https://app.example");
    assert_eq!(answer.header("vary"), "Origin");
    assert_eq!(node.post(PING).await.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn requests_have_names() {
    let node = Running::start(Ledger::new()).await;
    let named = Request::post(node.url("/rpc/v1")).header("x-request-id", "my.request-1");
    assert_eq!(send(named, PING).await.header("x-request-id"), "my.request-1");
    let odd = Request::post(node.url("/rpc/v1")).header("x-request-id", "no spaces please");
    let answer = send(odd, r#"{"jsonrpc":"2.0","id":1,"method":"nope"}"#).await;
    let own = answer.header("x-request-id").to_owned();
    assert_ne!(own, "no spaces please");
    assert_eq!(answer.json()["error"]["data"]["request_id"], own.as_str());
}

#[tokio::test]
async fn reads_say_which_height_they_saw() {
    let node = Running::start(Ledger::new()).await;
    assert_eq!(node.call("chain.validators", json!({})).await.header("x-kwil-height"), "109");
    assert_eq!(node.post(PING).await.header("x-kwil-height"), "");
}

#[tokio::test]
async fn health_is_for_curl() {
    let node = Running::start(Ledger::new()).await;
    let answer = node.get("/api/v1/health").await;
    assert_eq!(answer.status, 200);
    assert!(
        answer.text().starts_with(r#"{"kwil_alive":true,"healthy":true,"services":{"chain":{"#),
        "{}",
        answer.text()
    );
    assert_eq!(node.get("/api/v1/health/user").await.json()["mode"], "open");
    assert_eq!(
        node.get("/api/v1/health/function").await.text(),
        r#"{"healthy":true,"version":"0.1.0"}"#
    );
    assert_eq!(node.get("/api/v1/health/admin").await.status, 404);
    assert_eq!(node.get("/api/v1/live").await.text(), r#"{"kwil_alive":true}"#);
    let post = send(Request::post(node.url("/api/v1/health")), "").await;
    assert_eq!((post.status.as_u16(), post.text()), (405, "Method Not Allowed"));

    *node.ledger.starting.lock().unwrap() = Some("starting PostgreSQL".to_owned());
    let answer = node.get("/api/v1/health").await;
    assert_eq!(answer.status, 503);
    assert!(
        answer.text().starts_with(r#"{"kwil_alive":true,"healthy":false,"#),
        "{}",
        answer.text()
    );
    let ready = node.get("/api/v1/ready").await;
    assert_eq!(
        (ready.status.as_u16(), ready.json()),
        (
            503,
            json!({"ready": false, "phase": "starting", "reasons": ["starting: starting PostgreSQL"]})
        )
    );
    assert_eq!(node.call("rpc.health", json!({})).await.status, 200);
}

#[tokio::test]
async fn a_starting_node_answers_what_it_can() {
    let node = Running::start(Ledger::new()).await;
    *node.ledger.starting.lock().unwrap() = Some("statesync:restore".to_owned());
    let answer = node.call("user.num_accounts", json!({})).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (200, "1"));
    assert_eq!(answer.json()["error"]["code"], -700);
    assert_eq!(answer.json()["error"]["message"], "node is starting: statesync:restore");
    assert_eq!(node.post(PING).await.status, 200);
    assert_eq!(
        node.call("user.health", json!({})).await.json()["result"]["phase"],
        "statesync:restore"
    );
}

#[tokio::test]
async fn a_disabled_service_is_unknown() {
    let node = Running::start_with(Ledger::new(), |user, _admin| {
        user.disabled.insert(kwil_rpc::Service::Chain);
    })
    .await;
    let answer = node.call("chain.genesis", json!({})).await;
    assert_eq!((answer.status.as_u16(), answer.error_code()), (404, -32601));
    assert!(node.get("/api/v1/health").await.json()["services"].get("chain").is_none());
    let listed = node.call("rpc.discover", json!({})).await.json();
    let names: Vec<&str> = listed["result"]["methods"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert!(
        names.contains(&"user.broadcast") && !names.contains(&"chain.genesis") && names.is_sorted()
    );
}

#[tokio::test]
async fn challenges_are_rationed() {
    let node = Running::start_with(Ledger::new(), |user, _admin| {
        user.challenge_rate = 0.001;
        user.challenge_expiry = Duration::from_secs(30);
    })
    .await;
    let answer = node.call("user.challenge", json!({})).await.json();
    assert_eq!(answer["result"]["challenge"].as_str().unwrap().len(), 64);
    assert_eq!(node.call("user.challenge", json!({})).await.error_code(), -1006);
}

#[tokio::test]
async fn one_address_has_its_share_of_connections() {
    let node =
        Running::start_with(Ledger::new(), |user, _admin| user.limits.max_connections_per_ip = 2)
            .await;
    let mut kept = Vec::new();
    for _ in 0..2 {
        let mut stream = tokio::net::TcpStream::connect(node.address()).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(
            &mut stream,
            b"GET /api/v1/live HTTP/1.1\r\nhost: x\r\n\r\n",
        )
        .await
        .unwrap();
        let mut head = [0; 12];
        tokio::io::AsyncReadExt::read_exact(&mut stream, &mut head).await.unwrap();
        assert_eq!(&head, b"HTTP/1.1 200");
        kept.push(stream);
    }
    let mut refused = tokio::net::TcpStream::connect(node.address()).await.unwrap();
    let closed = tokio::io::AsyncReadExt::read(&mut refused, &mut [0; 1]).await;
    assert!(matches!(closed, Ok(0) | Err(_)), "{closed:?}");
}
