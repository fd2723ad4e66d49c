//! Tables, indexes and namespaces.

use super::{Db, refused};
use crate::Ddl;

const BASE: &str = "
    CREATE TABLE p (id INT PRIMARY KEY, code TEXT UNIQUE, n INT);
    CREATE TABLE c (id INT PRIMARY KEY, pid INT REFERENCES p(id), pcode TEXT REFERENCES p(code), x INT CHECK (x > 0));
";

#[test]
fn a_table_is_written_with_everything_that_is_declared() {
    let mut db = Db::new();
    db.run(
        "CREATE TABLE t (
            a INT, b TEXT NOT NULL DEFAULT 'it''s', c NUMERIC(5,2) DEFAULT 1.25, d int4 CHECK (d > 0 AND d < a),
            e TEXT[] UNIQUE, PRIMARY KEY (a, b), CONSTRAINT mine CHECK (a > 0), UNIQUE (d, a)
        )",
    );
    assert_eq!(
        db.last_sql(),
        [concat!(
            r#"CREATE TABLE "main"."t" ("a" INT8 NOT NULL, "b" TEXT COLLATE "C" NOT NULL DEFAULT 'it''s', "#,
            r#""c" NUMERIC(5,2) DEFAULT 1.25, "d" INT4, "e" TEXT[] COLLATE "C", "#,
            r#"CONSTRAINT "t_pkey" PRIMARY KEY ("a", "b"), CONSTRAINT "t_e_key" UNIQUE ("e"), "#,
            r#"CONSTRAINT "t_d_a_key" UNIQUE ("d", "a"), "#,
            r#"CONSTRAINT "t_check" CHECK ((("d" > 0::INT8) AND ("d" < "a"))), "#,
            r#"CONSTRAINT "mine" CHECK (("a" > 0::INT8)))"#
        )]
    );
    let table = db.table("t");
    assert!(table.columns[0].not_null && table.columns[3].int4 && !table.columns[3].not_null);
    assert_eq!(table.columns[1].default.as_deref(), Some("'it''s'"));
    assert!(table.shape.is_unique_in(&["a", "d"]));
}

#[test]
fn a_repeated_key_is_one_key_with_the_name_that_was_given() {
    let mut db = Db::new();
    db.run("CREATE TABLE t (id INT PRIMARY KEY UNIQUE, a INT UNIQUE, CONSTRAINT given UNIQUE (a), UNIQUE (a))");
    let table = db.table("t");
    assert_eq!(&*table.primary_key_name, "t_pkey");
    assert_eq!(table.uniques.len(), 1);
    assert_eq!(&*table.uniques[0].name, "given");
}

#[test]
fn automatic_names_follow_the_order_of_the_text_and_step_aside() {
    let mut db = Db::new();
    db.run("CREATE TABLE t (id INT PRIMARY KEY, CHECK (c > 0), c INT CHECK (c < 9), CHECK (c > id), CHECK (id < c))");
    let names: Vec<_> = db.table("t").checks.iter().map(|check| &*check.name).collect();
    assert_eq!(names, ["t_c_check", "t_c_check1", "t_check", "t_check1"]);
    // Names of constraints are taken in the whole namespace, and so are names of indexes.
    db.run("CREATE TABLE u (id INT PRIMARY KEY, a INT, CONSTRAINT v_a_key CHECK (a > 0))");
    db.run("CREATE INDEX w_pkey ON u (a); CREATE INDEX ON u (a); CREATE INDEX ON u (a); CREATE INDEX ON u (a, a)");
    db.run(
        "CREATE TABLE v (id INT PRIMARY KEY, a INT UNIQUE); CREATE TABLE w (id INT PRIMARY KEY)",
    );
    assert_eq!(&*db.table("v").uniques[0].name, "v_a_key1");
    assert_eq!(&*db.table("w").primary_key_name, "w_pkey1");
    let indexes: Vec<_> = db.table("u").indexes.iter().map(|index| &*index.name).collect();
    assert_eq!(indexes, ["w_pkey", "u_a_idx", "u_a_idx1", "u_a_a1_idx"]);
}

