//! Writer, capture, state hash and verification.

use std::time::Duration;

use kwil_crypto::Hash;
use kwil_state::testing::reader;
use kwil_state::{
    ChainIdentity, Database, FaultKind, NewColumn, RowChange, StatementError, Writer, verify_state,
};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use tokio_util::sync::CancellationToken;

use crate::fixture::{
    Account, account, added, assert_verified, block_of, columns, commit, genesis, identity, next,
    seal, table,
};

async fn with_table() -> (kwil_state::testing::TestDatabase, Writer) {
    let (database, mut writer) = genesis().await;
    let mut block = next(&mut writer).await;
    block
        .create_table(&table("t", &[("id", "int8"), ("name", "text"), ("amount", "numeric(20,5)")]))
        .await
        .unwrap();
    commit(&mut writer).await;
    (database, writer)
}

#[tokio::test]
async fn genesis_and_blocks_are_there_after_a_reopen() {
    let (database, mut writer) = genesis().await;
    let root = block_of(&mut writer, &[]).await;
    let last = *writer.last().unwrap();
    assert_eq!((last.height, last.state_root), (1, root));
    writer.close().await;
    let writer = Writer::open(database.endpoint().clone(), Some(identity())).await.unwrap();
    assert_eq!(writer.last(), Some(&last));
    assert!(writer.catalog().has_namespace("main"));
    assert_verified(&database).await;
}

#[tokio::test]
async fn every_way_to_write_is_captured() {
    let (database, mut writer) = with_table().await;
    for statements in [
        &["INSERT INTO main.t SELECT i, 'n' || i, i * 1.5 FROM generate_series(1, 3000) i"][..],
        &["UPDATE main.t SET name = 'x' WHERE id % 2 = 0", "UPDATE main.t SET name = name"],
        &["DELETE FROM main.t WHERE id > 2900"],
        &[
            "INSERT INTO main.t VALUES (1, 'up', 0), (9001, NULL, NULL) ON CONFLICT (id) DO UPDATE SET name = excluded.name",
        ],
        &["INSERT INTO main.t VALUES (1, 'no', 0) ON CONFLICT DO NOTHING"],
        &["UPDATE main.t t SET amount = s.amount FROM main.t s WHERE s.id = t.id + 1"],
        &["UPDATE main.t SET id = id + 100000 WHERE id < 10"],
        &[
            "WITH gone AS (DELETE FROM main.t WHERE id < 50 RETURNING *) INSERT INTO main.t SELECT id + 500000, name, amount FROM gone",
        ],
    ] {
        block_of(&mut writer, statements).await;
        assert_verified(&database).await;
    }
}

#[tokio::test]
async fn foreign_key_actions_are_captured() {
    let (database, mut writer) = with_table().await;
    let mut block = next(&mut writer).await;
    for child in ["gone", "nulled", "defaulted"] {
        block.create_table(&table(child, &[("id", "int8"), ("parent", "int8")])).await.unwrap();
    }
    for statement in [
        "ALTER TABLE main.gone ADD FOREIGN KEY (parent) REFERENCES main.t (id) ON DELETE CASCADE ON UPDATE CASCADE",
        "ALTER TABLE main.nulled ADD FOREIGN KEY (parent) REFERENCES main.t (id) ON DELETE SET NULL",
        "ALTER TABLE main.defaulted ALTER parent SET DEFAULT 1, ADD FOREIGN KEY (parent) REFERENCES main.t (id) ON DELETE SET DEFAULT",
        "INSERT INTO main.t SELECT i FROM generate_series(1, 10) i",
        "INSERT INTO main.gone SELECT i, 1 + i % 10 FROM generate_series(1, 100) i",
        "INSERT INTO main.nulled SELECT i, 1 + i % 10 FROM generate_series(1, 100) i WHERE i % 10 > 3",
        "INSERT INTO main.defaulted SELECT i, 1 + i % 10 FROM generate_series(1, 100) i WHERE i % 10 > 3",
    ] {
        block.execute(statement).await.unwrap();
    }
    commit(&mut writer).await;
    assert_verified(&database).await;
    block_of(
        &mut writer,
        &["DELETE FROM main.t WHERE id > 7", "UPDATE main.t SET id = 70 WHERE id = 3"],
    )
    .await;
    assert_verified(&database).await;
    let report = verify_state(database.endpoint(), Some("main.gone")).await.unwrap();
    assert_eq!(report.tables[0].found_rows, 70);
    assert_eq!(report.tables[0].stored_rows, 70);
}

