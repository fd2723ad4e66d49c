//! Statements that the writer's connection keeps: no more than it may, and right after the connection was lost.

use std::collections::BTreeMap;

use kwil_engine::{Call, Engine, Extensions as Methods, Invocation, Limits, Results, Terms};
use kwil_state::testing::{TestDatabase, genesis_with_language, write_session};
use kwil_state::{ExecuteError, Writer, verify_state};
use kwil_types::{EncodedValue, Execute, Payload, RawStatement, RawTx, Value};
use tokio_util::sync::CancellationToken;

use crate::fixture::{commit, identity, next};
use crate::network::{Net, Setup, tx, user};

fn sql(nonce: u64, statement: &str) -> RawTx {
    let raw = RawStatement { statement: statement.into(), parameters: Vec::new() };
    tx(&user(1), nonce, 0, &Payload::RawStatement(raw))
}

fn call(nonce: u64, namespace: &str, action: &str, arguments: &[i64]) -> RawTx {
    let encode = |number: &i64| EncodedValue::from_value(&Value::from(*number)).unwrap();
    let list = arguments.iter().map(encode).collect();
    let call = Execute::new(namespace, action, vec![list]).unwrap();
    tx(&user(1), nonce, 0, &Payload::Execute(call))
}

async fn start() -> Net {
    Setup { owner: user(1).identifier(), ..Setup::free(&[1]) }.start().await
}

async fn logs(net: &mut Net, txs: Vec<RawTx>) -> Vec<String> {
    net.block(txs).await.results.into_iter().map(|result| result.log).collect()
}

async fn numbers(net: &Net, query: &'static str) -> Vec<i64> {
    let mut connection = net.test.connect_superuser().await;
    sqlx::query_scalar(query).fetch_all(&mut connection).await.unwrap()
}

async fn assert_verified(net: &Net) {
    let report = verify_state(net.test.endpoint(), None).await.unwrap();
    assert!(report.holds(), "{report:#?}");
}

#[tokio::test]
async fn a_lost_connection_takes_its_prepared_statements_along() {
    let mut net = start().await;
    let schema = "CREATE TABLE t (id INT PRIMARY KEY);
        CREATE ACTION add($id INT) PUBLIC { INSERT INTO t VALUES ($id); };
        CREATE ACTION follow() PUBLIC { FOR $r IN SELECT max(id) AS m FROM t { INSERT INTO t VALUES ($r.m + 1); } };";
    let block = vec![sql(1, schema), call(2, "main", "add", &[1]), call(3, "main", "follow", &[])];
    assert_eq!(logs(&mut net, block).await, ["", "", ""]);
    let input = net.input(vec![call(4, "main", "add", &[10]), call(5, "main", "follow", &[])]);
    let mut root = net.test.connect_superuser().await;
    let end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
               WHERE datname = current_database() AND application_name = 'kwild writer'";
    // Between two blocks, and between execution and commit.
    sqlx::query(end).execute(&mut root).await.unwrap();
    let lost = net.executor.execute(&input, CancellationToken::new()).await.unwrap_err();
    assert!(matches!(lost, ExecuteError::Node(fault) if fault.is_retryable()));
    net.executor.execute(&input, CancellationToken::new()).await.unwrap();
    sqlx::query(end).execute(&mut root).await.unwrap();
    assert!(net.executor.commit().await.unwrap_err().is_retryable());
    let outcome = net.commit(input).await;
    assert!(outcome.results.iter().all(|result| result.code.is_ok()), "{:?}", outcome.results);
    assert_eq!(numbers(&net, "SELECT id FROM main.t ORDER BY id").await, [1, 2, 10, 11]);
    assert_verified(&net).await;
}

