//! Rows of the catalog as values of the engine's tables. A list is the text of an array with every element in quotes.

use kwil_engine::catalog::CatalogRow;

use crate::canon::Cell;
use crate::store::{
    ACTION_DEFS, COLUMN_DEFS, CONSTRAINT_DEFS, EXTENSION_USES, EngineTable, FOREIGN_KEY_DEFS,
    INDEX_DEFS, ROLE_PRIVILEGES, ROLES, USER_ROLES,
};

/// Tables that hold rows of the catalog and nothing else.
pub(crate) static LANGUAGE_TABLES: [&EngineTable; 9] = [
    &COLUMN_DEFS,
    &INDEX_DEFS,
    &CONSTRAINT_DEFS,
    &FOREIGN_KEY_DEFS,
    &ACTION_DEFS,
    &ROLES,
    &ROLE_PRIVILEGES,
    &USER_ROLES,
    &EXTENSION_USES,
];

fn text(value: &str) -> Cell {
    Cell::Text(value.to_owned())
}

fn list(items: &[String]) -> Cell {
    Cell::Text(write_list(items.iter().map(|item| Some(item.as_str()))))
}

/// Table and values of a row; `None` for a namespace, which the node's own catalog stores.
pub(super) fn to_cells(row: &CatalogRow) -> Option<(&'static EngineTable, Vec<Cell>)> {
    let (table, cells): (&'static EngineTable, _) = match row {
        CatalogRow::Namespace { .. } => return None,
        CatalogRow::Column { .. } => (&COLUMN_DEFS, column_cells(row)?),
        CatalogRow::Index { .. } => (&INDEX_DEFS, index_cells(row)?),
        CatalogRow::Constraint { namespace, table, name, kind, ordinal, columns, expression } => {
            let mut cells = named(namespace, table, name);
            cells.extend([text(kind), Cell::Int8(*ordinal), list(columns), text(expression)]);
            (&CONSTRAINT_DEFS, cells)
        }
        CatalogRow::ForeignKey { .. } => (&FOREIGN_KEY_DEFS, foreign_key_cells(row)?),
        CatalogRow::Action { .. } => (&ACTION_DEFS, action_cells(row)?),
        CatalogRow::Role { name, built_in } => (&ROLES, vec![text(name), Cell::Bool(*built_in)]),
        CatalogRow::RolePrivilege { role, privilege, namespace, granted } => {
            let mut cells = named(role, privilege, namespace);
            cells.push(Cell::Bool(*granted));
            (&ROLE_PRIVILEGES, cells)
        }
        CatalogRow::UserRole { role, user } => (&USER_ROLES, vec![text(role), text(user)]),
        CatalogRow::Extension { namespace, extension, parameters, values, types } => {
            let values = write_list(values.iter().map(Option::as_deref));
            let mut cells = vec![text(namespace), text(extension)];
            cells.extend([list(parameters), Cell::Text(values), list(types)]);
            (&EXTENSION_USES, cells)
        }
    };
    Some((table, cells))
}

fn named(first: &str, second: &str, third: &str) -> Vec<Cell> {
    vec![text(first), text(second), text(third)]
}

fn column_cells(row: &CatalogRow) -> Option<Vec<Cell>> {
    let CatalogRow::Column {
        namespace,
        table,
        name,
        ordinal,
        data_type,
        shown_type,
        int4,
        not_null,
        default,
        is_primary_key,
    } = row
    else {
        return None;
    };
    let mut cells = named(namespace, table, name);
    cells.extend([Cell::Int8(*ordinal), text(data_type), text(shown_type)]);
    cells.extend([Cell::Bool(*int4), Cell::Bool(*not_null)]);
    cells.extend([text(default), Cell::Bool(*is_primary_key)]);
    Some(cells)
}

fn index_cells(row: &CatalogRow) -> Option<Vec<Cell>> {
    let CatalogRow::Index {
        namespace,
        table,
        name,
        is_primary_key,
        is_unique,
        of_constraint,
        ordinal,
        columns,
    } = row
    else {
        return None;
    };
    let mut cells = named(namespace, table, name);
    cells.extend([*is_primary_key, *is_unique, *of_constraint].map(Cell::Bool));
    cells.extend([Cell::Int8(*ordinal), list(columns)]);
    Some(cells)
}

fn foreign_key_cells(row: &CatalogRow) -> Option<Vec<Cell>> {
    let CatalogRow::ForeignKey {
        namespace,
        table,
        name,
        ordinal,
        columns,
        ref_namespace,
        ref_table,
        ref_columns,
        on_update,
        on_delete,
    } = row
    else {
        return None;
    };
    let mut cells = named(namespace, table, name);
    cells.extend([Cell::Int8(*ordinal), list(columns)]);
    cells.extend([text(ref_namespace), text(ref_table), list(ref_columns)]);
    cells.extend([text(on_update), text(on_delete)]);
    Some(cells)
}

fn action_cells(row: &CatalogRow) -> Option<Vec<Cell>> {
    let CatalogRow::Action {
        namespace,
        name,
        raw_statement,
        access_modifiers,
        parameter_names,
        parameter_types,
        return_names,
        return_types,
        returns_table,
        built_in,
    } = row
    else {
        return None;
    };
    Some(vec![
        text(namespace),
        text(name),
        Cell::Bool(*built_in),
        text(raw_statement),
        list(access_modifiers),
        list(parameter_names),
        list(parameter_types),
        list(return_names),
        list(return_types),
        Cell::Bool(*returns_table),
    ])
}

/// Takes values one after another.
struct Cells<'c>(std::slice::Iter<'c, Cell>);

