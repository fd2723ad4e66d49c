//! What the engine believes about tables is what PostgreSQL has, names that nobody wrote included.

use std::collections::{BTreeMap, BTreeSet};

use kwil_engine::catalog::{Catalog, CatalogRow};
use kwil_engine::testing::{Recorder, finish, random_table_statement};
use kwil_engine::{
    Ddl, Engine, EngineError, Extensions, Invocation, Limits, Results, Session, Terms,
};
use kwil_lang::testing::Random;
use kwil_state::testing::TestDatabase;
use sqlx::{AssertSqlSafe, PgConnection};

const SEEDS: u64 = 8;
const STATEMENTS: usize = 40;
const NAMESPACES: [&str; 3] = ["main", "shop", "n"];

/// Everything PostgreSQL knows about constraints, indexes and columns, one text each.
const DESCRIBE: &str = "
    SELECT concat_ws(' ', 'constraint', conrelid::regclass, conname, contype, confupdtype, confdeltype,
        (SELECT string_agg(attname, ',' ORDER BY CASE contype WHEN 'c' THEN n ELSE o END)
         FROM unnest(conkey) WITH ORDINALITY AS k (n, o) JOIN pg_attribute ON attrelid = conrelid AND attnum = n),
        nullif(confrelid, 0)::regclass,
        (SELECT string_agg(attname, ',' ORDER BY o)
         FROM unnest(confkey) WITH ORDINALITY AS k (n, o) JOIN pg_attribute ON attrelid = confrelid AND attnum = n))
    FROM pg_constraint WHERE connamespace::regnamespace::text IN ('main', 'shop', 'n')
    UNION ALL
    SELECT concat_ws(' ', 'index', indrelid::regclass, relname, indisprimary, indisunique,
        (SELECT string_agg(attname, ',' ORDER BY o)
         FROM unnest(indkey) WITH ORDINALITY AS k (n, o) JOIN pg_attribute ON attrelid = indrelid AND attnum = n))
    FROM pg_index JOIN pg_class AS c ON c.oid = indexrelid
    WHERE relnamespace::regnamespace::text IN ('main', 'shop', 'n')
    UNION ALL
    SELECT concat_ws(' ', 'column', attrelid::regclass, attname,
        row_number() OVER (PARTITION BY attrelid ORDER BY attnum), format_type(atttypid, atttypmod), attnotnull)
    FROM pg_attribute JOIN pg_class AS c ON c.oid = attrelid
    WHERE relkind = 'r' AND attnum > 0 AND NOT attisdropped
        AND relnamespace::regnamespace::text IN ('main', 'shop', 'n')";

async fn run(connection: &mut PgConnection, sql: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(|_| ())
}

async fn described(connection: &mut PgConnection) -> BTreeSet<String> {
    run(connection, "SET search_path = pg_catalog".into()).await.unwrap();
    sqlx::query_scalar(DESCRIBE).fetch_all(connection).await.unwrap().into_iter().collect()
}

/// The same texts, from the rows of the catalog.
fn believed(catalog: &Catalog) -> BTreeSet<String> {
    let truth = |is: bool| if is { "t" } else { "f" };
    let action = |text: &str| match text {
        "NO ACTION" => "a",
        "RESTRICT" => "r",
        "CASCADE" => "c",
        "SET NULL" => "n",
        "SET DEFAULT" => "d",
        other => panic!("{other}"),
    };
    let mut texts = BTreeSet::new();
    for row in catalog.rows() {
        match row {
            CatalogRow::Column { namespace, table, name, ordinal, int4, not_null, .. } => {
                let shown = if int4 { "integer" } else { "bigint" };
                let null = truth(not_null);
                texts.insert(format!("column {namespace}.{table} {name} {ordinal} {shown} {null}"));
            }
            CatalogRow::Index {
                namespace,
                table,
                name,
                is_primary_key,
                is_unique,
                columns,
                ..
            } => {
                let (columns, primary) = (columns.join(","), truth(is_primary_key));
                let unique = truth(is_unique);
                texts.insert(format!(
                    "index {namespace}.{table} {name} {primary} {unique} {columns}"
                ));
                if is_primary_key {
                    texts.insert(format!("constraint {namespace}.{table} {name} p     {columns}"));
                }
            }
            CatalogRow::Constraint { namespace, table, name, kind, columns, .. } => {
                let kind = if kind == "CHECK" { "c" } else { "u" };
                let columns = columns.join(",");
                texts.insert(format!("constraint {namespace}.{table} {name} {kind}     {columns}"));
            }
            CatalogRow::ForeignKey {
                namespace,
                table,
                name,
                columns,
                ref_namespace,
                ref_table,
                ref_columns,
                on_update,
                on_delete,
                ..
            } => {
                let (columns, referred) = (columns.join(","), ref_columns.join(","));
                let (on_update, on_delete) = (action(&on_update), action(&on_delete));
                texts.insert(format!(
                    "constraint {namespace}.{table} {name} f {on_update} {on_delete} {columns} \
                     {ref_namespace}.{ref_table} {referred}"
                ));
            }
            _ => {}
        }
    }
    texts
}

