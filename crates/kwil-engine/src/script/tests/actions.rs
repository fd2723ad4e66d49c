//! Actions as objects, extensions, and scripts as a whole.

use kwil_types::Value;

use super::{Db, refused};
use crate::catalog::Catalog;

#[test]
fn the_text_of_an_action_is_kept_from_its_prefix_to_its_brace() {
    let mut db = Db::new();
    db.run("CREATE NAMESPACE n;  {n} CREATE ACTION a($x INT) PUBLIC view { /* é */ RETURN; } ; CREATE ACTION b() private {}");
    let action = db.catalog().action_of("n", "a").unwrap();
    assert_eq!(&*action.source, "{n} CREATE ACTION a($x INT) PUBLIC view { /* é */ RETURN; };");
    assert!(action.signature.view);
    assert_eq!(
        &*db.catalog().action_of("main", "b").unwrap().source,
        "CREATE ACTION b() private {};"
    );
    assert_eq!(Catalog::from_rows(db.catalog().rows()).as_ref(), Ok(db.catalog()));
}

#[test]
fn actions_share_their_names_with_functions_and_methods() {
    refused(
        "CREATE ACTION a() PUBLIC {}",
        &[
            ("CREATE ACTION a() PUBLIC {}", "Other", "action/function \"a\" already exists"),
            (
                "CREATE ACTION abs($x INT) PUBLIC {}",
                "Other",
                "action/function \"abs\" already exists",
            ),
            (
                "CREATE ACTION b() VIEW {}",
                "Other",
                "access modifier is required. received: \"VIEW\"",
            ),
            (
                "CREATE ACTION b() PUBLIC PRIVATE {}",
                "Other",
                "only one of PUBLIC, PRIVATE, or SYSTEM",
            ),
            ("CREATE ACTION b() PUBLIC FAST {}", "Other", "unknown modifier fast"),
            ("CREATE ACTION b($x BOOL DEFAULT 1) PUBLIC {}", "Type", ""),
            ("CREATE ACTION b() PUBLIC { BREAK; }", "Loop", ""),
            ("DROP ACTION abs", "Other", "cannot drop executable \"abs\" of type function"),
            ("DROP ACTION nope", "UnknownAction", "nope"),
        ],
    );
    let mut db = Db::new();
    db.run("CREATE ACTION IF NOT EXISTS abs($x INT) PUBLIC {}");
    assert!(db.catalog().action_of("main", "abs").is_none());
    db.run("CREATE OR REPLACE ACTION abs($x INT) PUBLIC {}");
    assert!(db.catalog().action_of("main", "abs").is_some());
    db.run("CREATE OR REPLACE ACTION abs() PRIVATE {}; DROP ACTION abs");
    assert_eq!(db.fails("DROP ACTION abs").0, "Other", "the function is visible again");
    // Aggregates are no names of actions.
    db.run("CREATE ACTION count() PUBLIC {}");
}

#[test]
fn an_error_anywhere_in_the_text_means_that_nothing_runs() {
    let mut db = Db::new();
    let (class, message) = db.fails("CREATE ROLE r; CREATE TABLE t (id INT)");
    assert_eq!(class, "Parse.NoPrimaryKey");
    assert!(message.starts_with("parse error: error in top-level statement <script>: (sql)"));
    assert!(db.session.changes.is_empty());
    assert_eq!(db.fails("").0, "Parse.Syntax");
}

#[test]
fn parameters_are_checked_before_anything_runs() {
    let mut db = Db::new();
    let failure = db.try_with("ann", "CREATE ROLE r", &[("bad-name", Value::from(1))]).unwrap_err();
    assert_eq!(failure.class_name(), "Other");
    assert!(failure.message.contains("variable name"));
    assert!(db.session.changes.is_empty());
}

#[test]
fn defaults_are_expressions_without_variables() {
    let mut db = Db::new();
    db.run(
        "CREATE TABLE t (id INT PRIMARY KEY, a INT DEFAULT 2 + 3 * 4, b TEXT DEFAULT 'a' || 'b', c BOOL DEFAULT NOT true,
         d INT[] DEFAULT [1, null], e NUMERIC(4,1) DEFAULT '2.5'::numeric(4,1), f INT DEFAULT -1, g BYTEA DEFAULT 0xff,
         h INT DEFAULT null, i INT DEFAULT abs(-7))",
    );
    let defaults: Vec<_> =
        db.table("t").columns.iter().map(|column| column.default.as_deref()).collect();
    assert_eq!(
        defaults,
        [
            None,
            Some("14"),
            Some("'ab'"),
            Some("false"),
            Some("ARRAY[1, NULL]::bigint[]"),
            Some("2.5"),
            Some("-1"),
            Some(r"'\xff'::bytea"),
            Some("NULL"),
            Some("7"),
        ]
    );
}

#[test]
fn an_extension_becomes_a_namespace_with_methods_and_tables() {
    let mut db = Db::new();
    db.try_with("ann", "USE math { modulus: $m } AS ring", &[("m", Value::from(7))]).unwrap();
    let namespace = db.catalog().namespace("ring").unwrap();
    let extension = namespace.extension.as_ref().unwrap();
    assert_eq!(extension.options["modulus"], Value::from(7));
    assert!(extension.has_method("power") && namespace.tables.contains_key("remembered"));
    assert_eq!(Catalog::from_rows(db.catalog().rows()).as_ref(), Ok(db.catalog()));
    db.run("USE IF NOT EXISTS math AS ring; UNUSE ring");
    assert!(db.catalog().namespace("ring").is_none());
    refused(
        "USE math AS m",
        &[
            ("USE nope AS n", "Other", "extension \"nope\" does not exist"),
            ("USE math AS m", "Other", "namespace \"m\" already exists"),
            ("USE IF NOT EXISTS math AS main", "Other", "namespace \"main\" already exists"),
            ("USE math AS pg_x", "ReservedNamespacePrefix", ""),
            ("USE math { modulus: 0 } AS n", "Other", "the modulus must be an integer above 0"),
            ("USE math { modulus: 1, modulus: 2 } AS n", "Other", "given twice"),
            ("USE math { modulus: $nope } AS n", "UnknownVariable", ""),
            ("UNUSE main", "Other", "no extension is used as \"main\""),
            ("UNUSE nope", "Other", "no extension is used as \"nope\""),
        ],
    );
}
