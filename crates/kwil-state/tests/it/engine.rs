//! SQL and actions in blocks and in reads.

use std::collections::BTreeMap;

use kwil_engine::{FailureClass, Invocation, ReadLimits};
use kwil_lang::ErrorClass;
use kwil_state::{ReadBounds, ReadError, Reads, verify_state};
use kwil_types::{EncodedValue, Execute, Parameter, Payload, RawStatement, RawTx, Value};
use tokio_util::sync::CancellationToken;

use crate::network::{Net, Setup, tx, user};

/// The owner's next transactions.
fn sql(nonce: u64, statement: &str) -> RawTx {
    with_parameters(nonce, statement, &[])
}

fn with_parameters(nonce: u64, statement: &str, parameters: &[(&str, Value)]) -> RawTx {
    let parameters = parameters.iter().map(|(name, value)| Parameter {
        name: (*name).into(),
        value: EncodedValue::from_value(value).unwrap(),
    });
    let payload = RawStatement { statement: statement.into(), parameters: parameters.collect() };
    tx(&user(1), nonce, 0, &Payload::RawStatement(payload))
}

fn call(nonce: u64, action: &str, lists: &[Vec<Value>]) -> RawTx {
    let encode =
        |list: &Vec<Value>| list.iter().map(|v| EncodedValue::from_value(v).unwrap()).collect();
    let rows = lists.iter().map(encode).collect();
    tx(&user(1), nonce, 0, &Payload::Execute(Execute::new("", action, rows).unwrap()))
}

async fn start() -> Net {
    Setup { owner: user(1).identifier(), ..Setup::free(&[1]) }.start().await
}

async fn results(net: &mut Net, txs: Vec<RawTx>) -> Vec<(u32, String)> {
    let outcome = net.block(txs).await;
    outcome.results.into_iter().map(|result| (result.code.code(), result.log)).collect()
}

fn reads(net: &Net) -> Reads {
    net.executor.reads(&net.database)
}

async fn rows(net: &Net, query: &str) -> Vec<Vec<Value>> {
    let read = reads(net).query(query, BTreeMap::new(), Invocation::default(), bounds()).await;
    read.unwrap().result.rows
}

fn bounds() -> ReadBounds {
    ReadBounds::default()
}

async fn assert_verified(net: &Net) {
    let report = verify_state(net.test.endpoint(), None).await.unwrap();
    assert!(report.holds(), "{report:#?}");
}

const NOTES: &str = "CREATE TABLE notes (id INT PRIMARY KEY, body TEXT NOT NULL)";
const ADD: &str = "CREATE ACTION add($id INT, $body TEXT) PUBLIC {
    NOTICE('adding ' || $body); INSERT INTO notes VALUES ($id, $body); }";

#[tokio::test]
async fn a_failed_payload_leaves_only_its_nonce() {
    let mut net = start().await;
    let got = results(
        &mut net,
        vec![
            sql(1, NOTES),
            sql(2, ADD),
            call(3, "add", &[vec![1.into(), "a".into()], vec![2.into(), "b".into()]]),
            call(4, "ADD", &[vec![3.into(), "c".into()], vec![1.into(), "d".into()]]),
            sql(5, "INSERT INTO notes VALUES (4, 'd'); SELECT 1 / 0"),
            with_parameters(6, "INSERT INTO notes VALUES ($id, @caller)", &[("$id", 5.into())]),
            sql(7, "CREATE NAMESPACE main"),
            sql(8, "{nowhere} SELECT 1"),
            call(9, "nothing", &[]),
        ],
    )
    .await;
    let duplicate = "1. adding c\n1. adding d\nERROR: duplicate key value violates unique constraint \"notes_pkey\" (SQLSTATE 23505)";
    let wanted = [
        (0, ""),
        (0, ""),
        (0, "1. adding a\n1. adding b"),
        (65535, duplicate),
        (65535, "ERROR: division by zero (SQLSTATE 22012)"),
        (0, ""),
        (120, "ERROR: namespace already exists"),
        (110, "ERROR: namespace not found"),
        (65535, "ERROR: unknown action"),
    ];
    for (got, (code, log)) in got.iter().zip(wanted) {
        assert!(got.0 == code && got.1.starts_with(log), "{got:?}, wanted {code} {log}");
    }
    let found = rows(&net, "SELECT id, body FROM notes ORDER BY id").await;
    let caller = user(1).identifier();
    let wanted: Vec<Vec<Value>> = vec![
        vec![1.into(), "a".into()],
        vec![2.into(), "b".into()],
        vec![5.into(), caller.as_str().into()],
    ];
    assert_eq!(found, wanted);
    assert_verified(&net).await;
}

