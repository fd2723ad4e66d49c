//! The stored lattice of every hashed table, and the state root over them.

use std::collections::BTreeMap;

use kwil_crypto::{Hash, Hasher, context};
use sqlx::{PgConnection, Row as _};

use crate::capture::Changes;
use crate::catalog::Catalog;
use crate::fault::NodeFault;
use crate::lattice::Lattice;
use crate::store::{Covered, ENGINE_TABLES};
use crate::table::{Table, TableId};

/// Rows of a table and their sum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TableSum {
    pub(crate) rows: u64,
    pub(crate) lattice: Lattice,
    pub(crate) digest: Hash,
}

impl TableSum {
    pub(crate) fn new(rows: u64, lattice: Lattice) -> Self {
        let digest = lattice.digest();
        Self { rows, lattice, digest }
    }

    pub(crate) fn empty() -> Self {
        Self::new(0, Lattice::zero())
    }
}

/// Sums of all tables; a table without an entry is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums(BTreeMap<TableId, TableSum>);

/// What a block does to the stored sums.
#[derive(Clone, Debug, Default)]
pub(crate) struct SumChanges {
    changed: BTreeMap<TableId, TableSum>,
    removed: Vec<TableId>,
}

impl Sums {
    /// Reads the stored sums.
    pub(crate) async fn load(connection: &mut PgConnection) -> Result<Self, NodeFault> {
        const WHAT: &str = "read the lattices";
        let query = sqlx::query("SELECT table_id, rows, lanes FROM kwild_state.lattice");
        let found = query.fetch_all(connection).await.map_err(|e| NodeFault::from_sqlx(WHAT, e))?;
        let mut sums = BTreeMap::new();
        for row in found {
            let id = u32::try_from(row.get::<i64, _>(0)).ok();
            let rows = u64::try_from(row.get::<i64, _>(1)).ok();
            let lattice = Lattice::from_bytes(row.get(2));
            let (Some(id), Some(rows), Some(lattice)) = (id, rows, lattice) else {
                return Err(NodeFault::invariant(WHAT, "a lattice row makes no sense"));
            };
            sums.insert(TableId(id), TableSum::new(rows, lattice));
        }
        Ok(Self(sums))
    }

    /// Tables that are not empty, by their ids.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (TableId, &TableSum)> {
        self.0.iter().map(|(id, sum)| (*id, sum))
    }

    pub(crate) fn get(&self, id: TableId) -> Option<&TableSum> {
        self.0.get(&id)
    }

    /// What the changes of a block make of the sums. Tables that are not in `catalog` any more lose theirs.
    pub(crate) fn successor(
        &self,
        changes: &Changes,
        catalog: &Catalog,
    ) -> Result<SumChanges, NodeFault> {
        let exists =
            |id: TableId| id.0 < crate::table::FIRST_USER_TABLE || catalog.table(id).is_some();
        let mut result = SumChanges::default();
        result.removed.extend(self.0.keys().copied().filter(|id| !exists(*id)));
        for (id, delta) in changes.deltas.iter().filter(|(id, _)| exists(**id)) {
            let old = self.0.get(id);
            let mut lattice = old.map_or_else(Lattice::zero, |sum| sum.lattice.clone());
            lattice.add(&delta.lattice);
            let rows = old.map_or(0, |sum| sum.rows).checked_add_signed(delta.rows);
            let rows =
                rows.ok_or_else(|| invariant(*id, "would have a negative number of rows"))?;
            if (rows == 0) != lattice.is_zero() {
                return Err(invariant(*id, "has a lattice that does not fit its number of rows"));
            }
            result.changed.insert(*id, TableSum::new(rows, lattice));
        }
        Ok(result)
    }

    pub(crate) fn apply(&mut self, changes: SumChanges) {
        for id in changes.removed {
            self.0.remove(&id);
        }
        self.0.extend(changes.changed);
    }

    /// `H("kwil state 1", catalog hash ‖ for each table by (schema, name): length and schema, length and name, rows (8),
    /// lattice digest)`.
    pub(crate) fn root(
        &self,
        pending: &SumChanges,
        catalog: &Catalog,
        catalog_hash: &Hash,
    ) -> Hash {
        let empty = TableSum::empty();
        let mut hasher = Hasher::new(context::STATE);
        hasher.update(catalog_hash.as_ref());
        for table in hashed_tables(catalog) {
            let sum =
                pending.changed.get(&table.id).or_else(|| self.get(table.id)).unwrap_or(&empty);
            for name in [&table.schema, &table.name] {
                hasher
                    .update(&u32::try_from(name.len()).unwrap_or(u32::MAX).to_be_bytes())
                    .update(name.as_bytes());
            }
            hasher.update(&sum.rows.to_be_bytes()).update(sum.digest.as_ref());
        }
        hasher.finalize()
    }
}

impl SumChanges {
    /// Writes the changes in the block's transaction.
    pub(crate) async fn write(&self, connection: &mut PgConnection) -> Result<(), NodeFault> {
        const WHAT: &str = "write the lattices";
        let fault = |error| NodeFault::from_sqlx(WHAT, error);
        if !self.changed.is_empty() {
            let (mut ids, mut rows, mut lanes) = (Vec::new(), Vec::new(), Vec::new());
            for (id, sum) in &self.changed {
                ids.push(i64::from(id.0));
                rows.push(
                    i64::try_from(sum.rows).map_err(|_| invariant(*id, "has too many rows"))?,
                );
                lanes.push(sum.lattice.to_bytes());
            }
            let sql = "INSERT INTO kwild_state.lattice (table_id, rows, lanes) \
                       SELECT a, b, c FROM unnest($1::int8[], $2::int8[], $3::bytea[]) AS q(a, b, c) \
                       ON CONFLICT (table_id) DO UPDATE SET rows = excluded.rows, lanes = excluded.lanes";
            let query = sqlx::query(sql).bind(ids).bind(rows).bind(lanes);
            query.execute(&mut *connection).await.map_err(fault)?;
        }
        if !self.removed.is_empty() {
            let ids: Vec<i64> = self.removed.iter().map(|id| i64::from(id.0)).collect();
            let query =
                sqlx::query("DELETE FROM kwild_state.lattice WHERE table_id = ANY($1)").bind(ids);
            query.execute(&mut *connection).await.map_err(fault)?;
        }
        Ok(())
    }
}

/// Every table with a lattice, in the order of the state root: by schema, then name, bytewise.
pub(crate) fn hashed_tables(catalog: &Catalog) -> Vec<&Table> {
    let engine = ENGINE_TABLES
        .iter()
        .filter(|table| table.covered == Covered::Lattice)
        .map(|table| table.table());
    let mut tables: Vec<&Table> = engine.chain(catalog.tables().map(AsRef::as_ref)).collect();
    tables.sort_unstable_by(|a, b| (&a.schema, &a.name).cmp(&(&b.schema, &b.name)));
    tables
}

fn invariant(id: TableId, problem: &str) -> NodeFault {
    NodeFault::invariant("sum up a block", format!("table {id} {problem}"))
}
