//! Grouping: what may be asked of a group of rows.

use super::function::FunctionKind;
use super::plan::{
    OrderKey, PlannedOrder, Typed, TypedCase, TypedInSource, TypedIs, TypedKind, TypedWindow,
};

/// The first column of the own select that is neither grouped nor inside an aggregate.
pub(super) fn ungrouped<'t>(typed: &'t Typed, groups: &[Typed]) -> Option<&'t str> {
    if groups.contains(typed) {
        return None;
    }
    let within = |inner: &'t Typed| ungrouped(inner, groups);
    match &typed.kind {
        TypedKind::Column { name, level: 0, .. } => Some(name),
        TypedKind::Column { .. }
        | TypedKind::Literal(_)
        | TypedKind::Parameter(_)
        // What subqueries take from here is checked where it is captured.
        | TypedKind::Subquery(_)
        | TypedKind::Exists { .. } => None,
        TypedKind::Call(call) if call.function.kind == FunctionKind::Aggregate => None,
        TypedKind::Call(call) => first(&call.args, groups),
        TypedKind::Window(window) => in_window(window, groups),
        TypedKind::Array(items) => first(items, groups),
        TypedKind::Cast(inner, _)
        | TypedKind::Int4(inner)
        | TypedKind::Nocase(inner)
        | TypedKind::Unary(_, inner) => within(inner),
        TypedKind::Index(operands)
        | TypedKind::Binary(_, operands)
        | TypedKind::Like { operands, .. } => {
            within(&operands.0).or_else(|| within(&operands.1))
        }
        TypedKind::Slice(operands) => within(&operands.0)
            .or_else(|| operands.1.as_ref().and_then(within))
            .or_else(|| operands.2.as_ref().and_then(within)),
        TypedKind::Between { operands, .. } => within(&operands.0)
            .or_else(|| within(&operands.1))
            .or_else(|| within(&operands.2)),
        TypedKind::In(list) => within(&list.value).or_else(|| match &list.source {
            TypedInSource::List(items) => first(items, groups),
            TypedInSource::Select(_) => None,
        }),
        TypedKind::Is(is) => match &**is {
            TypedIs::Null(_, value) | TypedIs::True(_, value) | TypedIs::False(_, value) => {
                within(value)
            }
            TypedIs::DistinctFrom(_, left, right) => within(left).or_else(|| within(right)),
        },
        TypedKind::Case(case) => in_case(case, groups),
    }
}

fn first<'t>(items: &'t [Typed], groups: &[Typed]) -> Option<&'t str> {
    items.iter().find_map(|item| ungrouped(item, groups))
}

fn in_case<'t>(case: &'t TypedCase, groups: &[Typed]) -> Option<&'t str> {
    let branches = case.branches.iter().flat_map(|(when, then)| [when, then]);
    case.operand
        .iter()
        .chain(branches)
        .chain(&case.otherwise)
        .find_map(|inner| ungrouped(inner, groups))
}

fn in_window<'t>(window: &'t TypedWindow, groups: &[Typed]) -> Option<&'t str> {
    first(&window.call.args, groups)
        .or_else(|| window.filter.as_ref().and_then(|filter| ungrouped(filter, groups)))
        .or_else(|| first(&window.partition_by, groups))
        .or_else(|| window.order_by.iter().find_map(|term| in_order(term, groups)))
}

/// Like [`ungrouped`], of a term of an order.
pub(super) fn in_order<'t>(term: &'t PlannedOrder, groups: &[Typed]) -> Option<&'t str> {
    match &term.key {
        OrderKey::Ordinal(_) => None,
        OrderKey::Expr(expr) => ungrouped(expr, groups),
    }
}