#[test]
fn foreign_keys_reach_into_other_namespaces() {
    let mut db = Db::new();
    db.run("CREATE NAMESPACE n1; CREATE NAMESPACE n2; {n1} CREATE TABLE p (id INT PRIMARY KEY)");
    db.run("{n2} CREATE TABLE c (id INT PRIMARY KEY, pid INT REFERENCES n1.p(id) ON DELETE SET NULL ON UPDATE CASCADE)");
    let key = &db.catalog().table_of("n2", "c").unwrap().foreign_keys[0];
    assert_eq!((&*key.name, &*key.namespace, &*key.table), ("c_pid_fkey", "n1", "p"));
    assert_eq!((key.on_update, key.on_delete), ("CASCADE", "SET NULL"));
    assert!(db.last_sql()[0].ends_with(
        r#"CONSTRAINT "c_pid_fkey" FOREIGN KEY ("pid") REFERENCES "n1"."p" ("id") ON UPDATE CASCADE ON DELETE SET NULL)"#
    ));
    // The namespace goes with its tables, and with the foreign keys that refer to them.
    db.run("DROP NAMESPACE n1");
    assert!(db.catalog().table_of("n2", "c").unwrap().foreign_keys.is_empty());
}

#[test]
fn dropping_tables_knows_who_needs_them() {
    let mut db = Db::new();
    db.run(BASE);
    assert_eq!(db.fails("DROP TABLE p").0, "Pg(2BP01)");
    db.run("DROP TABLE p CASCADE");
    assert!(db.table("c").foreign_keys.is_empty());
    let mut db = Db::new();
    db.run(BASE).run("DROP TABLE p, c");
    assert!(db.catalog().namespace("main").unwrap().tables.is_empty());
    db.run("DROP TABLE IF EXISTS p, c");
}

#[test]
fn a_dropped_column_takes_its_constraints_and_indexes() {
    let mut db = Db::new();
    db.run("CREATE TABLE t (id INT PRIMARY KEY, a INT UNIQUE, b INT, CHECK (a < b), UNIQUE (b, id), CHECK (b > 0))");
    db.run("CREATE INDEX ON t (b, a); CREATE INDEX ON t (b); ALTER TABLE t DROP COLUMN a");
    let table = db.table("t");
    let checks: Vec<_> = table.checks.iter().map(|check| &*check.name).collect();
    let indexes: Vec<_> = table.indexes.iter().map(|index| &*index.name).collect();
    assert_eq!((checks, indexes), (vec!["t_b_check"], vec!["t_b_idx"]));
    assert_eq!(table.uniques.len(), 1);
    assert_eq!(table.columns.len(), 2);
}