#[tokio::test]
async fn a_row_of_long_decimals_is_refused_before_the_hash_cannot_take_it() {
    let (database, mut writer) = genesis().await;
    let mut block = next(&mut writer).await;
    let shape = [("id", "int8"), ("n", "numeric(1000,0)[]")];
    block.create_table(&table("wide", &shape)).await.unwrap();
    commit(&mut writer).await;
    // 14 bytes each in the image of a row, a thousand in its canonical form.
    let insert = |id: i64, count: u64| {
        format!(
            "INSERT INTO main.wide VALUES ({id}, array_fill(('1' || repeat('0', 999))::numeric(1000,0), ARRAY[{count}]))"
        )
    };
    let mut block = next(&mut writer).await;
    block.execute(&insert(1, 16_500)).await.unwrap();
    block.execute(&insert(2, 9_000)).await.unwrap();
    for statement in [
        insert(3, 17_000),
        insert(4, 500_000),
        "UPDATE main.wide SET n = n || n WHERE id = 2".to_owned(),
    ] {
        block.savepoint().await.unwrap();
        let refused = block.execute(&statement).await;
        let Err(StatementError::Tx(failure)) = refused else { panic!("{statement}: {refused:?}") };
        assert!(failure.message.contains("row_too_large"), "{failure}");
        block.rollback().await.unwrap();
    }
    commit(&mut writer).await;
    assert!(verify_state(database.endpoint(), None).await.unwrap().holds());
}

#[tokio::test]
async fn every_type_is_hashed_the_same_from_triggers_and_from_copy() {
    let (database, mut writer) = genesis().await;
    let mut block = next(&mut writer).await;
    let shape = [
        ("id", "int8"),
        ("b", "bool"),
        ("t", "text"),
        ("y", "bytea"),
        ("u", "uuid"),
        ("n", "numeric(30,7)"),
        ("i0", "numeric(5,0)"),
        ("ai", "int8[]"),
        ("ab", "bool[]"),
        ("at", "text[]"),
        ("ay", "bytea[]"),
        ("au", "uuid[]"),
        ("an", "numeric(12,3)[]"),
    ];
    block.create_table(&table("all_types", &shape)).await.unwrap();
    commit(&mut writer).await;
    block_of(
        &mut writer,
        &[
            "INSERT INTO main.all_types VALUES (1, true, 'é''\"', '\\x00ff', '00112233-4455-6677-8899-aabbccddeeff', -0.0000001, 12345, \
             '{1,NULL,-3}', '{t,f,NULL}', '{a,\"b c\",NULL,\"\"}', '{\"\\\\x00\",NULL}', '{00112233-4455-6677-8899-aabbccddeeff}', '{1.5,NULL,-0.001,100000000}')",
            "INSERT INTO main.all_types (id) VALUES (2)",
            "INSERT INTO main.all_types (id, n, ai, at) VALUES (3, 99999999999999999999999.9999999, '{}', '{}')",
            "INSERT INTO main.all_types (id, n, i0) VALUES (4, 10000, 10000), (5, 0, 0), (6, 0.5, -1)",
            // The flag for NULLs survives the removal of the NULL, and is not part of the value.
            "INSERT INTO main.all_types (id, ai) VALUES (7, ('{1,NULL}'::int8[])[1:1])",
        ],
    )
    .await;
    assert_verified(&database).await;
}

#[tokio::test]
async fn equal_rows_give_equal_roots_whatever_the_history() {
    let (_one, mut first) = with_table().await;
    let (_other, mut second) = with_table().await;
    block_of(&mut first, &["INSERT INTO main.t VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3)"])
        .await;
    let one = block_of(&mut first, &["DELETE FROM main.t WHERE id = 2"]).await;
    block_of(
        &mut second,
        &["INSERT INTO main.t VALUES (3, 'x', 3)", "UPDATE main.t SET name = 'c'"],
    )
    .await;
    let other = block_of(&mut second, &["INSERT INTO main.t VALUES (1, 'a', 1.0)"]).await;
    assert_eq!(one, other);
    let emptied = block_of(&mut first, &["DELETE FROM main.t"]).await;
    let (_fresh, mut fresh) = with_table().await;
    assert_eq!(emptied, block_of(&mut fresh, &[]).await);
}

