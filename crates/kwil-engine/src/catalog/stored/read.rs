//! From rows to the catalog.

use std::collections::BTreeMap;
use std::sync::Arc;

use kwil_lang::analyze::{Column, NamespaceKind, check_action};
use kwil_lang::ast::{KeyAction, Privilege};
use kwil_lang::{parse_action, parse_type};
use kwil_types::{DataType, TypeKind};

use crate::catalog::roles::{DEFAULT, OWNER};
use crate::catalog::value_text::read_value;
use crate::catalog::{
    Action, Catalog, CatalogError, CatalogRow, Check, ExtensionMethod, ExtensionUse, ForeignKey,
    INFO, Index, MAIN, NamedKey, Namespace, Role, Roles, Table, TableColumn, info_views,
};

type Read<T> = Result<T, CatalogError>;

fn broken(what: impl Into<String>) -> CatalogError {
    CatalogError(what.into())
}

pub(super) fn read(mut rows: Vec<CatalogRow>) -> Read<Catalog> {
    // The order of the variants and of the ordinals inside a table is the order of making.
    rows.sort_by(|left, right| order(left).cmp(&order(right)).then_with(|| left.cmp(right)));
    let mut reader = Reader::default();
    for row in &rows {
        reader.row(row)?;
    }
    let catalog = reader.finish()?;
    rows.sort();
    let written = catalog.rows();
    if written == rows {
        return Ok(catalog);
    }
    let odd = rows.iter().find(|row| written.binary_search(row).is_err());
    let missing = written.iter().find(|row| rows.binary_search(row).is_err());
    Err(broken(match (odd, missing) {
        (Some(odd), _) => format!("{odd:?} does not go with the other rows"),
        (None, Some(missing)) => format!("{missing:?} is missing"),
        (None, None) => "a row is there twice".to_owned(),
    }))
}

fn order(row: &CatalogRow) -> (u8, i64) {
    match row {
        CatalogRow::Namespace { .. } => (0, 0),
        CatalogRow::Extension { .. } => (1, 0),
        CatalogRow::Column { ordinal, .. } => (2, *ordinal),
        CatalogRow::Index { ordinal, .. } => (3, *ordinal),
        CatalogRow::Constraint { ordinal, .. } => (4, *ordinal),
        CatalogRow::ForeignKey { ordinal, .. } => (5, *ordinal),
        CatalogRow::Action { .. } => (6, 0),
        CatalogRow::Role { .. } => (7, 0),
        CatalogRow::RolePrivilege { namespace, .. } if namespace.is_empty() => (8, 0),
        CatalogRow::RolePrivilege { .. } => (9, 0),
        CatalogRow::UserRole { .. } => (10, 0),
    }
}

struct Reader {
    namespaces: BTreeMap<Box<str>, Namespace>,
    tables: BTreeMap<(Box<str>, Box<str>), Table>,
    roles: Roles,
}

impl Default for Reader {
    fn default() -> Self {
        let roles = Roles { roles: BTreeMap::new(), ..Roles::default() };
        Self { namespaces: BTreeMap::new(), tables: BTreeMap::new(), roles }
    }
}

impl Reader {
    fn row(&mut self, row: &CatalogRow) -> Read<()> {
        match row {
            CatalogRow::Namespace { name, kind } => self.namespace(name, kind),
            CatalogRow::Column { .. } => self.column(row),
            CatalogRow::Index { .. } => self.index(row),
            CatalogRow::Constraint { .. } => self.constraint(row),
            CatalogRow::ForeignKey { .. } => self.foreign_key(row),
            CatalogRow::Action { built_in: true, .. } => self.method(row),
            CatalogRow::Action { namespace, name, raw_statement, built_in: false, .. } => {
                self.action(namespace, name, raw_statement)
            }
            CatalogRow::Role { name, .. } => {
                self.roles.roles.insert(boxed(name), Role::default());
                Ok(())
            }
            CatalogRow::RolePrivilege { role, privilege, namespace, granted } => {
                self.privilege(role, privilege, namespace, *granted)
            }
            CatalogRow::UserRole { role, user } => self.user(role, user),
            CatalogRow::Extension { .. } => self.extension(row),
        }
    }

