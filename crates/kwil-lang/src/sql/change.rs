//! `INSERT`, `UPDATE`, `DELETE`.

use std::fmt::Write;

use super::{Look, Use, Writer};
use crate::analyze::{
    Body, Parameter, Plan, PlannedDelete, PlannedFrom, PlannedInsert, PlannedSource, PlannedUpdate,
    PlannedUpsert, Typed, TypedInSource, TypedKind,
};

/// The relation with the parameters of an `INSERT` of many rows; no program can write such a name.
pub(super) const ROWS: &str = "_rows";
/// Parameters of such an `INSERT` at most; PostgreSQL's functions take 100 arguments.
const MAX_COLUMNS: usize = 64;

/// The `INSERT` of a plan that may be written for many rows.
pub(super) fn insert_of_one_row(plan: &Plan) -> Option<&PlannedInsert> {
    let Body::Insert(insert) = &plan.body else { return None };
    let PlannedSource::Values(rows) = &insert.source else { return None };
    let [row] = rows.as_slice() else { return None };
    let is_plain = plan.with.is_empty() && insert.conflict.is_none();
    let can_travel = !plan.parameters.is_empty()
        && plan.parameters.len() <= MAX_COLUMNS
        && plan.parameters.iter().all(|parameter| {
            parameter.data_type != super::key::NULL && !parameter.data_type.is_array()
        });
    let asks = |typed: &Typed| match &typed.kind {
        TypedKind::Subquery(_) | TypedKind::Exists { .. } => true,
        TypedKind::In(list) => matches!(list.source, TypedInSource::Select(_)),
        _ => false,
    };
    (is_plain && can_travel && !row.iter().any(|value| value.any(&asks))).then_some(insert)
}

impl<'p> Writer<'p> {
    fn set(&mut self, set: &'p [(Box<str>, Typed)]) {
        self.push(" SET ");
        self.list(set, |writer, (column, value)| {
            writer.ident(column);
            writer.push(" = ");
            writer.expr(value);
        });
    }

    pub(super) fn insert(&mut self, insert: &'p PlannedInsert) {
        self.push("INSERT INTO ");
        self.target(&insert.namespace, &insert.table, &insert.alias);
        self.push(" ");
        self.names(&insert.columns);
        match &insert.source {
            PlannedSource::Values(rows) => {
                self.push(" VALUES ");
                self.list(rows, |writer, row| {
                    writer.push("(");
                    writer.exprs(row);
                    writer.push(")");
                });
            }
            PlannedSource::Select(select) => {
                self.push(" ");
                self.select(select, Use::Answer);
            }
        }
        if let Some(conflict) = &insert.conflict {
            self.conflict(conflict);
        }
    }

    pub(super) fn insert_of_rows(
        &mut self,
        insert: &'p PlannedInsert,
        parameters: &'p [Parameter],
    ) {
        self.push("INSERT INTO ");
        self.target(&insert.namespace, &insert.table, &insert.alias);
        self.push(" ");
        self.names(&insert.columns);
        self.push(" SELECT ");
        if let PlannedSource::Values(rows) = &insert.source {
            rows.iter().for_each(|row| self.exprs(row));
        }
        self.push(" FROM unnest(");
        for (index, parameter) in parameters.iter().enumerate() {
            let _ = write!(
                self.out,
                "{}${}::",
                if index > 0 { ", " } else { "" },
                index.saturating_add(1)
            );
            self.push_type(parameter.data_type);
            self.push("[]");
        }
        let _ = write!(self.out, ") AS {ROWS}(");
        for number in 1..=parameters.len() {
            let _ = write!(self.out, "{}p{number}", if number > 1 { ", " } else { "" });
        }
        self.push(")");
    }

    fn conflict(&mut self, conflict: &'p PlannedUpsert) {
        self.push(" ON CONFLICT ");
        if !conflict.columns.is_empty() {
            self.names(&conflict.columns);
            self.push(" ");
        }
        match &conflict.set {
            None => self.push("DO NOTHING"),
            Some(set) => {
                self.push("DO UPDATE");
                self.set(set);
                self.condition(" WHERE ", conflict.filter.as_ref(), &[]);
            }
        }
    }

    pub(super) fn update(&mut self, update: &'p PlannedUpdate) {
        self.push("UPDATE ");
        self.target(&update.namespace, &update.table, &update.alias);
        match &update.from {
            Some(from) if !update.pick.is_empty() => self.picked(update, from),
            from => {
                self.set(&update.set);
                self.relations_and_filter(
                    from.as_ref(),
                    update.filter.as_ref(),
                    Some(&update.alias),
                );
            }
        }
    }

    /// Several rows of `FROM` may meet one row of the table, and PostgreSQL would take any of them: the smallest values,
    /// compared in the order of the assignments, are taken.
    fn picked(&mut self, update: &'p PlannedUpdate, from: &'p PlannedFrom) {
        let keys = &update.pick;
        self.push(" SET ");
        for (number, (column, _)) in update.set.iter().enumerate() {
            self.push(if number > 0 { ", " } else { "" });
            self.ident(column);
            let _ = write!(self.out, " = \"_q\".\"v{number}\"");
        }
        self.push(" FROM (SELECT DISTINCT ON (");
        self.list(keys, |writer, key| writer.column(&update.alias, key));
        self.push(") ");
        for (number, key) in keys.iter().enumerate() {
            self.push(if number > 0 { ", " } else { "" });
            self.column(&update.alias, key);
            let _ = write!(self.out, " AS \"k{number}\"");
        }
        for (number, (_, value)) in update.set.iter().enumerate() {
            self.push(", ");
            self.item(value, Look::ToldApart, None);
            let _ = write!(self.out, " AS \"v{number}\"");
        }
        self.push(" FROM ");
        self.target(&update.namespace, &update.table, &update.alias);
        let has_joins = !from.joins.is_empty();
        self.push(if has_joins { " CROSS JOIN (" } else { " CROSS JOIN " });
        let mut pins = vec![&*update.alias];
        self.rows(from, update.filter.as_ref(), &mut pins, if has_joins { ")" } else { "" });
        self.push(" ORDER BY ");
        for number in 1..=keys.len().saturating_add(update.set.len()) {
            let _ = write!(self.out, "{}{number}", if number > 1 { ", " } else { "" });
        }
        self.push(") AS \"_q\" WHERE ");
        for (number, key) in keys.iter().enumerate() {
            self.push(if number > 0 { " AND " } else { "" });
            self.column(&update.alias, key);
            let _ = write!(self.out, " = \"_q\".\"k{number}\"");
        }
    }

    pub(super) fn delete(&mut self, delete: &'p PlannedDelete) {
        self.push("DELETE FROM ");
        self.target(&delete.namespace, &delete.table, &delete.alias);
        self.condition(" WHERE ", delete.filter.as_ref(), &[]);
    }
}