#[tokio::test]
async fn truncate_is_refused() {
    let (database, mut writer) = with_table().await;
    let mut block = next(&mut writer).await;
    block.execute("INSERT INTO main.t VALUES (1)").await.unwrap();
    block.savepoint().await.unwrap();
    let error = block.execute("TRUNCATE main.t").await.unwrap_err();
    assert!(
        matches!(&error, StatementError::Tx(failure) if failure.message.contains("TRUNCATE of main.t")),
        "{error}"
    );
    block.rollback().await.unwrap();
    commit(&mut writer).await;
    assert_verified(&database).await;
}

#[tokio::test]
async fn savepoints_take_rows_catalog_and_lattice_back_together() {
    let (database, mut writer) = with_table().await;
    let before = block_of(&mut writer, &["INSERT INTO main.t VALUES (1, 'a', 1)"]).await;
    let mut block = next(&mut writer).await;
    block.savepoint().await.unwrap();
    block.execute("INSERT INTO main.t VALUES (2, 'b', 2)").await.unwrap();
    block.store(&[added(account("alice", 5))]).await.unwrap();
    block.savepoint().await.unwrap();
    let id = block.create_table(&table("other", &[("id", "int8")])).await.unwrap();
    block.execute("INSERT INTO main.other VALUES (1)").await.unwrap();
    block.add_column(id, &columns(&[("more", "text")])[0]).await.unwrap();
    block.release().await.unwrap();
    block.drain().await.unwrap();
    assert!(block.catalog().find("main", "other").is_some());
    block.rollback().await.unwrap();
    assert!(block.catalog().find("main", "other").is_none());
    assert_eq!(commit(&mut writer).await, before);
    assert_verified(&database).await;

    let mut block = next(&mut writer).await;
    block.savepoint().await.unwrap();
    block.execute("INSERT INTO main.t VALUES (2, 'b', 2)").await.unwrap();
    block.drain().await.unwrap();
    block.release().await.unwrap();
    assert_ne!(commit(&mut writer).await, before);
    assert_verified(&database).await;
}

#[tokio::test]
async fn ddl_keeps_the_sums_right() {
    let (database, mut writer) = with_table().await;
    block_of(
        &mut writer,
        &["INSERT INTO main.t SELECT i, 'n' || i, i FROM generate_series(1, 5000) i"],
    )
    .await;
    let id = writer.catalog().find("main", "t").unwrap().id;
    let rows = |writer: &Writer| {
        writer.catalog().table(id).map(|table| (table.name.clone(), table.columns.len()))
    };

    let mut block = next(&mut writer).await;
    block.execute("UPDATE main.t SET name = 'before' WHERE id = 1").await.unwrap();
    block.rename_column(id, "name", "title").await.unwrap();
    block.rename_table("main", "t", "renamed").await.unwrap();
    block.execute("UPDATE main.renamed SET title = 'after' WHERE id = 2").await.unwrap();
    commit(&mut writer).await;
    assert_eq!(rows(&writer), Some(("renamed".into(), 3)));
    assert_verified(&database).await;

    let mut block = next(&mut writer).await;
    let extra = NewColumn { name: "extra".into(), ..columns(&[("x", "text")])[0].clone() };
    block.add_column(id, &extra).await.unwrap();
    block.execute("UPDATE main.renamed SET extra = 'e' WHERE id < 100").await.unwrap();
    commit(&mut writer).await;
    assert_verified(&database).await;

    let mut block = next(&mut writer).await;
    block.execute("DELETE FROM main.renamed WHERE id = 1").await.unwrap();
    block.drop_column(id, "title").await.unwrap();
    block.execute("INSERT INTO main.renamed VALUES (90000, 5, 'new')").await.unwrap();
    block.add_column(id, &extra_named("title")).await.unwrap();
    block.execute("UPDATE main.renamed SET title = 'again' WHERE id = 2").await.unwrap();
    commit(&mut writer).await;
    assert_verified(&database).await;
    let ids: Vec<_> =
        writer.catalog().table(id).unwrap().columns.iter().map(|column| column.id.get()).collect();
    assert_eq!(ids, [1, 3, 4, 5], "a column id is never used again");

    let mut block = next(&mut writer).await;
    block.execute("INSERT INTO main.renamed VALUES (90001)").await.unwrap();
    block.drop_table("main", "renamed").await.unwrap();
    let again = block.create_table(&table("renamed", &[("id", "int8")])).await.unwrap();
    assert!(again > id, "a table id is never used again");
    block.execute("INSERT INTO main.renamed VALUES (1)").await.unwrap();
    commit(&mut writer).await;
    assert_verified(&database).await;

    let mut block = next(&mut writer).await;
    block.create_namespace("second", "USER").await.unwrap();
    let there = kwil_state::NewTable { schema: "second".into(), ..table("t", &[("id", "int8")]) };
    block.create_table(&there).await.unwrap();
    block.execute("INSERT INTO second.t VALUES (1)").await.unwrap();
    commit(&mut writer).await;
    assert_verified(&database).await;
    let mut block = next(&mut writer).await;
    block.drop_namespace("second").await.unwrap();
    commit(&mut writer).await;
    assert!(!writer.catalog().has_namespace("second"));
    assert_verified(&database).await;

    writer.close().await;
    let mut writer = Writer::open(database.endpoint().clone(), Some(identity())).await.unwrap();
    block_of(&mut writer, &["INSERT INTO main.renamed VALUES (2)"]).await;
    assert_verified(&database).await;
}

