//! Expressions. Trees are high, so the function that recurses stays small and what it calls is not inlined.

use std::fmt::Write;

use kwil_types::{DataType, TypeKind};

use super::change::ROWS;
use super::key::NULL;
use super::nature::{is_nocase, is_text};
use super::{Use, Writer};
use crate::analyze::{
    FunctionKind, PlannedSelect, Typed, TypedCase, TypedIn, TypedInSource, TypedIs, TypedKind,
};
use crate::ast::{Literal, TypeRef, UnaryOp};

impl<'p> Writer<'p> {
    pub(super) fn expr(&mut self, typed: &'p Typed) {
        if !self.groups.is_empty() && self.is_formed_group(typed) {
            self.group_key(typed);
        } else if typed.data_type == NULL && is_only_null(typed) {
            self.push("NULL");
        } else {
            self.expr_plain(typed);
        }
    }

    /// Writes the expression even if it is a term of the grouping.
    pub(super) fn expr_plain(&mut self, typed: &'p Typed) {
        match &typed.kind {
            TypedKind::Literal(literal) => self.literal(literal),
            TypedKind::Parameter(number) => self.parameter(*number, typed.data_type),
            TypedKind::Column { relation, name, .. } => self.column(relation, name),
            TypedKind::Call(call) => self.call(call),
            TypedKind::Window(window) => self.window(window),
            TypedKind::Array(items) => self.array(items),
            TypedKind::Cast(inner, data_type) => self.cast(inner, data_type),
            TypedKind::Int4(inner) => self.wrap("(", inner, ")::INT4"),
            TypedKind::Index(operands) => self.index(&operands.0, &operands.1),
            TypedKind::Slice(slice) => self.slice(slice),
            TypedKind::Unary(op, inner) => self.unary(*op, inner),
            TypedKind::Binary(op, operands) => self.binary(*op, operands),
            // How text compares is the business of who compares it.
            TypedKind::Nocase(inner) => self.expr(inner),
            TypedKind::In(list) => self.in_list(list),
            TypedKind::Like { not, any_case, operands } => self.like(*not, *any_case, operands),
            TypedKind::Between { not, operands } => self.between(*not, operands),
            TypedKind::Is(is) => self.is(is),
            TypedKind::Case(case) => self.case(case),
            TypedKind::Subquery(select) => self.subquery("(", select, ")"),
            TypedKind::Exists { not: false, select } => self.subquery("EXISTS (", select, ")"),
            TypedKind::Exists { not: true, select } => {
                self.subquery("(NOT EXISTS (", select, "))");
            }
        }
    }

    pub(super) fn wrap(&mut self, before: &str, inner: &'p Typed, behind: &str) {
        self.push(before);
        self.expr(inner);
        self.push(behind);
    }

    #[inline(never)]
    fn subquery(&mut self, before: &str, select: &'p PlannedSelect, behind: &str) {
        self.push(before);
        self.select(select, Use::Operand);
        self.push(behind);
    }

    #[inline(never)]
    pub(super) fn infix(&mut self, operator: &str, left: &'p Typed, right: &'p Typed) {
        self.wrap("(", left, " ");
        self.push(operator);
        self.wrap(" ", right, ")");
    }

    #[inline(never)]
    fn literal(&mut self, literal: &Literal) {
        // Writing to a string cannot fail.
        let _ = match literal {
            Literal::Null => write!(self.out, "NULL"),
            Literal::Bool(value) => write!(self.out, "{}", if *value { "TRUE" } else { "FALSE" }),
            Literal::Int(value) if *value < 0 => write!(self.out, "({value})::INT8"),
            Literal::Int(value) => write!(self.out, "{value}::INT8"),
            Literal::Decimal(value) => {
                write!(self.out, "({value})::NUMERIC({},{})", value.precision(), value.scale())
            }
            // Strings are standard: a backslash is an ordinary character.
            Literal::Text(value) => write!(self.out, "'{}'", value.replace('\'', "''")),
            Literal::Bytes(value) => {
                self.push("'\\x");
                for byte in value {
                    let _ = write!(self.out, "{byte:02x}");
                }
                write!(self.out, "'::BYTEA")
            }
        };
    }

