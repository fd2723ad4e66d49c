//! Capture of row changes of user tables, and what they do to the lattices.
//!
//! Triggers write old and new images into a temporary table of the writer's session. They see what statements do,
//! foreign-key actions included, and a rolled back savepoint takes its rows along. A session without that table cannot
//! write a hashed table at all.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use sqlx::postgres::types::Oid;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};
use tokio::task::JoinSet;

use crate::canon::{CanonError, Image, encode_image, take_field};
use crate::catalog::Catalog;
use crate::copy::CopyReader;
use crate::fault::{NodeFault, StatementError};
use crate::lattice::{Delta, RowHasher};
use crate::table::{Table, TableId};

const WHAT: &str = "drain captured rows";
/// Gives the bytes of the capture table. They are no fewer than those of the images in it, because those are not
/// compressed; they are more, by as much as the layout takes and by what rolled back statements left.
pub(crate) const SIZE_STATEMENT: &str = "kwil_captured";
const READ_ALL: &str =
    "COPY (SELECT rel, old, new FROM pg_temp.kwil_capture) TO STDOUT (FORMAT binary)";
/// Images hashed by one task.
const BATCH_IMAGES: usize = 2048;
/// Bytes of images hashed by one task.
const BATCH_BYTES: usize = 1024 * 1024;

/// Makes the temporary table of the session. Rows vanish with the transaction.
pub(crate) async fn create(connection: &mut PgConnection) -> Result<(), NodeFault> {
    let sql = "CREATE TEMPORARY TABLE pg_temp.kwil_capture (rel oid NOT NULL, old bytea, new bytea) \
               ON COMMIT DELETE ROWS; \
               ALTER TABLE pg_temp.kwil_capture ALTER old SET STORAGE EXTERNAL, ALTER new SET STORAGE EXTERNAL";
    let fault = |error| NodeFault::from_sqlx("create the capture table", error);
    sqlx::raw_sql(sql).execute(&mut *connection).await.map_err(fault)?;
    let query = "SELECT oid, reltoastrelid FROM pg_catalog.pg_class \
                 WHERE oid = pg_catalog.to_regclass('pg_temp.kwil_capture')";
    let row = sqlx::query(query).fetch_one(&mut *connection).await.map_err(fault)?;
    let oid = |index| row.try_get::<Oid, _>(index).map(|oid| oid.0).map_err(fault);
    let sql = format!(
        "PREPARE {SIZE_STATEMENT} AS SELECT pg_catalog.pg_relation_size({}::oid::regclass) \
         + pg_catalog.pg_relation_size({}::oid::regclass)",
        oid(0)?,
        oid(1)?
    );
    let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await;
    done.map(drop).map_err(fault)
}

/// Puts the triggers on a table.
pub(crate) async fn install(
    connection: &mut PgConnection,
    table: &Table,
) -> Result<(), StatementError> {
    let name = table.qualified();
    let mut sql = String::new();
    for (trigger, event, function) in [
        ("kwil_cap_i", "AFTER INSERT", "cap_ins"),
        ("kwil_cap_u", "AFTER UPDATE", "cap_upd"),
        ("kwil_cap_d", "AFTER DELETE", "cap_del"),
    ] {
        sql.push_str(&format!(
            "CREATE TRIGGER {trigger} {event} ON {name} FOR EACH ROW EXECUTE FUNCTION kwild_fn.{function}();"
        ));
    }
    sql.push_str(&format!(
        "CREATE TRIGGER kwil_cap_t BEFORE TRUNCATE ON {name} FOR EACH STATEMENT EXECUTE FUNCTION kwild_fn.no_truncate();"
    ));
    for trigger in TRIGGERS {
        sql.push_str(&format!("ALTER TABLE {name} ENABLE ALWAYS TRIGGER {trigger};"));
    }
    let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await;
    done.map(drop).map_err(|error| StatementError::from_sqlx("install capture", error))
}

/// Names of the triggers that every hashed table has.
pub(crate) const TRIGGERS: [&str; 4] = ["kwil_cap_d", "kwil_cap_i", "kwil_cap_t", "kwil_cap_u"];