fn extra_named(name: &str) -> NewColumn {
    NewColumn { name: name.into(), ..columns(&[("x", "text")])[0].clone() }
}

#[tokio::test]
async fn a_rename_touches_no_row_but_the_root() {
    let (database, mut writer) = with_table().await;
    let before = block_of(&mut writer, &["INSERT INTO main.t VALUES (1, 'a', 1)"]).await;
    let mut block = next(&mut writer).await;
    block.rename_table("main", "t", "u").await.unwrap();
    assert_ne!(commit(&mut writer).await, before);
    let mut block = next(&mut writer).await;
    block.rename_table("main", "u", "t").await.unwrap();
    assert_eq!(commit(&mut writer).await, before);
    assert_verified(&database).await;
}

#[tokio::test]
async fn engine_rows_are_loaded_stored_and_hashed() {
    let (database, mut writer) = genesis().await;
    let empty = block_of(&mut writer, &[]).await;
    let mut block = next(&mut writer).await;
    let many: Vec<_> = (0..25_000).map(|i| added(account(&format!("a{i}"), i))).collect();
    block.store(&many).await.unwrap();
    commit(&mut writer).await;
    assert_verified(&database).await;

    let mut block = next(&mut writer).await;
    let key = |name: &str| vec![kwil_state::Cell::Bytea(name.into()), kwil_state::Cell::Int8(0)];
    let found: Vec<Account> = block.load(&[key("a7"), key("nobody"), key("a9")]).await.unwrap();
    assert_eq!(found.len(), 2);
    let (old, new) = (account("a7", 7), account("a7", 70));
    assert!(found.contains(&old));
    block.store(&[RowChange { old: Some(old), new: Some(new.clone()) }]).await.unwrap();
    commit(&mut writer).await;
    assert_verified(&database).await;

    let mut block = next(&mut writer).await;
    let all: Vec<Account> = block.scan().await.unwrap();
    assert!(all.contains(&new));
    let gone: Vec<_> = all.into_iter().map(|old| RowChange { old: Some(old), new: None }).collect();
    block.store(&gone).await.unwrap();
    assert_eq!(commit(&mut writer).await, empty);
    assert_verified(&database).await;
}

#[tokio::test]
async fn a_foreign_session_cannot_write_hashed_tables() {
    let (database, mut writer) = with_table().await;
    block_of(&mut writer, &["INSERT INTO main.t VALUES (1, 'a', 1)"]).await;
    let mut psql = database.connect().await;
    for statement in [
        "INSERT INTO main.t VALUES (2)",
        "UPDATE main.t SET name = 'hacked'",
        "DELETE FROM main.t",
        "TRUNCATE main.t",
        "INSERT INTO kwild_meta.accounts VALUES ('\\x00', 0, '1000000', 0)",
        "UPDATE kwild_meta.chain SET height = 9",
        "DELETE FROM kwild_state.lattice",
        "TRUNCATE kwild_meta.params",
    ] {
        let refused = sqlx::raw_sql(statement).execute(&mut psql).await;
        assert!(refused.is_err(), "{statement}");
    }
    assert_verified(&database).await;
}

