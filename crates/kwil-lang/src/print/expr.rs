//! Expressions, with the parentheses that precedence asks for.

use std::fmt::{self, Display, Formatter};

use super::{list, when};
use crate::ast::{
    BinaryOp, Call, Case, Expr, ExprKind, InSource, Is, IsTest, Like, OrderTerm, UnaryOp, Variable,
    Window, WindowCall, WindowRef,
};

/// How loosely an expression binds: the levels of the parser, 0 for an operand.
fn level(expr: &Expr) -> u8 {
    match &expr.kind {
        ExprKind::Unary(UnaryOp::Minus | UnaryOp::Plus, _) => 3,
        ExprKind::Unary(UnaryOp::Not, _) => 14,
        ExprKind::Binary(op, _) => binary_level(*op),
        ExprKind::Collate(..) => 4,
        ExprKind::In(_) => 9,
        ExprKind::Like(_) => 10,
        ExprKind::Between(_) => 11,
        ExprKind::Is(_) => 13,
        ExprKind::Literal(_)
        | ExprKind::Variable(_)
        | ExprKind::Column { .. }
        | ExprKind::Call(_)
        | ExprKind::Window(_)
        | ExprKind::Array(_)
        | ExprKind::Cast(..)
        | ExprKind::Field(..)
        | ExprKind::Index(..)
        | ExprKind::Slice(_)
        | ExprKind::Case(_)
        | ExprKind::Subquery(_)
        | ExprKind::Exists { .. } => 0,
    }
}

fn binary_level(op: BinaryOp) -> u8 {
    match op {
        BinaryOp::Power => 5,
        BinaryOp::Multiply | BinaryOp::Divide | BinaryOp::Modulo => 6,
        BinaryOp::Add | BinaryOp::Subtract => 7,
        BinaryOp::Concat => 8,
        BinaryOp::Equal
        | BinaryOp::NotEqual
        | BinaryOp::Less
        | BinaryOp::LessEqual
        | BinaryOp::Greater
        | BinaryOp::GreaterEqual => 12,
        BinaryOp::And => 15,
        BinaryOp::Or => 16,
    }
}

/// Writes `expr`, in parentheses when it binds looser than `limit`.
fn within(f: &mut Formatter<'_>, expr: &Expr, limit: u8) -> fmt::Result {
    parenthesised(f, expr, level(expr) > limit)
}

fn parenthesised(f: &mut Formatter<'_>, expr: &Expr, wanted: bool) -> fmt::Result {
    if !wanted {
        return expr.fmt(f);
    }
    f.write_str("(")?;
    expr.fmt(f)?;
    f.write_str(")")
}

/// True for operands that a cast, a field or an index may follow directly.
fn takes_postfix(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Literal(_)
        | ExprKind::Variable(_)
        | ExprKind::Column { .. }
        | ExprKind::Call(_)
        | ExprKind::Array(_)
        | ExprKind::Field(..)
        | ExprKind::Index(..)
        | ExprKind::Slice(_)
        | ExprKind::Subquery(_)
        | ExprKind::Exists { .. } => true,
        ExprKind::Window(_)
        | ExprKind::Cast(..)
        | ExprKind::Unary(..)
        | ExprKind::Binary(..)
        | ExprKind::Collate(..)
        | ExprKind::In(_)
        | ExprKind::Like(_)
        | ExprKind::Between(_)
        | ExprKind::Is(_)
        | ExprKind::Case(_) => false,
    }
}

/// True for operands behind a prefix operator that need no parentheses: what starts with a digit, a sign or `EXISTS`
/// would be read together with the operator.
fn takes_prefix(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Variable(_) | ExprKind::Column { .. } | ExprKind::Call(_) => true,
        ExprKind::Cast(inner, _) => takes_prefix(inner),
        _ => false,
    }
}

impl Display for Variable {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::Literal(literal) => literal.fmt(f),
            ExprKind::Variable(variable) => variable.fmt(f),
            ExprKind::Column { table: Some(table), name } => write!(f, "{table}.{name}"),
            ExprKind::Column { table: None, name } => name.fmt(f),
            ExprKind::Call(call) => call.fmt(f),
            ExprKind::Window(window) => window.fmt(f),
            ExprKind::Array(items) => {
                f.write_str("ARRAY[")?;
                list(f, items, ", ", |f, item| item.fmt(f))?;
                f.write_str("]")
            }
            ExprKind::Cast(..) | ExprKind::Field(..) | ExprKind::Index(..) | ExprKind::Slice(_) => {
                postfix(f, &self.kind)
            }
            ExprKind::Unary(op, operand) => unary(f, *op, operand),
            ExprKind::Binary(op, operands) => {
                let level = binary_level(*op);
                let (left, right) = &**operands;
                within(f, left, level)?;
                write!(f, " {} ", op.text())?;
                within(f, right, level.saturating_sub(1))
            }
            ExprKind::Collate(value, name) => {
                within(f, value, 4)?;
                write!(f, " COLLATE {name}")
            }
            ExprKind::In(list) => {
                within(f, &list.value, 9)?;
                write!(f, "{} IN ({})", when(list.not, " NOT"), list.source)
            }
            ExprKind::Like(like) => like.fmt(f),
            ExprKind::Between(between) => {
                within(f, &between.value, 11)?;
                write!(f, "{} BETWEEN ", when(between.not, " NOT"))?;
                within(f, &between.low, 10)?;
                f.write_str(" AND ")?;
                within(f, &between.high, 10)
            }
            ExprKind::Is(is) => is.fmt(f),
            ExprKind::Case(case) => case.fmt(f),
            ExprKind::Subquery(select) => write!(f, "({select})"),
            ExprKind::Exists { not, select } => {
                write!(f, "{}EXISTS ({select})", when(*not, "NOT "))
            }
        }
    }
}

