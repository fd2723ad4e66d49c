//! Statements of SQL in actions, and their plans.

use std::sync::Arc;

use kwil_types::{DataType, TypeKind, Value};

use super::{Call, Shared, body_on};
use crate::extension::Extensions;
use crate::testing::{Asked, Recorder};

const INT8: DataType = DataType::scalar(TypeKind::Int8);
const TEXT: DataType = DataType::scalar(TypeKind::Text);

fn session() -> Recorder {
    Recorder::new().with_table("t", &[("id", INT8), ("name", TEXT)])
}

#[test]
fn variables_fields_and_context_become_parameters() {
    let session = session().answering("SELECT", vec![vec![5.into(), "n".into()]]);
    let text = "FOR $r IN SELECT id, name FROM t { INSERT INTO t VALUES ($r.id + 1, @caller); }";
    let (ran, session) = body_on(session, "", text);
    assert_eq!(ran.failure, None);
    let Asked::Execute(sql, arguments) = &session.asked[1] else { panic!("{:?}", session.asked) };
    assert!(sql.starts_with("INSERT INTO"), "{sql}");
    assert_eq!(arguments[..], [Value::from(5), Value::from("owner")]);
}

#[test]
fn faults_of_a_statement_appear_when_it_runs() {
    let (ran, _) = body_on(session(), "", "INSERT INTO nope VALUES (1);");
    ran.fails("UnknownTable", "unknown table");
    let (ran, _) = body_on(session(), "", "INSERT INTO t VALUES ($x, 'a');");
    ran.fails("UnknownVariable", "unknown variable: $x");
    let (ran, _) = body_on(session(), "", "IF false { INSERT INTO nope VALUES (1); }");
    assert_eq!(ran.failure, None);
}

#[test]
fn readers_are_refused_writes_before_the_database_is_asked() {
    let (ran, session) = body_on(session().reading(), "", "DELETE FROM t WHERE id = 1;");
    ran.fails(
        "CannotMutateState",
        "SQL statement mutates state, but the execution context is read-only: DELETE FROM t",
    );
    assert_eq!(session.asked, []);
}

#[test]
fn what_the_database_says_is_said_in_the_one_form() {
    let session = session().failing("INSERT", "23505", "duplicate key");
    let (ran, _) = body_on(session, "", "INSERT INTO t VALUES (1, 'a');");
    ran.fails("Pg(23505)", "ERROR: duplicate key (SQLSTATE 23505)");
}

#[test]
fn a_plan_is_used_again_until_its_namespace_changes() {
    let shared = Shared::new(Extensions::new());
    let text =
        "CREATE ACTION put($id INT, $name TEXT) PUBLIC { INSERT INTO t VALUES ($id, $name); };";
    let mut session = session().with_actions(text);
    let call = Call::default();
    let put = |session: &mut Recorder| {
        let ran = call.run_with(&shared, session, "put", vec![1.into(), "a".into()]);
        assert_eq!(ran.failure, None);
        session.statements.last().unwrap().id
    };
    let first = put(&mut session);
    assert_eq!(put(&mut session), first);

    let before = Arc::clone(crate::Session::catalog(&session));
    session.change_catalog(|catalog| {
        let main = catalog.namespaces.get_mut("main").unwrap();
        let table = Arc::make_mut(Arc::make_mut(main).tables.get_mut("t").unwrap());
        table.shape.columns[1].data_type = INT8;
    });
    let ran = call.run_with(&shared, &mut session, "put", vec![1.into(), "a".into()]);
    ran.fails("Plan.Type", "");
    // The change is undone: what was planned before it holds again.
    session.change_catalog(|catalog| *catalog = Clone::clone(&before));
    assert_eq!(put(&mut session), first);
}

#[test]
fn other_types_need_another_plan() {
    let shared = Shared::new(Extensions::new());
    let text = "CREATE ACTION find($n BOOL) PUBLIC VIEW { $x := NULL; IF $n { $x := 1; } \
                FOR $r IN SELECT id FROM t WHERE $x IS NULL { } };";
    let mut session = session().with_actions(text);
    let mut find = |value: bool| {
        let ran = Call::default().run_with(&shared, &mut session, "find", vec![value.into()]);
        assert_eq!(ran.failure, None);
        let statement = session.statements.last().unwrap();
        (statement.id, statement.parameters.clone())
    };
    let untyped = find(false);
    let number = find(true);
    assert_ne!(untyped.0, number.0);
    assert_eq!(number.1, [INT8]);
    assert_eq!(find(false), untyped);
    assert_eq!(find(true), number);
}

#[test]
fn plans_of_readers_and_blocks_are_different() {
    let shared = Shared::new(Extensions::new());
    let text = "CREATE ACTION every() PUBLIC VIEW { FOR $r IN SELECT name FROM t { } };";
    let mut in_block = session().with_actions(text);
    let call = Call::default();
    assert_eq!(call.run_with(&shared, &mut in_block, "every", Vec::new()).failure, None);
    let catalog = Arc::clone(crate::Session::catalog(&in_block));
    let mut reading = Recorder::new().reading();
    reading.change_catalog(|own| *own = Clone::clone(&catalog));
    assert_eq!(call.run_with(&shared, &mut reading, "every", Vec::new()).failure, None);
    assert!(in_block.statements[0].sql.contains("ORDER BY"));
    assert!(!reading.statements[0].sql.contains("ORDER BY"));
}