#[tokio::test]
async fn only_the_owner_changes_what_exists() {
    let mut net = Setup::free(&[1]).start().await;
    let got = results(&mut net, vec![sql(1, NOTES)]).await;
    assert!(got[0].0 == 65535 && got[0].1.contains("user does not have privilege"), "{got:?}");
    assert_verified(&net).await;
}

#[tokio::test]
async fn rows_and_definitions_are_part_of_the_app_hash() {
    let mut hashes = Vec::new();
    for (table, value) in [(NOTES, "a"), (NOTES, "b"), (NOTES, "a")] {
        let mut net = start().await;
        let first = net.block(vec![sql(1, table), sql(2, ADD)]).await.app_hash;
        let second =
            net.block(vec![call(3, "add", &[vec![1.into(), value.into()]])]).await.app_hash;
        hashes.push((first, second));
    }
    assert_eq!(hashes[0], hashes[2]);
    assert_eq!(hashes[0].0, hashes[1].0);
    assert_ne!(hashes[0].1, hashes[1].1);
}

#[tokio::test]
async fn an_aborted_block_takes_its_definitions_along() {
    let mut net = start().await;
    let input =
        net.input(vec![sql(1, NOTES), sql(2, ADD), sql(3, "INSERT INTO notes VALUES (1, 'a')")]);
    let cancel = tokio_util::sync::CancellationToken::new;
    net.executor.execute(&input, cancel()).await.unwrap();
    net.executor.abort().await;
    let outcome = net.commit(input).await;
    assert!(outcome.results.iter().all(|result| result.code.is_ok()), "{:?}", outcome.results);
    assert_eq!(rows(&net, "SELECT id FROM notes").await, [[Value::from(1)]]);
    assert_verified(&net).await;
}

#[tokio::test]
async fn every_kind_of_definition_survives_a_restart_and_is_verified() {
    let mut net = start().await;
    let statements = [
        "CREATE NAMESPACE shop",
        "{shop} CREATE TABLE item (id INT PRIMARY KEY, price NUMERIC(10,2) DEFAULT 1.5::numeric(10,2), tags TEXT[], n INT4)",
        "{shop} CREATE TABLE sale (id INT PRIMARY KEY, item INT REFERENCES item(id) ON DELETE CASCADE, CHECK (id > 0))",
        "{shop} CREATE UNIQUE INDEX by_item ON sale (item, id)",
        "{shop} INSERT INTO item (id, tags, n) VALUES (1, ARRAY['a', null, 'b'], 7), (2, null, null)",
        "{shop} INSERT INTO sale VALUES (1, 1), (2, 1), (3, 2)",
        "{shop} ALTER TABLE item RENAME COLUMN price TO cost",
        "{shop} ALTER TABLE item ADD COLUMN note TEXT",
        "{shop} ALTER TABLE item DROP COLUMN tags",
        "{shop} ALTER TABLE item RENAME TO goods",
        "{shop} DELETE FROM goods WHERE id = 1",
        "CREATE ROLE clerk",
        "GRANT INSERT ON shop TO clerk",
        "GRANT clerk TO 'bob'",
        "USE math { round: 'up' } AS m",
        "CREATE ACTION a() PUBLIC VIEW RETURNS TABLE (id INT) { RETURN SELECT id FROM shop.sale; }",
    ];
    let txs = (1..).zip(statements).map(|(nonce, statement)| sql(nonce, statement)).collect();
    let got = results(&mut net, txs).await;
    let failed: Vec<_> = got.iter().zip(statements).filter(|((code, _), _)| *code != 0).collect();
    assert!(failed.iter().all(|(_, statement)| statement.starts_with("USE")), "{failed:#?}");
    assert_verified(&net).await;
    let mut net = net.restart().await;
    assert_eq!(rows(&net, "SELECT id, item FROM shop.sale").await, [[Value::from(3), 2.into()]]);
    let data_type = rows(&net, "SELECT data_type FROM info.columns WHERE name = 'n'").await;
    assert_eq!(data_type, [[Value::from("integer")]]);
    let got = results(
        &mut net,
        vec![sql(17, "{shop} DROP TABLE goods CASCADE"), sql(18, "DROP NAMESPACE shop")],
    )
    .await;
    assert!(got.iter().all(|(code, _)| *code == 0), "{got:?}");
    assert_verified(&net).await;
}

