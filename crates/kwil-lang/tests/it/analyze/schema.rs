//! A catalog that follows the statements of a script.

use std::collections::BTreeMap;

use kwil_lang::analyze::{
    ActionKind, Catalog, Column, Namespace, NamespaceKind, Table, VariableType, info_namespace,
};
use kwil_lang::ast::{Alteration, ColumnRule, CreateTable, Ident, StatementKind, TableRule};
use kwil_lang::parse_type;
use kwil_types::{DataType, Decimal, TypeKind};
use saphyr::Yaml;

pub(super) fn type_of(text: &str) -> DataType {
    parse_type(text).unwrap().data_type
}

pub(crate) struct Schema {
    pub(crate) catalog: Catalog,
    pub(crate) variables: BTreeMap<Box<str>, VariableType>,
}

fn empty(kind: NamespaceKind) -> Namespace {
    Namespace { kind, tables: BTreeMap::new(), actions: BTreeMap::new() }
}

/// The type of a parameter of a conformance case.
fn parameter_type(value: &Yaml<'_>) -> DataType {
    if let Some(items) = value.as_sequence() {
        let element = items.iter().map(parameter_type).find(|one| one.kind() != TypeKind::Null);
        return DataType::array(element.map_or(TypeKind::Null, DataType::kind));
    }
    if let Some(number) = value.as_mapping_get("n").and_then(Yaml::as_str) {
        let number = Decimal::parse_literal(number).unwrap();
        return DataType::scalar(TypeKind::numeric(number.precision(), number.scale()).unwrap());
    }
    if value.as_integer().is_some() {
        return type_of("int8");
    }
    if value.as_str().is_some() {
        return type_of("text");
    }
    assert!(value.is_null(), "unknown parameter {value:?}");
    DataType::scalar(TypeKind::Null)
}

fn names(idents: &[Ident]) -> Vec<Box<str>> {
    idents.iter().map(|ident| ident.name.clone()).collect()
}

fn table(create: &CreateTable) -> Table {
    let mut table = Table::default();
    for column in &create.columns {
        let (name, data_type) = (column.name.name.clone(), column.data_type.data_type);
        table.columns.push(Column { name: name.clone(), data_type });
        for rule in &column.rules {
            match rule {
                ColumnRule::PrimaryKey => table.primary_key = vec![name.clone()],
                ColumnRule::Unique => table.unique.push(vec![name.clone()]),
                _ => {}
            }
        }
    }
    for constraint in &create.constraints {
        match &constraint.rule {
            TableRule::PrimaryKey(columns) => table.primary_key = names(columns),
            TableRule::Unique(columns) => table.unique.push(names(columns)),
            _ => {}
        }
    }
    table
}

impl Schema {
    pub(super) fn new(parameters: Option<&Yaml<'_>>) -> Self {
        let mut catalog = Catalog::default();
        catalog.namespaces.insert("main".into(), empty(NamespaceKind::System));
        catalog.namespaces.insert("info".into(), info_namespace());
        let mut variables = BTreeMap::new();
        for (name, value) in parameters.and_then(Yaml::as_mapping).into_iter().flatten() {
            let name = name.as_str().unwrap().trim_start_matches('$').to_lowercase();
            let data_type = parameter_type(value);
            variables.insert(format!("${name}").into(), VariableType::Value(data_type));
        }
        Self { catalog, variables }
    }

    pub(super) fn apply(&mut self, namespace: &str, kind: &StatementKind) {
        if let StatementKind::CreateNamespace(create) = kind {
            let name = create.name.name.clone();
            self.catalog.namespaces.entry(name).or_insert_with(|| empty(NamespaceKind::User));
        }
        let Some(namespace) = self.catalog.namespaces.get_mut(namespace) else { return };
        match kind {
            StatementKind::CreateTable(create) => {
                let name = create.name.name.clone();
                namespace.tables.entry(name).or_insert_with(|| table(create));
            }
            StatementKind::CreateAction(create) => {
                namespace.actions.insert(create.name.name.clone(), ActionKind::Action);
            }
            StatementKind::AlterTable(alter) => {
                for alteration in &alter.alterations {
                    alter_table(namespace, &alter.table.name, alteration);
                }
            }
            _ => {}
        }
    }
}

fn alter_table(namespace: &mut Namespace, name: &str, alteration: &Alteration) {
    match alteration {
        Alteration::RenameTable(to) => {
            let table = namespace.tables.remove(name).unwrap();
            namespace.tables.insert(to.name.clone(), table);
        }
        Alteration::RenameColumn { from, to } => {
            let table = namespace.tables.get_mut(name).unwrap();
            for column in table.columns.iter_mut().filter(|column| column.name == from.name) {
                column.name = to.name.clone();
            }
        }
        _ => {}
    }
}
