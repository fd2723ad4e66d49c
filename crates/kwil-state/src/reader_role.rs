//! The role that sessions for clients switch to: what it may see.

use sqlx::{AssertSqlSafe, PgConnection};

use crate::fault::NodeFault;
use crate::table::quote;

/// Schemas that every reader needs; their tables only where named.
const SHARED: &str = "kwild_meta, kwild_lang, info";

/// Lets `role` see the chain row, the views of the catalog and every user table, and call what written SQL calls. `None`
/// when there is no such role or this session may not switch to it.
pub(crate) async fn prepare(
    connection: &mut PgConnection,
    role: &str,
) -> Result<Option<String>, NodeFault> {
    let fault = |error| NodeFault::from_sqlx("prepare the readers' role", error);
    let query = "SELECT pg_catalog.pg_has_role(r.oid, 'MEMBER') FROM pg_catalog.pg_roles r WHERE r.rolname = $1";
    let member: Option<bool> = sqlx::query_scalar(query)
        .bind(role)
        .fetch_optional(&mut *connection)
        .await
        .map_err(fault)?;
    if member != Some(true) {
        return Ok(None);
    }
    let name = quote(role);
    let mut grants = format!(
        "GRANT USAGE ON SCHEMA {SHARED} TO {name}; GRANT SELECT ON kwild_meta.chain TO {name}; \
         GRANT SELECT ON ALL TABLES IN SCHEMA info TO {name};"
    );
    for (kind, object) in missing(connection, role).await.map_err(fault)? {
        grants.push_str(&format!("GRANT {kind} {object} TO {name};"));
    }
    sqlx::raw_sql(AssertSqlSafe(grants)).execute(connection).await.map_err(fault)?;
    Ok(Some(role.to_owned()))
}

/// What was created before this role was named.
async fn missing(
    connection: &mut PgConnection,
    role: &str,
) -> Result<Vec<(String, String)>, sqlx::Error> {
    let query = "\
        SELECT 'USAGE ON SCHEMA', pg_catalog.format('%I', n.name) FROM kwild_meta.namespaces n \
        WHERE NOT pg_catalog.has_schema_privilege($1, n.name, 'USAGE') \
        UNION ALL \
        SELECT 'SELECT ON', pg_catalog.format('%I.%I', s.nspname, c.relname) FROM kwild_meta.namespaces n \
        JOIN pg_catalog.pg_namespace s ON s.nspname = n.name JOIN pg_catalog.pg_class c ON c.relnamespace = s.oid \
        WHERE c.relkind IN ('r', 'p') AND NOT pg_catalog.has_table_privilege($1, c.oid, 'SELECT')";
    sqlx::query_as(query).bind(role).fetch_all(connection).await
}