#[tokio::test]
async fn reads_show_a_committed_height_and_change_nothing() {
    let mut net = start().await;
    net.block(vec![sql(1, NOTES), sql(2, "INSERT INTO notes VALUES (1, 'a')")]).await;
    let reads = reads(&net);
    let parameters = BTreeMap::from([("id".to_owned(), Value::from(1))]);
    let known = Invocation { height: 0, ..Invocation::default() };
    let source = "SELECT body, @height FROM notes WHERE id = $id";
    let answer = reads.query(source, parameters, known, bounds()).await.unwrap();
    assert_eq!(answer.height, net.executor.chain().height);
    let height = i64::try_from(answer.height).unwrap();
    assert_eq!(answer.result.rows, [[Value::from("a"), height.into()]]);
    for statement in
        ["DELETE FROM notes", "CREATE TABLE t (id INT PRIMARY KEY)", "DROP TABLE notes"]
    {
        let owner = Invocation { caller: user(1).identifier(), ..Invocation::default() };
        let refused = reads.query(statement, BTreeMap::new(), owner, bounds()).await;
        let Err(ReadError::Failed(failure)) = refused else { panic!("{statement}: {refused:?}") };
        assert_eq!(failure.class, FailureClass::Lang(ErrorClass::CannotMutateState), "{statement}");
    }
    assert_eq!(rows(&net, "SELECT id FROM notes").await.len(), 1);
}

#[tokio::test]
async fn all_statements_of_a_read_see_one_block_while_blocks_are_committed() {
    let mut net = start().await;
    let statements = [
        "CREATE TABLE ticks (id INT PRIMARY KEY, n INT NOT NULL)",
        "INSERT INTO ticks VALUES (1, 0)",
        "CREATE ACTION tick() PUBLIC { UPDATE ticks SET n = n + 1; }",
        "CREATE ACTION twice() PUBLIC VIEW RETURNS (a INT, b INT, at INT) {
            $a INT; $b INT;
            FOR $first IN SELECT n FROM ticks { $a := $first.n; }
            FOR $second IN SELECT n FROM ticks { $b := $second.n; }
            RETURN $a, $b, @height;
        }",
    ];
    net.block((1..).zip(statements).map(|(nonce, it)| sql(nonce, it)).collect()).await;
    let (start, done) = (net.executor.chain().height, CancellationToken::new());
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (reads, done) = (reads(&net), done.clone());
        readers.spawn(async move {
            let (mut count, mut last) = (0_u32, 0);
            while !done.is_cancelled() || count == 0 {
                let asking = Invocation { height: 0, ..Invocation::default() };
                let answer = reads.call("", "twice", Vec::new(), asking, bounds()).await.unwrap();
                let height = i64::try_from(answer.height).unwrap();
                let ticks = i64::try_from(answer.height - start).unwrap();
                assert_eq!(answer.result.rows, [[Value::from(ticks), ticks.into(), height.into()]]);
                assert!(height >= last, "{height} after {last}");
                (count, last) = (count + 1, height);
            }
            count
        });
    }
    for nonce in 5..25 {
        // A definition now and then, so that statements and catalogs change under the readers.
        let extra = sql(2 * nonce - 4, &format!("CREATE INDEX i{nonce} ON ticks (n)"));
        let results = results(&mut net, vec![call(2 * nonce - 5, "tick", &[]), extra]).await;
        assert!(results.iter().all(|(code, _)| *code == 0), "{results:?}");
    }
    done.cancel();
    while let Some(count) = readers.join_next().await {
        assert!(count.unwrap() > 0);
    }
}