    #[inline(never)]
    fn parameter(&mut self, number: usize, data_type: DataType) {
        let number = number.saturating_add(1);
        let _ = if self.in_rows {
            write!(self.out, "{ROWS}.p{number}")
        } else {
            write!(self.out, "${number}")
        };
        // A value without a type takes that of the place it stands in.
        if data_type.kind() != TypeKind::Null {
            self.push("::");
            self.push_type(data_type);
        }
    }

    #[inline(never)]
    pub(super) fn column(&mut self, relation: &str, name: &str) {
        if !self.is_bare {
            self.ident(relation);
            self.push(".");
        }
        self.ident(name);
    }

    #[inline(never)]
    fn array(&mut self, items: &'p [Typed]) {
        self.push("ARRAY[");
        self.list(items, Self::value);
        self.push("]");
    }

    #[inline(never)]
    fn cast(&mut self, inner: &'p Typed, target: &TypeRef) {
        let reader = reader(inner, target.data_type);
        let is_packed = !inner.data_type.is_array() && target.data_type.is_array();
        if reader.is_some() || (is_packed && is_text(inner.data_type)) {
            // Servers differ in what they read as a number, and the language has one kind of arrays.
            if let Some(function) = reader {
                self.internal(function);
            }
            self.push("(");
            if is_packed {
                self.internal("to_array");
            }
            self.wrap(if is_packed { "(" } else { "" }, inner, if is_packed { "))" } else { ")" });
            if target.data_type.kind() == TypeKind::Int8 && !target.int4 {
                return;
            }
            self.push("::");
        } else {
            self.push("(");
            match target.data_type.kind() {
                TypeKind::Numeric { .. } | TypeKind::Int8 => self.expr(inner),
                _ => self.value(inner),
            }
            self.push(")::");
        }
        match (target.int4, target.data_type.is_array()) {
            (true, false) => self.push("INT4"),
            (true, true) => self.push("INT4[]"),
            (false, _) => self.push_type(target.data_type),
        }
    }

    #[inline(never)]
    fn index(&mut self, array: &'p Typed, index: &'p Typed) {
        self.wrap("(", array, if array.data_type == NULL { "::TEXT[])[" } else { ")[" });
        self.wrap("", index, "]");
    }

    #[inline(never)]
    fn slice(&mut self, (array, from, to): &'p (Typed, Option<Typed>, Option<Typed>)) {
        self.wrap("(", array, if array.data_type == NULL { "::TEXT[])[" } else { ")[" });
        self.clause("", from.as_ref());
        self.push(":");
        self.clause("", to.as_ref());
        self.push("]");
    }

    #[inline(never)]
    fn unary(&mut self, op: UnaryOp, inner: &'p Typed) {
        let sign = match op {
            UnaryOp::Minus => "(- ",
            UnaryOp::Plus => "(+ ",
            UnaryOp::Not => "(NOT ",
        };
        self.wrap(sign, inner, ")");
    }

    #[inline(never)]
    fn like(&mut self, not: bool, any_case: bool, operands: &'p (Typed, Typed)) {
        let fold = any_case || is_nocase(&operands.0) || is_nocase(&operands.1);
        self.push("(");
        self.text_operand(&operands.0, fold, false);
        self.push(if not { " NOT LIKE " } else { " LIKE " });
        self.text_operand(&operands.1, fold, false);
        self.push(")");
    }

    #[inline(never)]
    fn in_list(&mut self, list: &'p TypedIn) {
        let fold = is_nocase(&list.value)
            || match &list.source {
                TypedInSource::List(items) => items.iter().any(is_nocase),
                TypedInSource::Select(select) => {
                    select.first.results.first().is_some_and(|(typed, _)| is_nocase(typed))
                }
            };
        self.push("(");
        self.compared(&list.value, fold);
        self.push(if list.not { " NOT IN (" } else { " IN (" });
        match &list.source {
            TypedInSource::List(items) => {
                self.list(items, |writer, item| writer.compared(item, fold));
            }
            TypedInSource::Select(select) if fold => {
                self.push("SELECT ");
                self.internal("lower");
                self.subquery("(\"_q\".\"c\") FROM (", select, ") AS \"_q\"(\"c\")");
            }
            TypedInSource::Select(select) => self.select(select, Use::Operand),
        }
        self.push("))");
    }