/// A change as statements, the way the node asks for it.
fn statements(ddl: &Ddl) -> String {
    match ddl {
        Ddl::CreateNamespace { name } => format!("CREATE SCHEMA {name}"),
        Ddl::DropNamespace { name } => format!("DROP SCHEMA {name} CASCADE"),
        Ddl::CreateTable { sql, .. } | Ddl::DropTable { sql, .. } | Ddl::Other { sql } => {
            sql.clone()
        }
        Ddl::RenameTable { namespace, name, to } => {
            format!("ALTER TABLE {namespace}.{name} RENAME TO {to}")
        }
        Ddl::RenameColumn { namespace, table, name, to } => {
            format!("ALTER TABLE {namespace}.{table} RENAME COLUMN {name} TO {to}")
        }
        Ddl::AddColumn { namespace, table, column } => {
            let shown = if column.int4 { "INT4" } else { "INT8" };
            format!("ALTER TABLE {namespace}.{table} ADD COLUMN {} {shown}", column.name)
        }
        Ddl::DropColumn { namespace, table, name } => {
            format!("ALTER TABLE {namespace}.{table} DROP COLUMN {name}")
        }
        Ddl::SetNotNull { namespace, table, name, not_null } => {
            let verb = if *not_null { "SET" } else { "DROP" };
            format!("ALTER TABLE {namespace}.{table} ALTER COLUMN {name} {verb} NOT NULL")
        }
    }
}

/// The engine, a database that does what the engine asks, and one that runs what the program says.
struct Lockstep {
    engine: Engine,
    session: Recorder,
    asked: PgConnection,
    told: PgConnection,
}

impl Lockstep {
    /// Runs a script in the engine, and what it asks for in its database. The class of a failure.
    async fn run(&mut self, source: &str) -> Result<(), String> {
        let invocation = Invocation { caller: "owner".into(), ..Invocation::default() };
        let terms = Terms { invocation: &invocation, limits: &Limits::NETWORK };
        let done = self.session.changes.len();
        let ran = self.engine.run_script(
            &mut self.session,
            terms,
            source,
            BTreeMap::new(),
            Results::Discard,
        );
        match finish(ran).result {
            Ok(_) => {}
            Err(EngineError::Failed(failure)) => return Err(failure.class_name()),
            Err(EngineError::Fault(fault)) => panic!("{fault}"),
        }
        let changes = self.session.changes.get(done..).unwrap_or_default();
        for ddl in changes.iter().flat_map(|change| &change.ddl) {
            let asked = run(&mut self.asked, statements(ddl)).await;
            assert!(asked.is_ok(), "{source}: {ddl:?}: {asked:?}");
        }
        Ok(())
    }
}

#[tokio::test]
async fn tables_indexes_constraints_and_their_names_are_those_of_the_database() {
    let (first, second) = (TestDatabase::create().await, TestDatabase::create().await);
    let mut lockstep = Lockstep {
        engine: Engine::new(Extensions::new()),
        session: Recorder::new(),
        asked: first.connect().await,
        told: second.connect().await,
    };
    let mut done = 0;
    for seed in 0..SEEDS {
        let mut random = Random::new(seed);
        lockstep.session.change_catalog(|catalog| *catalog = Catalog::genesis(Some("owner")));
        for connection in [&mut lockstep.asked, &mut lockstep.told] {
            for namespace in NAMESPACES {
                let fresh =
                    format!("DROP SCHEMA IF EXISTS {namespace} CASCADE; CREATE SCHEMA {namespace}");
                run(connection, fresh).await.unwrap();
            }
        }
        lockstep.session.change_catalog(|catalog| {
            for namespace in ["shop", "n"] {
                let main = catalog.namespaces["main"].clone();
                catalog.namespaces.insert(namespace.into(), main);
            }
        });
        for number in 0..STATEMENTS {
            let namespace = *random.choose(&["main", "main", "main", "main", "shop", "n"]);
            let statement = match number {
                0 => "CREATE TABLE t (id INT8 PRIMARY KEY, a INT8, b INT8 UNIQUE, c INT8, CHECK (a > b))".into(),
                1 => "CREATE TABLE u (id INT8 PRIMARY KEY, a INT8 UNIQUE, b INT8, UNIQUE (a, b))".into(),
                _ => random_table_statement(&mut random),
            };
            let namespace = if number < 2 { "main" } else { namespace };
            let class = lockstep.run(&format!("{{{namespace}}} {statement}")).await;
            if let Err(class) = &class {
                // PostgreSQL lets a primary key go, and renames an index by ALTER TABLE.
                if class == "CannotAlterPrimaryKey" || class == "UnknownTable" {
                    continue;
                }
            }
            let sql = format!("SET search_path = {namespace}; {statement}");
            let told = run(&mut lockstep.told, sql).await;
            let is_guarded = statement.contains("IF EXISTS");
            assert!(
                told.is_ok() == class.is_ok() || is_guarded,
                "{statement}: {class:?}, {told:?}"
            );
            done += usize::from(told.is_ok());
        }
        let believed = believed(lockstep.session.catalog());
        assert_eq!(described(&mut lockstep.asked).await, believed, "seed {seed}");
        assert_eq!(described(&mut lockstep.told).await, believed, "seed {seed}");
    }
    assert!(done > 70, "{done} statements succeeded");
}
