//! The catalog as rows, and rows as the catalog.
//!
//! The rows are consensus: equal catalogs give equal rows on every node, and rows that no catalog gives are refused.

mod read;

use super::roles::{OWNER, is_built_in};
use super::value_text::write_value;
use super::{
    Action, Catalog, CatalogError, CatalogRow, ExtensionMethod, ExtensionUse, INFO, Namespace,
    Roles, Table,
};
use std::collections::BTreeMap;
use std::sync::Arc;

use kwil_lang::analyze::NamespaceKind;
use kwil_lang::quote_ident;

impl Catalog {
    /// Every row, in order, without duplicates. What is built in, the namespace `info`, has none.
    #[must_use]
    pub fn rows(&self) -> Vec<CatalogRow> {
        let mut rows = Vec::new();
        for (name, namespace) in self.namespaces.iter().filter(|(name, _)| &***name != INFO) {
            namespace_rows(name, namespace, &mut rows);
        }
        role_rows(&self.roles, &mut rows);
        rows.sort();
        rows
    }

    /// What rows came and went since another catalog: the work follows the size of the change, not of the catalog, because
    /// what both share is not looked at.
    #[must_use]
    pub fn changes_since(&self, before: &Self) -> RowChanges {
        let (mut old, mut new) = (Vec::new(), Vec::new());
        if !Arc::ptr_eq(&self.roles, &before.roles) {
            role_rows(&before.roles, &mut old);
            role_rows(&self.roles, &mut new);
        }
        unshared(&before.namespaces, &self.namespaces, &mut |name, from, to| {
            if name != INFO {
                namespace_changes(name, from, to, (&mut old, &mut new));
            }
        });
        old.sort();
        new.sort();
        let removed = old.iter().filter(|row| new.binary_search(row).is_err()).cloned().collect();
        let added = new.into_iter().filter(|row| old.binary_search(row).is_err()).collect();
        RowChanges { removed, added }
    }

    /// The catalog that has exactly these rows, in any order.
    ///
    /// # Errors
    /// [`CatalogError`] says which row no catalog has, or that rows are missing.
    pub fn from_rows(rows: Vec<CatalogRow>) -> Result<Self, CatalogError> {
        read::read(rows)
    }
}

/// Rows of the stored catalog that a change removes and adds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowChanges {
    /// Rows that are no more, in order.
    pub removed: Vec<CatalogRow>,
    /// New rows, in order.
    pub added: Vec<CatalogRow>,
}

type Named<T> = BTreeMap<Box<str>, Arc<T>>;

/// Takes a name with what it was and what it is.
type Visit<'v, 'm, T> = &'v mut dyn FnMut(&str, Option<&'m Arc<T>>, Option<&'m Arc<T>>);

/// Visits everything that is not the same object on both sides.
fn unshared<'m, T>(old: &'m Named<T>, new: &'m Named<T>, visit: Visit<'_, 'm, T>) {
    for (name, from) in old {
        match new.get(name) {
            Some(to) if Arc::ptr_eq(from, to) => {}
            to => visit(name, Some(from), to),
        }
    }
    for (name, to) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
        visit(name, None, Some(to));
    }
}

fn namespace_changes(
    name: &str,
    from: Option<&Arc<Namespace>>,
    to: Option<&Arc<Namespace>>,
    (old, new): (&mut Vec<CatalogRow>, &mut Vec<CatalogRow>),
) {
    let (Some(from), Some(to)) = (from, to) else {
        from.into_iter().for_each(|from| namespace_rows(name, from, old));
        to.into_iter().for_each(|to| namespace_rows(name, to, new));
        return;
    };
    for (namespace, rows) in [(from, &mut *old), (to, &mut *new)] {
        rows.push(head_row(name, namespace));
        if let Some(extension) = &namespace.extension {
            extension_rows(name, extension, rows);
        }
    }
    unshared(&from.tables, &to.tables, &mut |table, from, to| {
        from.into_iter().for_each(|from| table_rows(name, table, from, old));
        to.into_iter().for_each(|to| table_rows(name, table, to, new));
    });
    unshared(&from.actions, &to.actions, &mut |action, from, to| {
        old.extend(from.map(|from| action_row(name, action, from)));
        new.extend(to.map(|to| action_row(name, action, to)));
    });
}

fn kind_name(kind: NamespaceKind) -> &'static str {
    match kind {
        NamespaceKind::User => "USER",
        NamespaceKind::System => "SYSTEM",
        NamespaceKind::Extension => "EXTENSION",
    }
}