#[tokio::test]
async fn what_a_superuser_edits_is_found_and_named() {
    let (database, mut writer) = with_table().await;
    let mut block = next(&mut writer).await;
    block.execute("INSERT INTO main.t VALUES (1, 'a', 1), (2, 'b', 2)").await.unwrap();
    block.store(&[added(account("alice", 5))]).await.unwrap();
    commit(&mut writer).await;
    let mut root = database.connect_superuser().await;
    for (edit, undo, named) in [
        (
            "UPDATE main.t SET name = 'z' WHERE id = 1",
            "UPDATE main.t SET name = 'a' WHERE id = 1",
            "main.t",
        ),
        ("DELETE FROM main.t WHERE id = 2", "INSERT INTO main.t VALUES (2, 'b', 2)", "main.t"),
        (
            "UPDATE kwild_meta.accounts SET balance = '6'",
            "UPDATE kwild_meta.accounts SET balance = '5'",
            "kwild_meta.accounts",
        ),
    ] {
        for (statement, found) in [(edit, vec![named.to_owned()]), (undo, vec![])] {
            let script = format!(
                "SET session_replication_role = replica; ALTER TABLE {named} DISABLE TRIGGER USER; {statement}; \
                 ALTER TABLE {named} ENABLE ALWAYS TRIGGER USER"
            );
            let script = script.replace("ENABLE ALWAYS TRIGGER USER", "ENABLE TRIGGER USER");
            sqlx::raw_sql(sqlx::AssertSqlSafe(script)).execute(&mut root).await.unwrap();
            enable_always(&mut root, named).await;
            let report = verify_state(database.endpoint(), None).await.unwrap();
            let differing: Vec<_> = report.differing().map(|table| table.table.clone()).collect();
            assert_eq!(differing, found, "{statement}");
            assert_eq!(report.holds(), found.is_empty(), "{statement}: {report:#?}");
        }
    }
}

async fn enable_always(connection: &mut sqlx::PgConnection, table: &str) {
    let query = "SELECT tgname::text FROM pg_trigger WHERE tgrelid = $1::text::regclass AND NOT tgisinternal";
    for row in sqlx::query(query).bind(table).fetch_all(&mut *connection).await.unwrap() {
        let sql = format!("ALTER TABLE {table} ENABLE ALWAYS TRIGGER {}", row.get::<String, _>(0));
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut *connection).await.unwrap();
    }
}

#[tokio::test]
async fn a_changed_shape_or_catalog_is_found() {
    let (database, _writer) = with_table().await;
    let mut root = database.connect_superuser().await;
    for (edit, undo, text) in [
        (
            "ALTER TABLE main.t DISABLE TRIGGER kwil_cap_u",
            "ALTER TABLE main.t ENABLE ALWAYS TRIGGER kwil_cap_u",
            "trigger kwil_cap_u of table main.t",
        ),
        (
            "CREATE TABLE main.foreign_one (x int8)",
            "DROP TABLE main.foreign_one",
            "main.foreign_one exists",
        ),
    ] {
        sqlx::raw_sql(edit).execute(&mut root).await.unwrap();
        let report = verify_state(database.endpoint(), None).await.unwrap();
        assert!(
            !report.holds() && report.structure.iter().any(|problem| problem.contains(text)),
            "{report:#?}"
        );
        sqlx::raw_sql(undo).execute(&mut root).await.unwrap();
        assert_verified(&database).await;
    }
    let edit = "ALTER TABLE kwild_meta.counters DISABLE TRIGGER USER; UPDATE kwild_meta.counters SET next = next + 1";
    sqlx::raw_sql(edit).execute(&mut root).await.unwrap();
    let report = verify_state(database.endpoint(), None).await.unwrap();
    assert!(report.catalog_differs() && !report.holds());
}

