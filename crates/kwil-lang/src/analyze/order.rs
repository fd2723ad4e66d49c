//! Order: the terms a program writes, and those that make the rest of it the same on every node.

use super::plan::{OrderKey, OutputColumn, PlannedOrder, Typed};
use super::{Analyzed, Analyzer, Section};
use crate::ErrorClass;
use crate::ast::{Expr, ExprKind, Literal, OrderTerm};

impl PlannedOrder {
    pub(super) fn ascending(key: OrderKey) -> Self {
        Self { key, descending: false, nulls_first: None }
    }
}

/// Appends every output column that the terms do not name: rows that are equal in all of them are the same row.
pub(super) fn complete(order: &mut Vec<PlannedOrder>, columns: usize) {
    for number in 1..=columns {
        let is_named = order.iter().any(|term| term.key == OrderKey::Ordinal(number));
        if !is_named {
            order.push(PlannedOrder::ascending(OrderKey::Ordinal(number)));
        }
    }
}

impl Analyzer<'_> {
    /// `ORDER BY` of a single select: ordinals, names of results, or expressions over its relations.
    pub(super) fn order_of_core(
        &mut self,
        terms: &[OrderTerm],
        results: &[(Typed, Box<str>)],
    ) -> Analyzed<Vec<PlannedOrder>> {
        self.section = Section::OrderBy;
        if terms.is_empty() {
            return Ok(Vec::new());
        }
        let names: Vec<&str> = results.iter().map(|(_, name)| &**name).collect();
        let mut order = Vec::with_capacity(terms.len());
        for term in terms {
            let key = match self.result_position(&term.expr, &names)? {
                Some(position) => OrderKey::Ordinal(position),
                None => OrderKey::Expr(self.expr(&term.expr)?),
            };
            let (descending, nulls_first) = (term.descending, term.nulls_first);
            order.push(PlannedOrder { key, descending, nulls_first });
        }
        Ok(order)
    }

    /// `ORDER BY` of a compound: ordinals and names of results only.
    pub(super) fn order_of_compound(
        &mut self,
        terms: &[OrderTerm],
        columns: &[OutputColumn],
    ) -> Analyzed<Vec<PlannedOrder>> {
        self.section = Section::OrderBy;
        let names: Vec<&str> = columns.iter().map(|column| &*column.name).collect();
        let mut order = Vec::with_capacity(terms.len());
        for term in terms {
            let Some(position) = self.result_position(&term.expr, &names)? else {
                let detail = "a compound is ordered by its result columns only";
                return Err(self.error(ErrorClass::ColumnNotFound, term.expr.span, detail));
            };
            let (descending, nulls_first) = (term.descending, term.nulls_first);
            let key = OrderKey::Ordinal(position);
            order.push(PlannedOrder { key, descending, nulls_first });
        }
        Ok(order)
    }

    /// The result column, from 1, that an ordinal or a bare name means.
    pub(super) fn result_position(&self, expr: &Expr, names: &[&str]) -> Analyzed<Option<usize>> {
        match &expr.kind {
            ExprKind::Literal(Literal::Int(number)) => {
                let position = usize::try_from(*number).ok();
                match position.filter(|position| (1..=names.len()).contains(position)) {
                    Some(position) => Ok(Some(position)),
                    None => {
                        let detail = format!("position {number} is not in the result list");
                        Err(self.error(ErrorClass::PlanOther, expr.span, detail))
                    }
                }
            }
            ExprKind::Column { table: None, name } => {
                let mut found =
                    (1_usize..).zip(names).filter(|(_, known)| **known == name.as_str());
                let first = found.next().map(|(position, _)| position);
                // Several results of one name: the relations decide, as for any other name.
                Ok(if found.next().is_some() { None } else { first })
            }
            _ => Ok(None),
        }
    }
}
