//! The writer: a typed plan as one statement of PostgreSQL.
//!
//! Identifiers are always quoted, integers are `INT8` whatever their size, functions are named with their schema, and
//! parentheses follow the tree, so that PostgreSQL computes what the plan says and nothing else, whatever its version,
//! its locale and its plans. Values of variables are never part of the text.

mod call;
mod change;
mod condition;
mod expr;
mod internal;
mod key;
mod nature;

pub use internal::{
    INTERNAL_FUNCTIONS, INTERNAL_SCHEMA, InternalFunction, MAX_BUILT_BYTES, MAX_COLLECTED,
};

use std::fmt::Write;

use kwil_types::{DataType, TypeKind};

use crate::analyze::{
    Body, OrderKey, OutputColumn, Plan, PlannedCore, PlannedFrom, PlannedOrder, PlannedRelation,
    PlannedSelect, RelationSource, Typed, TypedKind,
};
use crate::ast::SetOp;
use nature::{is_nocase, select_fails};

/// Writes a plan. `internal` is the schema with the node's own functions, see [`INTERNAL_FUNCTIONS`]. Parameters are
/// `$1`, `$2`, … in the order of [`Plan::parameters`].
#[must_use]
pub fn write_sql(plan: &Plan, internal: &str) -> String {
    let mut writer = Writer::new(internal, plan.deterministic);
    writer.with(plan);
    match &plan.body {
        Body::Select(select) => writer.select(select, Use::Answer),
        Body::Insert(insert) => writer.insert(insert),
        Body::Update(update) => writer.update(update),
        Body::Delete(delete) => writer.delete(delete),
    }
    if writer.queries.is_empty() {
        return writer.out;
    }
    let words = if plan.recursive { "WITH RECURSIVE" } else { "WITH" };
    format!("{words} {} {}", writer.queries.join(", "), writer.out)
}

/// Writes an `INSERT` of one row so that it inserts a row for each element of its parameters, which are then arrays of one
/// length, in their order. `None` when it is not the same as running the plan once for each: the row asks a query, or what
/// is done about a conflict depends on rows that are there already.
///
/// Whether a row may refer to one that the same statement inserts is the caller's to see to.
#[must_use]
pub fn write_insert_of_rows(plan: &Plan, internal: &str) -> Option<String> {
    let insert = change::insert_of_one_row(plan)?;
    let mut writer = Writer { in_rows: true, ..Writer::new(internal, plan.deterministic) };
    writer.insert_of_rows(insert, &plan.parameters);
    Some(writer.out)
}

/// Writes an expression over the rows of one table, such as a `CHECK`. Columns stand without their table, so that the
/// text stays true when the table gets another name.
#[must_use]
pub fn write_expr(expr: &Typed, internal: &str) -> String {
    let mut writer = Writer { is_bare: true, ..Writer::new(internal, true) };
    writer.expr(expr);
    writer.out
}

/// PostgreSQL's name of a type of the language.
#[must_use]
pub fn sql_type(data_type: DataType) -> String {
    let mut writer = Writer::new("", false);
    writer.push_type(data_type);
    writer.out
}

/// A name as PostgreSQL takes it literally.
#[must_use]
pub fn quote_ident(name: &str) -> String {
    let mut writer = Writer::new("", false);
    writer.ident(name);
    writer.out
}

/// Who looks at the results of a core beside those who get them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// Nobody.
    None,
    /// They order the rows, or become columns of a relation.
    Seen,
    /// Rows are told apart by them.
    ToldApart,
}

/// What becomes of the rows of a select.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    /// They are the answer, or are inserted.
    Answer,
    /// They are a relation.
    Relation,
    /// They are a relation under a name of `WITH`.
    Cte,
    /// They are looked at by an expression.
    Operand,
}

struct Writer<'p> {
    out: String,
    internal: &'p str,
    is_deterministic: bool,
    /// What completes the order of windows, of the cores being written.
    tiebreaks: Vec<&'p [Typed]>,
    /// Terms of the grouping of the cores being written.
    groups: Vec<&'p [Typed]>,
    /// Entries of `WITH`.
    queries: Vec<String>,
    /// False inside a recursive query of `WITH`.
    may_hoist: bool,
    /// Names of `WITH` that the `FROM` being written reads, and that must be computed whole.
    gates: Vec<String>,
    /// Names of `WITH` whose queries may fail, and are not recursive.
    risky: Vec<&'p str>,
    /// Columns are written without their relation.
    is_bare: bool,
    /// Parameters are columns of [`change::ROWS`], one row for each run of the statement.
    in_rows: bool,
}