#[tokio::test]
async fn a_connection_keeps_no_more_statements_than_it_may() {
    const ACTIONS: i64 = 30;
    let database = TestDatabase::create().await;
    let mut writer = Writer::open(database.endpoint().clone(), Some(identity())).await.unwrap();
    let mut block = writer.begin(0, CancellationToken::new()).await.unwrap();
    genesis_with_language(&mut block, &identity(), "owner").await.unwrap();
    commit(&mut writer).await;
    let engine = Engine::new(Methods::new());
    let invocation = Invocation { caller: "owner".into(), ..Invocation::default() };
    let terms = Terms { invocation: &invocation, limits: &Limits::NETWORK };
    let mut schema = String::from("CREATE TABLE t (id INT PRIMARY KEY, n INT NOT NULL);");
    for action in 0..ACTIONS {
        let update = |n: i64| format!("UPDATE t SET n = n + {} WHERE id = $id;", action * 30 + n);
        let body: String = (0..30).map(update).collect();
        schema.push_str(&format!("CREATE ACTION a{action}($id INT) PUBLIC {{ {body} }};"));
    }
    schema.push_str("INSERT INTO t VALUES (1, 0);");
    let mut block = next(&mut writer).await;
    let mut session = write_session(&mut block).unwrap();
    let made = engine.run_script(&mut session, terms, &schema, BTreeMap::new(), Results::Discard);
    made.await.result.unwrap();
    drop(session);
    commit(&mut writer).await;
    let kept = "SELECT count(*) FROM pg_catalog.pg_prepared_statements WHERE name LIKE 'kwil\\_%'";
    let (mut most, mut rounds) = (0, 0);
    for round in 0..3 {
        let mut block = next(&mut writer).await;
        for action in 0..ACTIONS {
            let name = format!("a{}", if round == 1 { ACTIONS - 1 - action } else { action });
            let mut session = write_session(&mut block).unwrap();
            let call = Call { namespace: "main", action: &name, arguments: vec![1.into()] };
            engine.call(&mut session, terms, call, Results::Discard).await.result.unwrap();
            drop(session);
            let rows = block.query(kept).await.unwrap();
            most = most.max(sqlx::Row::get::<i64, _>(&rows[0], 0));
        }
        rounds += 1;
        commit(&mut writer).await;
    }
    assert!((500..=513).contains(&most), "{most} statements were kept");
    let mut block = next(&mut writer).await;
    let rows = block.query("SELECT n FROM main.t").await.unwrap();
    let all = ACTIONS * 30;
    assert_eq!(sqlx::Row::get::<i64, _>(&rows[0], 0), rounds * all * (all - 1) / 2);
}

#[tokio::test]
async fn an_action_calls_methods_of_an_extension_in_a_block() {
    let mut net = start().await;
    let schema = "USE math { modulus: 97 } AS ring;
        CREATE TABLE powers (base INT, exponent INT, result INT, PRIMARY KEY (base, exponent));
        CREATE ACTION keep($base INT, $exponent INT) PUBLIC {
            $result := ring.power($base, $exponent);
            INSERT INTO powers VALUES ($base, $exponent, $result);
            ring.remember($base, $result);
            $again := ring.recall($base);
            NOTICE($again::text);
            FOR $f IN ring.factors($base) { NOTICE($f.factor::text || '^' || $f.power::text); }
        };
        CREATE ACTION break($base INT) PUBLIC {
            ring.remember($base, 1);
            $never := ring.divide($base, 0);
        };";
    let block = vec![
        sql(1, schema),
        call(2, "main", "keep", &[12, 5]),
        call(3, "main", "break", &[13]),
        call(4, "ring", "remember", &[1, 1]),
        call(5, "main", "keep", &[12, 5]),
        call(6, "ring", "add", &[90, 10]),
    ];
    let got = logs(&mut net, block).await;
    assert_eq!((&*got[0], &*got[1]), ("", "1. 27\n2. 2^2\n3. 3^1"));
    assert!(got[2].contains("ERROR: ") && got[3].contains("action is system-only"), "{got:?}");
    assert!(got[4].contains("duplicate key") && got[5].is_empty(), "{got:?}");
    let remembered = "SELECT key * 1000 + value FROM ring.remembered ORDER BY key";
    assert_eq!(numbers(&net, remembered).await, [12_027], "what failed left nothing");
    let unused = vec![sql(7, "UNUSE ring"), call(8, "main", "keep", &[2, 2])];
    let got = logs(&mut net, unused).await;
    assert!(got[0].is_empty() && got[1].contains("ERROR"), "{got:?}");
    assert_verified(&net).await;
}
