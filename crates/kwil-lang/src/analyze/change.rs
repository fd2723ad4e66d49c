//! `INSERT`, `UPDATE`, `DELETE`.

use std::borrow::Cow;

use kwil_types::DataType;

use super::operator::{retype, typed_as};
use super::plan::{
    PlannedDelete, PlannedInsert, PlannedSource, PlannedUpdate, PlannedUpsert, Typed,
};
use super::{Analyzed, Analyzer, Section, Table, fits};
use crate::ErrorClass;
use crate::ast::{
    Conflict, ConflictAction, Delete, Expr, Ident, Insert, InsertSource, SetClause, Update,
};

impl<'c> Analyzer<'c> {
    pub(super) fn insert(&mut self, insert: &Insert) -> Analyzed<PlannedInsert> {
        let (namespace, table) = self.table(None, &insert.table)?;
        let columns = self.insert_columns(insert, table)?;
        let source = match &insert.source {
            InsertSource::Values(rows) => {
                PlannedSource::Values(self.values(rows, &columns, table)?)
            }
            InsertSource::Select(select) => {
                // Of two rows that conflict, the first one is kept.
                let mut planned = self.select(select, insert.conflict.is_some())?;
                self.check_count(columns.len(), planned.columns.len(), select.span)?;
                let of =
                    |name: &str| table.column(name).map_or(super::NULL, |column| column.data_type);
                planned.type_nulls(columns.iter().map(|name| of(name)));
                PlannedSource::Select(planned)
            }
        };
        let alias = insert.alias.as_ref().unwrap_or(&insert.table).name.clone();
        let conflict = match &insert.conflict {
            Some(conflict) => Some(self.conflict(conflict, &alias, table)?),
            None => None,
        };
        let table = insert.table.name.clone();
        Ok(PlannedInsert { namespace, table, alias, columns, source, conflict })
    }

    fn insert_columns(&self, insert: &Insert, table: &Table) -> Analyzed<Vec<Box<str>>> {
        if insert.columns.is_empty() {
            return Ok(table.columns.iter().map(|column| column.name.clone()).collect());
        }
        for (number, column) in insert.columns.iter().enumerate() {
            self.known_column(table, column)?;
            if insert.columns.iter().take(number).any(|earlier| earlier == column) {
                let detail = format!("column \"{column}\" is given twice");
                return Err(self.error(ErrorClass::PlanOther, column.span, detail));
            }
        }
        let names: Vec<Box<str>> =
            insert.columns.iter().map(|column| column.name.clone()).collect();
        match table.primary_key.iter().find(|key| !names.contains(key)) {
            Some(missing) => {
                let detail = format!("\"{missing}\" is part of the primary key and needs a value");
                Err(self.error(ErrorClass::NotNullable, insert.table.span, detail))
            }
            None => Ok(names),
        }
    }

    fn known_column(&self, table: &Table, column: &Ident) -> Analyzed<kwil_types::DataType> {
        table
            .column(column.as_str())
            .map(|column| column.data_type)
            .ok_or_else(|| self.error(ErrorClass::ColumnNotFound, column.span, column.to_string()))
    }

    fn check_count(&self, columns: usize, values: usize, span: crate::Span) -> Analyzed<()> {
        if columns == values {
            return Ok(());
        }
        let detail = format!("insert has {columns} columns but {values} values were supplied");
        Err(self.error(ErrorClass::PlanOther, span, detail))
    }

    fn values(
        &mut self,
        rows: &[Vec<Expr>],
        columns: &[Box<str>],
        table: &Table,
    ) -> Analyzed<Vec<Vec<Typed>>> {
        let mut planned = Vec::with_capacity(rows.len());
        for row in rows {
            let span = row.first().map(|value| value.span).unwrap_or_default();
            self.check_count(columns.len(), row.len(), span)?;
            let mut typed = Vec::with_capacity(row.len());
            for (value, name) in row.iter().zip(columns) {
                let data_type = table.column(name).map_or(super::NULL, |column| column.data_type);
                typed.push(self.value_of(value, data_type, name)?);
            }
            planned.push(typed);
        }
        Ok(planned)
    }

    /// A value for this column.
    fn value_of(&mut self, value: &Expr, wanted: DataType, column: &str) -> Analyzed<Typed> {
        let typed = self.expr(value)?;
        if !fits(typed.data_type, wanted) {
            let what = format!("column \"{column}\"");
            self.expect_fit(typed.data_type, wanted, value.span, &what)?;
        }
        Ok(typed_as(typed, wanted))
    }

