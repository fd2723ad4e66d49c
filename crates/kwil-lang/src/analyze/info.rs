//! The `info` namespace: read-only views of the catalog, the same on every node.

use std::collections::BTreeMap;

use kwil_types::{DataType, TypeKind};

use super::{BOOL, Column, INT8, Namespace, NamespaceKind, TEXT, Table};

const TEXTS: DataType = DataType::array(TypeKind::Text);

type View = (&'static str, &'static [(&'static str, DataType)]);

const VIEWS: &[View] = &[
    ("namespaces", &[("name", TEXT), ("type", TEXT)]),
    ("tables", &[("name", TEXT), ("namespace", TEXT)]),
    (
        "columns",
        &[
            ("namespace", TEXT),
            ("table_name", TEXT),
            ("name", TEXT),
            ("data_type", TEXT),
            ("is_nullable", BOOL),
            ("default_value", TEXT),
            ("is_primary_key", BOOL),
            ("ordinal_position", INT8),
        ],
    ),
    (
        "indexes",
        &[
            ("namespace", TEXT),
            ("table_name", TEXT),
            ("name", TEXT),
            ("is_primary_key", BOOL),
            ("is_unique", BOOL),
            ("columns", TEXTS),
        ],
    ),
    (
        "constraints",
        &[
            ("namespace", TEXT),
            ("table_name", TEXT),
            ("name", TEXT),
            ("constraint_type", TEXT),
            ("columns", TEXTS),
            ("expression", TEXT),
        ],
    ),
    (
        "foreign_keys",
        &[
            ("namespace", TEXT),
            ("table_name", TEXT),
            ("name", TEXT),
            ("columns", TEXTS),
            ("ref_table", TEXT),
            ("ref_columns", TEXTS),
            ("on_update", TEXT),
            ("on_delete", TEXT),
        ],
    ),
    (
        "actions",
        &[
            ("namespace", TEXT),
            ("name", TEXT),
            ("raw_statement", TEXT),
            ("access_modifiers", TEXTS),
            ("parameter_names", TEXTS),
            ("parameter_types", TEXTS),
            ("return_names", TEXTS),
            ("return_types", TEXTS),
            ("returns_table", BOOL),
            ("built_in", BOOL),
        ],
    ),
    ("roles", &[("name", TEXT), ("built_in", BOOL)]),
    (
        "role_privileges",
        &[("role_name", TEXT), ("privilege", TEXT), ("namespace", TEXT), ("granted", BOOL)],
    ),
    ("user_roles", &[("role_name", TEXT), ("user_identifier", TEXT)]),
    ("db_owner", &[("user_identifier", TEXT)]),
    (
        "extensions",
        &[("namespace", TEXT), ("extension", TEXT), ("parameters", TEXTS), ("values", TEXTS)],
    ),
];

/// The `info` namespace with all its views.
#[must_use]
pub fn info_namespace() -> Namespace {
    let tables = VIEWS.iter().map(|(name, columns)| {
        let columns = columns
            .iter()
            .map(|(name, data_type)| Column { name: (*name).into(), data_type: *data_type })
            .collect();
        (Box::from(*name), Table { columns, ..Table::default() })
    });
    Namespace { kind: NamespaceKind::System, tables: tables.collect(), actions: BTreeMap::new() }
}