/// Changes of lattices, and how many bytes of images they were made from. The images of the same changes have the same
/// length on every node.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes {
    pub(crate) deltas: BTreeMap<TableId, Delta>,
    pub(crate) bytes: u64,
}

impl Changes {
    pub(crate) fn add(&mut self, other: &Self) {
        for (table, delta) in &other.deltas {
            self.add_one(*table, delta);
        }
        self.bytes = self.bytes.saturating_add(other.bytes);
    }

    pub(crate) fn add_one(&mut self, table: TableId, delta: &Delta) {
        self.deltas.entry(table).or_insert_with(Delta::none).add(delta);
    }
}

/// Drains at the end of a block: the fastest way, and the rows stay until the commit.
pub(crate) async fn drain_last(
    connection: &mut PgConnection,
    catalog: &Arc<Catalog>,
) -> Result<Changes, NodeFault> {
    let mut pool = HashPool::default();
    let mut batch = Batch::default();
    let mut reader = CopyReader::start(connection, READ_ALL).await?;
    while let Some(tuple) = reader.next().await? {
        let row =
            split(&tuple).ok_or_else(|| NodeFault::invariant(WHAT, "malformed capture row"))?;
        let table = table_of(catalog, row.rel)?;
        batch.push(Change { table, old: row.old, new: row.new, form: Form::Record });
        pool.push_full(&mut batch).await?;
    }
    pool.finish(batch).await
}

/// Drains many rows in the middle of a block and gives their room back; a rolled back savepoint brings them back.
pub(crate) async fn drain_all(
    connection: &mut PgConnection,
    catalog: &Arc<Catalog>,
) -> Result<Changes, NodeFault> {
    let changes = drain_last(connection, catalog).await?;
    let done = sqlx::raw_sql("TRUNCATE pg_temp.kwil_capture").execute(connection).await;
    done.map(|_| changes).map_err(|error| NodeFault::from_sqlx(WHAT, error))
}

/// Drains few rows in the middle of a block: removes them, so a rolled back savepoint brings them back.
pub(crate) async fn drain_now(
    connection: &mut PgConnection,
    catalog: &Arc<Catalog>,
) -> Result<Changes, NodeFault> {
    let fault = |error| NodeFault::from_sqlx(WHAT, error);
    let mut pool = HashPool::default();
    let mut batch = Batch::default();
    let mut rows =
        sqlx::query("DELETE FROM pg_temp.kwil_capture RETURNING rel, old, new").fetch(connection);
    while let Some(row) = rows.next().await {
        let row = row.map_err(fault)?;
        let table = table_of(catalog, row.try_get::<Oid, _>(0).map_err(fault)?.0)?;
        let image = |index: usize| {
            let bytes: Option<&[u8]> = row.try_get(index)?;
            Ok(bytes.map(Bytes::copy_from_slice))
        };
        batch.push(Change {
            table,
            old: image(1).map_err(fault)?,
            new: image(2).map_err(fault)?,
            form: Form::Record,
        });
        pool.push_full(&mut batch).await?;
    }
    pool.finish(batch).await
}

/// Sums every row of a table, by reading it.
pub(crate) async fn sum_table(
    connection: &mut PgConnection,
    table: &Arc<Table>,
) -> Result<Delta, NodeFault> {
    let mut pool = HashPool::default();
    let mut batch = Batch::default();
    let mut reader = CopyReader::start(connection, &CopyReader::table_statement(table)).await?;
    while let Some(tuple) = reader.next().await? {
        batch.push(Change {
            table: Arc::clone(table),
            old: None,
            new: Some(tuple),
            form: Form::Tuple,
        });
        pool.push_full(&mut batch).await?;
    }
    let mut changes = pool.finish(batch).await?;
    Ok(changes.deltas.remove(&table.id).unwrap_or_else(Delta::none))
}

/// The opposite of a change.
pub(crate) fn negate(delta: &Delta) -> Delta {
    Delta { lattice: delta.lattice.negated(), rows: delta.rows.saturating_neg() }
}

struct CaptureRow {
    rel: u32,
    old: Option<Bytes>,
    new: Option<Bytes>,
}

