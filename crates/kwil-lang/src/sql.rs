//! The writer: a typed plan as one statement of PostgreSQL.
//!
//! Identifiers are always quoted, integers are `INT8` whatever their size, and parentheses follow the tree, so that
//! PostgreSQL computes what the plan says and nothing else. Values of variables are never part of the text.

mod expr;
mod internal;

pub use internal::{
    INTERNAL_FUNCTIONS, INTERNAL_SCHEMA, InternalFunction, MAX_BUILT_BYTES, MAX_COLLECTED,
};

use std::fmt::Write;

use kwil_types::{DataType, TypeKind};

use crate::analyze::{
    Body, OrderKey, OutputColumn, Plan, PlannedCore, PlannedFrom, PlannedInsert, PlannedOrder,
    PlannedRelation, PlannedSelect, PlannedSource, PlannedUpsert, RelationSource, Typed,
};

/// Writes a plan. `internal` is the schema with the node's own functions and collations. Parameters are `$1`, `$2`, … in
/// the order of [`Plan::parameters`].
#[must_use]
pub fn write_sql(plan: &Plan, internal: &str) -> String {
    let mut writer = Writer::new(internal);
    writer.with(plan);
    match &plan.body {
        Body::Select(select) => writer.select(select),
        Body::Insert(insert) => writer.insert(insert),
        Body::Update(update) => {
            writer.push("UPDATE ");
            writer.target(&update.namespace, &update.table, &update.alias);
            writer.set(&update.set);
            if let Some(from) = &update.from {
                writer.push(" FROM ");
                writer.from(from);
            }
            writer.clause(" WHERE ", update.filter.as_ref());
        }
        Body::Delete(delete) => {
            writer.push("DELETE FROM ");
            writer.target(&delete.namespace, &delete.table, &delete.alias);
            writer.clause(" WHERE ", delete.filter.as_ref());
        }
    }
    writer.out
}

/// Writes an expression over the rows of one table, such as a `CHECK`. Columns stand without their table, so that the
/// text stays true when the table gets another name.
#[must_use]
pub fn write_expr(expr: &Typed, internal: &str) -> String {
    let mut writer = Writer { is_bare: true, ..Writer::new(internal) };
    writer.expr(expr);
    writer.out
}

/// PostgreSQL's name of a type of the language.
#[must_use]
pub fn sql_type(data_type: DataType) -> String {
    let name = match data_type.kind() {
        TypeKind::Null | TypeKind::Text => "TEXT".to_owned(),
        TypeKind::Int8 => "INT8".to_owned(),
        TypeKind::Bool => "BOOL".to_owned(),
        TypeKind::Bytea => "BYTEA".to_owned(),
        TypeKind::Uuid => "UUID".to_owned(),
        TypeKind::Numeric { precision, scale } => format!("NUMERIC({precision},{scale})"),
    };
    if data_type.is_array() { format!("{name}[]") } else { name }
}

/// A name as PostgreSQL takes it literally.
#[must_use]
pub fn quote_ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

struct Writer<'p> {
    out: String,
    internal: &'p str,
    /// What completes the order of windows, of the cores being written.
    tiebreaks: Vec<&'p [Typed]>,
    /// Columns are written without their relation.
    is_bare: bool,
}

impl<'p> Writer<'p> {
    fn new(internal: &'p str) -> Self {
        Self { out: String::new(), internal, tiebreaks: Vec::new(), is_bare: false }
    }

    fn push(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn ident(&mut self, name: &str) {
        self.out.push('"');
        for (number, part) in name.split('"').enumerate() {
            self.out.push_str(if number > 0 { "\"\"" } else { "" });
            self.out.push_str(part);
        }
        self.out.push('"');
    }

    fn list<T>(&mut self, items: &'p [T], mut write: impl FnMut(&mut Self, &'p T)) {
        for (number, item) in items.iter().enumerate() {
            if number > 0 {
                self.push(", ");
            }
            write(self, item);
        }
    }

    fn exprs(&mut self, exprs: &'p [Typed]) {
        self.list(exprs, Self::expr);
    }

    fn names(&mut self, names: &'p [Box<str>]) {
        self.push("(");
        self.list(names, |writer, name| writer.ident(name));
        self.push(")");
    }

    fn clause(&mut self, words: &str, expr: Option<&'p Typed>) {
        if let Some(expr) = expr {
            self.push(words);
            self.expr(expr);
        }
    }

