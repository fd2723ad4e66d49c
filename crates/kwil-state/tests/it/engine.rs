//! The place where SQL plugs in, with an engine that takes statements as they come.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use kwil_state::{
    Block, Extensions, NodeFault, Statement, StatementEngine, StatementError, StatementOutcome,
    TxContext, verify_state,
};
use kwil_types::{Execute, Payload, RawStatement, RawTx, TxCode};

use crate::fixture::table;
use crate::network::{Net, Setup, tx, user};

/// `raw_statement` is SQL, `execute` makes a table of the action's name.
#[derive(Debug)]
struct TakesAll;

impl TakesAll {
    async fn run(
        block: &mut Block<'_>,
        tx: &TxContext,
        statement: Statement<'_>,
    ) -> Result<StatementOutcome, NodeFault> {
        let done = match statement {
            Statement::Raw(raw) => {
                block.execute(&raw.statement.replace("@caller", &tx.caller)).await.map(drop)
            }
            Statement::Execute(execute) => {
                if !block.catalog().has_namespace("main") {
                    block.create_namespace("main", "USER").await.map_err(fault)?;
                }
                block.create_table(&table(execute.action(), &[("id", "text")])).await.map(drop)
            }
        };
        match done {
            Ok(()) => Ok(StatementOutcome { code: TxCode::Ok, log: "1. done".into() }),
            Err(StatementError::Tx(failure)) => {
                Ok(StatementOutcome { code: TxCode::Unknown, log: failure.to_string() })
            }
            Err(StatementError::Node(fault)) => Err(fault),
        }
    }
}

fn fault(error: StatementError) -> NodeFault {
    let StatementError::Node(fault) = error else { panic!("{error}") };
    fault
}

impl StatementEngine for TakesAll {
    fn run<'r, 'w: 'r>(
        &'r self,
        block: &'r mut Block<'w>,
        tx: &'r TxContext,
        statement: Statement<'r>,
    ) -> Pin<Box<dyn Future<Output = Result<StatementOutcome, NodeFault>> + Send + 'r>> {
        Box::pin(Self::run(block, tx, statement))
    }
}

fn sql(nonce: u64, statement: &str) -> RawTx {
    let payload = RawStatement { statement: statement.into(), parameters: Vec::new() };
    tx(&user(1), nonce, 0, &Payload::RawStatement(payload))
}

fn make_table(nonce: u64) -> RawTx {
    tx(&user(1), nonce, 0, &Payload::Execute(Execute::new("main", "notes", Vec::new()).unwrap()))
}

async fn start() -> Net {
    let engine: Arc<dyn StatementEngine> = Arc::new(TakesAll);
    Setup::free(&[1]).start_with(Extensions { engine: Some(engine), ..Extensions::default() }).await
}

async fn rows(net: &Net) -> Vec<String> {
    let mut connection = net.test.connect().await;
    sqlx::query_scalar("SELECT id FROM main.notes ORDER BY id")
        .fetch_all(&mut connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn statements_run_in_the_block_and_a_failed_one_leaves_only_its_nonce() {
    let mut net = start().await;
    let outcome = net
        .block(vec![
            make_table(1),
            sql(2, "INSERT INTO main.notes VALUES ('@caller')"),
            sql(3, "INSERT INTO main.notes VALUES ('b'); INSERT INTO main.notes VALUES ('b')"),
            sql(4, "INSERT INTO main.notes VALUES ('c')"),
        ])
        .await;
    let results: Vec<_> =
        outcome.results.iter().map(|result| (result.code.code(), result.log.as_str())).collect();
    let duplicate = "ERROR: duplicate key value violates unique constraint \"notes_pkey\"";
    assert_eq!(results, [(0, "1. done"), (0, "1. done"), (65535, duplicate), (0, "1. done")]);
    assert_eq!(rows(&net).await, [user(1).identifier(), "c".into()]);
    assert!(verify_state(net.test.endpoint(), None).await.unwrap().holds());
}

#[tokio::test]
async fn the_rows_of_users_are_part_of_the_app_hash() {
    let mut hashes = Vec::new();
    for value in ["a", "b", "a"] {
        let mut net = start().await;
        net.block(vec![make_table(1)]).await;
        hashes.push(
            net.block(vec![sql(2, &format!("INSERT INTO main.notes VALUES ('{value}')"))])
                .await
                .app_hash,
        );
    }
    assert_eq!(hashes[0], hashes[2]);
    assert_ne!(hashes[0], hashes[1]);
}

#[tokio::test]
async fn an_aborted_block_takes_its_tables_along() {
    let mut net = start().await;
    let input = net.input(vec![make_table(1)]);
    net.executor.execute(&input, tokio_util::sync::CancellationToken::new()).await.unwrap();
    net.executor.abort().await;
    let outcome = net.commit(input).await;
    assert!(outcome.results[0].code.is_ok());
    assert_eq!(rows(&net).await, [""; 0]);
}