    /// An operand of something that asks whether values are equal.
    fn compared(&mut self, typed: &'p Typed, fold: bool) {
        if fold {
            self.folded(typed);
        } else {
            self.value(typed);
        }
    }

    #[inline(never)]
    fn between(&mut self, not: bool, operands: &'p (Typed, Typed, Typed)) {
        let (value, low, high) = (&operands.0, &operands.1, &operands.2);
        let words = if not { " NOT BETWEEN " } else { " BETWEEN " };
        self.push("(");
        if is_text(value.data_type) || is_text(low.data_type) {
            let fold = is_nocase(value) || is_nocase(low) || is_nocase(high);
            let is_column = matches!(value.kind, TypedKind::Column { .. });
            self.text_operand(value, fold, fold || !is_column);
            self.push(words);
            self.text_operand(low, fold, false);
            self.push(" AND ");
            self.text_operand(high, fold, false);
        } else {
            self.value(value);
            self.push(words);
            self.value(low);
            self.push(" AND ");
            self.value(high);
        }
        self.push(")");
    }

    #[inline(never)]
    fn is(&mut self, is: &'p TypedIs) {
        let (not, value, test) = match is {
            TypedIs::Null(not, value) => (*not, value, "NULL)"),
            TypedIs::True(not, value) => (*not, value, "TRUE)"),
            TypedIs::False(not, value) => (*not, value, "FALSE)"),
            TypedIs::DistinctFrom(not, value, other) => {
                let words = if *not { " IS NOT DISTINCT FROM " } else { " IS DISTINCT FROM " };
                let fold = is_nocase(value) || is_nocase(other);
                self.push("(");
                self.compared(value, fold);
                self.push(words);
                self.compared(other, fold);
                return self.push(")");
            }
        };
        self.wrap("(", value, if not { " IS NOT " } else { " IS " });
        self.push(test);
    }

    #[inline(never)]
    fn case(&mut self, case: &'p TypedCase) {
        self.push("CASE");
        let fold = case.operand.as_ref().is_some_and(|operand| {
            is_nocase(operand) || case.branches.iter().any(|(when, _)| is_nocase(when))
        });
        if let Some(operand) = &case.operand {
            self.push(" ");
            self.compared(operand, fold);
        }
        for (when, then) in &case.branches {
            self.push(" WHEN ");
            self.compared(when, fold);
            self.wrap(" THEN ", then, "");
        }
        self.clause(" ELSE ", case.otherwise.as_ref());
        self.push(" END");
    }
}

/// True when the expression is an untyped NULL however it is computed, and nothing in it has to be sent.
pub(super) fn is_only_null(typed: &Typed) -> bool {
    match &typed.kind {
        TypedKind::Literal(_) | TypedKind::Column { .. } => true,
        TypedKind::Index(_)
        | TypedKind::Slice(_)
        | TypedKind::Unary(..)
        | TypedKind::Binary(..) => !typed.any(&is_sent),
        TypedKind::Call(call) => call.function.kind == FunctionKind::Scalar && !typed.any(&is_sent),
        _ => false,
    }
}

fn is_sent(typed: &Typed) -> bool {
    matches!(
        typed.kind,
        TypedKind::Parameter(_)
            | TypedKind::Subquery(_)
            | TypedKind::Exists { .. }
            | TypedKind::In(_)
    )
}

/// The function that reads numbers from text; `None` when all servers read this text alike.
fn reader(inner: &Typed, target: DataType) -> Option<&'static str> {
    if !is_text(inner.data_type) {
        return None;
    }
    let (name, is_plain): (_, fn(u8) -> bool) = match target.kind() {
        TypeKind::Int8 => ("to_int8", |byte| byte.is_ascii_digit()),
        TypeKind::Numeric { .. } => ("to_numeric", |byte| byte.is_ascii_digit() || byte == b'.'),
        TypeKind::Null | TypeKind::Text | TypeKind::Bool | TypeKind::Bytea | TypeKind::Uuid => {
            return None;
        }
    };
    match &inner.kind {
        TypedKind::Literal(Literal::Text(text))
            if !target.is_array() && !text.is_empty() && text.bytes().all(is_plain) =>
        {
            None
        }
        _ => Some(name),
    }
}
