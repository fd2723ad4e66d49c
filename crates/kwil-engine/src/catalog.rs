//! What exists: namespaces, tables, actions, roles. Immutable and shared; a change makes a successor that shares what
//! did not change.

mod action;
mod roles;
mod row;
mod table;

pub use action::{Action, ExtensionUse};
pub use roles::{Role, Roles};
pub use row::{CatalogError, CatalogRow};
pub use table::{Check, ForeignKey, Index, NamedKey, Table, TableColumn};

use std::collections::BTreeMap;
use std::sync::Arc;

use kwil_lang::analyze::{ActionKind, NamespaceKind, Schema};

/// Everything at one point of a transaction.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// Namespaces by name; `info` is always there and not stored.
    pub namespaces: BTreeMap<Box<str>, Arc<Namespace>>,
    /// Roles, privileges and who has them.
    pub roles: Arc<Roles>,
}

/// A namespace.
#[derive(Clone, Debug)]
pub struct Namespace {
    /// Who made it.
    pub kind: NamespaceKind,
    /// Tables by name; the views of `info`.
    pub tables: BTreeMap<Box<str>, Arc<Table>>,
    /// Actions by name.
    pub actions: BTreeMap<Box<str>, Arc<Action>>,
    /// The extension that lives here.
    pub extension: Option<Arc<ExtensionUse>>,
}

impl Schema for Catalog {
    fn namespace_kind(&self, namespace: &str) -> Option<NamespaceKind> {
        self.namespaces.get(namespace).map(|found| found.kind)
    }

    fn table(&self, namespace: &str, table: &str) -> Option<&kwil_lang::analyze::Table> {
        self.namespaces.get(namespace)?.tables.get(table).map(|table| &table.shape)
    }

    fn action(&self, namespace: &str, name: &str) -> Option<ActionKind> {
        let namespace = self.namespaces.get(namespace)?;
        if namespace.actions.contains_key(name) {
            return Some(ActionKind::Action);
        }
        let has_method = namespace.extension.as_ref().is_some_and(|found| found.has_method(name));
        has_method.then_some(ActionKind::Method)
    }
}
