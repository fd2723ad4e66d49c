//! Our own catalog of user tables: what exists, under which stable ids.
//!
//! PostgreSQL's catalog is never read for a result: its texts differ between versions and its object ids between nodes.

mod rows;

use std::collections::BTreeMap;
use std::sync::Arc;

use kwil_crypto::{Hash, Hasher, context};
use sqlx::{PgConnection, Row as _};

pub(crate) use rows::{ColumnRow, CounterRow, NamespaceRow, TableRow};

use crate::canon::{Image, encode_image};
use crate::copy::CopyReader;
use crate::fault::NodeFault;
use crate::store::{Covered, ENGINE_TABLES, scan};
use crate::table::{Column, ColumnId, ColumnType, FIRST_USER_TABLE, Table, TableId};

/// Counter of table ids.
pub(crate) const TABLE_COUNTER: &str = "table";

/// Every user table and namespace at one height. Cheap to clone; a change makes a successor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    version: i64,
    namespaces: BTreeMap<String, String>,
    tables: BTreeMap<TableId, Arc<Table>>,
    next_columns: BTreeMap<TableId, u32>,
    next_table: Option<u32>,
    /// PostgreSQL's ids of the tables in this database; differ between nodes.
    oids: BTreeMap<u32, TableId>,
}

impl Catalog {
    /// Grows with every block that changes the catalog.
    #[must_use]
    pub fn version(&self) -> i64 {
        self.version
    }

    /// User tables in the order of their ids.
    pub fn tables(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.tables.values()
    }

    /// The table with an id.
    #[must_use]
    pub fn table(&self, id: TableId) -> Option<&Arc<Table>> {
        self.tables.get(&id)
    }

    /// The table with a name.
    #[must_use]
    pub fn find(&self, schema: &str, name: &str) -> Option<&Arc<Table>> {
        self.tables.values().find(|table| table.schema == schema && table.name == name)
    }

    /// Whether a namespace exists.
    #[must_use]
    pub fn has_namespace(&self, name: &str) -> bool {
        self.namespaces.contains_key(name)
    }

    pub(crate) fn table_of_oid(&self, oid: u32) -> Option<&Arc<Table>> {
        self.tables.get(self.oids.get(&oid)?)
    }

    pub(crate) fn next_table(&self) -> u32 {
        self.next_table.unwrap_or(FIRST_USER_TABLE)
    }

    pub(crate) fn next_column(&self, id: TableId) -> u32 {
        self.next_columns.get(&id).copied().unwrap_or(1)
    }

    pub(crate) fn set_version(&mut self, version: i64) {
        self.version = version;
    }

    pub(crate) fn add_namespace(&mut self, name: &str, kind: &str) {
        self.namespaces.insert(name.into(), kind.into());
    }

    pub(crate) fn remove_namespace(&mut self, name: &str) -> Option<String> {
        self.namespaces.remove(name)
    }

    /// Puts a new table or another shape of an old one.
    pub(crate) fn put_table(&mut self, table: Table, next_column: u32) {
        self.next_table = Some(self.next_table().max(table.id.0.saturating_add(1)));
        self.next_columns.insert(table.id, next_column);
        self.tables.insert(table.id, Arc::new(table));
    }

    pub(crate) fn put_oid(&mut self, oid: u32, id: TableId) {
        self.oids.insert(oid, id);
    }

    pub(crate) fn remove_table(&mut self, id: TableId) {
        self.tables.remove(&id);
        self.next_columns.remove(&id);
        self.oids.retain(|_, table| *table != id);
    }

    /// Reads the catalog of the database.
    pub(crate) async fn load(
        connection: &mut PgConnection,
        version: i64,
    ) -> Result<Self, NodeFault> {
        let mut catalog = Self { version, ..Self::default() };
        for NamespaceRow { name, kind } in scan::<NamespaceRow>(connection).await? {
            catalog.namespaces.insert(name, kind);
        }
        for CounterRow { name, next } in scan::<CounterRow>(connection).await? {
            if name == TABLE_COUNTER {
                catalog.next_table = Some(next);
            }
        }
        let mut columns: BTreeMap<TableId, Vec<Column>> = BTreeMap::new();
        for ColumnRow { table, column } in scan::<ColumnRow>(connection).await? {
            columns.entry(table).or_default().push(column);
        }
        for TableRow { id, schema, name, next_column } in scan::<TableRow>(connection).await? {
            let columns = columns.remove(&id).unwrap_or_default();
            catalog.next_columns.insert(id, next_column);
            catalog.tables.insert(id, Arc::new(Table { id, schema, name, columns }));
        }
        catalog.load_oids(connection).await?;
        Ok(catalog)
    }