#[tokio::test]
async fn an_aborted_block_leaves_nothing_and_the_same_block_gives_the_same_root() {
    let (database, mut writer) = with_table().await;
    let execute = async |writer: &mut Writer| {
        let mut block = next(writer).await;
        block.execute("INSERT INTO main.t SELECT i FROM generate_series(1, 100) i").await.unwrap();
        block.store(&[added(account("alice", 5))]).await.unwrap();
        block.create_table(&table("u", &[("id", "int8")])).await.unwrap();
        seal(writer).await
    };
    let first = execute(&mut writer).await;
    writer.abort().await;
    assert!(writer.catalog().find("main", "u").is_none());
    assert_verified(&database).await;
    let second = execute(&mut writer).await;
    assert_eq!(first, second);
    drop(writer);
    let mut writer = Writer::open(database.endpoint().clone(), Some(identity())).await.unwrap();
    assert_eq!(execute(&mut writer).await, first);
    writer.commit().await.unwrap();
    assert_verified(&database).await;
}

#[tokio::test]
async fn failures_of_data_are_results_and_others_are_faults() {
    let (_database, mut writer) = with_table().await;
    let mut block = next(&mut writer).await;
    for (statement, state, text) in [
        ("SELECT 1 / (SELECT 0)", "22012", "division by zero"),
        (
            "INSERT INTO main.t VALUES (1), (1)",
            "23505",
            "duplicate key value violates unique constraint \"t_pkey\"",
        ),
        (
            "INSERT INTO main.t VALUES (NULL)",
            "23502",
            "null value in column \"id\" of relation \"t\" violates not-null constraint",
        ),
        ("SELECT 9223372036854775807 + 1::int8", "22003", "bigint out of range"),
    ] {
        block.savepoint().await.unwrap();
        let error = block.execute(statement).await.unwrap_err();
        let StatementError::Tx(failure) = error else { panic!("{statement}: {error}") };
        assert_eq!((failure.sqlstate.as_str(), failure.message.as_str()), (state, text));
        block.rollback().await.unwrap();
    }
    block.savepoint().await.unwrap();
    let error =
        block.execute("SET statement_timeout = '50ms'; SELECT pg_sleep(60)").await.unwrap_err();
    assert!(
        matches!(&error, StatementError::Node(fault) if matches!(fault.kind, FaultKind::Cancelled)),
        "{error}"
    );
    writer.abort().await;
}

#[tokio::test]
async fn cancelling_stops_a_running_statement_and_the_writer_goes_on() {
    let (database, mut writer) = with_table().await;
    let cancel = CancellationToken::new();
    let height = writer.last().unwrap().height + 1;
    let mut block = writer.begin(height, cancel.clone()).await.unwrap();
    block.execute("INSERT INTO main.t VALUES (1)").await.unwrap();
    let stopper = async {
        let mut watcher = database.connect().await;
        let running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(600)%' AND state = 'active'";
        while sqlx::query_scalar::<_, i64>(running).fetch_one(&mut watcher).await.unwrap() == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        cancel.cancel();
    };
    let (result, ()) = tokio::join!(block.execute("SELECT pg_sleep(600)"), stopper);
    let error = result.unwrap_err();
    assert!(
        matches!(&error, StatementError::Node(fault) if matches!(fault.kind, FaultKind::Cancelled)),
        "{error}"
    );
    writer.abort().await;
    block_of(&mut writer, &["INSERT INTO main.t VALUES (2)"]).await;
    assert_verified(&database).await;
}

#[tokio::test]
async fn commands_in_the_wrong_state_are_refused() {
    let (_database, mut writer) = with_table().await;
    let wrong =
        |kind: &FaultKind| matches!(kind, FaultKind::WrongState { .. } | FaultKind::Invariant(_));
    assert!(wrong(&writer.block().unwrap_err().kind));
    assert!(wrong(&writer.commit().await.unwrap_err().kind));
    assert!(wrong(&writer.begin(77, CancellationToken::new()).await.unwrap_err().kind));
    next(&mut writer).await;
    assert!(wrong(&writer.begin(2, CancellationToken::new()).await.unwrap_err().kind));
    assert!(wrong(&writer.seal(Hash::ZERO, Hash::ZERO, 0).await.unwrap_err().kind));
    seal(&mut writer).await;
    assert!(wrong(&writer.block().unwrap_err().kind));
    writer.commit().await.unwrap();
}

#[tokio::test]
async fn a_second_node_on_one_database_is_told_about_the_first() {
    let (database, writer) = genesis().await;
    let fault = Writer::open(database.endpoint().clone(), Some(identity())).await.unwrap_err();
    assert!(matches!(&fault.kind, FaultKind::InUse { pid, .. } if *pid > 0), "{fault}");
    writer.close().await;
    Writer::open(database.endpoint().clone(), Some(identity())).await.unwrap();
}

