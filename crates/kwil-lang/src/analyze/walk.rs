//! Walking typed expressions.

use super::plan::{
    OrderKey, PlannedCore, PlannedOrder, PlannedSelect, RelationSource, Typed, TypedCall,
    TypedInSource, TypedIs, TypedKind,
};

impl Typed {
    /// Calls `visit` with every expression directly inside this one, from left to right. Subqueries are not entered.
    pub fn each_child<'t>(&'t self, visit: &mut dyn FnMut(&'t Self)) {
        match &self.kind {
            TypedKind::Literal(_)
            | TypedKind::Parameter(_)
            | TypedKind::Column { .. }
            | TypedKind::Subquery(_)
            | TypedKind::Exists { .. } => {}
            TypedKind::Call(call) => each_argument(call, visit),
            TypedKind::Window(window) => {
                each_argument(&window.call, visit);
                window.filter.iter().chain(&window.partition_by).for_each(&mut *visit);
                each_key(&window.order_by, visit);
            }
            TypedKind::Array(items) => items.iter().for_each(visit),
            TypedKind::Cast(inner, _)
            | TypedKind::Int4(inner)
            | TypedKind::Nocase(inner)
            | TypedKind::Unary(_, inner) => visit(inner),
            TypedKind::Index(operands)
            | TypedKind::Binary(_, operands)
            | TypedKind::Like { operands, .. } => {
                visit(&operands.0);
                visit(&operands.1);
            }
            TypedKind::Slice(operands) => {
                visit(&operands.0);
                operands.1.iter().chain(&operands.2).for_each(visit);
            }
            TypedKind::Between { operands, .. } => {
                visit(&operands.0);
                visit(&operands.1);
                visit(&operands.2);
            }
            TypedKind::In(list) => {
                visit(&list.value);
                if let TypedInSource::List(items) = &list.source {
                    items.iter().for_each(visit);
                }
            }
            TypedKind::Is(is) => match &**is {
                TypedIs::Null(_, value) | TypedIs::True(_, value) | TypedIs::False(_, value) => {
                    visit(value);
                }
                TypedIs::DistinctFrom(_, left, right) => {
                    visit(left);
                    visit(right);
                }
            },
            TypedKind::Case(case) => {
                let branches = case.branches.iter().flat_map(|(when, then)| [when, then]);
                case.operand.iter().chain(branches).chain(&case.otherwise).for_each(visit);
            }
        }
    }

    /// True when `test` holds for this expression or any inside it; subqueries are not entered.
    pub(crate) fn any(&self, test: &dyn Fn(&Self) -> bool) -> bool {
        let mut found = test(self);
        self.each_child(&mut |child| found = found || child.any(test));
        found
    }

    /// Names of the columns that the expression uses, each once, in alphabetical order; for a `CHECK`.
    #[must_use]
    pub fn columns(&self) -> Vec<&str> {
        let mut names = Vec::new();
        collect_columns(self, &mut names);
        names.sort_unstable();
        names.dedup();
        names
    }
}

impl PlannedSelect {
    /// True when a column of a query further out is used.
    pub(crate) fn is_correlated(&self) -> bool {
        let mut found = false;
        level_of_select(self, 0, &mut |level| found |= level > 0);
        found
    }

    /// Calls `visit` with every expression of the select itself, and `query` with every subquery that is a relation.
    pub(crate) fn each_part<'s>(
        &'s self,
        visit: &mut dyn FnMut(&'s Typed),
        query: &mut dyn FnMut(&'s Self),
    ) {
        each_of_core(&self.first, visit, query);
        self.compounds.iter().for_each(|(_, core)| each_of_core(core, visit, query));
        each_key(&self.order_by, visit);
        self.limit.iter().chain(&self.offset).for_each(visit);
    }
}

fn each_of_core<'s>(
    core: &'s PlannedCore,
    visit: &mut dyn FnMut(&'s Typed),
    query: &mut dyn FnMut(&'s PlannedSelect),
) {
    core.results.iter().for_each(|(typed, _)| visit(typed));
    core.filter.iter().chain(&core.group_by).chain(&core.having).for_each(&mut *visit);
    let Some(from) = &core.from else { return };
    from.joins.iter().for_each(|join| visit(&join.on));
    let joined = from.joins.iter().map(|join| &join.relation);
    for relation in std::iter::once(&from.relation).chain(joined) {
        match &relation.source {
            RelationSource::Select(select) => query(select),
            RelationSource::Unnest { args, .. } => args.iter().for_each(&mut *visit),
            RelationSource::Table { .. } | RelationSource::Cte(_) => {}
        }
    }
}

/// Calls `visit` with the level of every column, counted from the select the expression stands in; those of subqueries
/// that belong to them are left out.
pub(super) fn each_level(typed: &Typed, visit: &mut dyn FnMut(usize)) {
    level_of_expr(typed, 0, visit);
}

fn level_of_expr(typed: &Typed, depth: usize, visit: &mut dyn FnMut(usize)) {
    let deeper = depth.saturating_add(1);
    match &typed.kind {
        TypedKind::Column { level, .. } => {
            level.checked_sub(depth).into_iter().for_each(&mut *visit)
        }
        TypedKind::Subquery(select) | TypedKind::Exists { select, .. } => {
            level_of_select(select, deeper, visit);
        }
        TypedKind::In(list) => {
            if let TypedInSource::Select(select) = &list.source {
                level_of_select(select, deeper, visit);
            }
        }
        _ => {}
    }
    typed.each_child(&mut |child| level_of_expr(child, depth, visit));
}

fn level_of_select(select: &PlannedSelect, depth: usize, visit: &mut dyn FnMut(usize)) {
    let mut queries = Vec::new();
    select.each_part(&mut |typed| level_of_expr(typed, depth, visit), &mut |query| {
        queries.push(query)
    });
    for query in queries {
        // A relation sees what its select sees, but not the relations beside it.
        level_of_select(query, depth, visit);
    }
}

fn collect_columns<'t>(typed: &'t Typed, names: &mut Vec<&'t str>) {
    if let TypedKind::Column { name, .. } = &typed.kind {
        names.push(name);
    }
    typed.each_child(&mut |child| collect_columns(child, names));
}

fn each_argument<'t>(call: &'t TypedCall, visit: &mut dyn FnMut(&'t Typed)) {
    call.args.iter().for_each(&mut *visit);
    each_key(&call.order_by, visit);
}

fn each_key<'t>(terms: &'t [PlannedOrder], visit: &mut dyn FnMut(&'t Typed)) {
    for term in terms {
        if let OrderKey::Expr(expr) = &term.key {
            visit(expr);
        }
    }
}
