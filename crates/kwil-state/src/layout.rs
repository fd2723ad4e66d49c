//! The node's own schemas and their versions.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::fault::{FaultKind, NodeFault};

/// Every step of the layout, in order. A step that was released is never edited; a change is a new step.
const STEPS: [&str; 2] = [
    include_str!("../migrations/0001_layout.sql"),
    include_str!("../migrations/0002_language.sql"),
];

/// The version that this program makes and understands.
pub(crate) fn current() -> i64 {
    i64::try_from(STEPS.len()).unwrap_or(i64::MAX)
}

/// Brings the layout to the present version, each step in a transaction of its own. Done by the writer, which holds the
/// database's lock.
///
/// # Errors
/// [`NodeFault`]; also when the layout was made by a newer program.
pub(crate) async fn migrate(connection: &mut PgConnection) -> Result<i64, NodeFault> {
    const WHAT: &str = "prepare the database's layout";
    let fault = |error| NodeFault::from_sqlx(WHAT, error);
    let create = "CREATE SCHEMA IF NOT EXISTS kwild_meta; \
                  CREATE TABLE IF NOT EXISTS kwild_meta.layout (one bool PRIMARY KEY DEFAULT true CHECK (one), version int8 NOT NULL); \
                  INSERT INTO kwild_meta.layout (version) VALUES (0) ON CONFLICT DO NOTHING";
    let present: Option<String> =
        sqlx::query_scalar("SELECT pg_catalog.to_regclass('kwild_meta.layout')::text")
            .fetch_one(&mut *connection)
            .await
            .map_err(fault)?;
    if present.is_none() {
        sqlx::raw_sql(create).execute(&mut *connection).await.map_err(fault)?;
    }
    let version = version(connection).await?;
    if version > current() {
        return Err(NodeFault::new(
            WHAT,
            FaultKind::NewerLayout { found: version, known: current() },
        ));
    }
    let done = usize::try_from(version).unwrap_or(0);
    for (step, number) in STEPS.iter().zip(1_i64..).skip(done) {
        let mut transaction = connection.begin().await.map_err(fault)?;
        sqlx::raw_sql(AssertSqlSafe(*step)).execute(&mut *transaction).await.map_err(fault)?;
        let update = "UPDATE kwild_meta.layout SET version = $1";
        sqlx::query(update).bind(number).execute(&mut *transaction).await.map_err(fault)?;
        transaction.commit().await.map_err(fault)?;
        tracing::debug!(version = number, "database layout prepared");
    }
    Ok(current())
}

/// The version of the layout in the database.
pub(crate) async fn version(connection: &mut PgConnection) -> Result<i64, NodeFault> {
    let query =
        sqlx::query_scalar("SELECT version FROM kwild_meta.layout").fetch_one(connection).await;
    query.map_err(|error| NodeFault::from_sqlx("read the layout's version", error))
}