impl Cells<'_> {
    fn text(&mut self) -> Option<String> {
        if let Cell::Text(text) = self.0.next()? { Some(text.clone()) } else { None }
    }

    fn truth(&mut self) -> Option<bool> {
        if let Cell::Bool(truth) = self.0.next()? { Some(*truth) } else { None }
    }

    fn number(&mut self) -> Option<i64> {
        if let Cell::Int8(number) = self.0.next()? { Some(*number) } else { None }
    }

    fn options(&mut self) -> Option<Vec<Option<String>>> {
        read_list(&self.text()?)
    }

    fn list(&mut self) -> Option<Vec<String>> {
        self.options()?.into_iter().collect()
    }
}

/// The row of values of a table; `None` when they make none.
pub(super) fn from_cells(table: &EngineTable, cells: &[Cell]) -> Option<CatalogRow> {
    let mut cells = Cells(cells.iter());
    let id = table.table().id;
    let is = |other: &EngineTable| other.table().id == id;
    // Fields are evaluated in the order in which they are written, which is the order of the columns.
    let row = if is(&COLUMN_DEFS) {
        CatalogRow::Column {
            namespace: cells.text()?,
            table: cells.text()?,
            name: cells.text()?,
            ordinal: cells.number()?,
            data_type: cells.text()?,
            shown_type: cells.text()?,
            int4: cells.truth()?,
            not_null: cells.truth()?,
            default: cells.text()?,
            is_primary_key: cells.truth()?,
        }
    } else if is(&INDEX_DEFS) {
        CatalogRow::Index {
            namespace: cells.text()?,
            table: cells.text()?,
            name: cells.text()?,
            is_primary_key: cells.truth()?,
            is_unique: cells.truth()?,
            of_constraint: cells.truth()?,
            ordinal: cells.number()?,
            columns: cells.list()?,
        }
    } else if is(&CONSTRAINT_DEFS) {
        CatalogRow::Constraint {
            namespace: cells.text()?,
            table: cells.text()?,
            name: cells.text()?,
            kind: cells.text()?,
            ordinal: cells.number()?,
            columns: cells.list()?,
            expression: cells.text()?,
        }
    } else if is(&FOREIGN_KEY_DEFS) {
        CatalogRow::ForeignKey {
            namespace: cells.text()?,
            table: cells.text()?,
            name: cells.text()?,
            ordinal: cells.number()?,
            columns: cells.list()?,
            ref_namespace: cells.text()?,
            ref_table: cells.text()?,
            ref_columns: cells.list()?,
            on_update: cells.text()?,
            on_delete: cells.text()?,
        }
    } else {
        return action_role_or_extension(table, cells);
    };
    Some(row)
}

fn action_role_or_extension(table: &EngineTable, mut cells: Cells<'_>) -> Option<CatalogRow> {
    let id = table.table().id;
    let is = |other: &EngineTable| other.table().id == id;
    if is(&ACTION_DEFS) {
        let (namespace, name, built_in) = (cells.text()?, cells.text()?, cells.truth()?);
        Some(CatalogRow::Action {
            namespace,
            name,
            raw_statement: cells.text()?,
            access_modifiers: cells.list()?,
            parameter_names: cells.list()?,
            parameter_types: cells.list()?,
            return_names: cells.list()?,
            return_types: cells.list()?,
            returns_table: cells.truth()?,
            built_in,
        })
    } else if is(&ROLES) {
        Some(CatalogRow::Role { name: cells.text()?, built_in: cells.truth()? })
    } else if is(&ROLE_PRIVILEGES) {
        Some(CatalogRow::RolePrivilege {
            role: cells.text()?,
            privilege: cells.text()?,
            namespace: cells.text()?,
            granted: cells.truth()?,
        })
    } else if is(&USER_ROLES) {
        Some(CatalogRow::UserRole { role: cells.text()?, user: cells.text()? })
    } else if is(&EXTENSION_USES) {
        Some(CatalogRow::Extension {
            namespace: cells.text()?,
            extension: cells.text()?,
            parameters: cells.list()?,
            values: cells.options()?,
            types: cells.list()?,
        })
    } else {
        None
    }
}

fn write_list<'i>(items: impl Iterator<Item = Option<&'i str>>) -> String {
    let mut out = String::from("{");
    for (number, item) in items.enumerate() {
        if number > 0 {
            out.push(',');
        }
        match item {
            None => out.push_str("NULL"),
            Some(item) => crate::values::push_quoted_element(item, &mut out),
        }
    }
    out.push('}');
    out
}

fn read_list(text: &str) -> Option<Vec<Option<String>>> {
    let items = crate::values::split_array(text).ok()?;
    // Only what `write_list` writes: anything else would have two stored forms.
    (write_list(items.iter().map(Option::as_deref)) == text).then_some(items)
}

#[cfg(test)]
mod tests {
    use kwil_engine::catalog::Catalog;

    use super::*;

    #[test]
    fn lists_survive_as_text() {
        for items in [
            vec![],
            vec![None],
            vec![Some(""), None, Some("NULL")],
            vec![Some("a\"b\\c,{}"), Some("\n'")],
        ] {
            let text = write_list(items.iter().copied());
            let read = read_list(&text).unwrap();
            assert_eq!(read.iter().map(Option::as_deref).collect::<Vec<_>>(), items, "{text}");
        }
        for text in ["", "{", "{a}", "{\"a\"", "{\"a\",}", "{\"a\"} "] {
            assert_eq!(read_list(text), None, "{text}");
        }
    }

    #[test]
    fn rows_survive_as_values() {
        let rows = Catalog::genesis(Some("ann")).rows();
        let stored: Vec<_> = rows.iter().filter_map(to_cells).collect();
        assert!(stored.len() > 10);
        for (table, cells) in stored {
            let row = from_cells(table, &cells).unwrap();
            assert!(rows.contains(&row), "{row:?}");
        }
    }
}
