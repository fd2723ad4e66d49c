//! Tables of the engine: accounts, validators, resolutions, votes, parameters and the catalog.
//!
//! Only our code writes them, from overlays, once per block. Rows are loaded by a list of keys in one statement and stored
//! in one statement with `unnest`; the change of the state hash comes from the same values, so no trigger is needed.
//!
//! ```text
//! load::<Account>(keys)  ->  overlay in memory, with checkpoints  ->  store(changes sorted by key)  ->  rows + lattice
//! ```

use std::fmt::Write as _;
use std::sync::OnceLock;

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Row as _};

use crate::canon::{Cell, encode_cells};
use crate::fault::NodeFault;
use crate::lattice::{Delta, RowHasher};
use crate::table::{Column, ColumnId, ColumnType, Scalar, Table, TableId};

/// Rows of one statement.
const ROWS_PER_STATEMENT: usize = 10_000;

const INT8: ColumnType = ColumnType::Scalar(Scalar::Int8);
const BOOL: ColumnType = ColumnType::Scalar(Scalar::Bool);
const TEXT: ColumnType = ColumnType::Scalar(Scalar::Text);
const BYTEA: ColumnType = ColumnType::Scalar(Scalar::Bytea);

/// Which hash covers a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Covered {
    /// A lattice of its own.
    Lattice,
    /// The catalog hash.
    Catalog,
}

/// A table of the engine. The first columns are its key.
#[derive(Debug)]
pub struct EngineTable {
    id: u32,
    name: &'static str,
    columns: &'static [(&'static str, ColumnType)],
    key: usize,
    pub(crate) covered: Covered,
    table: OnceLock<Table>,
}

