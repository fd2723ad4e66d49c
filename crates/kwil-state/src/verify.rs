//! Recomputing the state hash from the tables.
//!
//! Everything is read in one snapshot, so blocks can go on meanwhile. The report names each table that differs from its
//! stored sum; the root over the recomputed sums is compared with the one of the chain row, which the app hash covers.

mod structure;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use kwil_crypto::Hash;
use sqlx::{AssertSqlSafe, PgConnection};
use tokio::task::JoinSet;

use crate::capture::{Changes, sum_table};
use crate::catalog::{Catalog, catalog_hash};
use crate::chain::{self, ChainState};
use crate::endpoint::Endpoint;
use crate::fault::NodeFault;
use crate::session::{self, Purpose};
use crate::sums::{Sums, hashed_tables};
use crate::table::Table;

const WHAT: &str = "verify the state";
/// Connections that read tables at the same time, at most.
const MAX_WORKERS: usize = 4;

/// What a verification found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyReport {
    /// The block that the snapshot shows.
    pub chain: ChainState,
    /// Every hashed table, ordered by name.
    pub tables: Vec<TableReport>,
    /// Hash of the catalog's rows.
    pub catalog_hash: Hash,
    /// Root over the recomputed sums. `None` when only one table was verified.
    pub state_root: Option<Hash>,
    /// What is wrong with the shape of the database: missing or disabled triggers, other columns, foreign tables.
    pub structure: Vec<String>,
}

/// What a verification found about one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableReport {
    /// `schema.name`.
    pub table: String,
    /// Rows according to the stored sum.
    pub stored_rows: u64,
    /// Rows in the table.
    pub found_rows: u64,
    /// Hash of the lattice over the rows in the table.
    pub found_digest: Hash,
    /// Whether rows and sum are equal.
    pub matches: bool,
}

impl VerifyReport {
    /// Whether everything is as the chain row says.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.structure.is_empty()
            && self.tables.iter().all(|table| table.matches)
            && self.state_root.is_none_or(|root| root == self.chain.state_root)
    }

    /// The tables that differ.
    pub fn differing(&self) -> impl Iterator<Item = &TableReport> {
        self.tables.iter().filter(|table| !table.matches)
    }

    /// Whether the rows of every table are right but the catalog is not.
    #[must_use]
    pub fn catalog_differs(&self) -> bool {
        self.differing().next().is_none()
            && self.state_root.is_some_and(|root| root != self.chain.state_root)
    }
}

/// Recomputes the sums of all tables, or of the one named `schema.name`.
///
/// # Errors
/// [`NodeFault`] when the database cannot be read, is empty, or has no such table.
pub async fn verify_state(
    endpoint: &Endpoint,
    only: Option<&str>,
) -> Result<VerifyReport, NodeFault> {
    let mut leader = session::open(endpoint, Purpose::Maintenance).await?;
    begin(&mut leader).await?;
    let Some((chain, version)) = chain::read(&mut leader).await? else {
        return Err(NodeFault::invariant(WHAT, "the database is empty"));
    };
    let catalog = Catalog::load(&mut leader, version).await?;
    let stored = Sums::load(&mut leader).await?;
    let tables: Vec<Arc<Table>> = hashed_tables(&catalog)
        .into_iter()
        .filter(|table| only.is_none_or(|name| table.display_name() == name))
        .map(|table| Arc::new(table.clone()))
        .collect();
    if let Some(name) = only.filter(|_| tables.is_empty()) {
        return Err(NodeFault::invariant(WHAT, format!("there is no table {name}")));
    }
    let query =
        sqlx::query_scalar("SELECT pg_catalog.pg_export_snapshot()").fetch_one(&mut leader).await;
    let snapshot: String = query.map_err(|error| NodeFault::from_sqlx(WHAT, error))?;
    let found = sum_all(endpoint, &snapshot, tables.clone()).await?;
    let catalog_hash = catalog_hash(&mut leader).await?;
    let structure = structure::check(&mut leader, &catalog).await?;
    let fresh = Sums::default();
    let sums = fresh.successor(&found, &catalog)?;
    let state_root = only.is_none().then(|| fresh.root(&sums, &catalog, &catalog_hash));
    let mut recomputed = fresh;
    recomputed.apply(sums);
    let tables = tables.iter().map(|table| compare(table, &stored, &recomputed)).collect();
    Ok(VerifyReport { chain, tables, catalog_hash, state_root, structure })
}

fn compare(table: &Table, stored: &Sums, found: &Sums) -> TableReport {
    let (stored, found) = (stored.get(table.id), found.get(table.id));
    let rows = |sum: Option<&crate::sums::TableSum>| sum.map_or(0, |sum| sum.rows);
    let digest =
        |sum: Option<&crate::sums::TableSum>| sum.filter(|sum| sum.rows != 0).map(|sum| sum.digest);
    TableReport {
        table: table.display_name(),
        stored_rows: rows(stored),
        found_rows: rows(found),
        found_digest: found.map_or_else(|| crate::sums::TableSum::empty().digest, |sum| sum.digest),
        matches: rows(stored) == rows(found) && digest(stored) == digest(found),
    }
}

async fn begin(connection: &mut PgConnection) -> Result<(), NodeFault> {
    let begun =
        sqlx::raw_sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").execute(connection).await;
    begun.map(drop).map_err(|error| NodeFault::from_sqlx(WHAT, error))
}

/// Sums tables on several connections that share one snapshot.
async fn sum_all(
    endpoint: &Endpoint,
    snapshot: &str,
    tables: Vec<Arc<Table>>,
) -> Result<Changes, NodeFault> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let count = cores.min(MAX_WORKERS).min(tables.len());
    let queue = Arc::new(Mutex::new(VecDeque::from(tables)));
    let mut workers = JoinSet::new();
    for _ in 0..count {
        workers.spawn(work(endpoint.clone(), snapshot.to_owned(), Arc::clone(&queue)));
    }
    let mut sums = Changes::default();
    while let Some(done) = workers.join_next().await {
        sums.add(&done.map_err(|error| NodeFault::invariant(WHAT, error))??);
    }
    Ok(sums)
}

async fn work(
    endpoint: Endpoint,
    snapshot: String,
    queue: Arc<Mutex<VecDeque<Arc<Table>>>>,
) -> Result<Changes, NodeFault> {
    let mut connection = session::open(&endpoint, Purpose::Maintenance).await?;
    begin(&mut connection).await?;
    // The text comes from the server itself: digits and dashes.
    let share = sqlx::raw_sql(AssertSqlSafe(format!(
        "SET TRANSACTION SNAPSHOT '{}'",
        snapshot.replace('\'', "")
    )));
    share.execute(&mut connection).await.map_err(|error| NodeFault::from_sqlx(WHAT, error))?;
    let mut sums = Changes::default();
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some(table) = next else { return Ok(sums) };
        let sum = sum_table(&mut connection, &table).await?;
        sums.add_one(table.id, &sum);
    }
}
