//! Tables with everything that is declared about them.

use kwil_types::DataType;

/// A table, or a view of `info`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// What the analysis of statements needs: columns, primary key, unique keys (constraints and unique indexes). Kept
    /// equal to the rest by whoever builds a table.
    pub shape: kwil_lang::analyze::Table,
    /// What is declared about each column, in the order of `shape.columns`.
    pub columns: Vec<TableColumn>,
    /// Name of the primary key's constraint.
    pub primary_key_name: Box<str>,
    /// `UNIQUE` constraints, in the order of their making.
    pub uniques: Vec<NamedKey>,
    /// `CHECK` constraints, in the order of their making.
    pub checks: Vec<Check>,
    /// Foreign keys, in the order of their making.
    pub foreign_keys: Vec<ForeignKey>,
    /// Indexes made by `CREATE INDEX`.
    pub indexes: Vec<Index>,
}

/// What is declared about a column beside name and type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableColumn {
    /// Stored in 32 bits.
    pub int4: bool,
    /// Whether NULL is refused.
    pub not_null: bool,
    /// `DEFAULT`, as we write it for PostgreSQL.
    pub default: Option<Box<str>>,
}

/// Columns under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedKey {
    /// Name of the constraint.
    pub name: Box<str>,
    /// Its columns.
    pub columns: Vec<Box<str>>,
}

/// A `CHECK`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Name of the constraint.
    pub name: Box<str>,
    /// Columns it reads, in table order.
    pub columns: Vec<Box<str>>,
    /// The condition, as we write it.
    pub expression: Box<str>,
}

/// A foreign key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignKey {
    /// Name of the constraint.
    pub name: Box<str>,
    /// Columns of this table.
    pub columns: Vec<Box<str>>,
    /// Namespace of the table referred to.
    pub namespace: Box<str>,
    /// The table referred to.
    pub table: Box<str>,
    /// Its columns.
    pub referred: Vec<Box<str>>,
    /// What an update of the row referred to does: `NO ACTION`, `CASCADE`, …
    pub on_update: &'static str,
    /// What its removal does.
    pub on_delete: &'static str,
}

/// An index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// Its name; indexes share the names of tables in a namespace.
    pub name: Box<str>,
    /// Its columns in order.
    pub columns: Vec<Box<str>>,
    /// Whether rows are unique in them.
    pub unique: bool,
}

impl Table {
    /// Type and declaration of a column.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<(DataType, &TableColumn)> {
        let at = self.shape.columns.iter().position(|column| &*column.name == name)?;
        Some((self.shape.columns.get(at)?.data_type, self.columns.get(at)?))
    }
}
