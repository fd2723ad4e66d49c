//! Conditions of rows, some parts of which may fail.
//!
//! PostgreSQL computes the parts of a condition in the order of its plan: whether `10 / a > 1` is computed for a row
//! that another part drops is open, and so would be the success of the statement. In blocks
//!
//! * what may fail and is the same for all rows is computed once, before any row is looked at,
//! * what else may fail is computed for exactly the rows that all other parts leave: `CASE` keeps its order.

use super::Writer;
use super::nature::{has_subquery, is_fixed, may_fail};
use crate::analyze::{PlannedFrom, Typed, TypedInSource, TypedKind};
use crate::ast::{BinaryOp, JoinKind};

/// The parts of a condition that must all hold.
#[derive(Default)]
pub(super) struct Parts<'p> {
    /// Said elsewhere; only guards what may fail.
    said: Vec<&'p Typed>,
    /// Cannot fail.
    safe: Vec<&'p Typed>,
    /// Cannot fail once the fixed parts did not.
    gated: Vec<&'p Typed>,
    /// May fail for some rows.
    risky: Vec<&'p Typed>,
    /// Subexpressions that may fail and have one value for all rows.
    gates: Vec<&'p Typed>,
}

impl<'p> Parts<'p> {
    pub(super) fn add(&mut self, condition: &'p Typed) {
        if let TypedKind::Binary(BinaryOp::And, operands) = &condition.kind {
            self.add(&operands.0);
            self.add(&operands.1);
        } else if !may_fail(condition) {
            self.safe.push(condition);
        } else {
            let before = self.gates.len();
            if find_gates(condition, &mut self.gates) {
                self.gated.push(condition);
            } else {
                self.gates.truncate(before);
                self.risky.push(condition);
            }
        }
    }
}

/// Collects the fixed subexpressions that may fail; false when something else may fail too, or when one is computed only
/// under a condition.
fn find_gates<'p>(typed: &'p Typed, gates: &mut Vec<&'p Typed>) -> bool {
    if !may_fail(typed) {
        return true;
    }
    if is_fixed(typed) {
        gates.push(typed);
        return true;
    }
    match &typed.kind {
        TypedKind::Binary(op, operands) if op.is_comparison() => {
            find_gates(&operands.0, gates) && find_gates(&operands.1, gates)
        }
        TypedKind::Between { operands, .. } => {
            find_gates(&operands.0, gates)
                && find_gates(&operands.1, gates)
                && find_gates(&operands.2, gates)
        }
        TypedKind::In(list) => match &list.source {
            TypedInSource::List(items) => {
                find_gates(&list.value, gates) && items.iter().all(|item| find_gates(item, gates))
            }
            TypedInSource::Select(_) => false,
        },
        _ => false,
    }
}

impl<'p> Writer<'p> {
    /// A condition of one relation, or of joins that do not share it with their own.
    #[inline(never)]
    pub(super) fn condition(&mut self, words: &str, condition: Option<&'p Typed>, pins: &[&str]) {
        let Some(condition) = condition else { return };
        if !self.is_deterministic || !may_fail(condition) {
            self.push(words);
            return self.expr(condition);
        }
        let mut parts = Parts::default();
        parts.add(condition);
        self.parts(words, &parts, pins);
    }

    /// Parts as one condition. `pins` are relations that must be joined before what may fail is computed.
    pub(super) fn parts(&mut self, words: &str, parts: &Parts<'p>, pins: &[&str]) {
        let has_queries = parts.safe.iter().chain(&parts.risky).any(|part| has_subquery(part));
        let has_guards = parts.said.iter().chain(&parts.safe).chain(&parts.gated).next().is_some();
        let is_lone = !has_guards && pins.is_empty() && !has_queries;
        let is_cased = !parts.risky.is_empty() && !is_lone;
        let mut glue = words;
        for gate in &parts.gates {
            self.push(glue);
            self.wrap("(CASE WHEN (", gate, ") IS NULL THEN TRUE ELSE TRUE END)");
            glue = " AND ";
        }
        for part in parts.safe.iter().chain(&parts.gated) {
            // A query is not asked twice: it moves to where it guards.
            if !(is_cased && has_subquery(part)) {
                self.push(glue);
                self.expr(part);
                glue = " AND ";
            }
        }
        if parts.risky.is_empty() {
            return;
        }
        self.push(glue);
        if is_cased {
            self.push("(CASE WHEN TRUE");
            for part in parts.said.iter().chain(&parts.safe).chain(&parts.gated) {
                self.wrap(" AND ", part, "");
            }
            for pin in pins {
                self.push(" AND (((");
                self.ident(pin);
                self.push(".*) IS NULL) IS NOT NULL)");
            }
            self.push(" THEN ");
        }
        for (number, part) in parts.risky.iter().enumerate() {
            self.wrap(if number > 0 { " AND (" } else { "(" }, part, ")");
        }
        self.push(if is_cased { " ELSE FALSE END)" } else { "" });
    }