#[tokio::test]
async fn a_database_of_another_chain_and_a_newer_layout_are_refused() {
    let (database, writer) = genesis().await;
    writer.close().await;
    let other = ChainIdentity { chain_id: "other".into(), ..identity() };
    let fault = Writer::open(database.endpoint().clone(), Some(other)).await.unwrap_err();
    assert!(fault.kind.to_string().starts_with("database belongs to chain test-chain"), "{fault}");
    let mut psql = database.connect().await;
    sqlx::raw_sql("UPDATE kwild_meta.layout SET version = 99").execute(&mut psql).await.unwrap();
    let fault = Writer::open(database.endpoint().clone(), None).await.unwrap_err();
    assert!(matches!(fault.kind, FaultKind::NewerLayout { found: 99, .. }), "{fault}");
}

#[tokio::test]
async fn readers_see_the_committed_height_and_cannot_write() {
    let (database, mut writer) = with_table().await;
    block_of(&mut writer, &["INSERT INTO main.t VALUES (1, 'a', 1)"]).await;
    let height = writer.last().unwrap().height;
    let readers = Database::new(database.endpoint().clone(), 10);
    let mut block = next(&mut writer).await;
    block.execute("INSERT INTO main.t VALUES (2, 'b', 2)").await.unwrap();
    let view = "SELECT count(*), (SELECT height FROM kwild_meta.chain) FROM main.t";
    let mut before = reader(&readers).await.unwrap();
    sqlx::raw_sql("BEGIN").execute(&mut before).await.unwrap();
    let seen = |row: PgRow| (row.get::<i64, _>(0), row.get::<i64, _>(1).cast_unsigned());
    let row = sqlx::raw_sql(view).fetch_one(&mut before).await.unwrap();
    assert_eq!(seen(row), (1, height));
    commit(&mut writer).await;
    let mut after = reader(&readers).await.unwrap();
    for (connection, rows, at) in [(&mut before, 1, height), (&mut after, 2, height + 1)] {
        let row = sqlx::raw_sql(view).fetch_one(connection).await.unwrap();
        assert_eq!(seen(row), (rows, at));
    }
    let limit = "SELECT current_setting('temp_file_limit')";
    let limit: String = sqlx::raw_sql(limit).fetch_one(&mut after).await.unwrap().get(0);
    assert_eq!(limit, "4GB");
    assert!(sqlx::raw_sql("DELETE FROM main.t").execute(&mut after).await.is_err());
    assert!(
        sqlx::raw_sql("SELECT * FROM kwild_meta.accounts").execute(&mut after).await.is_err(),
        "readers see user tables only"
    );
    let mut node = readers.inspect().await.unwrap();
    assert_eq!(node.count::<Account>().await.unwrap(), 0);
    assert_eq!(readers.identity().await.unwrap(), Some(identity()));
    assert_eq!(readers.fingerprint().await.unwrap(), readers.fingerprint().await.unwrap());
    drop((before, after, node));
    assert!(readers.close(Duration::from_secs(10)).await);
}

#[tokio::test]
async fn a_server_that_dies_in_a_block_is_a_fault_and_the_block_can_be_done_again() {
    let (database, mut writer) = with_table().await;
    let committed = *writer.last().unwrap();
    let mut block = next(&mut writer).await;
    block.execute("INSERT INTO main.t VALUES (1, 'a', 1)").await.unwrap();
    let mut root = database.connect_superuser().await;
    let kill = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'kwild writer' AND datname = current_database()";
    sqlx::query(kill).fetch_all(&mut root).await.unwrap();
    let error =
        writer.block().unwrap().execute("INSERT INTO main.t VALUES (2, 'b', 2)").await.unwrap_err();
    assert!(matches!(&error, StatementError::Node(fault) if fault.is_retryable()), "{error}");
    writer.abort().await;
    writer.connect().await.unwrap();
    assert_eq!(writer.last(), Some(&committed));
    block_of(&mut writer, &["INSERT INTO main.t VALUES (1, 'a', 1), (2, 'b', 2)"]).await;
    assert_verified(&database).await;
}
