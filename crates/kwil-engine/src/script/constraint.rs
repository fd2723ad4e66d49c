//! Constraints of a table: names, checks, and the SQL of each.

use std::collections::BTreeMap;

use kwil_lang::analyze::{Context, analyze_check};
use kwil_lang::ast::{self, Expr, Ident, KeyAction};
use kwil_lang::{INTERNAL_SCHEMA, quote_ident, write_expr};

use super::draft::{Checked, list, no_column, no_namespace, qualified, relation_exists};
use crate::Failure;
use crate::catalog::check_text::reads_column;
use crate::catalog::names::TakenNames;
use crate::catalog::{Catalog, Check, ForeignKey, INFO, NamedKey, Table};

/// A table that gets constraints.
pub(super) struct Constrained<'c> {
    pub(super) catalog: &'c Catalog,
    pub(super) namespace: &'c str,
    pub(super) name: &'c str,
    pub(super) table: Table,
    pub(super) taken: TakenNames,
}

/// Columns that the table has, each once.
fn key_columns(table: &Table, columns: &[Ident], what: &str) -> Checked<Vec<Box<str>>> {
    let mut names: Vec<Box<str>> = Vec::with_capacity(columns.len());
    for column in columns {
        if table.shape.column(column.as_str()).is_none() {
            return Err(no_column(column.as_str()));
        }
        if names.contains(&column.name) {
            let message = format!("column \"{column}\" appears twice in {what} constraint");
            return Err(Failure::sql("42701", &message));
        }
        names.push(column.name.clone());
    }
    Ok(names)
}

