//! Walking typed expressions.

use super::plan::{OrderKey, PlannedOrder, Typed, TypedCall, TypedInSource, TypedIs, TypedKind};

impl Typed {
    /// Calls `visit` with every expression directly inside this one, from left to right. Subqueries are not entered.
    pub fn each_child<'t>(&'t self, visit: &mut dyn FnMut(&'t Typed)) {
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
    pub(crate) fn any(&self, test: &dyn Fn(&Typed) -> bool) -> bool {
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
