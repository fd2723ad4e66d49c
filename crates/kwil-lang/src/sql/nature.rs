//! What an expression is like: whether it may fail, whether it depends on a row, how exact its number is.
//!
//! PostgreSQL decides itself when it computes what; on which rows a failing expression is computed may differ between
//! plans. So the writer has to know which expressions can fail at all.

use kwil_types::{DataType, TypeKind};

use crate::analyze::{FunctionKind, PlannedSelect, Typed, TypedCall, TypedInSource, TypedKind};
use crate::ast::{BinaryOp, Literal, TypeRef, UnaryOp};

pub(super) fn is_text(data_type: DataType) -> bool {
    data_type.kind() == TypeKind::Text
}

fn is_numeric(data_type: DataType) -> bool {
    matches!(data_type.kind(), TypeKind::Numeric { .. })
}

/// True when a level of the tree that is this expression itself, children left out, may fail.
fn fails_itself(typed: &Typed) -> bool {
    match &typed.kind {
        TypedKind::Unary(UnaryOp::Minus, inner) => {
            inner.data_type.kind() == TypeKind::Int8 && !is_constant(inner)
        }
        TypedKind::Binary(op, operands) => binary_fails(*op, &operands.0, &operands.1),
        TypedKind::Cast(inner, target) => cast_fails(inner, *target),
        TypedKind::Int4(inner) => !is_small(inner),
        TypedKind::Call(call) => call_fails(call),
        TypedKind::Like { operands, .. } => !is_sound_pattern(&operands.1),
        TypedKind::Subquery(select) => !has_one_row(select) || select_fails(select),
        TypedKind::Exists { select, .. } => select_fails(select),
        TypedKind::In(list) => match &list.source {
            TypedInSource::Select(select) => select_fails(select),
            TypedInSource::List(_) => false,
        },
        TypedKind::Literal(_)
        | TypedKind::Parameter(_)
        | TypedKind::Column { .. }
        | TypedKind::Window(_)
        | TypedKind::Array(_)
        | TypedKind::Index(_)
        | TypedKind::Slice(_)
        | TypedKind::Unary(UnaryOp::Plus | UnaryOp::Not, _)
        | TypedKind::Nocase(_)
        | TypedKind::Between { .. }
        | TypedKind::Is(_)
        | TypedKind::Case(_) => false,
    }
}

/// True when computing the expression may fail for some values.
pub(super) fn may_fail(typed: &Typed) -> bool {
    typed.any(&|typed| fails_itself(typed) && !is_folded(typed))
}

/// True when PostgreSQL computes the expression while it plans, whatever the plan: it consists of constants.
fn is_folded(typed: &Typed) -> bool {
    !typed.any(&|typed| match &typed.kind {
        TypedKind::Literal(_)
        | TypedKind::Array(_)
        | TypedKind::Cast(..)
        | TypedKind::Int4(_)
        | TypedKind::Unary(..)
        | TypedKind::Binary(..) => false,
        TypedKind::Call(call) => {
            call.function.kind != FunctionKind::Scalar
                || matches!(
                    call.function.name,
                    "error" | "parse_unix_timestamp" | "format_unix_timestamp"
                )
        }
        _ => true,
    })
}

fn binary_fails(op: BinaryOp, left: &Typed, right: &Typed) -> bool {
    let is_int =
        left.data_type.kind() == TypeKind::Int8 || right.data_type.kind() == TypeKind::Int8;
    match op {
        BinaryOp::Divide | BinaryOp::Modulo => match &right.kind {
            // The smallest integer divided by -1 does not fit.
            TypedKind::Literal(Literal::Int(number)) => matches!(number, 0 | -1),
            TypedKind::Literal(Literal::Decimal(number)) => number.is_zero(),
            _ => true,
        },
        BinaryOp::Add | BinaryOp::Subtract | BinaryOp::Multiply => is_int,
        BinaryOp::Power
        | BinaryOp::Concat
        | BinaryOp::Equal
        | BinaryOp::NotEqual
        | BinaryOp::Less
        | BinaryOp::LessEqual
        | BinaryOp::Greater
        | BinaryOp::GreaterEqual
        | BinaryOp::And
        | BinaryOp::Or => false,
    }
}

