//! Where the failures of reads happened.

use std::collections::BTreeMap;
use std::sync::Arc;

use kwil_lang::LineColumn;
use kwil_types::Value;

use super::Db;
use super::extensions::Rogue;
use crate::testing::finish;
use crate::{Access, EngineError, Failure, Invocation, Limits, Origin, ReadLimits, Results, Terms};

const ENTRY: &str = "{shop}CREATE ACTION entry($n INT) PUBLIC VIEW RETURNS (INT) {
    $x := 1;
    FOR $i IN 1..2 { $x := $x + $i; }
    IF $n = 3 {
        $x := second($n);
    } ELSEIF $n = 2 {
        $x := 2;
    } ELSEIF $x / ($n - 1) = 5 {
        $x := 3;
    }
    IF $n = 4 { rogue.fails(); }
    IF $n = 5 { rogue.catches(); }
    IF $n = 6 { $x := rogue.calls('x'); }
    IF $n = 7 { FOR $row IN SELECT upper('boom') AS b { $x := 0; } }
    IF $n = 9 { SELECT upper('boom'); }
    IF $n = 8 { $x := 'text'; }
    RETURN $x / ($n - 2);
};";

const SECOND: &str = "{shop}CREATE ACTION second($n INT) PRIVATE VIEW RETURNS (INT) {
    FOR $row IN SELECT id FROM items WHERE id = $n
        AND missing = 1 { $n := 1; }
    RETURN 1;
};";

const GREET: &str =
    "CREATE ACTION greet($name TEXT) PUBLIC VIEW RETURNS (INT) {\n  RETURN $name::INT;\n};";

/// A database whose actions were made by one script, or each by a script of its own.
fn db(in_one: bool) -> Db {
    let mut db = Db::with_extensions(&[Arc::new(Rogue)]);
    db.run(
        "CREATE NAMESPACE shop; {shop}CREATE TABLE items (id INT PRIMARY KEY); USE rogue AS rogue",
    );
    let actions = [ENTRY, SECOND, GREET];
    if in_one {
        db.run(&format!("-- Actions.\n\n  {}", actions.join("\n  ")));
    } else {
        for text in actions {
            db.run(text);
        }
    }
    db.session.set_access(Access::Read);
    db.session = std::mem::take(&mut db.session).failing("boom", "22023", "it does");
    db
}

fn query(db: &mut Db, source: &str) -> Failure {
    let invocation = &Invocation { caller: "ann".into(), ..Invocation::default() };
    let terms = Terms { invocation, limits: &Limits::READ };
    let results = Results::Collect(ReadLimits { rows: 10, bytes: 1000 });
    let ran = db.engine.run_script(&mut db.session, terms, source, BTreeMap::new(), results);
    match finish(ran).result {
        Err(EngineError::Failed(failure)) => *failure,
        other => panic!("{source}: {other:?}"),
    }
}

/// The place of a part of a text, and names.
fn at(of: Option<(&str, &str)>, namespace: &str, action: &str) -> Option<Origin> {
    let name = |name: &str| (!name.is_empty()).then(|| name.into());
    let position = of.map(|(text, part)| LineColumn::of(text, text.find(part).unwrap()));
    Some(Origin { position, namespace: name(namespace), action: name(action), span: None })
}

#[track_caller]
fn check(failure: &Failure, class: &str, wanted: Option<&Origin>) {
    assert_eq!(failure.class_name(), class, "{failure}");
    assert_eq!(failure.origin(), wanted, "{failure}");
}

#[test]
fn a_failure_of_an_action_has_the_place_in_its_text() {
    for in_one in [true, false] {
        let mut db = db(in_one);
        let entry = |part| at(Some((ENTRY, part)), "shop", "entry");
        for (n, class, wanted) in [
            (1, "Arithmetic", entry("IF $n = 3")),
            (2, "Arithmetic", entry("RETURN $x")),
            (3, "Plan.ColumnNotFound", at(Some((SECOND, "missing")), "shop", "second")),
            (4, "Other", at(None, "rogue", "fails")),
            (5, "Plan.ColumnNotFound", at(None, "rogue", "catches")),
            (6, "Cast", at(Some((GREET, "RETURN $name")), "main", "greet")),
            (7, "Pg(22023)", entry("FOR $row")),
            (8, "Type", entry("$x := 'text'")),
            // It was left to the session, which came to it when the action was over.
            (9, "Pg(22023)", at(None, "shop", "entry")),
        ] {
            let failure = db.call("bob", "shop", "entry", vec![Value::from(n)]).unwrap_err();
            check(&failure, class, wanted.as_ref());
        }
    }
}

#[test]
fn a_call_that_cannot_begin_is_named_without_a_place() {
    let mut db = db(true);
    let mut call =
        |namespace, action, arguments| db.call("bob", namespace, action, arguments).unwrap_err();
    let named = |namespace, action| at(None, namespace, action);
    check(&call("shop", "ENTRY", vec![]), "ActionInvocation", named("shop", "entry").as_ref());
    check(&call("shop", "second", vec![]), "Private", named("shop", "second").as_ref());
    check(&call("shop", "none", vec![]), "UnknownAction", named("shop", "none").as_ref());
    check(&call("gone", "none", vec![]), "NamespaceNotFound", named("gone", "none").as_ref());
    check(&call("rogue", "fails", vec![]), "Other", named("rogue", "fails").as_ref());
}

#[test]
fn a_failure_of_a_query_has_the_place_in_the_script() {
    let mut db = db(true);
    for (source, part, class, namespace) in [
        ("SELECT 1;\n  SELEC 1", "SELEC 1", "Parse.Syntax", ""),
        ("SELECT 1;\n  {shop}SELECT id, none FROM items", "none", "Plan.ColumnNotFound", "shop"),
        ("SELECT 1;\n  SELECT upper('boom')", "SELECT upper", "Pg(22023)", "main"),
        ("SET CURRENT NAMESPACE TO shop; DELETE FROM items", "DELETE", "CannotMutateState", "shop"),
        ("\n{gone}SELECT 1", "{gone}", "NamespaceNotFound", "gone"),
    ] {
        let failure = query(&mut db, source);
        check(&failure, class, at(Some((source, part)), namespace, "").as_ref());
    }
}

/// There a statement may fail long after it was passed.
#[test]
fn a_failure_of_a_transaction_has_no_place() {
    let mut db = db(true);
    db.session.set_access(Access::Write);
    let failure = db.call("bob", "shop", "entry", vec![Value::from(1)]).unwrap_err();
    check(&failure, "Arithmetic", None);
}