    async fn load_oids(&mut self, connection: &mut PgConnection) -> Result<(), NodeFault> {
        const WHAT: &str = "read the catalog";
        let query = "SELECT c.oid::int8, n.nspname::text, c.relname::text FROM pg_catalog.pg_class c \
                     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r'";
        let rows = sqlx::query(query)
            .fetch_all(connection)
            .await
            .map_err(|e| NodeFault::from_sqlx(WHAT, e))?;
        let mut found: BTreeMap<(String, String), u32> = BTreeMap::new();
        for row in rows {
            let oid = u32::try_from(row.get::<i64, _>(0))
                .map_err(|_| NodeFault::invariant(WHAT, "a large oid"))?;
            found.insert((row.get(1), row.get(2)), oid);
        }
        for table in self.tables.values() {
            let name = (table.schema.clone(), table.name.clone());
            let oid = found.get(&name).ok_or_else(|| {
                NodeFault::invariant(
                    WHAT,
                    format!(
                        "table {} is in the catalog, not in the database",
                        table.display_name()
                    ),
                )
            })?;
            self.oids.insert(*oid, table.id);
        }
        Ok(())
    }
}

impl Table {
    /// The column row of one of its columns.
    pub(crate) fn column_row(&self, column: &Column) -> ColumnRow {
        ColumnRow { table: self.id, column: column.clone() }
    }
}

/// The hash of every row of the catalog: tables in the order of their names, rows in the order of their canonical bytes.
///
/// Per table: length and name, row count (8 bytes), then each row as length and canonical bytes.
pub(crate) async fn catalog_hash(connection: &mut PgConnection) -> Result<Hash, NodeFault> {
    let mut tables: Vec<_> =
        ENGINE_TABLES.iter().filter(|table| table.covered == Covered::Catalog).collect();
    tables.sort_unstable_by_key(|table| &table.table().name);
    let mut hasher = Hasher::new(context::CATALOG);
    for table in tables {
        let table = table.table();
        let mut rows = Vec::new();
        let mut reader = CopyReader::start(connection, &CopyReader::table_statement(table)).await?;
        while let Some(tuple) = reader.next().await? {
            let mut row = Vec::new();
            encode_image(table, Image::Tuple(&tuple), &mut row)
                .map_err(|error| NodeFault::canon("hash the catalog", &error))?;
            rows.push(row);
        }
        rows.sort_unstable();
        hasher.update(&length(&table.name)).update(table.name.as_bytes());
        hasher.update(&(rows.len() as u64).to_be_bytes());
        for row in rows {
            hasher.update(&length(&row)).update(&row);
        }
    }
    Ok(hasher.finalize())
}

fn length(bytes: impl AsRef<[u8]>) -> [u8; 4] {
    // Rows are at most 36 MiB.
    u32::try_from(bytes.as_ref().len()).unwrap_or(u32::MAX).to_be_bytes()
}

/// A column as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewColumn {
    /// Name.
    pub name: String,
    /// Type.
    pub ty: ColumnType,
    /// Whether NULL is refused.
    pub not_null: bool,
}

impl NewColumn {
    pub(crate) fn with_id(&self, id: u32) -> Column {
        Column { id: ColumnId(id), name: self.name.clone(), ty: self.ty, not_null: self.not_null }
    }
}

/// A table as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTable {
    /// Namespace; it exists.
    pub schema: String,
    /// Name.
    pub name: String,
    /// Columns in order.
    pub columns: Vec<NewColumn>,
    /// Names of the columns of the primary key.
    pub primary_key: Vec<String>,
}
