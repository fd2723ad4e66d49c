//! Rows of the catalog's tables.

use crate::canon::Cell;
use crate::store::{COLUMNS, COUNTERS, EngineRow, EngineTable, NAMESPACES, TABLES};
use crate::table::{Column, ColumnId, ColumnType, TableId};

/// A row of `namespaces`.
#[derive(Clone, Debug)]
pub(crate) struct NamespaceRow {
    pub(crate) name: String,
    pub(crate) kind: String,
}

impl EngineRow for NamespaceRow {
    const TABLE: &'static EngineTable = &NAMESPACES;

    fn to_cells(&self) -> Vec<Cell> {
        vec![Cell::Text(self.name.clone()), Cell::Text(self.kind.clone())]
    }

    fn from_cells(cells: &[Cell]) -> Option<Self> {
        let [Cell::Text(name), Cell::Text(kind)] = cells else { return None };
        Some(Self { name: name.clone(), kind: kind.clone() })
    }
}

/// A row of `tables`.
#[derive(Clone, Debug)]
pub(crate) struct TableRow {
    pub(crate) id: TableId,
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) next_column: u32,
}

impl EngineRow for TableRow {
    const TABLE: &'static EngineTable = &TABLES;

    fn to_cells(&self) -> Vec<Cell> {
        vec![
            Cell::Int8(self.id.0.into()),
            Cell::Text(self.schema.clone()),
            Cell::Text(self.name.clone()),
            Cell::Int8(self.next_column.into()),
        ]
    }

    fn from_cells(cells: &[Cell]) -> Option<Self> {
        let [Cell::Int8(id), Cell::Text(schema), Cell::Text(name), Cell::Int8(next_column)] = cells
        else {
            return None;
        };
        Some(Self {
            id: TableId(u32::try_from(*id).ok()?),
            schema: schema.clone(),
            name: name.clone(),
            next_column: u32::try_from(*next_column).ok()?,
        })
    }
}

/// A row of `columns`.
#[derive(Clone, Debug)]
pub(crate) struct ColumnRow {
    pub(crate) table: TableId,
    pub(crate) column: Column,
}

impl EngineRow for ColumnRow {
    const TABLE: &'static EngineTable = &COLUMNS;

    fn to_cells(&self) -> Vec<Cell> {
        vec![
            Cell::Int8(self.table.0.into()),
            Cell::Int8(self.column.id.0.into()),
            Cell::Text(self.column.name.clone()),
            Cell::Text(self.column.ty.to_string()),
            Cell::Bool(self.column.not_null),
        ]
    }

    fn from_cells(cells: &[Cell]) -> Option<Self> {
        let [
            Cell::Int8(table),
            Cell::Int8(id),
            Cell::Text(name),
            Cell::Text(ty),
            Cell::Bool(not_null),
        ] = cells
        else {
            return None;
        };
        let column = Column {
            id: ColumnId(u32::try_from(*id).ok()?),
            name: name.clone(),
            ty: ColumnType::parse(ty)?,
            not_null: *not_null,
        };
        Some(Self { table: TableId(u32::try_from(*table).ok()?), column })
    }
}

/// A row of `counters`.
#[derive(Clone, Debug)]
pub(crate) struct CounterRow {
    pub(crate) name: String,
    pub(crate) next: u32,
}

impl EngineRow for CounterRow {
    const TABLE: &'static EngineTable = &COUNTERS;

    fn to_cells(&self) -> Vec<Cell> {
        vec![Cell::Text(self.name.clone()), Cell::Int8(self.next.into())]
    }

    fn from_cells(cells: &[Cell]) -> Option<Self> {
        let [Cell::Text(name), Cell::Int8(next)] = cells else { return None };
        Some(Self { name: name.clone(), next: u32::try_from(*next).ok()? })
    }
}