#[test]
fn renames_reach_everything_that_names_the_table_or_the_column() {
    let mut db = Db::new();
    db.run(BASE).run("CREATE INDEX ON p (code, n)");
    db.run("ALTER TABLE p RENAME COLUMN code TO tag, RENAME TO parents; ALTER TABLE c RENAME COLUMN x TO y");
    let parents = db.table("parents");
    assert!(parents.shape.is_unique_in(&["tag"]));
    assert_eq!(*parents.indexes[0].columns[0], *"tag");
    let child = db.table("c");
    assert_eq!(&*child.checks[0].expression, r#"("y" > 0::INT8)"#);
    let key = &child.foreign_keys[1];
    assert_eq!((&*key.table, &*key.referred[0], &*key.name), ("parents", "tag", "c_pcode_fkey"));
    assert_eq!(db.fails("DROP TABLE parents").0, "Pg(2BP01)");
}

#[test]
fn alterations_see_each_other() {
    let mut db = Db::new();
    db.run(BASE);
    db.run(
        "ALTER TABLE c ADD COLUMN extra TEXT, ALTER COLUMN extra SET DEFAULT 'new', RENAME COLUMN extra TO more,
         ADD CONSTRAINT one UNIQUE (more), ALTER COLUMN more SET NOT NULL, DROP COLUMN pid, DROP CONSTRAINT c_x_check",
    );
    let table = db.table("c");
    let (_, more) = table.column("more").unwrap();
    assert_eq!(more.default.as_deref(), Some("'new'"));
    assert!(more.not_null && table.shape.is_unique_in(&["more"]));
    assert!(table.checks.is_empty() && table.foreign_keys.len() == 1);
    assert_eq!(db.last_ddl().len(), 7);
    db.run("ALTER TABLE c ALTER COLUMN more DROP NOT NULL, ALTER COLUMN more DROP DEFAULT");
    let (_, more) = db.table("c").column("more").unwrap();
    assert!(!more.not_null && more.default.is_none());
}

#[test]
fn guards_do_nothing_when_there_is_nothing_to_do() {
    let mut db = Db::new();
    db.run(BASE).run("CREATE INDEX i ON p (n); CREATE NAMESPACE shop");
    let before = db.catalog().clone();
    for source in [
        "CREATE TABLE IF NOT EXISTS p (other TEXT PRIMARY KEY)",
        "ALTER TABLE p ADD COLUMN IF NOT EXISTS n TEXT, DROP COLUMN IF EXISTS zip",
        "ALTER TABLE p DROP CONSTRAINT IF EXISTS nope",
        "DROP TABLE IF EXISTS nope",
        "CREATE INDEX IF NOT EXISTS i ON c (x)",
        "DROP INDEX IF EXISTS nope",
        "CREATE NAMESPACE IF NOT EXISTS shop",
        "DROP NAMESPACE IF EXISTS nope",
        "DROP ACTION IF EXISTS nope",
        "DROP ROLE IF EXISTS nope",
        "UNUSE nope IF EXISTS",
    ] {
        db.run(source);
        assert_eq!(*db.catalog(), before, "{source}");
    }
}

#[test]
fn new_tables_are_checked_before_the_database_sees_them() {
    refused(
        BASE,
        &[
            ("CREATE TABLE p (id INT PRIMARY KEY)", "Other", "table \"p\" already exists"),
            (
                "CREATE TABLE p_pkey (id INT PRIMARY KEY)",
                "Pg(42P07)",
                "relation \"p_pkey\" already exists",
            ),
            (
                "CREATE TABLE t (id INT PRIMARY KEY, a INT DEFAULT 1 DEFAULT 2)",
                "Pg(42601)",
                "multiple default",
            ),
            ("CREATE TABLE t (id INT PRIMARY KEY, ctid INT)", "Pg(42701)", "system column"),
            ("ALTER TABLE p ADD COLUMN xmin INT", "Pg(42701)", "system column"),
            ("ALTER TABLE p RENAME COLUMN n TO cmax", "Pg(42701)", "system column"),
            ("CREATE TABLE t (id INT PRIMARY KEY, a INT DEFAULT $x)", "UnknownVariable", "$x"),
            ("CREATE TABLE t (id INT, PRIMARY KEY (id, id))", "Pg(42701)", "appears twice"),
            ("CREATE TABLE t (id INT PRIMARY KEY CHECK (nope > 1))", "Plan.ColumnNotFound", "nope"),
            ("CREATE TABLE t (id INT PRIMARY KEY CHECK (id + 1))", "Plan.Type", ""),
            ("CREATE TABLE t (id INT PRIMARY KEY REFERENCES nope(id))", "Pg(42P01)", "main.nope"),
            (
                "CREATE TABLE t (id INT PRIMARY KEY REFERENCES nope.p(id))",
                "NamespaceNotFound",
                "nope",
            ),
            (
                "CREATE TABLE t (id INT PRIMARY KEY REFERENCES kwild_internal.accounts(id))",
                "NamespaceNotFound",
                "",
            ),
            (
                "CREATE TABLE t (id TEXT PRIMARY KEY REFERENCES info.roles(name))",
                "Pg(42809)",
                "is not a table",
            ),
            ("CREATE TABLE t (id INT PRIMARY KEY REFERENCES p(nope))", "Pg(42703)", "nope"),
            (
                "CREATE TABLE t (id INT PRIMARY KEY REFERENCES p(n))",
                "Pg(42830)",
                "no unique constraint",
            ),
            ("CREATE TABLE t (id INT PRIMARY KEY REFERENCES p(id, code))", "Pg(42830)", "disagree"),
            (
                "CREATE TABLE t (id INT PRIMARY KEY, CONSTRAINT p_code_key UNIQUE (id))",
                "Pg(42P07)",
                "",
            ),
        ],
    );
}

#[test]
fn alterations_and_drops_are_checked_before_the_database_sees_them() {
    refused(
        BASE,
        &[
            ("ALTER TABLE nope ADD COLUMN a INT", "UnknownTable", "nope"),
            ("ALTER TABLE p ADD COLUMN n INT", "Other", "column \"n\" already exists"),
            ("ALTER TABLE p DROP COLUMN zip", "Other", "column \"zip\" does not exist"),
            ("ALTER TABLE p DROP COLUMN id", "CannotAlterPrimaryKey", "primary key"),
            ("ALTER TABLE p DROP COLUMN code", "Pg(2BP01)", "column code of table p"),
            ("ALTER TABLE p ALTER COLUMN id SET NOT NULL", "CannotAlterPrimaryKey", ""),
            ("ALTER TABLE p ALTER COLUMN id DROP NOT NULL", "CannotAlterPrimaryKey", ""),
            ("ALTER TABLE p ALTER COLUMN id SET DEFAULT 1", "CannotAlterPrimaryKey", ""),
            ("ALTER TABLE p ALTER COLUMN id DROP DEFAULT", "CannotAlterPrimaryKey", ""),
            ("ALTER TABLE p ALTER COLUMN zip SET NOT NULL", "Other", "zip"),
            ("ALTER TABLE p ALTER COLUMN code SET DEFAULT 5", "Type", ""),
            ("ALTER TABLE p RENAME COLUMN zip TO zap", "Other", "zip"),
            ("ALTER TABLE p RENAME COLUMN n TO code", "Other", "column \"code\" already exists"),
            ("ALTER TABLE p RENAME TO c", "Other", "table \"c\" already exists"),
            ("ALTER TABLE p RENAME TO c_pkey", "Pg(42P07)", "c_pkey"),
            ("ALTER TABLE p ADD PRIMARY KEY (code)", "Pg(42P16)", "multiple primary keys"),
            ("ALTER TABLE p ADD UNIQUE (zip)", "Other", "zip"),
            ("ALTER TABLE c ADD CONSTRAINT c_x_check CHECK (x > 1)", "Pg(42710)", "c_x_check"),
            (
                "ALTER TABLE p DROP CONSTRAINT nope",
                "Pg(42704)",
                "constraint \"nope\" of relation \"p\"",
            ),
            ("ALTER TABLE p DROP CONSTRAINT p_pkey", "CannotAlterPrimaryKey", "p_pkey"),
            (
                "ALTER TABLE p DROP CONSTRAINT p_code_key",
                "Pg(2BP01)",
                "constraint p_code_key on table p",
            ),
            ("ALTER TABLE p ADD COLUMN a INT, DROP COLUMN zip", "Other", "zip"),
            ("DROP TABLE nope", "Other", "table \"nope\" does not exist"),
            ("CREATE INDEX ON nope (a)", "UnknownTable", "nope"),
            ("CREATE INDEX ON p (nope)", "Other", "column \"nope\" does not exist"),
            ("CREATE INDEX c ON p (n)", "Pg(42P07)", "relation \"c\" already exists"),
            ("DROP INDEX nope", "Pg(42704)", "index \"nope\" does not exist"),
            ("DROP INDEX p", "Pg(42809)", "\"p\" is not an index"),
            ("DROP INDEX p_code_key", "Pg(2BP01)", "requires it"),
        ],
    );
}

#[test]
fn an_index_that_a_foreign_key_needs_stays() {
    let mut db = Db::new();
    db.run("CREATE TABLE p (id INT PRIMARY KEY, n INT); CREATE UNIQUE INDEX i ON p (n)");
    db.run("CREATE TABLE c (id INT PRIMARY KEY, n INT REFERENCES p(n))");
    assert_eq!(db.fails("DROP INDEX i").0, "Pg(2BP01)");
    db.run("DROP TABLE c; DROP INDEX i");
    assert_eq!(db.last_sql(), [r#"DROP INDEX "main"."i""#]);
    assert!(!db.table("p").shape.is_unique_in(&["n"]));
}

#[test]
fn namespaces_come_and_go_by_their_rules() {
    let mut db = Db::new();
    db.run("CREATE NAMESPACE Shop; {SHOP} CREATE TABLE t (id INT PRIMARY KEY)");
    assert!(db.catalog().table_of("shop", "t").is_some());
    db.run("SET CURRENT NAMESPACE TO shop; CREATE TABLE u (id INT PRIMARY KEY); {main} CREATE TABLE v (id INT PRIMARY KEY)");
    assert!(
        db.catalog().table_of("shop", "u").is_some()
            && db.catalog().table_of("main", "v").is_some()
    );
    db.run("CREATE TABLE w (id INT PRIMARY KEY)");
    assert!(db.catalog().table_of("main", "w").is_some(), "the current namespace is main again");
    db.run("DROP NAMESPACE shop");
    assert_eq!(db.last_ddl(), [Ddl::DropNamespace { name: "shop".into() }]);
    refused(
        "CREATE NAMESPACE shop; USE math AS m",
        &[
            ("CREATE NAMESPACE shop", "NamespaceExists", "shop"),
            ("CREATE NAMESPACE kwil_x", "ReservedNamespacePrefix", ""),
            ("CREATE NAMESPACE kwild_x", "ReservedNamespacePrefix", ""),
            ("CREATE NAMESPACE pg_x", "ReservedNamespacePrefix", ""),
            ("CREATE NAMESPACE public", "ReservedNamespacePrefix", ""),
            ("CREATE NAMESPACE information_schema", "ReservedNamespacePrefix", ""),
            ("DROP NAMESPACE nope", "NamespaceNotFound", "nope"),
            ("DROP NAMESPACE main", "CannotDropBuiltinNamespace", ""),
            ("DROP NAMESPACE info", "CannotDropBuiltinNamespace", ""),
            ("DROP NAMESPACE m", "CannotMutateExtension", "UNUSE"),
            ("SET CURRENT NAMESPACE TO nope", "NamespaceNotFound", "nope"),
            ("{nope} CREATE TABLE t (id INT PRIMARY KEY)", "NamespaceNotFound", "nope"),
            ("{info} CREATE TABLE t (id INT PRIMARY KEY)", "CannotMutateInfo", ""),
            ("{info} ALTER TABLE roles ADD COLUMN a INT", "CannotMutateInfo", ""),
            ("{info} DROP TABLE roles", "CannotMutateInfo", ""),
            ("{info} CREATE INDEX ON roles (name)", "CannotMutateInfo", ""),
            ("{info} CREATE ACTION a() PUBLIC {}", "CannotMutateInfo", ""),
            ("{info} DELETE FROM roles", "CannotMutateInfo", ""),
            ("{m} CREATE TABLE t (id INT PRIMARY KEY)", "CannotMutateExtension", ""),
            ("{m} DROP ACTION add", "CannotMutateExtension", ""),
            ("{m} DELETE FROM remembered", "CannotMutateExtension", ""),
            ("{pg_catalog} CREATE TABLE t (id INT PRIMARY KEY)", "NamespaceNotFound", ""),
        ],
    );
}
