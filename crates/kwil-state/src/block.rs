//! A block while it is executed: one open transaction and what it has changed so far.
//!
//! ```text
//! begin ─► load / store (engine tables), execute / query (SQL), DDL, savepoints ─► finish (state root) ─► seal ─► commit
//! ```
//!
//! Changes of lattices and catalog are kept in layers, one for each open savepoint, so that memory and database are
//! always rolled back together.

mod captured;
mod ddl;
mod foreign_keys;
mod language;
mod message;
mod waits;

use std::sync::Arc;

use kwil_crypto::Hash;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::canon::Cell;
use crate::capture::{self, Changes};
use crate::catalog::{Catalog, catalog_hash};
use crate::chain::{self, ChainIdentity};
use crate::fault::{NodeFault, StatementError};
use crate::statements::Statements;
use crate::store::{self, Covered, EngineRow, RowChange};
use crate::sums::{SumChanges, Sums};

pub use captured::CaptureLimits;
pub(crate) use captured::Captured;
pub(crate) use message::{Message, Plan, Sent, decode};
pub(crate) use waits::Waits;

/// The catalog of the language; [`Catalog`] is the node's own, of tables with stable ids.
type Language = kwil_engine::catalog::Catalog;

/// What the last commit left, as far as execution needs it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Committed {
    pub(crate) catalog: Arc<Catalog>,
    /// `None` before genesis.
    pub(crate) language: Option<Arc<Language>>,
    pub(crate) catalog_hash: Hash,
    pub(crate) sums: Sums,
}

/// Changes since a savepoint.
#[derive(Clone, Debug, Default)]
struct Layer {
    changes: Changes,
    /// The catalog when the layer began.
    catalog: Arc<Catalog>,
    language: Option<Arc<Language>>,
    catalog_changed: bool,
}

/// What the open transaction has changed.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) height: u64,
    layers: Vec<Layer>,
    catalog: Arc<Catalog>,
    language: Option<Arc<Language>>,
    pub(crate) waits: Waits,
    limits: CaptureLimits,
    /// Bytes of the capture table when it was looked at last.
    captured: u64,
    /// A savepoint is kept but not released yet; nothing goes back to it. Releasing takes a message, so the next one does it.
    pub(crate) unreleased: bool,
    pub(crate) finished: Option<Finished>,
}

/// The result of [`Block::finish`].
#[derive(Clone, Debug)]
pub(crate) struct Finished {
    pub(crate) sums: SumChanges,
    pub(crate) catalog_hash: Hash,
    pub(crate) root: Hash,
}

impl Draft {
    pub(crate) fn new(
        height: u64,
        committed: &Committed,
        limits: CaptureLimits,
        waits: Waits,
    ) -> Self {
        let (catalog, language) = (Arc::clone(&committed.catalog), committed.language.clone());
        let layer =
            Layer { catalog: Arc::clone(&catalog), language: language.clone(), ..Layer::default() };
        let layers = vec![layer];
        Self {
            height,
            layers,
            catalog,
            language,
            waits,
            limits,
            captured: 0,
            unreleased: false,
            finished: None,
        }
    }

    pub(crate) fn language(&self) -> Option<&Arc<Language>> {
        self.language.as_ref()
    }

    /// Whether anything that exists was changed.
    pub(crate) fn changed_catalog(&self) -> bool {
        self.layers.iter().any(|layer| layer.catalog_changed)
    }

    pub(crate) fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    fn top(&mut self) -> Result<&mut Layer, NodeFault> {
        self.layers.last_mut().ok_or_else(|| NodeFault::invariant("execute", "no layer is open"))
    }
}

/// The open transaction of the block that is being executed. Borrowed from the [`crate::Writer`].
#[derive(Debug)]
pub struct Block<'w> {
    pub(crate) connection: &'w mut PgConnection,
    pub(crate) draft: &'w mut Draft,
    pub(crate) committed: &'w Committed,
    /// Role that may read what is created, where there is one.
    pub(crate) reader_role: Option<&'w str>,
    pub(crate) statements: &'w mut Statements,
}