impl Constrained<'_> {
    /// Adds a `CHECK`; the text is `CONSTRAINT "name" CHECK (…)`.
    pub(super) fn check(&mut self, name: Option<&Ident>, condition: &Expr) -> Checked<String> {
        let context = Context {
            catalog: self.catalog,
            namespace: self.namespace,
            variables: &BTreeMap::new(),
            deterministic: true,
        };
        let typed = analyze_check(condition, self.name, &self.table.shape, context)?;
        let expression = write_expr(&typed, INTERNAL_SCHEMA);
        let columns = self.table.shape.columns.iter().map(|column| &column.name);
        let columns: Vec<_> =
            columns.filter(|column| reads_column(&expression, column)).cloned().collect();
        let name = match name {
            Some(name) => self.free_constraint(name)?,
            None => self.taken.check(self.name, &columns),
        };
        let sql = format!("CONSTRAINT {} CHECK ({expression})", quote_ident(&name));
        self.taken.constraints.insert(name.clone());
        self.table.checks.push(Check { name, columns, expression: expression.into() });
        Ok(sql)
    }

    /// Sets the primary key; the text is `CONSTRAINT "name" PRIMARY KEY (…)`.
    pub(super) fn primary_key(
        &mut self,
        name: Option<&Ident>,
        columns: &[Ident],
    ) -> Checked<String> {
        let columns = key_columns(&self.table, columns, "primary key")?;
        let name = match name {
            Some(name) => self.free_key(name)?,
            None => self.taken.primary_key(self.name),
        };
        let sql = format!("CONSTRAINT {} PRIMARY KEY {}", quote_ident(&name), list(&columns));
        self.take_key(&name);
        for (shape, column) in self.table.shape.columns.iter().zip(&mut self.table.columns) {
            column.not_null |= columns.contains(&shape.name);
        }
        self.table.primary_key_name = name;
        self.table.shape.primary_key = columns;
        Ok(sql)
    }

    /// Adds a `UNIQUE` constraint; the text is `CONSTRAINT "name" UNIQUE (…)`.
    pub(super) fn unique(&mut self, name: Option<&Ident>, columns: &[Ident]) -> Checked<String> {
        let columns = key_columns(&self.table, columns, "unique")?;
        let name = match name {
            Some(name) => self.free_key(name)?,
            None => self.taken.unique(self.name, &columns),
        };
        let sql = format!("CONSTRAINT {} UNIQUE {}", quote_ident(&name), list(&columns));
        self.take_key(&name);
        self.table.uniques.push(NamedKey { name, columns });
        self.table.refresh();
        Ok(sql)
    }

    /// Adds a foreign key; the text is `CONSTRAINT "name" FOREIGN KEY (…) REFERENCES …`.
    pub(super) fn foreign_key(
        &mut self,
        name: Option<&Ident>,
        columns: &[Ident],
        references: &ast::ForeignKey,
    ) -> Checked<String> {
        let columns = key_columns(&self.table, columns, "foreign key")?;
        let namespace = references.namespace.as_ref().map_or(self.namespace, Ident::as_str);
        let referred: Vec<_> =
            references.columns.iter().map(|column| column.name.clone()).collect();
        self.check_reference(namespace, references.table.as_str(), &referred, columns.len())?;
        let name = match name {
            Some(name) => self.free_constraint(name)?,
            None => self.taken.foreign_key(self.name, &columns),
        };
        let action = |action: Option<KeyAction>| action.unwrap_or(KeyAction::NoAction).text();
        let key = ForeignKey {
            name,
            columns,
            namespace: namespace.into(),
            table: references.table.name.clone(),
            referred,
            on_update: action(references.on_update),
            on_delete: action(references.on_delete),
        };
        let sql = format!(
            "CONSTRAINT {} FOREIGN KEY {} REFERENCES {} {} ON UPDATE {} ON DELETE {}",
            quote_ident(&key.name),
            list(&key.columns),
            qualified(&key.namespace, &key.table),
            list(&key.referred),
            key.on_update,
            key.on_delete,
        );
        self.taken.constraints.insert(key.name.clone());
        self.table.foreign_keys.push(key);
        Ok(sql)
    }

    /// What is referred to must exist and be unique. Whether the types can be compared is PostgreSQL's decision.
    fn check_reference(
        &self,
        namespace: &str,
        table: &str,
        referred: &[Box<str>],
        columns: usize,
    ) -> Checked<()> {
        let Some(found) = self.catalog.namespace(namespace) else {
            return Err(no_namespace(namespace));
        };
        let is_own = namespace == self.namespace && table == self.name;
        let target = match found.tables.get(table) {
            // The own table may have just got the key that is referred to.
            _ if is_own => &self.table,
            Some(target) => target,
            None => {
                let message = format!("relation \"{namespace}.{table}\" does not exist");
                return Err(Failure::sql("42P01", &message));
            }
        };
        if namespace == INFO {
            let message = format!("referenced relation \"{table}\" is not a table");
            return Err(Failure::sql("42809", &message));
        }
        for column in referred {
            if target.shape.column(column).is_none() {
                let message = format!(
                    "column \"{column}\" referenced in foreign key constraint does not exist"
                );
                return Err(Failure::sql("42703", &message));
            }
        }
        if referred.len() != columns {
            let message = "number of referencing and referenced columns for foreign key disagree";
            return Err(Failure::sql("42830", message));
        }
        let names: Vec<&str> = referred.iter().map(|column| &**column).collect();
        if !target.shape.is_unique_in(&names) {
            let message = format!(
                "there is no unique constraint matching given keys for referenced table \"{table}\""
            );
            return Err(Failure::sql("42830", &message));
        }
        Ok(())
    }

    fn free_constraint(&self, name: &Ident) -> Checked<Box<str>> {
        if self.table.constraint_names().contains(name.as_str()) {
            let message =
                format!("constraint \"{name}\" for relation \"{}\" already exists", self.name);
            return Err(Failure::sql("42710", &message));
        }
        Ok(name.name.clone())
    }

    fn free_key(&self, name: &Ident) -> Checked<Box<str>> {
        if self.taken.relations.contains(name.as_str()) {
            return Err(relation_exists(name.as_str()));
        }
        self.free_constraint(name)
    }

    fn take_key(&mut self, name: &str) {
        self.taken.relations.insert(name.into());
        self.taken.constraints.insert(name.into());
    }
}
