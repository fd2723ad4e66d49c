//! Whether PostgreSQL's tables have the shape that our catalog says.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{PgConnection, Row as _};

use crate::capture::TRIGGERS;
use crate::catalog::Catalog;
use crate::fault::NodeFault;
use crate::table::Table;

type Shape = BTreeMap<(String, String), Vec<String>>;

/// Every difference as a sentence.
pub(super) async fn check(
    connection: &mut PgConnection,
    catalog: &Catalog,
) -> Result<Vec<String>, NodeFault> {
    let columns = columns(connection).await?;
    let triggers = triggers(connection).await?;
    let mut problems = Vec::new();
    let mut known = BTreeSet::new();
    for table in catalog.tables() {
        let key = (table.schema.clone(), table.name.clone());
        check_columns(table, columns.get(&key), &mut problems);
        check_triggers(table, triggers.get(&key), &mut problems);
        known.insert(key);
    }
    for (schema, name) in
        columns.keys().filter(|key| !known.contains(*key) && catalog.has_namespace(&key.0))
    {
        problems.push(format!("table {schema}.{name} exists but is not in the catalog"));
    }
    Ok(problems)
}

fn check_columns(table: &Table, found: Option<&Vec<String>>, problems: &mut Vec<String>) {
    let wanted: Vec<String> =
        table.columns.iter().map(|column| format!("{} {}", column.name, column.ty)).collect();
    if found != Some(&wanted) {
        let found = found.map_or("no table".into(), |found| found.join(", "));
        problems.push(format!(
            "table {} has columns ({found}), the catalog says ({})",
            table.display_name(),
            wanted.join(", ")
        ));
    }
}

fn check_triggers(table: &Table, found: Option<&Vec<String>>, problems: &mut Vec<String>) {
    let found: BTreeSet<&str> = found.into_iter().flatten().map(String::as_str).collect();
    for trigger in TRIGGERS {
        if !found.contains(format!("{trigger} A").as_str()) {
            problems.push(format!(
                "trigger {trigger} of table {} is missing or not always enabled",
                table.display_name()
            ));
        }
    }
}

/// `name type` of each column, in physical order, by table.
async fn columns(connection: &mut PgConnection) -> Result<Shape, NodeFault> {
    let query = "SELECT n.nspname::text, c.relname::text, a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod) \
                 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                 JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
                 WHERE c.relkind IN ('r', 'p', 'f') AND n.nspname !~ '^(pg_|information_schema|kwild_)' \
                 ORDER BY 1, 2, a.attnum";
    collect(connection, query, |row| format!("{} {}", row.get::<&str, _>(2), our_type(row.get(3))))
        .await
}

/// `name enabled` of each trigger of ours, by table.
async fn triggers(connection: &mut PgConnection) -> Result<Shape, NodeFault> {
    let query = "SELECT n.nspname::text, c.relname::text, t.tgname::text, t.tgenabled::text \
                 FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid \
                 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                 JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid JOIN pg_catalog.pg_namespace f ON f.oid = p.pronamespace \
                 WHERE NOT t.tgisinternal AND f.nspname = 'kwild_fn'";
    collect(connection, query, |row| format!("{} {}", row.get::<&str, _>(2), row.get::<&str, _>(3)))
        .await
}

async fn collect(
    connection: &mut PgConnection,
    query: &'static str,
    entry: impl Fn(&sqlx::postgres::PgRow) -> String,
) -> Result<Shape, NodeFault> {
    let rows = sqlx::query(query).fetch_all(connection).await;
    let mut shape = Shape::new();
    for row in rows.map_err(|error| NodeFault::from_sqlx("read the database's shape", error))? {
        shape.entry((row.get(0), row.get(1))).or_default().push(entry(&row));
    }
    Ok(shape)
}

/// PostgreSQL's spelling of a type in ours.
fn our_type(text: &str) -> String {
    text.replace("bigint", "int8").replace("integer", "int4").replace("boolean", "bool")
}