fn strings(names: &[Box<str>]) -> Vec<String> {
    names.iter().map(|name| name.to_string()).collect()
}

/// Numbers from 1.
fn numbered<T>(items: &[T]) -> impl Iterator<Item = (i64, &T)> {
    (1_i64..).zip(items)
}

fn namespace_rows(name: &str, namespace: &Namespace, rows: &mut Vec<CatalogRow>) {
    rows.push(head_row(name, namespace));
    for (table_name, table) in &namespace.tables {
        table_rows(name, table_name, table, rows);
    }
    for (action_name, action) in &namespace.actions {
        rows.push(action_row(name, action_name, action));
    }
    if let Some(extension) = &namespace.extension {
        extension_rows(name, extension, rows);
    }
}

fn head_row(name: &str, namespace: &Namespace) -> CatalogRow {
    CatalogRow::Namespace { name: name.to_owned(), kind: kind_name(namespace.kind).to_owned() }
}

fn table_rows(namespace: &str, name: &str, table: &Table, rows: &mut Vec<CatalogRow>) {
    let writer = TableRows { namespace, name, table };
    writer.columns(rows);
    writer.indexes(rows);
    writer.constraints(rows);
    writer.foreign_keys(rows);
}

fn extension_rows(namespace: &str, extension: &ExtensionUse, rows: &mut Vec<CatalogRow>) {
    rows.push(extension_row(namespace, extension));
    for (name, method) in &extension.methods {
        rows.push(method_row(namespace, name, method));
    }
}

struct TableRows<'t> {
    namespace: &'t str,
    name: &'t str,
    table: &'t Table,
}

impl TableRows<'_> {
    fn columns(&self, rows: &mut Vec<CatalogRow>) {
        let columns = self.table.shape.columns.iter().zip(&self.table.columns);
        for (ordinal, (shape, column)) in (1_i64..).zip(columns) {
            rows.push(CatalogRow::Column {
                namespace: self.namespace.to_owned(),
                table: self.name.to_owned(),
                name: shape.name.to_string(),
                ordinal,
                data_type: shape.data_type.to_string(),
                shown_type: column.shown_type(shape.data_type),
                int4: column.int4,
                not_null: column.not_null,
                default: column.default.as_deref().unwrap_or_default().to_owned(),
                is_primary_key: self.table.is_in_primary_key(&shape.name),
            });
        }
    }

    fn indexes(&self, rows: &mut Vec<CatalogRow>) {
        let table = self.table;
        let primary =
            (&*table.primary_key_name, table.shape.primary_key.as_slice(), true, true, true);
        let uniques =
            table.uniques.iter().map(|key| (&*key.name, key.columns.as_slice(), false, true, true));
        let indexes = table
            .indexes
            .iter()
            .map(|index| (&*index.name, index.columns.as_slice(), false, index.unique, false));
        let all = std::iter::once(primary).chain(uniques).chain(indexes);
        for (ordinal, (name, columns, is_primary_key, is_unique, of_constraint)) in
            (1_i64..).zip(all)
        {
            rows.push(CatalogRow::Index {
                namespace: self.namespace.to_owned(),
                table: self.name.to_owned(),
                name: name.to_owned(),
                is_primary_key,
                is_unique,
                of_constraint,
                ordinal,
                columns: strings(columns),
            });
        }
    }

    fn constraints(&self, rows: &mut Vec<CatalogRow>) {
        let row = |name: &str, kind: &str, ordinal, columns: &[Box<str>], expression| {
            CatalogRow::Constraint {
                namespace: self.namespace.to_owned(),
                table: self.name.to_owned(),
                name: name.to_owned(),
                kind: kind.to_owned(),
                ordinal,
                columns: strings(columns),
                expression,
            }
        };
        for (ordinal, key) in numbered(&self.table.uniques) {
            let names: Vec<_> = key.columns.iter().map(|name| quote_ident(name)).collect();
            let expression = format!("UNIQUE ({})", names.join(", "));
            rows.push(row(&key.name, "UNIQUE", ordinal, &key.columns, expression));
        }
        for (ordinal, check) in numbered(&self.table.checks) {
            let expression = format!("CHECK ({})", check.expression);
            rows.push(row(&check.name, "CHECK", ordinal, &check.columns, expression));
        }
    }

    fn foreign_keys(&self, rows: &mut Vec<CatalogRow>) {
        for (ordinal, key) in numbered(&self.table.foreign_keys) {
            rows.push(CatalogRow::ForeignKey {
                namespace: self.namespace.to_owned(),
                table: self.name.to_owned(),
                name: key.name.to_string(),
                ordinal,
                columns: strings(&key.columns),
                ref_namespace: key.namespace.to_string(),
                ref_table: key.table.to_string(),
                ref_columns: strings(&key.referred),
                on_update: key.on_update.to_owned(),
                on_delete: key.on_delete.to_owned(),
            });
        }
    }
}

