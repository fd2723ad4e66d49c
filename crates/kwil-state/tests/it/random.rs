//! Random histories: after each block the sums kept along the way equal those recomputed from the tables.

use kwil_state::{Block, StatementError, Writer};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::fixture::{assert_verified, commit, genesis, next, table};

#[derive(Clone, Debug)]
enum Step {
    Insert {
        id: u8,
        text: Option<u8>,
    },
    Upsert {
        id: u8,
        text: Option<u8>,
    },
    Update {
        below: u8,
        text: Option<u8>,
    },
    Move {
        id: u8,
        to: u8,
    },
    Delete {
        below: u8,
    },
    Child {
        id: u8,
        parent: u8,
    },
    Drain,
    /// Steps within a savepoint, kept or undone.
    Savepoint {
        steps: Vec<Self>,
        keep: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let small = || 0_u8..24;
    let text = || proptest::option::of(any::<u8>());
    let leaf = prop_oneof![
        4 => (small(), text()).prop_map(|(id, text)| Step::Insert { id, text }),
        3 => (small(), text()).prop_map(|(id, text)| Step::Upsert { id, text }),
        2 => (small(), text()).prop_map(|(below, text)| Step::Update { below, text }),
        1 => (small(), small()).prop_map(|(id, to)| Step::Move { id, to }),
        1 => small().prop_map(|below| Step::Delete { below }),
        3 => (small(), small()).prop_map(|(id, parent)| Step::Child { id, parent }),
        1 => Just(Step::Drain),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        (proptest::collection::vec(inner, 1..6), any::<bool>())
            .prop_map(|(steps, keep)| Step::Savepoint { steps, keep })
    })
}

fn sql(step: &Step) -> Option<String> {
    let literal = |text: &Option<u8>| text.map_or("NULL".into(), |byte| format!("'t{byte}'"));
    Some(match step {
        Step::Insert { id, text } => format!("INSERT INTO main.p VALUES ({id}, {})", literal(text)),
        Step::Upsert { id, text } => format!(
            "INSERT INTO main.p VALUES ({id}, {}) ON CONFLICT (id) DO UPDATE SET name = excluded.name",
            literal(text)
        ),
        Step::Update { below, text } => {
            format!("UPDATE main.p SET name = {} WHERE id < {below}", literal(text))
        }
        Step::Move { id, to } => format!("UPDATE main.p SET id = {to} WHERE id = {id}"),
        Step::Delete { below } => format!("DELETE FROM main.p WHERE id < {below}"),
        Step::Child { id, parent } => {
            format!("INSERT INTO main.c VALUES ({id}, {parent}) ON CONFLICT DO NOTHING")
        }
        Step::Drain | Step::Savepoint { .. } => return None,
    })
}

async fn apply(block: &mut Block<'_>, steps: &[Step]) {
    for step in steps {
        match (step, sql(step)) {
            (_, Some(statement)) => {
                block.savepoint().await.unwrap();
                match block.execute(&statement).await {
                    Ok(_) => block.release().await.unwrap(),
                    Err(StatementError::Tx(_)) => block.rollback().await.unwrap(),
                    Err(StatementError::Node(fault)) => panic!("{statement}: {fault}"),
                }
            }
            (Step::Drain, None) => block.drain().await.unwrap(),
            (Step::Savepoint { steps, keep }, None) => {
                block.savepoint().await.unwrap();
                Box::pin(apply(block, steps)).await;
                if *keep { block.release().await.unwrap() } else { block.rollback().await.unwrap() }
            }
            (other, None) => panic!("no statement for {other:?}"),
        }
    }
}

async fn history(
    blocks: &[Vec<Step>],
    writer: &mut Writer,
    database: &kwil_state::testing::TestDatabase,
) {
    for steps in blocks {
        let mut block = next(writer).await;
        apply(&mut block, steps).await;
        commit(writer).await;
        assert_verified(database).await;
    }
    let mut block = next(writer).await;
    block.execute("DELETE FROM main.p; DELETE FROM main.c").await.unwrap();
    commit(writer).await;
}

#[test]
fn random_histories_keep_the_sums_right() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (database, mut writer) = runtime.block_on(async {
        let (database, mut writer) = genesis().await;
        let mut block = next(&mut writer).await;
        block.create_table(&table("p", &[("id", "int8"), ("name", "text")])).await.unwrap();
        block.create_table(&table("c", &[("id", "int8"), ("parent", "int8")])).await.unwrap();
        let key = "ALTER TABLE main.c ADD FOREIGN KEY (parent) REFERENCES main.p ON DELETE CASCADE ON UPDATE CASCADE";
        block.execute(key).await.unwrap();
        commit(&mut writer).await;
        (database, writer)
    });
    let writer = std::cell::RefCell::new(&mut writer);
    let mut runner =
        TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
    let blocks = proptest::collection::vec(proptest::collection::vec(step(), 0..25), 1..4);
    let result = runner.run(&blocks, |blocks| {
        runtime.block_on(history(&blocks, &mut writer.borrow_mut(), &database));
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}
