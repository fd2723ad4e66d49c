//! `CREATE TABLE` and `DROP TABLE`.

use kwil_lang::analyze::Column;
use kwil_lang::ast::{self, ColumnRule, CreateTable, DropTable, Expr, Ident, TableRule};
use kwil_lang::quote_ident;
use kwil_types::Value;

use super::constraint::Constrained;
use super::default::default_text;
use super::draft::{Checked, Draft, other, qualified, relation_exists, still_needed};
use crate::catalog::names::TakenNames;
use crate::catalog::{Catalog, Table, TableColumn};
use crate::{Ddl, DdlColumn, Failure};

/// What `CREATE TABLE` demands of rows, wherever it is written.
struct Demand<'a> {
    /// Where it stands in the text: names are chosen in this order.
    at: u32,
    name: Option<&'a Ident>,
    rule: Rule<'a>,
}

enum Rule<'a> {
    PrimaryKey(&'a [Ident]),
    Unique(&'a [Ident]),
    Check(&'a Expr),
    ForeignKey(&'a [Ident], &'a ast::ForeignKey),
}

/// The defaults of a new table, in the order of [`create_table`].
pub(super) fn default_exprs(create: &CreateTable) -> impl Iterator<Item = &Expr> {
    let rules = create.columns.iter().flat_map(|column| &column.rules);
    rules.filter_map(|rule| match rule {
        ColumnRule::Default(expr) => Some(expr),
        ColumnRule::PrimaryKey
        | ColumnRule::Unique
        | ColumnRule::NotNull
        | ColumnRule::Check(_)
        | ColumnRule::References(_) => None,
    })
}

/// Whether there is nothing to do, because the table exists and `IF NOT EXISTS` is written.
pub(super) fn is_there(catalog: &Catalog, namespace: &str, create: &CreateTable) -> Checked<bool> {
    let name = create.name.as_str();
    if catalog.table_of(namespace, name).is_none() {
        return Ok(false);
    }
    if create.if_not_exists {
        return Ok(true);
    }
    Err(other(format!("table \"{name}\" already exists")))
}

/// Adds the table. `defaults` are the values of [`default_exprs`].
pub(super) fn create_table(
    draft: &mut Draft,
    namespace: &str,
    create: &CreateTable,
    defaults: Vec<Value>,
) -> Checked<()> {
    let name = create.name.as_str();
    let mut taken = TakenNames::of(draft.namespace(namespace)?);
    if taken.relations.contains(name) {
        return Err(relation_exists(name));
    }
    taken.relations.insert(name.into());
    let table = columns(create, defaults)?;
    let catalog = &draft.catalog;
    let mut new = Constrained { catalog, namespace, name, table, taken };
    let constraints = constraints(&mut new, demands(create))?;
    let table = new.table;
    let mut items = column_items(&table);
    items.extend(constraints);
    let sql = format!("CREATE TABLE {} ({})", qualified(namespace, name), items.join(", "));
    draft.ddl.push(Ddl::CreateTable {
        namespace: namespace.into(),
        name: name.into(),
        columns: ddl_columns(&table),
        sql,
    });
    draft.put_table(namespace, name, table);
    Ok(())
}

/// Fails for the names of the columns that PostgreSQL gives to every table.
pub(super) fn check_column_name(name: &str) -> Checked<()> {
    if ["ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"].contains(&name) {
        let message = format!("column name \"{name}\" conflicts with a system column name");
        return Err(Failure::sql("42701", &message));
    }
    Ok(())
}

fn columns(create: &CreateTable, defaults: Vec<Value>) -> Checked<Table> {
    let mut table = Table::default();
    let mut defaults = defaults.into_iter();
    for column in &create.columns {
        check_column_name(column.name.as_str())?;
        let mut made = TableColumn { int4: column.data_type.int4, ..TableColumn::default() };
        for rule in &column.rules {
            match rule {
                ColumnRule::NotNull => made.not_null = true,
                ColumnRule::Default(_) if made.default.is_some() => {
                    let message = format!(
                        "multiple default values specified for column \"{}\" of table \"{}\"",
                        column.name, create.name
                    );
                    return Err(Failure::sql("42601", &message));
                }
                ColumnRule::Default(_) => {
                    made.default = defaults.next().map(|value| default_text(&value).into());
                }
                ColumnRule::PrimaryKey
                | ColumnRule::Unique
                | ColumnRule::Check(_)
                | ColumnRule::References(_) => {}
            }
        }
        let shape =
            Column { name: column.name.name.clone(), data_type: column.data_type.data_type };
        table.shape.columns.push(shape);
        table.columns.push(made);
    }
    Ok(table)
}

fn demands(create: &CreateTable) -> Vec<Demand<'_>> {
    let mut demands = Vec::new();
    for column in &create.columns {
        let this = std::slice::from_ref(&column.name);
        for rule in &column.rules {
            let rule = match rule {
                ColumnRule::PrimaryKey => Rule::PrimaryKey(this),
                ColumnRule::Unique => Rule::Unique(this),
                ColumnRule::Check(condition) => Rule::Check(condition),
                ColumnRule::References(references) => Rule::ForeignKey(this, references),
                ColumnRule::NotNull | ColumnRule::Default(_) => continue,
            };
            demands.push(Demand { at: column.name.span.start, name: None, rule });
        }
    }
    for constraint in &create.constraints {
        let rule = match &constraint.rule {
            TableRule::PrimaryKey(columns) => Rule::PrimaryKey(columns),
            TableRule::Unique(columns) => Rule::Unique(columns),
            TableRule::Check(condition) => Rule::Check(condition),
            TableRule::ForeignKey { columns, references } => Rule::ForeignKey(columns, references),
        };
        let name = constraint.name.as_ref();
        demands.push(Demand { at: constraint.span.start, name, rule });
    }
    demands.sort_by_key(|demand| demand.at);
    demands
}

/// Adds all constraints in the order in which PostgreSQL names them: checks, the primary key, unique keys, foreign keys.
fn constraints(new: &mut Constrained<'_>, demands: Vec<Demand<'_>>) -> Checked<Vec<String>> {
    let (mut checks, mut keys, mut foreign_keys) = (Vec::new(), Vec::new(), Vec::new());
    for demand in demands {
        match demand.rule {
            Rule::Check(condition) => checks.push(new.check(demand.name, condition)?),
            Rule::PrimaryKey(columns) => keys.insert(0, (demand.name, columns, true)),
            Rule::Unique(columns) => keys.push((demand.name, columns, false)),
            Rule::ForeignKey(columns, references) => {
                foreign_keys.push((demand.name, columns, references));
            }
        }
    }
    let mut all = Vec::new();
    for (name, columns, is_primary) in without_repeats(keys) {
        all.push(if is_primary {
            new.primary_key(name, columns)?
        } else {
            new.unique(name, columns)?
        });
    }
    all.append(&mut checks);
    for (name, columns, references) in foreign_keys {
        all.push(new.foreign_key(name, columns, references)?);
    }
    Ok(all)
}

type Key<'a> = (Option<&'a Ident>, &'a [Ident], bool);

/// Of keys with equal columns the first one stays. It takes the name of a later one when it has none.
fn without_repeats(keys: Vec<Key<'_>>) -> Vec<Key<'_>> {
    let mut kept: Vec<Key<'_>> = Vec::new();
    for key in keys {
        match kept.iter_mut().find(|earlier| earlier.1 == key.1) {
            Some(earlier) => earlier.0 = earlier.0.or(key.0),
            None => kept.push(key),
        }
    }
    kept
}

fn column_items(table: &Table) -> Vec<String> {
    let columns = table.shape.columns.iter().zip(&table.columns);
    let items = columns.map(|(shape, column)| {
        let not_null = if column.not_null { " NOT NULL" } else { "" };
        let default = column.default.as_ref().map(|text| format!(" DEFAULT {text}"));
        format!(
            "{} {}{not_null}{}",
            quote_ident(&shape.name),
            column.sql_type(shape.data_type),
            default.unwrap_or_default()
        )
    });
    items.collect()
}

fn ddl_columns(table: &Table) -> Vec<DdlColumn> {
    let columns = table.shape.columns.iter().zip(&table.columns);
    let columns = columns.map(|(shape, column)| DdlColumn {
        name: shape.name.clone(),
        data_type: shape.data_type,
        int4: column.int4,
        not_null: column.not_null,
    });
    columns.collect()
}

/// Removes tables, and the foreign keys of other tables that refer to them when the statement says `CASCADE`.
pub(super) fn drop_tables(draft: &mut Draft, namespace: &str, drop: &DropTable) -> Checked<()> {
    let mut going: Vec<&str> = Vec::new();
    for table in &drop.tables {
        let name = table.as_str();
        if draft.catalog.table_of(namespace, name).is_none() {
            if drop.if_exists {
                continue;
            }
            return Err(other(format!("table \"{name}\" does not exist")));
        }
        if !going.contains(&name) {
            going.push(name);
        }
    }
    if !drop.cascade {
        for name in &going {
            let is_needed = draft
                .referring(namespace, name)
                .any(|(other, table, _)| other != namespace || !going.contains(&table));
            if is_needed {
                return Err(still_needed(format_args!("table {name}")));
            }
        }
    }
    for name in &going {
        // Nothing but foreign keys can depend on a table, and which ones may go is decided above.
        let sql = format!("DROP TABLE {} CASCADE", qualified(namespace, name));
        draft.ddl.push(Ddl::DropTable { namespace: namespace.into(), name: (*name).into(), sql });
        if let Some(namespace) = draft.catalog.namespace_mut(namespace) {
            namespace.tables.remove(*name);
        }
        draft
            .catalog
            .remove_foreign_keys(|key| &*key.namespace == namespace && &*key.table == *name);
    }
    Ok(())
}
