//! Successors: a changed catalog shares everything that did not change.

use std::sync::Arc;

use super::{Action, Catalog, Namespace, Roles, Table};

impl Catalog {
    /// Whether nothing was changed since one was copied from the other.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let pairs = || self.namespaces.iter().zip(&other.namespaces);
        self.namespaces.len() == other.namespaces.len()
            && pairs().all(|(own, other)| own.0 == other.0 && Arc::ptr_eq(own.1, other.1))
            && Arc::ptr_eq(&self.roles, &other.roles)
    }

    /// The namespace, made unshared; `None` when there is none of this name.
    pub(crate) fn namespace_mut(&mut self, namespace: &str) -> Option<&mut Namespace> {
        self.namespaces.get_mut(namespace).map(Arc::make_mut)
    }

    /// The table, made unshared.
    pub(crate) fn table_mut(&mut self, namespace: &str, table: &str) -> Option<&mut Table> {
        self.namespace_mut(namespace)?.tables.get_mut(table).map(Arc::make_mut)
    }

    /// The roles, made unshared.
    pub(crate) fn roles_mut(&mut self) -> &mut Roles {
        Arc::make_mut(&mut self.roles)
    }

    /// Adds or replaces an action.
    pub(crate) fn put_action(&mut self, namespace: &str, name: &str, action: Action) {
        if let Some(namespace) = self.namespace_mut(namespace) {
            namespace.actions.insert(name.into(), Arc::new(action));
        }
    }

    /// Removes a namespace with everything in it and everything that refers to it.
    pub(crate) fn remove_namespace(&mut self, name: &str) {
        self.namespaces.remove(name);
        self.remove_foreign_keys(|key| &*key.namespace == name);
        let refers = self
            .roles
            .roles
            .values()
            .any(|role| role.on_namespace.keys().any(|(namespace, _)| &**namespace == name));
        if refers {
            for role in self.roles_mut().roles.values_mut() {
                role.on_namespace.retain(|(namespace, _), _| &**namespace != name);
            }
        }
    }

    /// Removes the foreign keys of all tables for which `goes` holds; tables without such keys stay shared.
    pub(crate) fn remove_foreign_keys(&mut self, goes: impl Fn(&super::ForeignKey) -> bool) {
        self.change_foreign_keys(&goes, |table| table.foreign_keys.retain(|key| !goes(key)));
    }

    /// Changes every table that has a foreign key for which `concerns` holds.
    pub(crate) fn change_foreign_keys(
        &mut self,
        concerns: impl Fn(&super::ForeignKey) -> bool,
        change: impl Fn(&mut Table),
    ) {
        for namespace in self.namespaces.values_mut() {
            let has_some = |table: &Arc<Table>| table.foreign_keys.iter().any(&concerns);
            if !namespace.tables.values().any(has_some) {
                continue;
            }
            for table in Arc::make_mut(namespace).tables.values_mut() {
                if has_some(table) {
                    change(Arc::make_mut(table));
                }
            }
        }
    }

    /// Every foreign key with the namespace and the name of its table.
    pub(crate) fn foreign_keys(&self) -> impl Iterator<Item = (&str, &str, &super::ForeignKey)> {
        self.namespaces.iter().flat_map(|(namespace, found)| {
            found.tables.iter().flat_map(move |(name, table)| {
                table.foreign_keys.iter().map(move |key| (&**namespace, &**name, key))
            })
        })
    }
}