fn cast_fails(inner: &Typed, target: TypeRef) -> bool {
    use TypeKind::{Bool, Bytea, Int8, Null, Numeric, Text, Uuid};
    let (from, to) = (inner.data_type, target.data_type);
    if from.kind() == Null {
        return false;
    }
    match (from.kind(), to.kind()) {
        (_, Text) => false,
        (Int8, Int8) => target.int4,
        (Int8, Numeric { precision, scale }) => precision.saturating_sub(scale) < 19,
        (Numeric { precision: p, scale: s }, Numeric { precision, scale }) => {
            let (had, has) = (p.saturating_sub(s), precision.saturating_sub(scale));
            // Rounding may carry into one more digit; arithmetic may have made more digits than the type says.
            has <= had || is_inexact(inner) || !matches!(inner.kind, TypedKind::Column { .. })
        }
        (Bool, Bool) | (Bytea, Bytea) | (Uuid, Uuid) => false,
        _ => true,
    }
}

fn call_fails(call: &TypedCall) -> bool {
    let arg = |position: usize| call.args.get(position);
    let is_constant_at = |position| arg(position).is_none_or(is_constant);
    match call.function.name {
        "error" | "parse_unix_timestamp" | "format_unix_timestamp" | "decode" => true,
        "abs" => arg(0).is_some_and(|value| value.data_type.kind() == TypeKind::Int8),
        "encode" | "digest" => !is_constant_at(1),
        "format" => true,
        "lpad" | "rpad" => !arg(1).is_some_and(is_small),
        "substring" | "overlay" => !call.args.iter().skip(1).all(is_small_or_text),
        _ => false,
    }
}

/// A written number that fits 32 bits; [`TypedKind::Int4`] around it is looked through.
pub(super) fn is_small(typed: &Typed) -> bool {
    match &typed.kind {
        TypedKind::Literal(Literal::Int(number)) => {
            (0..=i64::from(super::MAX_BUILT_BYTES)).contains(number)
        }
        TypedKind::Literal(Literal::Null) => true,
        TypedKind::Int4(inner) => is_small(inner),
        _ => false,
    }
}

fn is_small_or_text(typed: &Typed) -> bool {
    is_text(typed.data_type) || is_small(typed)
}

fn is_constant(typed: &Typed) -> bool {
    matches!(typed.kind, TypedKind::Literal(_))
}

/// Patterns must not end with an escape character that escapes nothing.
fn is_sound_pattern(pattern: &Typed) -> bool {
    match &pattern.kind {
        TypedKind::Literal(Literal::Text(text)) => {
            text.bytes().rev().take_while(|byte| *byte == b'\\').count().is_multiple_of(2)
        }
        TypedKind::Literal(Literal::Null) => true,
        TypedKind::Nocase(inner) => is_sound_pattern(inner),
        _ => false,
    }
}

/// True for queries that cannot give two rows.
pub(super) fn has_one_row(select: &PlannedSelect) -> bool {
    let core = &select.first;
    let is_limited = matches!(
        select.limit.as_ref().map(|limit| &limit.kind),
        Some(TypedKind::Literal(Literal::Int(0 | 1)))
    );
    is_limited
        || (select.compounds.is_empty()
            && core.group_by.is_empty()
            && (core.from.is_none() || core.results.iter().any(|(typed, _)| has_aggregate(typed))))
}

fn has_aggregate(typed: &Typed) -> bool {
    typed.any(&|typed| match &typed.kind {
        TypedKind::Call(call) => call.function.kind == FunctionKind::Aggregate,
        _ => false,
    })
}

