//! Roles and privileges.

use kwil_lang::ast::Privilege;
use kwil_types::Value;

use super::{Db, refused};
use crate::catalog::Catalog;
use crate::{Access, Invocation};

fn holds(db: &Db, role: &str, privilege: Privilege, namespace: &str) -> bool {
    db.catalog().roles.roles[role].holds(privilege, namespace)
}

#[test]
fn every_kind_of_statement_asks_for_its_privilege() {
    let setup = "CREATE TABLE t (id INT PRIMARY KEY, a INT); CREATE INDEX i ON t (a); CREATE ACTION act() PUBLIC {};
        CREATE NAMESPACE shop; CREATE ROLE r; CREATE ROLE r2; REVOKE SELECT FROM default; USE math AS m";
    for (privilege, statements) in [
        ("SELECT", vec!["SELECT * FROM t"]),
        ("INSERT", vec!["INSERT INTO t VALUES (1, 1)"]),
        ("UPDATE", vec!["UPDATE t SET a = 1"]),
        ("DELETE", vec!["DELETE FROM t"]),
        (
            "CREATE",
            vec![
                "CREATE TABLE u (id INT PRIMARY KEY)",
                "CREATE INDEX ON t (a)",
                "CREATE ACTION b() PUBLIC {}",
                "CREATE NAMESPACE n",
            ],
        ),
        ("DROP", vec!["DROP TABLE t", "DROP INDEX i", "DROP ACTION act", "DROP NAMESPACE shop"]),
        ("ALTER", vec!["ALTER TABLE t ADD COLUMN b INT"]),
        (
            "ROLES",
            vec![
                "CREATE ROLE x",
                "DROP ROLE r2",
                "GRANT INSERT TO r2",
                "REVOKE IF GRANTED INSERT FROM r2",
                "GRANT r2 TO 'eve'",
                "REVOKE IF GRANTED r2 FROM 'eve'",
            ],
        ),
        ("USE", vec!["USE math AS m2", "UNUSE m", "SET CURRENT NAMESPACE TO shop"]),
    ] {
        for statement in statements {
            let mut db = Db::new();
            db.run(setup).run("GRANT r TO 'bob'");
            let (class, message) = db.fails_for("bob", statement);
            let text = format!("user does not have privilege {privilege} on namespace \"main\"");
            assert_eq!(
                (class.as_str(), message.as_str()),
                ("NoPrivilege", text.as_str()),
                "{statement}"
            );
            db.run(&format!("GRANT {privilege} TO r"));
            assert_eq!(db.try_with("bob", statement, &[]), Ok(()), "{statement}");
        }
    }
}

#[test]
fn the_privilege_is_asked_on_the_namespace_of_the_prefix() {
    let mut db = Db::new();
    db.run("CREATE NAMESPACE shop; CREATE ROLE r; GRANT r TO 'bob'; GRANT CREATE ON shop TO r");
    assert!(db.fails_for("bob", "CREATE TABLE t (id INT PRIMARY KEY)").1.contains("\"main\""));
    assert_eq!(db.try_with("bob", "{shop} CREATE TABLE t (id INT PRIMARY KEY)", &[]), Ok(()));
    // Not on the namespace that is dropped, but on the current one.
    db.run("GRANT DROP ON shop TO r");
    assert!(db.fails_for("bob", "DROP NAMESPACE shop").1.contains("\"main\""));
}

#[test]
fn reading_another_namespace_needs_its_select() {
    let mut db = Db::new();
    db.run("CREATE NAMESPACE shop; {shop} CREATE TABLE t (id INT PRIMARY KEY); REVOKE SELECT ON shop FROM default");
    let (class, message) = db.fails_for("bob", "SELECT id FROM shop.t");
    assert_eq!(class, "NoPrivilege");
    assert!(message.contains("SELECT on namespace \"shop\""));
    db.run("REVOKE SELECT ON main FROM default; GRANT SELECT ON shop TO default");
    assert!(
        db.fails_for("bob", "SELECT id FROM shop.t").1.contains("SELECT on namespace \"main\"")
    );
}