macro_rules! engine_tables {
    ($($(#[$doc:meta])* $const:ident = $id:literal $name:literal key $key:literal $covered:ident [$($column:literal $ty:ident),*];)*) => {
        $($(#[$doc])* pub static $const: EngineTable = EngineTable {
            id: $id,
            name: $name,
            columns: &[$(($column, $ty)),*],
            key: $key,
            covered: Covered::$covered,
            table: OnceLock::new(),
        };)*
        /// Every table of the engine.
        pub(crate) static ENGINE_TABLES: &[&EngineTable] = &[$(&$const),*];
    };
}

engine_tables! {
    /// identifier, key type id, balance as decimal text, nonce.
    ACCOUNTS = 1 "accounts" key 2 Lattice ["identifier" BYTEA, "key_type" INT8, "balance" TEXT, "nonce" INT8];
    /// public key, key type id, power.
    VALIDATORS = 2 "validators" key 2 Lattice ["public_key" BYTEA, "key_type" INT8, "power" INT8];
    /// id, type name, body, proposer's key and key type id, expiration in unix seconds.
    RESOLUTIONS = 3 "resolutions" key 1 Lattice
        ["id" BYTEA, "type" TEXT, "body" BYTEA, "proposer" BYTEA, "proposer_type" INT8, "expiration" INT8];
    /// resolution id, voter's key and key type id.
    VOTES = 4 "votes" key 3 Lattice ["resolution" BYTEA, "voter" BYTEA, "voter_type" INT8];
    /// ids of resolutions that can never be created again.
    PROCESSED = 5 "processed" key 1 Lattice ["id" BYTEA];
    /// name and canonical value of each network parameter.
    PARAMS = 6 "params" key 1 Lattice ["name" TEXT, "value" BYTEA];
    /// name, kind.
    NAMESPACES = 20 "namespaces" key 1 Catalog ["name" TEXT, "kind" TEXT];
    /// id, schema, name, next column id.
    TABLES = 21 "tables" key 1 Catalog ["id" INT8, "schema" TEXT, "name" TEXT, "next_column" INT8];
    /// table id, column id, name, type, whether NULL is refused.
    COLUMNS = 22 "columns" key 2 Catalog ["table_id" INT8, "id" INT8, "name" TEXT, "type" TEXT, "not_null" BOOL];
    /// name and next value of each counter of ids.
    COUNTERS = 23 "counters" key 1 Catalog ["name" TEXT, "next" INT8];
    /// namespace, table, column; position, types, how it is stored, whether NULL is refused, default, key.
    COLUMN_DEFS = 24 "column_defs" key 3 Catalog
        ["namespace" TEXT, "table_name" TEXT, "name" TEXT, "ordinal" INT8, "data_type" TEXT, "shown_type" TEXT,
         "int4" BOOL, "not_null" BOOL, "default_value" TEXT, "is_primary_key" BOOL];
    /// namespace, table, index; what it is of, position, its columns.
    INDEX_DEFS = 25 "index_defs" key 3 Catalog
        ["namespace" TEXT, "table_name" TEXT, "name" TEXT, "is_primary_key" BOOL, "is_unique" BOOL,
         "of_constraint" BOOL, "ordinal" INT8, "columns" TEXT];
    /// namespace, table, constraint; kind, position, columns, definition.
    CONSTRAINT_DEFS = 26 "constraint_defs" key 3 Catalog
        ["namespace" TEXT, "table_name" TEXT, "name" TEXT, "kind" TEXT, "ordinal" INT8, "columns" TEXT,
         "expression" TEXT];
    /// namespace, table, foreign key; position, columns, what it refers to, actions.
    FOREIGN_KEY_DEFS = 27 "foreign_key_defs" key 3 Catalog
        ["namespace" TEXT, "table_name" TEXT, "name" TEXT, "ordinal" INT8, "columns" TEXT, "ref_namespace" TEXT,
         "ref_table" TEXT, "ref_columns" TEXT, "on_update" TEXT, "on_delete" TEXT];
    /// namespace, name, whether it is a method of an extension; text, modifiers, parameters, returns.
    ACTION_DEFS = 28 "action_defs" key 3 Catalog
        ["namespace" TEXT, "name" TEXT, "built_in" BOOL, "raw_statement" TEXT, "access_modifiers" TEXT,
         "parameter_names" TEXT, "parameter_types" TEXT, "return_names" TEXT, "return_types" TEXT,
         "returns_table" BOOL];
    /// name, whether it is always there.
    ROLES = 29 "roles" key 1 Catalog ["name" TEXT, "built_in" BOOL];
    /// role, privilege, namespace (empty for all); granted or denied.
    ROLE_PRIVILEGES = 30 "role_privileges" key 3 Catalog
        ["role" TEXT, "privilege" TEXT, "namespace" TEXT, "granted" BOOL];
    /// role, user.
    USER_ROLES = 31 "user_roles" key 2 Catalog ["role" TEXT, "user_identifier" TEXT];
    /// namespace; extension, options.
    EXTENSION_USES = 32 "extension_uses" key 1 Catalog
        ["namespace" TEXT, "extension" TEXT, "option_names" TEXT, "option_values" TEXT, "option_types" TEXT];
}

/// A row of a table of the engine.
pub trait EngineRow: Sized {
    /// Its table.
    const TABLE: &'static EngineTable;

    /// The values in column order.
    fn to_cells(&self) -> Vec<Cell>;

    /// The row of these values; `None` when they make no row.
    fn from_cells(cells: &[Cell]) -> Option<Self>;
}

/// A change of one row: a new one (`old` is `None`), a removed one (`new` is `None`) or another content of the same key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowChange<R> {
    /// The row before.
    pub old: Option<R>,
    /// The row after.
    pub new: Option<R>,
}

impl EngineTable {
    /// The table as the state hash sees it.
    pub(crate) fn table(&self) -> &Table {
        self.table.get_or_init(|| Table {
            id: TableId(self.id),
            schema: "kwild_meta".into(),
            name: self.name.into(),
            columns: (1..)
                .zip(self.columns)
                .map(|(id, (name, ty))| Column {
                    id: ColumnId(id),
                    name: (*name).into(),
                    ty: *ty,
                    not_null: true,
                })
                .collect(),
        })
    }

    /// How many of the first columns are the key.
    pub(crate) fn key_len(&self) -> usize {
        self.key
    }

    fn key_columns(&self) -> &[(&'static str, ColumnType)] {
        self.columns.get(..self.key).unwrap_or_default()
    }

    fn names(columns: &[(&'static str, ColumnType)], prefix: &str) -> String {
        let names: Vec<_> = columns.iter().map(|(name, _)| format!("{prefix}{name}")).collect();
        names.join(", ")
    }

    fn unnest(columns: &[(&'static str, ColumnType)]) -> String {
        let arrays: Vec<_> =
            (1..).zip(columns).map(|(n, (_, ty))| format!("${n}::{ty}[]")).collect();
        format!("unnest({}) AS q({})", arrays.join(", "), Self::names(columns, ""))
    }

    fn join_on_key(&self) -> String {
        let pairs: Vec<_> =
            self.key_columns().iter().map(|(name, _)| format!("t.{name} = q.{name}")).collect();
        pairs.join(" AND ")
    }

    fn select_all(&self) -> String {
        let keys: Vec<_> = (1..=self.key).map(|n| n.to_string()).collect();
        let names = Self::names(self.columns, "");
        format!("SELECT {names} FROM kwild_meta.{} ORDER BY {}", self.name, keys.join(", "))
    }

    fn select_by_key(&self) -> String {
        let (names, unnest) = (Self::names(self.columns, "t."), Self::unnest(self.key_columns()));
        format!(
            "SELECT {names} FROM {unnest} JOIN kwild_meta.{} t ON {}",
            self.name,
            self.join_on_key()
        )
    }

    fn upsert(&self) -> String {
        let (names, unnest) = (Self::names(self.columns, ""), Self::unnest(self.columns));
        let key = Self::names(self.key_columns(), "");
        let mut sql =
            format!("INSERT INTO kwild_meta.{} ({names}) SELECT {names} FROM {unnest} ", self.name);
        let values: Vec<_> = self
            .columns
            .iter()
            .skip(self.key)
            .map(|(name, _)| format!("{name} = excluded.{name}"))
            .collect();
        let action = if values.is_empty() {
            "NOTHING".into()
        } else {
            format!("UPDATE SET {}", values.join(", "))
        };
        // Writing to a string does not fail.
        write!(sql, "ON CONFLICT ({key}) DO {action}").ok();
        sql
    }

    fn delete(&self) -> String {
        let unnest = Self::unnest(self.key_columns());
        format!(
            "DELETE FROM kwild_meta.{} t USING {unnest} WHERE {}",
            self.name,
            self.join_on_key()
        )
    }
}

/// Rows with the given keys, in no particular order; a key without a row gives none.
pub(crate) async fn load<R: EngineRow>(
    connection: &mut PgConnection,
    keys: &[Vec<Cell>],
) -> Result<Vec<R>, NodeFault> {
    let table = R::TABLE;
    let mut rows = Vec::with_capacity(keys.len());
    for chunk in keys.chunks(ROWS_PER_STATEMENT) {
        let query = sqlx::query(AssertSqlSafe(table.select_by_key()));
        let query = bind_columns(query, table.key_columns(), chunk)?;
        let found = query.fetch_all(&mut *connection).await;
        for row in found.map_err(|error| NodeFault::from_sqlx("load rows", error))? {
            rows.push(row_of(&decode(table, &row)?)?);
        }
    }
    Ok(rows)
}

/// Every row of a table, ordered by key.
pub(crate) async fn scan<R: EngineRow>(connection: &mut PgConnection) -> Result<Vec<R>, NodeFault> {
    let rows = scan_cells(connection, R::TABLE).await?;
    rows.iter().map(|cells| row_of(cells)).collect()
}

/// The values of every row of a table, ordered by key.
pub(crate) async fn scan_cells(
    connection: &mut PgConnection,
    table: &EngineTable,
) -> Result<Vec<Vec<Cell>>, NodeFault> {
    let query = sqlx::query(AssertSqlSafe(table.select_all()));
    let rows = query
        .fetch_all(connection)
        .await
        .map_err(|error| NodeFault::from_sqlx("load rows", error))?;
    rows.iter().map(|row| decode(table, row)).collect()
}

/// How many rows a table has.
pub(crate) async fn count(
    connection: &mut PgConnection,
    table: &EngineTable,
) -> Result<u64, NodeFault> {
    const WHAT: &str = "count rows";
    let query = format!("SELECT pg_catalog.count(*) FROM kwild_meta.{}", table.name);
    let found: i64 = sqlx::query_scalar(AssertSqlSafe(query))
        .fetch_one(connection)
        .await
        .map_err(|error| NodeFault::from_sqlx(WHAT, error))?;
    u64::try_from(found).map_err(|_| NodeFault::invariant(WHAT, "a negative count"))
}

/// Writes changes and returns what they change in the lattice. Changes are sorted by key first.
pub(crate) async fn store<R: EngineRow>(
    connection: &mut PgConnection,
    changes: &[RowChange<R>],
) -> Result<Delta, NodeFault> {
    let mut cells = Vec::with_capacity(changes.len());
    for change in changes {
        let (old, new) =
            (change.old.as_ref().map(R::to_cells), change.new.as_ref().map(R::to_cells));
        if old != new {
            cells.push((old, new));
        }
    }
    store_cells(connection, R::TABLE, cells).await
}

/// Writes changes given as the values of the rows.
pub(crate) async fn store_cells(
    connection: &mut PgConnection,
    table: &EngineTable,
    cells: Vec<CellChange>,
) -> Result<Delta, NodeFault> {
    let delta = delta_of(table, &cells)?;
    let (mut put, mut removed) = (Vec::new(), Vec::new());
    for (old, new) in cells {
        let key = |row: Vec<Cell>| row.get(..table.key).map(<[Cell]>::to_vec).unwrap_or_default();
        match (old, new) {
            (_, Some(new)) => put.push(new),
            (Some(old), None) => removed.push(key(old)),
            (None, None) => {}
        }
    }
    put.sort_unstable();
    removed.sort_unstable();
    write(connection, &table.delete(), table.key_columns(), &removed).await?;
    write(connection, &table.upsert(), table.columns, &put).await?;
    Ok(delta)
}

/// A row before and after.
pub(crate) type CellChange = (Option<Vec<Cell>>, Option<Vec<Cell>>);

fn delta_of(table: &EngineTable, changes: &[CellChange]) -> Result<Delta, NodeFault> {
    let (mut hasher, mut canonical, mut delta) = (RowHasher::new(), Vec::new(), Delta::none());
    for (old, new) in changes {
        for (cells, is_new) in [(old, false), (new, true)] {
            let Some(cells) = cells else { continue };
            encode_cells(table.table(), cells, &mut canonical)
                .map_err(|error| NodeFault::canon("store rows", &error))?;
            if is_new {
                hasher.insert(&canonical, &mut delta);
            } else {
                hasher.delete(&canonical, &mut delta);
            }
        }
    }
    Ok(delta)
}

async fn write(
    connection: &mut PgConnection,
    sql: &str,
    columns: &[(&'static str, ColumnType)],
    rows: &[Vec<Cell>],
) -> Result<(), NodeFault> {
    const WHAT: &str = "store rows";
    for chunk in rows.chunks(ROWS_PER_STATEMENT) {
        let query = bind_columns(sqlx::query(AssertSqlSafe(sql.to_owned())), columns, chunk)?;
        let done = query
            .execute(&mut *connection)
            .await
            .map_err(|error| NodeFault::from_sqlx(WHAT, error))?;
        if done.rows_affected() != chunk.len() as u64 {
            let problem =
                format!("{} rows were written, {} expected", done.rows_affected(), chunk.len());
            return Err(NodeFault::invariant(WHAT, problem));
        }
    }
    Ok(())
}

type PgQuery<'q> = Query<'q, Postgres, PgArguments>;

/// Binds one array for each column.
fn bind_columns<'q>(
    mut query: PgQuery<'q>,
    columns: &[(&'static str, ColumnType)],
    rows: &[Vec<Cell>],
) -> Result<PgQuery<'q>, NodeFault> {
    let wrong = || NodeFault::invariant("bind rows", "a row with other types than its table");
    for (index, (_, ty)) in columns.iter().enumerate() {
        let column = rows.iter().map(|row| row.get(index));
        query = match *ty {
            INT8 => {
                query.bind(column.map(as_int8).collect::<Option<Vec<i64>>>().ok_or_else(wrong)?)
            }
            BOOL => {
                query.bind(column.map(as_bool).collect::<Option<Vec<bool>>>().ok_or_else(wrong)?)
            }
            TEXT => {
                query.bind(column.map(as_text).collect::<Option<Vec<String>>>().ok_or_else(wrong)?)
            }
            BYTEA => query
                .bind(column.map(as_bytes).collect::<Option<Vec<Vec<u8>>>>().ok_or_else(wrong)?),
            ColumnType::Scalar(Scalar::Int4 | Scalar::Uuid | Scalar::Numeric { .. })
            | ColumnType::Array(_) => return Err(wrong()),
        };
    }
    Ok(query)
}

fn as_int8(cell: Option<&Cell>) -> Option<i64> {
    if let Some(Cell::Int8(value)) = cell { Some(*value) } else { None }
}

fn as_bool(cell: Option<&Cell>) -> Option<bool> {
    if let Some(Cell::Bool(value)) = cell { Some(*value) } else { None }
}

fn as_text(cell: Option<&Cell>) -> Option<String> {
    if let Some(Cell::Text(value)) = cell { Some(value.clone()) } else { None }
}

fn as_bytes(cell: Option<&Cell>) -> Option<Vec<u8>> {
    if let Some(Cell::Bytea(value)) = cell { Some(value.clone()) } else { None }
}

fn row_of<R: EngineRow>(cells: &[Cell]) -> Result<R, NodeFault> {
    R::from_cells(cells).ok_or_else(|| {
        NodeFault::invariant("load rows", format!("a row of {} makes no sense", R::TABLE.name))
    })
}

fn decode(table: &EngineTable, row: &PgRow) -> Result<Vec<Cell>, NodeFault> {
    const WHAT: &str = "load rows";
    let fault = |error| NodeFault::from_sqlx(WHAT, error);
    let mut cells = Vec::with_capacity(table.columns.len());
    for (index, (_, ty)) in table.columns.iter().enumerate() {
        cells.push(match *ty {
            INT8 => Cell::Int8(row.try_get(index).map_err(fault)?),
            BOOL => Cell::Bool(row.try_get(index).map_err(fault)?),
            TEXT => Cell::Text(row.try_get(index).map_err(fault)?),
            BYTEA => Cell::Bytea(row.try_get(index).map_err(fault)?),
            ColumnType::Scalar(Scalar::Int4 | Scalar::Uuid | Scalar::Numeric { .. })
            | ColumnType::Array(_) => {
                return Err(NodeFault::invariant(
                    WHAT,
                    "a type that tables of the engine do not have",
                ));
            }
        });
    }
    Ok(cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_names_of_engine_tables_are_unique_and_below_those_of_users() {
        let mut ids: Vec<_> = ENGINE_TABLES.iter().map(|table| table.id).collect();
        let mut names: Vec<_> = ENGINE_TABLES.iter().map(|table| table.name).collect();
        ids.sort_unstable();
        ids.dedup();
        names.sort_unstable();
        names.dedup();
        assert_eq!((ids.len(), names.len()), (ENGINE_TABLES.len(), ENGINE_TABLES.len()));
        assert!(ids.iter().all(|id| *id < crate::table::FIRST_USER_TABLE));
    }

    #[test]
    fn statements_carry_one_array_for_each_column() {
        assert_eq!(
            ACCOUNTS.upsert(),
            "INSERT INTO kwild_meta.accounts (identifier, key_type, balance, nonce) \
             SELECT identifier, key_type, balance, nonce \
             FROM unnest($1::bytea[], $2::int8[], $3::text[], $4::int8[]) AS q(identifier, key_type, balance, nonce) \
             ON CONFLICT (identifier, key_type) DO UPDATE SET balance = excluded.balance, nonce = excluded.nonce"
        );
        assert!(PROCESSED.upsert().ends_with("ON CONFLICT (id) DO NOTHING"));
        assert_eq!(
            VOTES.delete(),
            "DELETE FROM kwild_meta.votes t USING unnest($1::bytea[], $2::bytea[], $3::int8[]) AS \
             q(resolution, voter, voter_type) WHERE t.resolution = q.resolution AND t.voter = q.voter AND t.voter_type = q.voter_type"
        );
    }
}