    fn finish(mut self) -> Read<Catalog> {
        for ((namespace, name), mut table) in std::mem::take(&mut self.tables) {
            table.refresh();
            self.in_namespace(&namespace)?.tables.insert(name, Arc::new(table));
        }
        for needed in [OWNER, DEFAULT] {
            if !self.roles.roles.contains_key(needed) {
                return Err(broken(format!("the role {needed} is missing")));
            }
        }
        if !self.namespaces.contains_key(MAIN) {
            return Err(broken(format!("the namespace {MAIN} is missing")));
        }
        let mut namespaces: BTreeMap<_, _> = self
            .namespaces
            .into_iter()
            .map(|(name, namespace)| (name, Arc::new(namespace)))
            .collect();
        namespaces.insert(INFO.into(), Arc::new(info_views()));
        Ok(Catalog { namespaces, roles: Arc::new(self.roles) })
    }

    fn namespace(&mut self, name: &str, kind: &str) -> Read<()> {
        let kind = match kind {
            "USER" => NamespaceKind::User,
            "SYSTEM" => NamespaceKind::System,
            "EXTENSION" => NamespaceKind::Extension,
            other => return Err(broken(format!("namespace {name} has the kind {other}"))),
        };
        self.namespaces.insert(boxed(name), Namespace::new(kind));
        Ok(())
    }

    fn in_namespace(&mut self, name: &str) -> Read<&mut Namespace> {
        self.namespaces.get_mut(name).ok_or_else(|| broken(format!("no namespace {name}")))
    }

    fn in_table(&mut self, namespace: &str, table: &str) -> Read<&mut Table> {
        self.tables
            .get_mut(&(boxed(namespace), boxed(table)))
            .ok_or_else(|| broken(format!("no columns of table {namespace}.{table}")))
    }

    fn column(&mut self, row: &CatalogRow) -> Read<()> {
        let CatalogRow::Column {
            namespace, table, name, data_type, int4, not_null, default, ..
        } = row
        else {
            return Ok(());
        };
        let data_type = read_type(data_type)?;
        let default = (!default.is_empty()).then(|| boxed(default));
        let table = self.tables.entry((boxed(namespace), boxed(table))).or_default();
        table.shape.columns.push(Column { name: boxed(name), data_type });
        table.columns.push(TableColumn { int4: *int4, not_null: *not_null, default });
        Ok(())
    }

    fn index(&mut self, row: &CatalogRow) -> Read<()> {
        let CatalogRow::Index {
            namespace,
            table,
            name,
            is_primary_key,
            is_unique,
            of_constraint,
            columns,
            ..
        } = row
        else {
            return Ok(());
        };
        let table = self.in_table(namespace, table)?;
        if *is_primary_key {
            table.primary_key_name = boxed(name);
            table.shape.primary_key = boxes(columns);
        } else if !of_constraint {
            let (name, columns) = (boxed(name), boxes(columns));
            table.indexes.push(Index { name, columns, unique: *is_unique });
        }
        // The index of a unique constraint comes with the row of the constraint.
        Ok(())
    }

    fn constraint(&mut self, row: &CatalogRow) -> Read<()> {
        let CatalogRow::Constraint { namespace, table, name, kind, columns, expression, .. } = row
        else {
            return Ok(());
        };
        let table = self.in_table(namespace, table)?;
        let (name, columns) = (boxed(name), boxes(columns));
        if kind == "UNIQUE" {
            table.uniques.push(NamedKey { name, columns });
            return Ok(());
        }
        let condition = expression.strip_prefix("CHECK (").and_then(|rest| rest.strip_suffix(')'));
        let Some(condition) = condition.filter(|_| kind == "CHECK") else {
            return Err(broken(format!("constraint {name} is a {kind} with {expression}")));
        };
        table.checks.push(Check { name, columns, expression: boxed(condition) });
        Ok(())
    }

    fn foreign_key(&mut self, row: &CatalogRow) -> Read<()> {
        let CatalogRow::ForeignKey {
            namespace,
            table,
            name,
            columns,
            ref_namespace,
            ref_table,
            ref_columns,
            on_update,
            on_delete,
            ..
        } = row
        else {
            return Ok(());
        };
        let key = ForeignKey {
            name: boxed(name),
            columns: boxes(columns),
            namespace: boxed(ref_namespace),
            table: boxed(ref_table),
            referred: boxes(ref_columns),
            on_update: key_action(on_update)?,
            on_delete: key_action(on_delete)?,
        };
        self.in_table(namespace, table)?.foreign_keys.push(key);
        Ok(())
    }

