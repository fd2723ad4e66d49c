//! Tables with everything that is declared about them.

use std::collections::BTreeSet;

use kwil_types::{DataType, TypeKind};

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

    /// Brings what the analysis sees in line with constraints and indexes. To be called after every change of them.
    pub(crate) fn refresh(&mut self) {
        let constraints = self.uniques.iter().map(|key| key.columns.clone());
        let indexes = self.indexes.iter().filter(|index| index.unique);
        self.shape.unique = constraints.chain(indexes.map(|index| index.columns.clone())).collect();
    }

    /// Whether the column is part of the primary key.
    #[must_use]
    pub fn is_in_primary_key(&self, column: &str) -> bool {
        self.shape.primary_key.iter().any(|key| &**key == column)
    }

    /// Names of all its constraints.
    pub(crate) fn constraint_names(&self) -> BTreeSet<&str> {
        let checks = self.checks.iter().map(|check| &*check.name);
        let keys = self.foreign_keys.iter().map(|key| &*key.name);
        self.key_names().into_iter().chain(checks).chain(keys).collect()
    }

    /// Names of its primary key and its unique constraints, which are names of indexes too.
    pub(crate) fn key_names(&self) -> BTreeSet<&str> {
        let primary = (!self.primary_key_name.is_empty()).then_some(&*self.primary_key_name);
        primary.into_iter().chain(self.uniques.iter().map(|key| &*key.name)).collect()
    }
}

impl TableColumn {
    /// The type of a column as `info.columns` shows it: PostgreSQL's spelling, but `int8` and `text` for scalars.
    #[must_use]
    pub fn shown_type(&self, data_type: DataType) -> String {
        let is_array = data_type.is_array();
        let name = match data_type.kind() {
            TypeKind::Int8 if self.int4 => "integer",
            TypeKind::Int8 if is_array => "bigint",
            TypeKind::Bool => "boolean",
            kind @ (TypeKind::Null
            | TypeKind::Text
            | TypeKind::Int8
            | TypeKind::Bytea
            | TypeKind::Uuid
            | TypeKind::Numeric { .. }) => return format!("{kind}{}", brackets(is_array)),
        };
        format!("{name}{}", brackets(is_array))
    }

    /// The type of a column as PostgreSQL is told, with the collation that compares text byte by byte.
    pub(crate) fn sql_type(&self, data_type: DataType) -> String {
        if self.int4 {
            return format!("INT4{}", brackets(data_type.is_array()));
        }
        let collation = if data_type.kind() == TypeKind::Text { " COLLATE \"C\"" } else { "" };
        format!("{}{collation}", kwil_lang::sql_type(data_type))
    }
}

fn brackets(is_array: bool) -> &'static str {
    if is_array { "[]" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_shown_in_the_spelling_of_the_database() {
        let numeric = TypeKind::numeric(5, 2).unwrap();
        let int4 = TableColumn { int4: true, ..TableColumn::default() };
        let plain = TableColumn::default();
        for (column, data_type, shown) in [
            (&plain, DataType::scalar(TypeKind::Int8), "int8"),
            (&plain, DataType::array(TypeKind::Int8), "bigint[]"),
            (&int4, DataType::scalar(TypeKind::Int8), "integer"),
            (&plain, DataType::scalar(TypeKind::Text), "text"),
            (&plain, DataType::array(TypeKind::Text), "text[]"),
            (&plain, DataType::scalar(TypeKind::Bool), "boolean"),
            (&plain, DataType::array(TypeKind::Bool), "boolean[]"),
            (&plain, DataType::scalar(numeric), "numeric(5,2)"),
            (&plain, DataType::array(numeric), "numeric(5,2)[]"),
            (&plain, DataType::scalar(TypeKind::Uuid), "uuid"),
            (&plain, DataType::scalar(TypeKind::Bytea), "bytea"),
        ] {
            assert_eq!(column.shown_type(data_type), shown);
        }
    }
}
