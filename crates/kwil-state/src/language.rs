//! The catalog of the language in the database: loaded when the writer starts, and changed row by row.
//!
//! Namespaces are rows of the table that the node's own catalog has too; everything else has tables of its own. A change
//! stores the difference between the rows of two catalogs, and looks at nothing but the namespaces that changed.

mod row;

use std::collections::BTreeMap;
use std::sync::Arc;

use kwil_engine::catalog::{Catalog, CatalogRow, Roles};
use sqlx::PgConnection;

use crate::canon::Cell;
use crate::catalog::NamespaceRow;
use crate::fault::{NodeFault, SqlFailure};
use crate::store::{CellChange, EngineTable, scan, scan_cells};

pub(crate) use row::LANGUAGE_TABLES;

const WHAT: &str = "read the stored catalog";
/// Bytes of the texts of one row at most.
const MAX_ROW_TEXT: usize = 12 << 20;
/// Bytes of the identifier of a user who is given a role: it is part of the key of an index.
const MAX_USER: usize = 1024;

/// Reads the catalog. `None` before genesis: there are no roles yet.
pub(crate) async fn load(connection: &mut PgConnection) -> Result<Option<Arc<Catalog>>, NodeFault> {
    let mut rows: Vec<CatalogRow> = Vec::new();
    for table in LANGUAGE_TABLES {
        for cells in scan_cells(connection, table).await? {
            let row = row::from_cells(table, &cells).ok_or_else(|| {
                let name = &table.table().name;
                NodeFault::invariant(WHAT, format!("a row of {name} makes no sense"))
            })?;
            rows.push(row);
        }
    }
    if !rows.iter().any(|row| matches!(row, CatalogRow::Role { .. })) {
        return Ok(None);
    }
    for NamespaceRow { name, kind } in scan::<NamespaceRow>(connection).await? {
        rows.push(CatalogRow::Namespace { name, kind });
    }
    let catalog = Catalog::from_rows(rows).map_err(|error| NodeFault::invariant(WHAT, error))?;
    Ok(Some(Arc::new(catalog)))
}

/// Changes of one table.
pub(crate) type TableChanges = (&'static EngineTable, Vec<CellChange>);

/// What has to be stored when one catalog follows another, rows of namespaces excepted.
///
/// # Errors
/// An error of the program: a row is too large to be stored.
pub(crate) fn difference(old: &Catalog, new: &Catalog) -> Result<Vec<TableChanges>, SqlFailure> {
    let changes = new.changes_since(old);
    let (removed, mut added) = (keyed(&changes.removed), keyed(&changes.added));
    let mut by_table: BTreeMap<u32, TableChanges> = BTreeMap::new();
    let mut push = |table: &'static EngineTable, change| {
        by_table
            .entry(table.table().id.get())
            .or_insert_with(|| (table, Vec::new()))
            .1
            .push(change);
    };
    for (key, (table, cells)) in removed {
        push(table, (Some(cells), added.remove(&key).map(|(_, cells)| cells)));
    }
    for (table, cells) in added.into_values() {
        push(table, (None, Some(cells)));
    }
    for (_, new) in by_table.values().flat_map(|(_, changes)| changes) {
        new.as_ref().map_or(Ok(()), |cells| check_size(cells))?;
    }
    check_users(old, new)?;
    Ok(by_table.into_values().collect())
}

type Keyed = BTreeMap<(u32, Vec<Cell>), (&'static EngineTable, Vec<Cell>)>;

fn keyed(rows: &[CatalogRow]) -> Keyed {
    let mut keyed = Keyed::new();
    for (table, cells) in rows.iter().filter_map(row::to_cells) {
        let key = cells.get(..table.key_len()).unwrap_or_default().to_vec();
        keyed.insert((table.table().id.get(), key), (table, cells));
    }
    keyed
}

fn check_size(cells: &[Cell]) -> Result<(), SqlFailure> {
    let size = cells.iter().fold(0_usize, |sum, cell| {
        let text = if let Cell::Text(text) = cell { text.len() } else { 0 };
        sum.saturating_add(text)
    });
    if size <= MAX_ROW_TEXT {
        return Ok(());
    }
    Err(SqlFailure { sqlstate: "54000".into(), message: "definition too large".into() })
}

fn check_users(old: &Catalog, new: &Catalog) -> Result<(), SqlFailure> {
    if Arc::ptr_eq(&old.roles, &new.roles) {
        return Ok(());
    }
    let users = new.roles.users.keys().chain(&new.roles.owner);
    if users.into_iter().all(|user| user.len() <= MAX_USER) {
        return Ok(());
    }
    let message = format!("identifier of a user has more than {MAX_USER} bytes");
    Err(SqlFailure { sqlstate: "54000".into(), message })
}

/// The rows of a whole catalog, as changes of empty tables.
pub(crate) fn everything(catalog: &Catalog) -> Result<Vec<TableChanges>, SqlFailure> {
    let nothing = Catalog { namespaces: BTreeMap::new(), roles: Arc::new(no_roles()) };
    difference(&nothing, catalog)
}

fn no_roles() -> Roles {
    Roles { owner: None, roles: BTreeMap::new(), users: BTreeMap::new() }
}