fn action_row(namespace: &str, name: &str, action: &Action) -> CatalogRow {
    let definition = &action.definition;
    let returns = definition.returns.as_ref();
    let fields = returns.map(|returns| returns.fields.as_slice()).unwrap_or_default();
    CatalogRow::Action {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        raw_statement: action.source.to_string(),
        access_modifiers: definition
            .modifiers
            .iter()
            .map(|word| word.as_str().to_ascii_uppercase())
            .collect(),
        parameter_names: definition.parameters.iter().map(|p| p.name.name.to_string()).collect(),
        parameter_types: definition
            .parameters
            .iter()
            .map(|parameter| parameter.data_type.data_type.to_string())
            .collect(),
        return_names: fields
            .iter()
            .map(|field| field.name.as_ref().map(ToString::to_string).unwrap_or_default())
            .collect(),
        return_types: fields.iter().map(|field| field.data_type.data_type.to_string()).collect(),
        returns_table: returns.is_some_and(|returns| returns.table),
        built_in: false,
    }
}

fn method_row(namespace: &str, name: &str, method: &ExtensionMethod) -> CatalogRow {
    let numbers = (1_usize..).zip(&method.parameters);
    CatalogRow::Action {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        raw_statement: String::new(),
        access_modifiers: strings(&method.modifiers),
        parameter_names: numbers.map(|(number, _)| format!("$param_{number}")).collect(),
        parameter_types: method.parameters.iter().map(ToString::to_string).collect(),
        return_names: method.returns.iter().map(|(name, _)| name.to_string()).collect(),
        return_types: method.returns.iter().map(|(_, of)| of.to_string()).collect(),
        returns_table: method.returns_table,
        built_in: true,
    }
}

fn extension_row(namespace: &str, extension: &ExtensionUse) -> CatalogRow {
    CatalogRow::Extension {
        namespace: namespace.to_owned(),
        extension: extension.extension.to_string(),
        parameters: extension.options.keys().map(|name| name.to_string()).collect(),
        values: extension.options.values().map(write_value).collect(),
        types: extension.options.values().map(|value| value.data_type().to_string()).collect(),
    }
}

fn role_rows(roles: &Roles, rows: &mut Vec<CatalogRow>) {
    for (name, role) in &roles.roles {
        rows.push(CatalogRow::Role { name: name.to_string(), built_in: is_built_in(name) });
        let global = role.global.iter().map(|privilege| (privilege, "", true));
        let single = role
            .on_namespace
            .iter()
            .map(|((namespace, privilege), granted)| (privilege, &**namespace, *granted));
        for (privilege, namespace, granted) in global.chain(single) {
            rows.push(CatalogRow::RolePrivilege {
                role: name.to_string(),
                privilege: privilege.name().to_owned(),
                namespace: namespace.to_owned(),
                granted,
            });
        }
    }
    let user_row = |role: &str, user: &str| CatalogRow::UserRole {
        role: role.to_owned(),
        user: user.to_owned(),
    };
    rows.extend(roles.owner.iter().map(|owner| user_row(OWNER, owner)));
    for (user, held) in &roles.users {
        rows.extend(held.iter().map(|role| user_row(role, user)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_genesis_is_what_its_rows_say() {
        for owner in [None, Some("02ab")] {
            let genesis = Catalog::genesis(owner);
            let rows = genesis.rows();
            assert!(
                rows.is_sorted()
                    && rows.len() == rows.iter().collect::<std::collections::BTreeSet<_>>().len()
            );
            assert_eq!(Catalog::from_rows(rows), Ok(genesis));
        }
    }

    #[test]
    fn a_row_too_few_or_too_many_is_refused() {
        let rows = Catalog::genesis(Some("ann")).rows();
        for number in 0..rows.len() {
            let mut fewer = rows.clone();
            let removed = fewer.remove(number);
            let is_whole = match &removed {
                // A user or a privilege may be missing: that is another catalog.
                CatalogRow::UserRole { .. } | CatalogRow::RolePrivilege { .. } => true,
                _ => false,
            };
            assert_eq!(Catalog::from_rows(fewer).is_ok(), is_whole, "{removed:?}");
        }
        let mut twice = rows.clone();
        twice.push(rows[0].clone());
        assert!(Catalog::from_rows(twice).is_err());
    }
}