/// True when something in the query may fail.
pub(super) fn select_fails(select: &PlannedSelect) -> bool {
    let mut fails = false;
    let mut queries = Vec::new();
    select
        .each_part(&mut |typed| fails = fails || may_fail(typed), &mut |query| queries.push(query));
    fails || queries.into_iter().any(select_fails)
}

/// True when the expression has the same value for all rows of its own select, and can be computed before them.
pub(super) fn is_fixed(typed: &Typed) -> bool {
    !typed.any(&|typed| match &typed.kind {
        TypedKind::Column { .. }
        | TypedKind::Subquery(_)
        | TypedKind::Exists { .. }
        | TypedKind::Window(_) => true,
        TypedKind::In(list) => matches!(list.source, TypedInSource::Select(_)),
        TypedKind::Call(call) => call.function.kind == FunctionKind::Aggregate,
        _ => false,
    })
}

pub(super) fn has_subquery(typed: &Typed) -> bool {
    typed.any(&|typed| match &typed.kind {
        TypedKind::Subquery(_) | TypedKind::Exists { .. } => true,
        TypedKind::In(list) => matches!(list.source, TypedInSource::Select(_)),
        _ => false,
    })
}

/// True when the number may have other digits behind the point than its type says, and how many depends on its size:
/// quotients, averages, and what may be one of several.
pub(super) fn is_inexact(typed: &Typed) -> bool {
    is_numeric(typed.data_type)
        && match &typed.kind {
            TypedKind::Binary(BinaryOp::Divide, _) => true,
            TypedKind::Binary(_, operands) => is_inexact(&operands.0) || is_inexact(&operands.1),
            TypedKind::Unary(_, inner) => is_inexact(inner),
            TypedKind::Call(call) => call_is_inexact(call),
            TypedKind::Window(window) => call_is_inexact(&window.call),
            TypedKind::Case(case) => {
                let results = case.branches.iter().map(|(_, then)| then).chain(&case.otherwise);
                results.into_iter().any(is_scaled)
            }
            _ => false,
        }
}

fn call_is_inexact(call: &TypedCall) -> bool {
    match call.function.name {
        "avg" => true,
        "sum" | "abs" | "min" | "max" => call.args.iter().any(is_inexact),
        "coalesce" | "greatest" | "least" | "nullif" | "lag" | "lead" | "first_value"
        | "last_value" | "nth_value" => call.args.iter().any(is_scaled),
        _ => false,
    }
}

/// True when the number may have other digits behind the point than its type says.
pub(super) fn is_scaled(typed: &Typed) -> bool {
    is_numeric(typed.data_type)
        && match &typed.kind {
            TypedKind::Binary(BinaryOp::Multiply | BinaryOp::Divide, _) => true,
            TypedKind::Binary(_, operands) => is_scaled(&operands.0) || is_scaled(&operands.1),
            TypedKind::Unary(_, inner) => is_scaled(inner),
            TypedKind::Call(call) => call.function.name == "avg" || call.args.iter().any(is_scaled),
            TypedKind::Window(window) => {
                window.call.function.name == "avg" || window.call.args.iter().any(is_scaled)
            }
            TypedKind::Case(case) => {
                let results = case.branches.iter().map(|(_, then)| then).chain(&case.otherwise);
                results.into_iter().any(is_scaled)
            }
            _ => false,
        }
}

/// True when text is compared without regard to case.
pub(super) fn is_nocase(typed: &Typed) -> bool {
    is_text(typed.data_type)
        && match &typed.kind {
            TypedKind::Nocase(_) => true,
            TypedKind::Binary(BinaryOp::Concat, operands) => {
                is_nocase(&operands.0) || is_nocase(&operands.1)
            }
            TypedKind::Call(call) => {
                call.function.kind == FunctionKind::Scalar && call.args.iter().any(is_nocase)
            }
            _ => false,
        }
}
