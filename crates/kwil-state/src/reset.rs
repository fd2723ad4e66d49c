//! Taking a database of the operator back to what it was before a node used it.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use thiserror::Error;

use crate::chain;
use crate::connect::{ConnectError, connect};
use crate::endpoint::Endpoint;
use crate::fault::NodeFault;
use crate::table::quote;
use crate::writer::lock;

/// Schemas of the layout, in the order in which they go. The last one holds the list of the others: after an interruption
/// the next attempt still finds it.
const LAYOUT: [&str; 6] =
    ["info", "kwild_lang", "kwild_fn", "kwild_local", "kwild_state", "kwild_meta"];

/// Why a database cannot be reset.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ResetError {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A node uses the database, or the server refuses a statement.
    #[error(transparent)]
    Fault(#[from] NodeFault),
}

/// What a node made in a database. While this lives no node can use it.
#[derive(Debug)]
pub struct Leftovers {
    connection: PgConnection,
    chain_id: Option<String>,
    schemas: Vec<String>,
}

impl Leftovers {
    /// Looks for schemas that a node made. Other things in the database are never touched.
    ///
    /// # Errors
    /// [`ResetError`], for example because a node uses the database.
    pub async fn find(endpoint: &Endpoint) -> Result<Self, ResetError> {
        let mut connection = connect(endpoint, "kwild reset").await?;
        lock(&mut connection, endpoint.database()).await?;
        let schemas = schemas(&mut connection).await.map_err(fault)?;
        let named = exists(&mut connection, "kwild_meta.network").await.map_err(fault)?;
        let identity = if named { chain::identity(&mut connection).await? } else { None };
        Ok(Self { connection, chain_id: identity.map(|it| it.chain_id), schemas })
    }

    /// Network whose state this is. `None` when the node did not get as far as genesis.
    #[must_use]
    pub fn chain_id(&self) -> Option<&str> {
        self.chain_id.as_deref()
    }

    /// Nothing is there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.schemas.is_empty()
    }

    /// The schemas, in the order in which they are dropped.
    #[must_use]
    pub fn schemas(&self) -> &[String] {
        &self.schemas
    }

    /// Drops them. Each goes by itself, so that the locks of the server suffice for many tables.
    ///
    /// # Errors
    /// [`ResetError::Fault`]; another attempt goes on where this one ended.
    pub async fn remove(mut self) -> Result<(), ResetError> {
        for schema in &self.schemas {
            let drop = format!("DROP SCHEMA IF EXISTS {} CASCADE", quote(schema));
            sqlx::raw_sql(AssertSqlSafe(drop))
                .execute(&mut self.connection)
                .await
                .map_err(fault)?;
        }
        self.connection.close().await.map_err(|error| fault(error).into())
    }
}

fn fault(error: sqlx::Error) -> NodeFault {
    NodeFault::from_sqlx("reset the database", error)
}

async fn exists(connection: &mut PgConnection, table: &str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT pg_catalog.to_regclass($1) IS NOT NULL")
        .bind(table)
        .fetch_one(connection)
        .await
}

/// Schemas of users, then those of the layout, as far as they exist.
async fn schemas(connection: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    if !exists(connection, "kwild_meta.layout").await? {
        return Ok(Vec::new());
    }
    let mut wanted: Vec<String> = if exists(connection, "kwild_meta.namespaces").await? {
        sqlx::query_scalar("SELECT name FROM kwild_meta.namespaces ORDER BY name")
            .fetch_all(&mut *connection)
            .await?
    } else {
        Vec::new()
    };
    wanted.retain(|name| !LAYOUT.contains(&name.as_str()));
    wanted.extend(LAYOUT.map(str::to_owned));
    sqlx::query_scalar(
        "SELECT w.name FROM unnest($1::text[]) WITH ORDINALITY AS w(name, place) \
         JOIN pg_catalog.pg_namespace n ON n.nspname = w.name ORDER BY w.place",
    )
    .bind(wanted)
    .fetch_all(connection)
    .await
}