#[test]
fn grants_reach_present_and_future_namespaces_and_lift_denials() {
    let mut db = Db::new();
    db.run("CREATE ROLE r; GRANT INSERT, UPDATE TO r; CREATE NAMESPACE shop");
    assert!(holds(&db, "r", Privilege::Insert, "shop"));
    db.run("REVOKE INSERT ON shop FROM r");
    assert!(
        holds(&db, "r", Privilege::Insert, "main") && !holds(&db, "r", Privilege::Insert, "shop")
    );
    assert_eq!(
        Catalog::from_rows(db.catalog().rows()).as_ref(),
        Ok(db.catalog()),
        "denials are stored"
    );
    db.run("GRANT INSERT TO r");
    assert!(holds(&db, "r", Privilege::Insert, "shop"));
    // A namespace of the same name starts without the denials of the old one.
    db.run("REVOKE UPDATE ON shop FROM r; DROP NAMESPACE shop; CREATE NAMESPACE shop");
    assert!(holds(&db, "r", Privilege::Update, "shop"));
    db.run("GRANT DELETE ON shop TO r; REVOKE DELETE FROM r");
    assert!(!holds(&db, "r", Privilege::Delete, "shop"));
}

#[test]
fn roles_are_given_to_users_named_by_text_parameter_or_context() {
    let mut db = Db::new();
    db.run("CREATE ROLE w; GRANT w TO 'bob'; GRANT w TO @caller");
    db.try_with("ann", "GRANT w TO $u; GRANT w TO 'e' || 've'", &[("u", Value::from("dave"))])
        .unwrap();
    let users: Vec<_> = db.catalog().roles.users.keys().map(|user| &**user).collect();
    assert_eq!(users, ["ann", "bob", "dave", "eve"]);
    db.run("REVOKE w FROM 'bob'; DROP ROLE w");
    assert!(db.catalog().roles.users.is_empty());
}

#[test]
fn statements_on_roles_are_checked() {
    let setup = "CREATE ROLE w; GRANT INSERT TO w; GRANT w TO 'bob'; CREATE NAMESPACE shop";
    refused(
        setup,
        &[
            ("CREATE ROLE owner", "BuiltInRole", "owner"),
            ("CREATE ROLE default", "BuiltInRole", "default"),
            ("CREATE ROLE w", "Other", "role \"w\" already exists"),
            ("DROP ROLE owner", "BuiltInRole", ""),
            ("DROP ROLE default", "BuiltInRole", ""),
            ("DROP ROLE nope", "Other", "role \"nope\" does not exist"),
            ("GRANT INSERT TO nope", "Other", "role \"nope\" does not exist"),
            ("GRANT INSERT TO owner", "Other", "owner role already has all privileges"),
            (
                "GRANT INSERT TO w",
                "Other",
                "role \"w\" already has some or all of the specified privileges",
            ),
            ("GRANT UPDATE, INSERT TO w", "Other", "already has some or all"),
            ("GRANT INSERT ON shop TO w", "Other", "already has some or all"),
            ("GRANT UPDATE ON nope TO w", "NamespaceNotFound", "nope"),
            ("GRANT USE ON main TO w", "CannotBeNamespaced", ""),
            ("GRANT ROLES ON main TO w", "CannotBeNamespaced", ""),
            ("REVOKE INSERT FROM owner", "Other", "owner role cannot have privileges revoked"),
            (
                "REVOKE UPDATE FROM w",
                "Other",
                "role \"w\" does not have some or all of the specified privileges",
            ),
            ("REVOKE UPDATE ON shop FROM w", "Other", "does not have some or all"),
            ("GRANT default TO 'bob'", "BuiltInRole", "default"),
            ("REVOKE default FROM 'bob'", "BuiltInRole", "default"),
            ("GRANT owner TO 'bob'", "Other", "use TRANSFER OWNERSHIP instead"),
            ("GRANT nope TO 'bob'", "Other", "role \"nope\" does not exist"),
            ("GRANT w TO 'bob'", "Other", "user \"bob\" already has role \"w\""),
            ("REVOKE w FROM 'eve'", "Other", "user \"eve\" does not have role \"w\""),
            ("GRANT w TO (1)", "Type", ""),
            ("GRANT w TO (null::text)", "InvalidNull", ""),
            ("GRANT w TO $nope", "UnknownVariable", "$nope"),
            ("TRANSFER OWNERSHIP TO ''", "Other", "nobody"),
        ],
    );
    let mut db = Db::new();
    db.run(setup);
    let before = db.catalog().clone();
    for source in [
        "CREATE ROLE IF NOT EXISTS w",
        "GRANT IF NOT GRANTED INSERT TO w",
        "REVOKE IF GRANTED UPDATE FROM w",
        "GRANT IF NOT GRANTED w TO 'bob'",
        "REVOKE IF GRANTED w FROM 'eve'",
    ] {
        db.run(source);
        assert_eq!(*db.catalog(), before, "{source}");
    }
}