    fn action(&mut self, namespace: &str, name: &str, source: &str) -> Read<()> {
        let definition = parse_action(source)
            .map_err(|errors| broken(format!("action {namespace}.{name}: {errors}")))?;
        let signature = check_action(&definition)
            .map_err(|error| broken(format!("action {namespace}.{name}: {error}")))?;
        let action = Action::new(boxed(source), definition, signature);
        self.in_namespace(namespace)?.actions.insert(boxed(name), Arc::new(action));
        Ok(())
    }

    fn method(&mut self, row: &CatalogRow) -> Read<()> {
        let CatalogRow::Action {
            namespace,
            name,
            access_modifiers,
            parameter_types,
            return_names,
            return_types,
            returns_table,
            ..
        } = row
        else {
            return Ok(());
        };
        let types = read_types(return_types)?;
        let method = ExtensionMethod {
            modifiers: boxes(access_modifiers),
            parameters: read_types(parameter_types)?,
            returns: return_names.iter().map(|name| boxed(name)).zip(types).collect(),
            returns_table: *returns_table,
        };
        let extension = self.in_namespace(namespace)?.extension.as_mut().and_then(Arc::get_mut);
        let Some(extension) = extension else {
            return Err(broken(format!("method {namespace}.{name} belongs to no extension")));
        };
        extension.methods.insert(boxed(name), method);
        Ok(())
    }

    fn extension(&mut self, row: &CatalogRow) -> Read<()> {
        let CatalogRow::Extension { namespace, extension, parameters, values, types } = row else {
            return Ok(());
        };
        if parameters.len() != values.len() || values.len() != types.len() {
            return Err(broken(format!("options of {namespace} are incomplete")));
        }
        let mut options = BTreeMap::new();
        for ((name, text), data_type) in parameters.iter().zip(values).zip(types) {
            let value = read_value(text.as_deref(), read_type(data_type)?)
                .ok_or_else(|| broken(format!("option {name} of {namespace} is no {data_type}")))?;
            options.insert(boxed(name), value);
        }
        let found = ExtensionUse { extension: boxed(extension), options, methods: BTreeMap::new() };
        self.in_namespace(namespace)?.extension = Some(Arc::new(found));
        Ok(())
    }

    fn privilege(&mut self, role: &str, name: &str, namespace: &str, granted: bool) -> Read<()> {
        let privilege =
            Privilege::from_name(name).ok_or_else(|| broken(format!("no privilege {name}")))?;
        let found = self.roles.roles.get_mut(role);
        let found = found.ok_or_else(|| broken(format!("no role {role}")))?;
        if namespace.is_empty() {
            found.global.insert(privilege);
        } else {
            found.on_namespace.insert((boxed(namespace), privilege), granted);
        }
        Ok(())
    }

    fn user(&mut self, role: &str, user: &str) -> Read<()> {
        if role == OWNER {
            self.roles.owner = Some(boxed(user));
        } else if self.roles.roles.contains_key(role) {
            self.roles.users.entry(boxed(user)).or_default().insert(boxed(role));
        } else {
            return Err(broken(format!("user {user} has the unknown role {role}")));
        }
        Ok(())
    }
}

fn boxed(text: &str) -> Box<str> {
    text.into()
}

fn boxes(names: &[String]) -> Vec<Box<str>> {
    names.iter().map(|name| boxed(name)).collect()
}

fn read_type(text: &str) -> Read<DataType> {
    // NULL without a type has a type that programs cannot write.
    match text {
        "null" => return Ok(DataType::scalar(TypeKind::Null)),
        "null[]" => return Ok(DataType::array(TypeKind::Null)),
        _ => {}
    }
    let parsed = parse_type(text).map_err(|_| broken(format!("no type {text}")))?;
    Ok(parsed.data_type)
}

fn read_types(texts: &[String]) -> Read<Vec<DataType>> {
    texts.iter().map(|text| read_type(text)).collect()
}

fn key_action(text: &str) -> Read<&'static str> {
    use KeyAction::{Cascade, NoAction, Restrict, SetDefault, SetNull};
    let known = [SetNull, SetDefault, Restrict, NoAction, Cascade];
    known
        .into_iter()
        .map(KeyAction::text)
        .find(|known| *known == text)
        .ok_or_else(|| broken(format!("no action of foreign keys {text}")))
}