    fn conflict(
        &mut self,
        conflict: &Conflict,
        alias: &str,
        table: &'c Table,
    ) -> Analyzed<PlannedUpsert> {
        let span = conflict.columns.first().map(|column| column.span).unwrap_or_default();
        for column in &conflict.columns {
            self.known_column(table, column)?;
        }
        if let Some(filter) = &conflict.filter {
            let detail = "a conflict target with WHERE needs a partial index, which do not exist";
            return Err(self.error(ErrorClass::PlanOther, filter.span, detail));
        }
        let names: Vec<&str> = conflict.columns.iter().map(Ident::as_str).collect();
        if !names.is_empty() && !table.is_unique_in(&names) {
            let detail = format!(
                "conflict columns must have a unique index or primary key: ({})",
                names.join(", ")
            );
            return Err(self.error(ErrorClass::ConflictArbiter, span, detail));
        }
        let (set, filter) = match &conflict.action {
            ConflictAction::Nothing => (None, None),
            ConflictAction::Update { .. } if names.is_empty() => {
                let detail = "ON CONFLICT DO UPDATE needs the columns that conflict";
                return Err(self.error(ErrorClass::PlanOther, span, detail));
            }
            ConflictAction::Update { set, filter } => self.in_scope(|analyzer| {
                analyzer.add_relation(alias, Cow::Borrowed(&table.columns), span)?;
                analyzer.add_relation("excluded", Cow::Borrowed(&table.columns), span)?;
                let set = analyzer.set(set, table)?;
                let filter = match filter {
                    Some(filter) => Some(analyzer.condition(filter, Section::Where)?),
                    None => None,
                };
                Ok((Some(set), filter))
            })?,
        };
        Ok(PlannedUpsert { columns: names.into_iter().map(Box::from).collect(), set, filter })
    }

    fn set(&mut self, clauses: &[SetClause], table: &Table) -> Analyzed<Vec<(Box<str>, Typed)>> {
        let mut planned = Vec::with_capacity(clauses.len());
        for SetClause { column, value } in clauses {
            let data_type = self.known_column(table, column)?;
            let typed = self.value_of(value, data_type, &column.name)?;
            planned.push((column.name.clone(), typed));
        }
        Ok(planned)
    }

    pub(super) fn update(&mut self, update: &Update) -> Analyzed<PlannedUpdate> {
        let (namespace, table) = self.table(None, &update.table)?;
        let alias = update.alias.as_ref().unwrap_or(&update.table).name.clone();
        if update.from.is_some() && update.filter.is_none() {
            let detail = format!("table \"{}\"", update.table);
            let class = ErrorClass::UpdateFromWithoutWhere;
            return Err(self.error(class, update.table.span, detail));
        }
        self.in_scope(|analyzer| {
            // Conditions of joins do not see the table that is changed.
            let from = match &update.from {
                Some(from) => Some(analyzer.relations(from)?),
                None => None,
            };
            analyzer.add_target(&alias, Cow::Borrowed(&table.columns), update.table.span)?;
            let mut set = analyzer.set(&update.set, table)?;
            let filter = match &update.filter {
                Some(filter) => Some(analyzer.condition(filter, Section::Where)?),
                None => None,
            };
            let mut pick = Vec::new();
            if let (Some(from), true) = (&from, analyzer.context.deterministic)
                && !analyzer.meets_one_row(&alias, from, filter.as_ref())
            {
                pick.clone_from(&table.primary_key);
                type_nulls(&mut set, table);
            }
            let table = update.table.name.clone();
            Ok(PlannedUpdate { namespace, table, alias: alias.clone(), set, from, filter, pick })
        })
    }

    pub(super) fn delete(&mut self, delete: &Delete) -> Analyzed<PlannedDelete> {
        let (namespace, table) = self.table(None, &delete.table)?;
        let alias = delete.alias.as_ref().unwrap_or(&delete.table).name.clone();
        self.in_scope(|analyzer| {
            analyzer.add_relation(&alias, Cow::Borrowed(&table.columns), delete.table.span)?;
            let filter = match &delete.filter {
                Some(filter) => Some(analyzer.condition(filter, Section::Where)?),
                None => None,
            };
            let table = delete.table.name.clone();
            Ok(PlannedDelete { namespace, table, alias: alias.clone(), filter })
        })
    }
}

/// Values without a type take that of their column.
fn type_nulls(set: &mut [(Box<str>, Typed)], table: &Table) {
    for (name, value) in set {
        if let Some(column) = table.column(name) {
            retype(value, column.data_type);
        }
    }
}
