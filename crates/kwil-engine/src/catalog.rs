//! What exists: namespaces, tables, actions, roles. Immutable and shared; a change makes a successor that shares what
//! did not change.

mod action;
mod change;
pub(crate) mod check_text;
pub(crate) mod names;
pub(crate) mod roles;
mod row;
mod stored;
mod table;
pub(crate) mod value_text;

pub use action::{Action, ExtensionMethod, ExtensionUse};
pub use roles::{Role, Roles};
pub use row::{CatalogError, CatalogRow};
pub use stored::RowChanges;
pub use table::{Check, ForeignKey, Index, NamedKey, Table, TableColumn};

use std::collections::BTreeMap;
use std::sync::Arc;

use kwil_lang::analyze::{ActionKind, NamespaceKind, Schema, info_namespace};

/// The namespace of every script that chooses no other.
pub const MAIN: &str = "main";

/// The namespace of the views of the catalog.
pub const INFO: &str = "info";

/// Everything at one point of a transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct Catalog {
    /// Namespaces by name; `info` is always there and not stored.
    pub namespaces: BTreeMap<Box<str>, Arc<Namespace>>,
    /// Roles, privileges and who has them.
    pub roles: Arc<Roles>,
}

/// A namespace.
#[derive(Clone, Debug, PartialEq)]
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

impl Catalog {
    /// What exists before the first block: `main`, `info` and the built-in roles. `owner` is the `db_owner` of the
    /// genesis; an empty one is none.
    #[must_use]
    pub fn genesis(owner: Option<&str>) -> Self {
        let owner = owner.filter(|owner| !owner.is_empty()).map(Box::from);
        let roles = Roles { owner, ..Roles::default() };
        let namespaces = [
            (INFO.into(), Arc::new(info_views())),
            (MAIN.into(), Arc::new(Namespace::new(NamespaceKind::System))),
        ];
        Self { namespaces: namespaces.into(), roles: Arc::new(roles) }
    }

    /// The namespace of this name.
    #[must_use]
    pub fn namespace(&self, name: &str) -> Option<&Arc<Namespace>> {
        self.namespaces.get(name)
    }

    /// The table of this name, with everything that is declared about it.
    #[must_use]
    pub fn table_of(&self, namespace: &str, table: &str) -> Option<&Arc<Table>> {
        self.namespaces.get(namespace)?.tables.get(table)
    }

    /// The action of this name.
    #[must_use]
    pub fn action_of(&self, namespace: &str, action: &str) -> Option<&Arc<Action>> {
        self.namespaces.get(namespace)?.actions.get(action)
    }
}

impl Default for Catalog {
    /// The genesis without an owner.
    fn default() -> Self {
        Self::genesis(None)
    }
}

impl Namespace {
    /// A namespace with nothing in it.
    #[must_use]
    pub fn new(kind: NamespaceKind) -> Self {
        Self { kind, tables: BTreeMap::new(), actions: BTreeMap::new(), extension: None }
    }
}

/// The views of the catalog: built in, so never stored.
fn info_views() -> Namespace {
    let views = info_namespace().tables.into_iter().map(|(name, shape)| {
        let columns = vec![TableColumn::default(); shape.columns.len()];
        (name, Arc::new(Table { shape, columns, ..Table::default() }))
    });
    Namespace { tables: views.collect(), ..Namespace::new(NamespaceKind::System) }
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
