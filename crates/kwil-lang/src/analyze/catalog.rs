//! What exists: the input of the analysis.

use std::collections::BTreeMap;
use std::fmt;

use kwil_types::DataType;

/// What the analysis asks about the database. [`Catalog`] answers from plain data; an engine answers from its own.
pub trait Schema: fmt::Debug + Sync {
    /// Who made a namespace; `None` when there is none of this name.
    fn namespace_kind(&self, namespace: &str) -> Option<NamespaceKind>;

    /// A table or view of a namespace.
    fn table(&self, namespace: &str, table: &str) -> Option<&Table>;

    /// What a name that can be called is.
    fn action(&self, namespace: &str, name: &str) -> Option<ActionKind>;
}

impl Schema for Catalog {
    fn namespace_kind(&self, namespace: &str) -> Option<NamespaceKind> {
        self.namespaces.get(namespace).map(|found| found.kind)
    }

    fn table(&self, namespace: &str, table: &str) -> Option<&Table> {
        self.namespaces.get(namespace)?.tables.get(table)
    }

    fn action(&self, namespace: &str, name: &str) -> Option<ActionKind> {
        self.namespaces.get(namespace)?.actions.get(name).copied()
    }
}

/// All namespaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    /// Namespaces by name.
    pub namespaces: BTreeMap<Box<str>, Namespace>,
}

/// A namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// Who made it.
    pub kind: NamespaceKind,
    /// Tables and views by name.
    pub tables: BTreeMap<Box<str>, Table>,
    /// Actions and methods by name.
    pub actions: BTreeMap<Box<str>, ActionKind>,
}

/// Who made a namespace, and so who may change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamespaceKind {
    /// A user.
    User,
    /// The system: `main`, `info` and those made by system code.
    System,
    /// An extension.
    Extension,
}

/// What a name that can be called is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionKind {
    /// An action of a user.
    Action,
    /// A method of an extension.
    Method,
}

/// A table or a view.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Columns in table order.
    pub columns: Vec<Column>,
    /// Names of the columns of the primary key; empty for a view.
    pub primary_key: Vec<Box<str>>,
    /// Columns of every unique constraint and unique index.
    pub unique: Vec<Vec<Box<str>>>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: Box<str>,
    /// Its type.
    pub data_type: DataType,
}

impl Table {
    /// The column of this name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| &*column.name == name)
    }

    /// True when rows are unique in exactly these columns, in any order.
    #[must_use]
    pub fn is_unique_in(&self, columns: &[&str]) -> bool {
        let mut wanted = columns.to_vec();
        wanted.sort_unstable();
        let is_wanted = |key: &Vec<Box<str>>| {
            let mut key: Vec<&str> = key.iter().map(|name| &**name).collect();
            key.sort_unstable();
            key == wanted
        };
        std::iter::once(&self.primary_key).chain(&self.unique).any(is_wanted)
    }
}

/// The type of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VariableType {
    /// A value.
    Value(DataType),
    /// A row of a loop: fields by name.
    Record(BTreeMap<Box<str>, DataType>),
}