fn split(tuple: &Bytes) -> Option<CaptureRow> {
    let (rel, rest) = take_field(tuple)?;
    let (old, rest) = take_field(rest)?;
    let (new, []) = take_field(rest)? else { return None };
    let rel = u32::from_be_bytes(rel?.try_into().ok()?);
    Some(CaptureRow {
        rel,
        old: old.map(|part| tuple.slice_ref(part)),
        new: new.map(|part| tuple.slice_ref(part)),
    })
}

fn table_of(catalog: &Catalog, oid: u32) -> Result<Arc<Table>, NodeFault> {
    let table = catalog.table_of_oid(oid).cloned();
    table.ok_or_else(|| {
        NodeFault::invariant(WHAT, format!("a change of an unknown relation {oid} was captured"))
    })
}

#[derive(Clone, Copy)]
enum Form {
    Record,
    Tuple,
}

struct Change {
    table: Arc<Table>,
    old: Option<Bytes>,
    new: Option<Bytes>,
    form: Form,
}

#[derive(Default)]
struct Batch {
    changes: Vec<Change>,
    bytes: usize,
}

impl Batch {
    fn push(&mut self, change: Change) {
        let size = |image: &Option<Bytes>| image.as_ref().map_or(0, Bytes::len);
        self.bytes = self.bytes.saturating_add(size(&change.old)).saturating_add(size(&change.new));
        self.changes.push(change);
    }

    fn is_full(&self) -> bool {
        self.changes.len() >= BATCH_IMAGES || self.bytes >= BATCH_BYTES
    }

    /// Decodes, re-encodes and hashes every image.
    fn hash(self) -> Result<Changes, CanonError> {
        let mut hasher = RowHasher::new();
        let (mut old, mut new) = (Vec::new(), Vec::new());
        let mut sums = Changes { bytes: self.bytes as u64, ..Changes::default() };
        for change in &self.changes {
            let (had, has) =
                (change.encode(&change.old, &mut old)?, change.encode(&change.new, &mut new)?);
            if had && has && old == new {
                continue;
            }
            let delta = sums.deltas.entry(change.table.id).or_insert_with(Delta::none);
            if had {
                hasher.delete(&old, delta);
            }
            if has {
                hasher.insert(&new, delta);
            }
        }
        Ok(sums)
    }
}

impl Change {
    /// Whether there is an image.
    fn encode(&self, image: &Option<Bytes>, out: &mut Vec<u8>) -> Result<bool, CanonError> {
        let Some(bytes) = image else { return Ok(false) };
        let image = match self.form {
            Form::Record => Image::Record(bytes),
            Form::Tuple => Image::Tuple(bytes),
        };
        encode_image(&self.table, image, out)?;
        Ok(true)
    }
}

/// Hashes batches on worker threads while the connection goes on reading. Sums do not depend on the order.
#[derive(Default)]
struct HashPool {
    tasks: JoinSet<Result<Changes, CanonError>>,
    sums: Changes,
}

impl HashPool {
    async fn push_full(&mut self, batch: &mut Batch) -> Result<(), NodeFault> {
        if batch.is_full() { self.push(std::mem::take(batch)).await } else { Ok(()) }
    }

    async fn push(&mut self, batch: Batch) -> Result<(), NodeFault> {
        let limit =
            std::thread::available_parallelism().map_or(2, |cores| cores.get().saturating_mul(2));
        while self.tasks.len() >= limit {
            self.join_one().await?;
        }
        self.tasks.spawn_blocking(move || batch.hash());
        Ok(())
    }

    async fn join_one(&mut self) -> Result<bool, NodeFault> {
        let Some(done) = self.tasks.join_next().await else { return Ok(false) };
        let sums = done
            .map_err(|error| NodeFault::invariant("hash rows", error))?
            .map_err(|error| NodeFault::canon("hash rows", &error))?;
        self.sums.add(&sums);
        Ok(true)
    }

    async fn finish(mut self, rest: Batch) -> Result<Changes, NodeFault> {
        // Few rows are hashed faster here than handed over.
        if rest.changes.len() < 64 {
            let sums = rest.hash().map_err(|error| NodeFault::canon("hash rows", &error))?;
            self.sums.add(&sums);
        } else {
            self.push(rest).await?;
        }
        while self.join_one().await? {}
        Ok(self.sums)
    }
}