impl<'p> Writer<'p> {
    fn new(internal: &'p str, is_deterministic: bool) -> Self {
        Self {
            out: String::with_capacity(256),
            internal,
            is_deterministic,
            tiebreaks: Vec::new(),
            groups: Vec::new(),
            queries: Vec::new(),
            gates: Vec::new(),
            may_hoist: true,
            risky: Vec::new(),
            is_bare: false,
            in_rows: false,
        }
    }

    fn push(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn ident(&mut self, name: &str) {
        self.out.push('"');
        if !name.as_bytes().contains(&b'"') {
            self.out.push_str(name);
            return self.out.push('"');
        }
        for (number, part) in name.split('"').enumerate() {
            self.out.push_str(if number > 0 { "\"\"" } else { "" });
            self.out.push_str(part);
        }
        self.out.push('"');
    }

    /// The qualified name of one of [`INTERNAL_FUNCTIONS`].
    fn internal(&mut self, function: &str) {
        self.ident(self.internal);
        self.push(".");
        self.push(function);
    }

    fn push_type(&mut self, data_type: DataType) {
        match data_type.kind() {
            TypeKind::Null | TypeKind::Text => self.push("TEXT"),
            TypeKind::Int8 => self.push("INT8"),
            TypeKind::Bool => self.push("BOOL"),
            TypeKind::Bytea => self.push("BYTEA"),
            TypeKind::Uuid => self.push("UUID"),
            TypeKind::Numeric { precision, scale } => {
                // Writing to a string cannot fail.
                let _ = write!(self.out, "NUMERIC({precision},{scale})");
            }
        }
        self.push(if data_type.is_array() { "[]" } else { "" });
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
        for cte in &plan.with {
            let outside = std::mem::take(&mut self.out);
            self.ident(&cte.name);
            self.push(" (");
            self.list(&cte.columns, |writer, column: &OutputColumn| writer.ident(&column.name));
            // What may fail must not be mixed with the conditions of whoever reads it.
            let is_risky = self.is_deterministic && select_fails(&cte.select);
            self.push(if is_risky { ") AS MATERIALIZED (" } else { ") AS (" });
            // A recursive query may be endless, and is read only as far as needed; what is in it may name it.
            let is_recursive = plan.recursive && !cte.select.compounds.is_empty();
            self.may_hoist = !is_recursive;
            self.select(&cte.select, Use::Cte);
            self.may_hoist = true;
            self.push(")");
            let query = std::mem::replace(&mut self.out, outside);
            self.queries.push(query);
            if is_risky && !is_recursive {
                self.risky.push(&cte.name);
            }
        }
    }

    fn select(&mut self, select: &'p PlannedSelect, rows_are: Use) {
        let is_set = select.compounds.iter().any(|(op, _)| *op != SetOp::UnionAll);
        let is_ordered = !select.order_by.is_empty();
        let look = if is_set {
            Look::ToldApart
        } else if is_ordered
            || matches!(rows_are, Use::Relation | Use::Cte)
            || !select.compounds.is_empty()
        {
            Look::Seen
        } else {
            Look::None
        };
        self.core(&select.first, look, &select.columns);
        for (op, core) in &select.compounds {
            self.push(" ");
            self.push(op.text());
            self.push(" ");
            self.core(core, look, &select.columns);
        }
        // Terms of the order may hold windows and groups; they belong to the only core.
        self.tiebreaks.push(&select.first.tiebreak);
        self.groups.push(&select.first.group_by);
        self.order_of_rows(select);
        self.groups.pop();
        self.tiebreaks.pop();
        self.clause(" LIMIT ", select.limit.as_ref());
        self.clause(" OFFSET ", select.offset.as_ref());
        let is_cut = select.limit.is_some() || select.offset.is_some();
        if rows_are == Use::Relation && self.is_deterministic && !is_cut && select_fails(select) {
            self.push(" OFFSET 0");
        }
    }

    fn core(&mut self, core: &'p PlannedCore, look: Look, columns: &'p [OutputColumn]) {
        let look = if core.distinct { Look::ToldApart } else { look };
        self.tiebreaks.push(&core.tiebreak);
        self.groups.push(&core.group_by);
        self.push(if core.distinct { "SELECT DISTINCT " } else { "SELECT " });
        for (number, (expr, name)) in core.results.iter().enumerate() {
            self.push(if number > 0 { ", " } else { "" });
            if look == Look::ToldApart && is_nocase(expr) {
                self.order_key(expr);
            } else {
                self.item(expr, look, columns.get(number));
            }
            self.push(" AS ");
            self.ident(name);
        }
        self.relations_and_filter(core.from.as_ref(), core.filter.as_ref(), None);
        if !core.group_by.is_empty() {
            self.push(" GROUP BY ");
            self.list(&core.group_by, Self::group_key);
        }
        self.condition(" HAVING ", core.having.as_ref(), &[]);
        self.groups.pop();
        self.tiebreaks.pop();
    }

    fn order_of_rows(&mut self, select: &'p PlannedSelect) {
        let is_plain = select.compounds.is_empty() && !select.first.distinct;
        let mut words = " ORDER BY ";
        let mut again = Vec::new();
        for term in &select.order_by {
            self.push(words);
            words = ", ";
            if let OrderKey::Ordinal(number) = &term.key
                && let Some((typed, _)) =
                    number.checked_sub(1).and_then(|at| select.first.results.get(at))
                && is_plain
                && matches!(typed.kind, TypedKind::Nocase(_))
            {
                // The result itself keeps its case.
                self.order_key(typed);
                self.direction(term);
                again.push(*number);
            } else {
                self.order_term(term);
            }
        }
        for number in again {
            let _ = write!(self.out, ", {number}");
        }
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
                let _ = write!(self.out, "{number}");
            }
            OrderKey::Expr(expr) => self.order_key(expr),
        }
        self.direction(term);
    }

    fn direction(&mut self, term: &PlannedOrder) {
        self.push(if term.descending { " DESC" } else { "" });
        self.push(match term.nulls_first {
            None => "",
            Some(true) => " NULLS FIRST",
            Some(false) => " NULLS LAST",
        });
    }

    /// Relations; `on` writes the conditions of joins.
    fn from(&mut self, from: &'p PlannedFrom, on: &mut dyn FnMut(&mut Self, &'p Typed)) {
        self.relation(&from.relation);
        for join in &from.joins {
            self.push(" ");
            self.push(join.kind.text());
            self.push(" ");
            self.relation(&join.relation);
            self.push(" ON ");
            on(self, &join.on);
        }
    }

    fn relation(&mut self, relation: &'p PlannedRelation) {
        match &relation.source {
            RelationSource::Table { namespace, name } => {
                return self.target(namespace, name, &relation.alias);
            }
            RelationSource::Cte(name) => {
                if self.risky.contains(&&**name) {
                    self.gates.push(name.to_string());
                }
                self.ident(name);
            }
            RelationSource::Select(select) => match self.hoisted(relation, select) {
                Some(name) => self.ident(&name),
                None => {
                    self.push("(");
                    self.select(select, Use::Relation);
                    self.push(")");
                }
            },
            RelationSource::Unnest { args, ordinality, .. } => {
                self.push("unnest(");
                self.list(args, Self::unnested);
                self.push(if *ordinality { ") WITH ORDINALITY" } else { ")" });
            }
        }
        self.push(" AS ");
        self.ident(&relation.alias);
        if let RelationSource::Unnest { columns, .. } = &relation.source {
            self.names(columns);
        }
    }

    /// Moves a relation that may fail to `WITH` under a name no program can write, so that it can be computed whole.
    fn hoisted(&mut self, relation: &PlannedRelation, select: &'p PlannedSelect) -> Option<String> {
        let may_hoist = self.is_deterministic && self.may_hoist;
        if !may_hoist || !select_fails(select) || select.is_correlated() {
            return None;
        }
        let outside = std::mem::take(&mut self.out);
        self.select(select, Use::Cte);
        let query = std::mem::replace(&mut self.out, outside);
        let name = format!("_w{}_{}", self.queries.len(), relation.alias);
        self.queries.push(format!("{} AS MATERIALIZED ({query})", quote_ident(&name)));
        self.gates.push(name.clone());
        Some(name)
    }

    /// Columns compare byte by byte, those of unpacked arrays too.
    fn unnested(&mut self, array: &'p Typed) {
        if nature::is_text(array.data_type) {
            self.wrap("(", array, " COLLATE \"C\")");
        } else {
            self.expr(array);
        }
    }

    fn target(&mut self, namespace: &str, table: &str, alias: &str) {
        self.ident(namespace);
        self.push(".");
        self.ident(table);
        self.push(" AS ");
        self.ident(alias);
    }
}