#[test]
fn only_the_owner_gives_the_database_away() {
    let mut db = Db::new();
    db.run("CREATE ROLE admin; GRANT ROLES TO admin; GRANT admin TO 'bob'");
    let (class, message) = db.fails_for("bob", "TRANSFER OWNERSHIP TO 'bob'");
    assert_eq!(class, "NoPrivilege");
    assert!(message.contains("only the owner"));
    assert_eq!(db.fails_for("eve", "TRANSFER OWNERSHIP TO 'eve'").0, "NoPrivilege");
    db.run("TRANSFER OWNERSHIP TO 'carol'");
    assert_eq!(db.catalog().roles.owner.as_deref(), Some("carol"));
    assert_eq!(db.fails("CREATE ROLE x").0, "NoPrivilege");
}

#[test]
fn a_session_that_reads_changes_nothing() {
    let mut db = Db::new();
    db.run("CREATE TABLE t (id INT PRIMARY KEY)");
    db.session.set_access(Access::Read);
    let sql = "DELETE FROM t";
    assert_eq!(
        db.fails(sql),
        (
            "CannotMutateState".into(),
            format!(
                "connection is read-only and cannot mutate state: SQL statement mutates state, but the execution \
                 context is read-only: {sql}"
            )
        )
    );
    for source in [
        "CREATE TABLE u (id INT PRIMARY KEY)",
        "DROP TABLE nope",
        "CREATE ROLE r",
        "GRANT nope TO 'bob'",
        "CREATE NAMESPACE n",
        "USE math AS m",
        "CREATE ACTION a() PUBLIC {}",
        "TRANSFER OWNERSHIP TO 'bob'",
    ] {
        assert_eq!(db.fails(source).0, "CannotMutateState", "{source}");
        assert_eq!(db.fails_for("bob", source).0, "NoPrivilege", "{source}");
    }
    assert_eq!(db.fails("{info} CREATE TABLE u (id INT PRIMARY KEY)").0, "CannotMutateInfo");
    db.run("SET CURRENT NAMESPACE TO info; SELECT name FROM roles");
}

#[test]
fn system_code_is_not_asked_and_may_use_its_prefix() {
    let mut db = Db::new();
    let system = Invocation { is_system: true, ..Invocation::default() };
    db.try_as(
        &system,
        "CREATE NAMESPACE kwil_sync; {kwil_sync} CREATE TABLE t (id INT PRIMARY KEY)",
        &[],
    )
    .unwrap();
    let kind = db.catalog().namespace("kwil_sync").unwrap().kind;
    assert_eq!(kind, kwil_lang::analyze::NamespaceKind::System);
    let failure = db.try_as(&system, "CREATE NAMESPACE pg_x", &[]).unwrap_err();
    assert_eq!(failure.class_name(), "ReservedNamespacePrefix");
    let failure =
        db.try_as(&system, "{info} CREATE TABLE t (id INT PRIMARY KEY)", &[]).unwrap_err();
    assert_eq!(failure.class_name(), "CannotMutateInfo");
}