    fn with(&mut self, plan: &'p Plan) {
        if plan.with.is_empty() {
            return;
        }
        self.push(if plan.recursive { "WITH RECURSIVE " } else { "WITH " });
        self.list(&plan.with, |writer, cte| {
            writer.ident(&cte.name);
            writer.push(" (");
            writer.list(&cte.columns, |writer, column: &OutputColumn| writer.ident(&column.name));
            writer.push(") AS (");
            writer.select(&cte.select);
            writer.push(")");
        });
        self.push(" ");
    }

    fn select(&mut self, select: &'p PlannedSelect) {
        self.core(&select.first);
        for (op, core) in &select.compounds {
            self.push(" ");
            self.push(op.text());
            self.push(" ");
            self.core(core);
        }
        // Terms of the order may hold windows; they belong to the only core.
        self.tiebreaks.push(&select.first.tiebreak);
        self.order_by(" ORDER BY ", &select.order_by);
        self.tiebreaks.pop();
        self.clause(" LIMIT ", select.limit.as_ref());
        self.clause(" OFFSET ", select.offset.as_ref());
    }

    fn core(&mut self, core: &'p PlannedCore) {
        self.tiebreaks.push(&core.tiebreak);
        self.push(if core.distinct { "SELECT DISTINCT " } else { "SELECT " });
        self.list(&core.results, |writer, (expr, name)| {
            writer.expr(expr);
            writer.push(" AS ");
            writer.ident(name);
        });
        if let Some(from) = &core.from {
            self.push(" FROM ");
            self.from(from);
        }
        self.clause(" WHERE ", core.filter.as_ref());
        if !core.group_by.is_empty() {
            self.push(" GROUP BY ");
            self.exprs(&core.group_by);
        }
        self.clause(" HAVING ", core.having.as_ref());
        self.tiebreaks.pop();
    }

    fn order_by(&mut self, words: &str, terms: &'p [PlannedOrder]) {
        if terms.is_empty() {
            return;
        }
        self.push(words);
        self.list(terms, Self::order_term);
    }

    fn order_term(&mut self, term: &'p PlannedOrder) {
        match &term.key {
            OrderKey::Ordinal(number) => {
                // Writing to a string cannot fail.
                let _ = write!(self.out, "{number}");
            }
            OrderKey::Expr(expr) => self.expr(expr),
        }
        self.push(if term.descending { " DESC" } else { "" });
        self.push(match term.nulls_first {
            None => "",
            Some(true) => " NULLS FIRST",
            Some(false) => " NULLS LAST",
        });
    }

    fn from(&mut self, from: &'p PlannedFrom) {
        self.relation(&from.relation);
        for join in &from.joins {
            self.push(" ");
            self.push(join.kind.text());
            self.push(" ");
            self.relation(&join.relation);
            self.push(" ON ");
            self.expr(&join.on);
        }
    }

    fn relation(&mut self, relation: &'p PlannedRelation) {
        match &relation.source {
            RelationSource::Table { namespace, name } => {
                return self.target(namespace, name, &relation.alias);
            }
            RelationSource::Cte(name) => self.ident(name),
            RelationSource::Select(select) => {
                self.push("(");
                self.select(select);
                self.push(")");
            }
            RelationSource::Unnest { args, ordinality, .. } => {
                self.push("unnest(");
                self.exprs(args);
                self.push(if *ordinality { ") WITH ORDINALITY" } else { ")" });
            }
        }
        self.push(" AS ");
        self.ident(&relation.alias);
        if let RelationSource::Unnest { columns, .. } = &relation.source {
            self.names(columns);
        }
    }

    fn target(&mut self, namespace: &str, table: &str, alias: &str) {
        self.ident(namespace);
        self.push(".");
        self.ident(table);
        self.push(" AS ");
        self.ident(alias);
    }

    fn set(&mut self, set: &'p [(Box<str>, Typed)]) {
        self.push(" SET ");
        self.list(set, |writer, (column, value)| {
            writer.ident(column);
            writer.push(" = ");
            writer.expr(value);
        });
    }

    fn insert(&mut self, insert: &'p PlannedInsert) {
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
                self.select(select);
            }
        }
        if let Some(conflict) = &insert.conflict {
            self.conflict(conflict);
        }
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
                self.clause(" WHERE ", conflict.filter.as_ref());
            }
        }
    }
}
