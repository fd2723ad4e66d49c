//! Which rows a join can meet at most once.

use super::Analyzer;
use super::plan::{PlannedFrom, PlannedRelation, PlannedSelect, RelationSource, Typed, TypedKind};
use crate::ast::{BinaryOp, JoinKind};

impl Analyzer<'_> {
    /// True when for each row of `target` the conditions leave at most one row of the relations: unique keys of all of
    /// them are compared with values that are known by then.
    pub(super) fn meets_one_row(
        &self,
        target: &str,
        from: &PlannedFrom,
        filter: Option<&Typed>,
    ) -> bool {
        let may_add_rows = |kind| matches!(kind, JoinKind::Right | JoinKind::Full);
        if from.joins.iter().any(|join| may_add_rows(join.kind)) {
            return false;
        }
        let mut equalities = Vec::new();
        filter.into_iter().for_each(|filter| collect_equalities(filter, &mut equalities));
        for join in &from.joins {
            let before = equalities.len();
            collect_equalities(&join.on, &mut equalities);
            if join.kind == JoinKind::Left {
                // Rows of the left side stay whatever the condition says about them.
                let joined = equalities.split_off(before);
                let is_of_join = |(left, _): &(&Typed, &Typed)| match &left.kind {
                    TypedKind::Column { relation, .. } => *relation == join.relation.alias,
                    _ => false,
                };
                equalities.extend(joined.into_iter().filter(is_of_join));
            }
        }
        let mut known = vec![target];
        let mut open: Vec<&PlannedRelation> = std::iter::once(&from.relation)
            .chain(from.joins.iter().map(|join| &join.relation))
            .collect();
        while !open.is_empty() {
            let is_met = |relation: &&PlannedRelation| {
                let fixed = fixed_columns(&relation.alias, &equalities, &known);
                self.is_unique(relation, &fixed)
            };
            let Some(position) = open.iter().position(is_met) else { return false };
            known.push(&open.swap_remove(position).alias);
        }
        true
    }

    /// True when rows with these values in these columns are one row at most.
    fn is_unique(&self, relation: &PlannedRelation, fixed: &[&str]) -> bool {
        match &relation.source {
            RelationSource::Table { namespace, name } => {
                let Some(table) = self.context.catalog.table(namespace, name) else { return false };
                std::iter::once(&table.primary_key).chain(&table.unique).any(|key| {
                    !key.is_empty() && key.iter().all(|column| fixed.contains(&&**column))
                })
            }
            RelationSource::Select(select) => is_unique_select(select, fixed),
            RelationSource::Unnest { ordinality: true, columns, .. } => {
                columns.last().is_some_and(|ordinality| fixed.contains(&&**ordinality))
            }
            RelationSource::Cte(_) | RelationSource::Unnest { .. } => false,
        }
    }
}

/// A grouped select has one row for the values of its groups, one of aggregates alone has one row.
fn is_unique_select(select: &PlannedSelect, fixed: &[&str]) -> bool {
    let core = &select.first;
    if !select.compounds.is_empty() || core.group_by.is_empty() {
        return false;
    }
    let is_fixed = |group: &Typed| {
        let result = core.results.iter().find(|(result, _)| result == group);
        result.is_some_and(|(_, name)| {
            let of_name = core.results.iter().filter(|(_, other)| other == name).count();
            of_name == 1 && fixed.contains(&&**name)
        })
    };
    core.group_by.iter().all(is_fixed)
}

fn collect_equalities<'t>(condition: &'t Typed, found: &mut Vec<(&'t Typed, &'t Typed)>) {
    if let TypedKind::Binary(op, operands) = &condition.kind {
        match op {
            BinaryOp::And => {
                collect_equalities(&operands.0, found);
                collect_equalities(&operands.1, found);
            }
            BinaryOp::Equal => {
                found.push((&operands.0, &operands.1));
                found.push((&operands.1, &operands.0));
            }
            _ => {}
        }
    }
}

/// Columns of the relation that are equal to something made of known relations only.
fn fixed_columns<'t>(
    alias: &str,
    equalities: &[(&'t Typed, &'t Typed)],
    known: &[&str],
) -> Vec<&'t str> {
    let is_unknown = |typed: &Typed| match &typed.kind {
        TypedKind::Column { relation, level: 0, .. } => !known.contains(&&**relation),
        TypedKind::Subquery(_)
        | TypedKind::Exists { .. }
        | TypedKind::In(_)
        | TypedKind::Nocase(_) => true,
        _ => false,
    };
    let column = |(left, right): &(&'t Typed, &'t Typed)| match &left.kind {
        TypedKind::Column { relation, name, level: 0 } if **relation == *alias => {
            (!right.any(&is_unknown)).then_some(&**name)
        }
        _ => None,
    };
    equalities.iter().filter_map(column).collect()
}
