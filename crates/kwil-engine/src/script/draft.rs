//! A change under construction: the successor catalog together with what the database has to do.

use std::sync::Arc;

use kwil_lang::ErrorClass;

use crate::catalog::{Catalog, ForeignKey, Namespace, Table};
use crate::{Change, Ddl, Failure};

/// Failures of the objects of statements.
pub(super) type Checked<T> = Result<T, Failure>;

/// The successor of a catalog, and the way to it.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) catalog: Catalog,
    pub(super) ddl: Vec<Ddl>,
}

impl Draft {
    pub(super) fn of(catalog: &Catalog) -> Self {
        Self { catalog: catalog.clone(), ddl: Vec::new() }
    }

    pub(super) fn finish(self) -> Change {
        Change { ddl: self.ddl, catalog: Arc::new(self.catalog) }
    }

    /// A statement that changes neither tables nor columns.
    pub(super) fn sql(&mut self, sql: String) {
        self.ddl.push(Ddl::Other { sql });
    }

    pub(super) fn namespace(&self, name: &str) -> Checked<&Namespace> {
        self.catalog.namespaces.get(name).map(|found| &**found).ok_or_else(|| no_namespace(name))
    }

    pub(super) fn put_table(&mut self, namespace: &str, name: &str, mut table: Table) {
        table.refresh();
        if let Some(namespace) = self.catalog.namespace_mut(namespace) {
            namespace.tables.insert(name.into(), Arc::new(table));
        }
    }

    /// The foreign keys that refer to a table, with namespace and name of their own tables.
    pub(super) fn referring<'d>(
        &'d self,
        namespace: &'d str,
        table: &'d str,
    ) -> impl Iterator<Item = (&'d str, &'d str, &'d ForeignKey)> {
        self.catalog
            .foreign_keys()
            .filter(move |(_, _, key)| &*key.namespace == namespace && &*key.table == table)
    }

    /// Whether a foreign key needs rows to be unique in these columns, and only this one key makes them so.
    pub(super) fn is_key_needed(&self, namespace: &str, name: &str, key: &[Box<str>]) -> bool {
        let Some(table) = self.catalog.table_of(namespace, name) else { return false };
        let is_same = |columns: &[Box<str>]| sorted(columns) == sorted(key);
        let keys = std::iter::once(&table.shape.primary_key).chain(&table.shape.unique);
        // Which of several equal keys a foreign key uses is known to PostgreSQL alone.
        let is_only = keys.filter(|columns| is_same(columns)).count() == 1;
        is_only && self.referring(namespace, name).any(|(_, _, found)| is_same(&found.referred))
    }
}

fn sorted(columns: &[Box<str>]) -> Vec<&str> {
    let mut sorted: Vec<&str> = columns.iter().map(|column| &**column).collect();
    sorted.sort_unstable();
    sorted
}

/// A table of a statement by its quoted, qualified name.
pub(super) fn qualified(namespace: &str, name: &str) -> String {
    format!("{}.{}", kwil_lang::quote_ident(namespace), kwil_lang::quote_ident(name))
}

/// Names in parentheses.
pub(super) fn list(names: &[Box<str>]) -> String {
    let names: Vec<_> = names.iter().map(|name| kwil_lang::quote_ident(name)).collect();
    format!("({})", names.join(", "))
}

pub(super) fn other(detail: impl std::fmt::Display) -> Failure {
    Failure::new(ErrorClass::Other, detail)
}

pub(super) fn no_namespace(name: &str) -> Failure {
    Failure::new(ErrorClass::NamespaceNotFound, format!("namespace \"{name}\" does not exist"))
}

pub(super) fn no_column(name: &str) -> Failure {
    other(format!("column \"{name}\" does not exist"))
}

/// What PostgreSQL says when something is needed elsewhere.
pub(super) fn still_needed(what: impl std::fmt::Display) -> Failure {
    let message = format!("cannot drop {what} because other objects depend on it");
    Failure::sql("2BP01", &message)
}

/// What PostgreSQL says about the name of a table or an index that is taken.
pub(super) fn relation_exists(name: &str) -> Failure {
    Failure::sql("42P07", &format!("relation \"{name}\" already exists"))
}
