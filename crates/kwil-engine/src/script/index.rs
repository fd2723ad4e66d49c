//! `CREATE INDEX` and `DROP INDEX`.

use kwil_lang::ErrorClass;
use kwil_lang::ast::{CreateIndex, DropIndex};
use kwil_lang::quote_ident;

use super::draft::{Checked, Draft, list, no_column, qualified, relation_exists, still_needed};
use crate::Failure;
use crate::catalog::Index;
use crate::catalog::names::TakenNames;

/// Adds an index.
pub(super) fn create_index(
    draft: &mut Draft,
    namespace: &str,
    create: &CreateIndex,
) -> Checked<()> {
    let table_name = create.table.as_str();
    let Some(table) = draft.catalog.table_of(namespace, table_name) else {
        return Err(Failure::new(ErrorClass::UnknownTable, format!("\"{table_name}\"")));
    };
    for column in &create.columns {
        if table.shape.column(column.as_str()).is_none() {
            return Err(no_column(column.as_str()));
        }
    }
    let columns: Vec<_> = create.columns.iter().map(|column| column.name.clone()).collect();
    let taken = TakenNames::of(draft.namespace(namespace)?);
    let name = match &create.name {
        None => taken.index(table_name, &columns),
        Some(name) if !taken.relations.contains(name.as_str()) => name.name.clone(),
        Some(_) if create.if_not_exists => return Ok(()),
        Some(name) => return Err(relation_exists(name.as_str())),
    };
    draft.sql(format!(
        "CREATE {}INDEX {} ON {} {}",
        if create.unique { "UNIQUE " } else { "" },
        quote_ident(&name),
        qualified(namespace, table_name),
        list(&columns)
    ));
    if let Some(table) = draft.catalog.table_mut(namespace, table_name) {
        table.indexes.push(Index { name, columns, unique: create.unique });
        table.refresh();
    }
    Ok(())
}

/// Removes an index.
pub(super) fn drop_index(draft: &mut Draft, namespace: &str, drop: &DropIndex) -> Checked<()> {
    let name = drop.name.as_str();
    let found = draft.namespace(namespace)?;
    let owner = found.tables.iter().find_map(|(table_name, table)| {
        let index = table.indexes.iter().find(|index| &*index.name == name)?;
        Some((table_name.clone(), index.columns.clone(), index.unique))
    });
    let Some((table_name, columns, is_unique)) = owner else {
        let of_key = found.tables.iter().find(|(_, table)| table.key_names().contains(name));
        return match of_key {
            Some((table, _)) => Err(Failure::sql(
                "2BP01",
                &format!(
                    "cannot drop index {name} because constraint {name} on table {table} requires it"
                ),
            )),
            None if found.tables.contains_key(name) => {
                Err(Failure::sql("42809", &format!("\"{name}\" is not an index")))
            }
            None if drop.if_exists => Ok(()),
            None => Err(Failure::sql("42704", &format!("index \"{name}\" does not exist"))),
        };
    };
    if is_unique && draft.is_key_needed(namespace, &table_name, &columns) {
        return Err(still_needed(format_args!("index {name}")));
    }
    draft.sql(format!("DROP INDEX {}", qualified(namespace, name)));
    if let Some(table) = draft.catalog.table_mut(namespace, &table_name) {
        table.indexes.retain(|index| &*index.name != name);
        table.refresh();
    }
    Ok(())
}