fn postfix(f: &mut Formatter<'_>, kind: &ExprKind) -> fmt::Result {
    match kind {
        ExprKind::Cast(value, data_type) => {
            parenthesised(f, value, !takes_postfix(value))?;
            write!(f, "::{data_type}")
        }
        ExprKind::Field(value, field) => {
            // A column in front of a field would be read as its table.
            let is_bare = takes_postfix(value)
                && !matches!(value.kind, ExprKind::Column { .. } | ExprKind::Literal(_));
            parenthesised(f, value, !is_bare)?;
            write!(f, ".{field}")
        }
        ExprKind::Index(array, index) => {
            parenthesised(f, array, !takes_postfix(array))?;
            write!(f, "[{index}]")
        }
        ExprKind::Slice(slice) => {
            parenthesised(f, &slice.array, !takes_postfix(&slice.array))?;
            f.write_str("[")?;
            bounds(f, slice.from.as_ref(), slice.to.as_ref())?;
            f.write_str("]")
        }
        _ => Ok(()),
    }
}

/// `[from]:[to]`.
pub(super) fn bounds(f: &mut Formatter<'_>, from: Option<&Expr>, to: Option<&Expr>) -> fmt::Result {
    if let Some(from) = from {
        from.fmt(f)?;
    }
    // The blank keeps "::" from appearing.
    f.write_str(" : ")?;
    to.map_or(Ok(()), |to| to.fmt(f))
}

fn unary(f: &mut Formatter<'_>, op: UnaryOp, operand: &Expr) -> fmt::Result {
    let is_bare = takes_prefix(operand);
    f.write_str(match op {
        UnaryOp::Minus => "-",
        UnaryOp::Plus => "+",
        UnaryOp::Not => "NOT ",
    })?;
    parenthesised(f, operand, !is_bare)
}

impl Display for InSource {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::List(items) => list(f, items, ", ", |f, item| item.fmt(f)),
            Self::Select(select) => select.fmt(f),
        }
    }
}

impl Display for Like {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        within(f, &self.value, 10)?;
        let word = if self.any_case { "ILIKE" } else { "LIKE" };
        write!(f, "{} {word} ", when(self.not, " NOT"))?;
        within(f, &self.pattern, 9)
    }
}

impl Display for Is {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        within(f, &self.value, 13)?;
        write!(f, " IS {}", when(self.not, "NOT "))?;
        match &self.test {
            IsTest::Null => f.write_str("NULL"),
            IsTest::True => f.write_str("TRUE"),
            IsTest::False => f.write_str("FALSE"),
            IsTest::DistinctFrom(other) => {
                f.write_str("DISTINCT FROM ")?;
                within(f, other, 12)
            }
        }
    }
}

impl Display for Case {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("CASE ")?;
        if let Some(operand) = &self.operand {
            write!(f, "{operand} ")?;
        }
        for (when, then) in &self.branches {
            write!(f, "WHEN {when} THEN {then} ")?;
        }
        if let Some(otherwise) = &self.otherwise {
            write!(f, "ELSE {otherwise} ")?;
        }
        f.write_str("END")
    }
}

impl Display for Call {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}.")?;
        }
        write!(f, "{}({}{}", self.name, when(self.distinct, "DISTINCT "), when(self.star, "*"))?;
        list(f, &self.args, ", ", |f, arg| arg.fmt(f))?;
        if !self.order_by.is_empty() {
            if self.star || !self.args.is_empty() {
                f.write_str(" ")?;
            }
            order_by(f, &self.order_by)?;
        }
        f.write_str(")")
    }
}

/// `ORDER BY a, b`.
pub(super) fn order_by(f: &mut Formatter<'_>, terms: &[OrderTerm]) -> fmt::Result {
    f.write_str("ORDER BY ")?;
    list(f, terms, ", ", |f, term| term.fmt(f))
}

impl Display for OrderTerm {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.expr, when(self.descending, " DESC"))?;
        f.write_str(match self.nulls_first {
            None => "",
            Some(true) => " NULLS FIRST",
            Some(false) => " NULLS LAST",
        })
    }
}

impl Display for WindowCall {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.call.fmt(f)?;
        if let Some(filter) = &self.filter {
            write!(f, " FILTER (WHERE {filter})")?;
        }
        match &self.over {
            WindowRef::Named(name) => write!(f, " OVER {name}"),
            WindowRef::Inline(window) => write!(f, " OVER {window}"),
        }
    }
}

impl Display for Window {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        if !self.partition_by.is_empty() {
            f.write_str("PARTITION BY ")?;
            list(f, &self.partition_by, ", ", |f, expr| expr.fmt(f))?;
        }
        if !self.order_by.is_empty() {
            f.write_str(when(!self.partition_by.is_empty(), " "))?;
            order_by(f, &self.order_by)?;
        }
        f.write_str(")")
    }
}