    /// `FROM` and `WHERE`. `target` is the relation that is changed.
    pub(super) fn relations_and_filter(
        &mut self,
        from: Option<&'p PlannedFrom>,
        filter: Option<&'p Typed>,
        target: Option<&'p str>,
    ) {
        let mut pins: Vec<&str> = target.into_iter().collect();
        if let Some(from) = from {
            self.push(" FROM ");
            self.rows(from, filter, &mut pins, "");
        } else {
            self.condition(" WHERE ", filter, &[]);
        }
    }

    /// Relations, `behind` them, and the condition of their rows.
    pub(super) fn rows(
        &mut self,
        from: &'p PlannedFrom,
        filter: Option<&'p Typed>,
        pins: &mut Vec<&'p str>,
        behind: &str,
    ) {
        let may_fail = self.is_deterministic
            && (filter.is_some_and(may_fail) || from.joins.iter().any(|join| may_fail(&join.on)));
        if !may_fail {
            let outer = std::mem::take(&mut self.gates);
            self.from(from, &mut |writer, on| writer.expr(on));
            self.push(behind);
            let words = self.where_words(outer, filter.is_some());
            return self.clause(words, filter);
        }
        let relations =
            std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation));
        let own: Vec<&str> = relations.map(|relation| &*relation.alias).collect();
        pins.extend(&own);
        let pins: &[&str] = if pins.len() > 1 { pins } else { &[] };
        if from.joins.iter().all(|join| join.kind == JoinKind::Inner) {
            self.inner_joins(from, filter, pins, behind);
        } else {
            let mut joined = 1_usize;
            let outer = std::mem::take(&mut self.gates);
            self.from(from, &mut |writer, on| {
                joined = joined.saturating_add(1);
                writer.condition("", Some(on), own.get(..joined).unwrap_or_default());
            });
            self.push(behind);
            let words = self.where_words(outer, filter.is_some());
            self.condition(words, filter, pins);
        }
    }

    /// Writes `WHERE` and that every relation which may fail is computed whole before any row is looked at: whether a
    /// relation is read at all depends on the plan otherwise. Gives what stands in front of the condition, if there is
    /// one.
    fn where_words(&mut self, outer: Vec<String>, has_condition: bool) -> &'static str {
        let gates = std::mem::replace(&mut self.gates, outer);
        for (number, name) in gates.iter().enumerate() {
            self.push(if number > 0 { " AND " } else { " WHERE " });
            self.push("((SELECT pg_catalog.count(*) FROM ");
            self.ident(name);
            self.push(") IS NOT NULL)");
        }
        match (gates.is_empty(), has_condition) {
            (true, _) => " WHERE ",
            (false, true) => " AND ",
            (false, false) => "",
        }
    }

    /// Conditions of inner joins are conditions of the rows: what may fail goes behind all of them.
    fn inner_joins(
        &mut self,
        from: &'p PlannedFrom,
        filter: Option<&'p Typed>,
        pins: &[&str],
        behind: &str,
    ) {
        let mut parts = Parts::default();
        let outer = std::mem::take(&mut self.gates);
        self.from(from, &mut |writer, on| {
            let mut own = Parts::default();
            own.add(on);
            parts.risky.append(&mut own.risky);
            if own.safe.is_empty() && own.gated.is_empty() {
                writer.push("TRUE");
            } else {
                writer.parts("", &own, &[]);
            }
            parts.said.append(&mut own.safe);
            parts.said.append(&mut own.gated);
        });
        self.push(behind);
        filter.into_iter().for_each(|filter| parts.add(filter));
        let has_condition = filter.is_some() || !parts.risky.is_empty();
        let words = self.where_words(outer, has_condition);
        if has_condition {
            self.parts(words, &parts, pins);
        }
    }
}