#[tokio::test]
async fn connections_that_ended_while_nobody_used_them_are_no_failures() {
    let mut net = start().await;
    net.block(vec![sql(1, NOTES), sql(2, "INSERT INTO notes VALUES (1, 'a')")]).await;
    let several = async || {
        let asking = (0..3).map(|_| rows(&net, "SELECT body FROM notes"));
        futures_util::future::join_all(asking).await
    };
    let before = several().await;
    let ended = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'kwild reader'";
    let mut root = net.test.connect_superuser().await;
    let ended = sqlx::raw_sql(ended).fetch_all(&mut root).await.unwrap();
    assert!(!ended.is_empty(), "no connection was kept");
    assert_eq!(several().await, before);
}

#[tokio::test]
async fn a_call_answers_with_rows_notices_and_its_own_errors() {
    let mut net = start().await;
    let statements = [
        NOTES,
        "CREATE ACTION show($n INT) PUBLIC VIEW RETURNS (x INT) { NOTICE('hi'); RETURN 10 / $n; }",
        "CREATE ACTION say() PUBLIC VIEW { NOTICE('hi'); ERROR('no'); }",
        "CREATE ACTION sql() PUBLIC VIEW { SELECT 1 / id FROM notes WHERE id = 0; }",
        "INSERT INTO notes VALUES (0, 'a')",
    ];
    net.block((1..).zip(statements).map(|(nonce, it)| sql(nonce, it)).collect()).await;
    let reads = reads(&net);
    let run = async |action: &str, arguments| {
        reads.call("", action, arguments, Invocation::default(), bounds()).await
    };
    let answer = run("show", vec![5.into()]).await.unwrap();
    assert_eq!(
        (answer.result.rows, answer.logs.as_str(), answer.error),
        (vec![vec![2.into()]], "1. hi", None)
    );
    assert_eq!(&*answer.result.columns[0].name, "x");
    let answer = run("say", vec![]).await.unwrap();
    assert_eq!((answer.logs.as_str(), answer.error.as_deref()), ("1. hi", Some("no")));
    let answer = run("sql", vec![]).await.unwrap();
    assert_eq!(answer.error.as_deref(), Some("ERROR: division by zero (SQLSTATE 22012)"));
    assert!(matches!(run("nothing", vec![]).await, Err(ReadError::Failed(_))));
}

#[tokio::test]
async fn a_read_is_bounded_and_its_connection_comes_back() {
    let mut net = start().await;
    net.block(vec![sql(1, NOTES)]).await;
    let reads = reads(&net);
    let many = "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 100000) SELECT n FROM r";
    let few = ReadBounds { answer: ReadLimits { rows: 10, bytes: 1 << 20 }, ..bounds() };
    let short = ReadBounds { time: std::time::Duration::from_millis(300), ..bounds() };
    let endless = "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT (n + 1) % 1000 FROM r) SELECT count(*) FROM r";
    // More often than there are connections.
    for _ in 0..12 {
        let got = reads.query(many, BTreeMap::new(), Invocation::default(), few).await;
        assert!(matches!(got, Err(ReadError::TooLarge(_))), "{got:?}");
    }
    for _ in 0..6 {
        let got = reads.query(endless, BTreeMap::new(), Invocation::default(), short).await;
        assert!(matches!(got, Err(ReadError::Timeout)), "{got:?}");
    }
    let dropped = reads.query(endless, BTreeMap::new(), Invocation::default(), bounds());
    assert!(tokio::time::timeout(std::time::Duration::from_millis(300), dropped).await.is_err());
    assert_eq!(rows(&net, "SELECT 1").await, [[Value::from(1)]]);
    net.no_reader_runs().await;
}

#[tokio::test]
async fn a_row_too_large_for_the_hash_fails_its_transaction_only() {
    let mut net = start().await;
    let big = "INSERT INTO notes VALUES (1, lpad('x', 8000000))";
    let small = "INSERT INTO notes VALUES (2, lpad('x', 6000000))";
    let got = results(&mut net, vec![sql(1, NOTES), sql(2, big), sql(3, small)]).await;
    assert!(got[1].0 == 65535 && got[1].1.contains("row_too_large"), "{:?}", got[1]);
    assert_eq!((got[0].0, got[2].0), (0, 0), "{:?}", got[2]);
    assert_verified(&net).await;
}