impl Block<'_> {
    /// Height of the block.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.draft.height
    }

    /// The catalog as this block has changed it so far.
    #[must_use]
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.draft.catalog
    }

    /// Rows of an engine table by their keys (its first columns). A key without a row gives none.
    ///
    /// # Errors
    /// [`NodeFault`].
    pub async fn load<R: EngineRow>(&mut self, keys: &[Vec<Cell>]) -> Result<Vec<R>, NodeFault> {
        let loading = store::load(self.connection, keys);
        self.draft.waits.until(loading).await?
    }

    /// Every row of an engine table, ordered by key.
    ///
    /// # Errors
    /// [`NodeFault`].
    pub async fn scan<R: EngineRow>(&mut self) -> Result<Vec<R>, NodeFault> {
        let loading = store::scan(self.connection);
        self.draft.waits.until(loading).await?
    }

    /// Writes changes of an engine table, at most one for each key. `old` must be what the table holds.
    ///
    /// # Errors
    /// [`NodeFault`].
    pub async fn store<R: EngineRow>(&mut self, changes: &[RowChange<R>]) -> Result<(), NodeFault> {
        if changes.is_empty() {
            return Ok(());
        }
        let storing = store::store(self.connection, changes);
        let delta = self.draft.waits.until(storing).await??;
        let layer = self.draft.top()?;
        match R::TABLE.covered {
            Covered::Lattice => layer.changes.add_one(R::TABLE.table().id, &delta),
            Covered::Catalog => layer.catalog_changed = true,
        }
        Ok(())
    }

    /// Whether nobody waits for this block any more.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.draft.waits.is_cancelled()
    }

    /// Runs one or several SQL statements without parameters. Changes of hashed tables are captured.
    ///
    /// # Errors
    /// [`StatementError::Tx`] when the data make it fail on every node; undo with a savepoint.
    pub async fn execute(&mut self, sql: &str) -> Result<u64, StatementError> {
        let running = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut *self.connection);
        let done = self.draft.waits.until(running).await?;
        done.map(|done| done.rows_affected())
            .map_err(|error| StatementError::from_sqlx("execute a statement", error))
    }

    /// Runs one SQL statement without parameters and returns its rows.
    ///
    /// # Errors
    /// Like [`Block::execute`].
    pub async fn query(&mut self, sql: &str) -> Result<Vec<PgRow>, StatementError> {
        let running = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_all(&mut *self.connection);
        let done = self.draft.waits.until(running).await?;
        done.map_err(|error| StatementError::from_sqlx("run a query", error))
    }

    /// Opens a savepoint. They nest.
    ///
    /// # Errors
    /// [`NodeFault`].
    pub async fn savepoint(&mut self) -> Result<(), NodeFault> {
        let sql = if self.draft.unreleased {
            "RELEASE SAVEPOINT kwil; SAVEPOINT kwil"
        } else {
            "SAVEPOINT kwil"
        };
        self.run("open a savepoint", sql).await?;
        self.savepoint_is_open();
        Ok(())
    }

    /// A message of ours has opened a savepoint, and released the one before.
    pub(crate) fn savepoint_is_open(&mut self) {
        self.draft.unreleased = false;
        let (catalog, language) = (Arc::clone(&self.draft.catalog), self.draft.language.clone());
        self.draft.layers.push(Layer { catalog, language, ..Layer::default() });
    }

    /// Keeps what was done since the last savepoint. The server hears of it with the next message.
    pub(crate) fn release_later(&mut self) -> Result<(), NodeFault> {
        let layer = self.pop_layer()?;
        let below = self.draft.top()?;
        below.changes.add(&layer.changes);
        below.catalog_changed |= layer.catalog_changed;
        self.draft.unreleased = true;
        Ok(())
    }

    /// Keeps what was done since the last savepoint.
    ///
    /// # Errors
    /// [`NodeFault`]; also when no savepoint is open.
    pub async fn release(&mut self) -> Result<(), NodeFault> {
        let layer = self.pop_layer()?;
        self.run("release a savepoint", "RELEASE SAVEPOINT kwil").await?;
        let below = self.draft.top()?;
        below.changes.add(&layer.changes);
        below.catalog_changed |= layer.catalog_changed;
        Ok(())
    }

    /// Undoes what was done since the last savepoint, and closes it.
    ///
    /// # Errors
    /// [`NodeFault`]; also when no savepoint is open.
    pub async fn rollback(&mut self) -> Result<(), NodeFault> {
        let layer = self.pop_layer()?;
        self.run("roll back to a savepoint", "ROLLBACK TO SAVEPOINT kwil; RELEASE SAVEPOINT kwil")
            .await?;
        self.draft.catalog = layer.catalog;
        self.draft.language = layer.language;
        if layer.catalog_changed {
            self.statements.forget_all();
        }
        Ok(())
    }

    fn pop_layer(&mut self) -> Result<Layer, NodeFault> {
        let open = self.draft.layers.len() > 1;
        let layer = if open { self.draft.layers.pop() } else { None };
        layer.ok_or_else(|| NodeFault::invariant("close a savepoint", "none is open"))
    }

    /// Records which network the database belongs to: part of genesis, once.
    ///
    /// # Errors
    /// [`NodeFault`].
    pub async fn set_network(&mut self, chain: &ChainIdentity) -> Result<(), NodeFault> {
        let writing = chain::write_identity(self.connection, chain);
        self.draft.waits.until(writing).await?
    }

    /// Ends execution: drains the capture, sums up, writes the lattices, and returns the state root. Nothing may be
    /// changed afterwards; every savepoint must be closed.
    ///
    /// # Errors
    /// [`NodeFault`].
    pub async fn finish(&mut self) -> Result<Hash, NodeFault> {
        if self.draft.finished.is_some() || self.draft.layers.len() != 1 {
            return Err(NodeFault::invariant(
                "finish a block",
                "it is finished already or a savepoint is open",
            ));
        }
        // Reading the capture table costs a millisecond at the commit, and without user tables it is empty.
        if self.draft.catalog.tables().next().is_some() {
            let draining = capture::drain_last(self.connection, &self.draft.catalog);
            let changes = self.draft.waits.until(draining).await??;
            self.draft.top()?.changes.add(&changes);
        }
        let layer = self.draft.top()?;
        let (changes, catalog_changed) = (layer.changes.clone(), layer.catalog_changed);
        let sums = self.committed.sums.successor(&changes, &self.draft.catalog)?;
        let writing = sums.write(self.connection);
        self.draft.waits.until(writing).await??;
        let mut catalog_hash = self.committed.catalog_hash;
        if catalog_changed {
            let mut catalog = Catalog::clone(&self.draft.catalog);
            catalog.set_version(self.committed.catalog.version().saturating_add(1));
            self.draft.catalog = Arc::new(catalog);
            let hashing = self::catalog_hash(self.connection);
            catalog_hash = self.draft.waits.until(hashing).await??;
        }
        let root = self.committed.sums.root(&sums, &self.draft.catalog, &catalog_hash);
        self.draft.finished = Some(Finished { sums, catalog_hash, root });
        Ok(root)
    }

    async fn run(&mut self, what: &'static str, sql: &'static str) -> Result<(), NodeFault> {
        let running = sqlx::raw_sql(sql).execute(&mut *self.connection);
        let done = self.draft.waits.until(running).await?;
        done.map(drop).map_err(|error| NodeFault::from_sqlx(what, error))
    }
}
