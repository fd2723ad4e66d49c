//! Expressions. Trees are high, so the function that recurses stays small and what it calls is not inlined.

use std::fmt::Write;

use kwil_types::{DataType, TypeKind};

use super::{Writer, sql_type};
use crate::analyze::{
    Typed, TypedCall, TypedCase, TypedIn, TypedInSource, TypedIs, TypedKind, TypedWindow,
};
use crate::ast::{Literal, TypeRef, UnaryOp};

impl<'p> Writer<'p> {
    pub(super) fn expr(&mut self, typed: &'p Typed) {
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
            TypedKind::Binary(op, operands) => self.infix(op.text(), &operands.0, &operands.1),
            TypedKind::Nocase(inner) => self.nocase(inner),
            TypedKind::In(list) => self.in_list(list),
            TypedKind::Like { not, any_case, operands } => {
                self.infix(like(*not, *any_case), &operands.0, &operands.1);
            }
            TypedKind::Between { not, operands } => self.between(*not, operands),
            TypedKind::Is(is) => self.is(is),
            TypedKind::Case(case) => self.case(case),
            TypedKind::Subquery(select) => self.subquery("(", select),
            TypedKind::Exists { not: false, select } => self.subquery("EXISTS (", select),
            TypedKind::Exists { not: true, select } => self.subquery("(NOT EXISTS (", select),
        }
        if let TypedKind::Exists { not: true, .. } = &typed.kind {
            self.push(")");
        }
    }

    fn wrap(&mut self, before: &str, inner: &'p Typed, behind: &str) {
        self.push(before);
        self.expr(inner);
        self.push(behind);
    }

    fn subquery(&mut self, before: &str, select: &'p crate::analyze::PlannedSelect) {
        self.push(before);
        self.select(select);
        self.push(")");
    }

    fn infix(&mut self, operator: &str, left: &'p Typed, right: &'p Typed) {
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
        let _ = write!(self.out, "${}", number.saturating_add(1));
        // A value without a type takes that of the place it stands in.
        if data_type.kind() != TypeKind::Null {
            let _ = write!(self.out, "::{}", sql_type(data_type));
        }
    }

    #[inline(never)]
    fn column(&mut self, relation: &str, name: &str) {
        if !self.is_bare {
            self.ident(relation);
            self.push(".");
        }
        self.ident(name);
    }

    #[inline(never)]
    fn array(&mut self, items: &'p [Typed]) {
        self.push("ARRAY[");
        self.exprs(items);
        self.push("]");
    }

    #[inline(never)]
    fn cast(&mut self, inner: &'p Typed, target: &TypeRef) {
        self.wrap("(", inner, ")::");
        match (target.int4, target.data_type.is_array()) {
            (true, false) => self.push("INT4"),
            (true, true) => self.push("INT4[]"),
            (false, _) => self.push(&sql_type(target.data_type)),
        }
    }

    #[inline(never)]
    fn index(&mut self, array: &'p Typed, index: &'p Typed) {
        self.wrap("(", array, ")[");
        self.wrap("", index, "]");
    }

    #[inline(never)]
    fn slice(&mut self, (array, from, to): &'p (Typed, Option<Typed>, Option<Typed>)) {
        self.wrap("(", array, ")[");
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
    fn nocase(&mut self, inner: &'p Typed) {
        self.wrap("(", inner, " COLLATE ");
        self.ident(self.internal);
        self.push(".\"nocase\")");
    }

    #[inline(never)]
    fn in_list(&mut self, list: &'p TypedIn) {
        self.wrap("(", &list.value, if list.not { " NOT IN (" } else { " IN (" });
        match &list.source {
            TypedInSource::List(items) => self.exprs(items),
            TypedInSource::Select(select) => self.select(select),
        }
        self.push("))");
    }

    #[inline(never)]
    fn between(&mut self, not: bool, operands: &'p (Typed, Typed, Typed)) {
        self.wrap("(", &operands.0, if not { " NOT BETWEEN " } else { " BETWEEN " });
        self.wrap("", &operands.1, " AND ");
        self.wrap("", &operands.2, ")");
    }

    #[inline(never)]
    fn is(&mut self, is: &'p TypedIs) {
        let (not, value, test) = match is {
            TypedIs::Null(not, value) => (*not, value, "NULL)"),
            TypedIs::True(not, value) => (*not, value, "TRUE)"),
            TypedIs::False(not, value) => (*not, value, "FALSE)"),
            TypedIs::DistinctFrom(not, value, _) => (*not, value, "DISTINCT FROM "),
        };
        self.wrap("(", value, if not { " IS NOT " } else { " IS " });
        self.push(test);
        if let TypedIs::DistinctFrom(_, _, other) = is {
            self.wrap("", other, ")");
        }
    }

    #[inline(never)]
    fn case(&mut self, case: &'p TypedCase) {
        self.push("CASE");
        self.clause(" ", case.operand.as_ref());
        for (when, then) in &case.branches {
            self.wrap(" WHEN ", when, " THEN ");
            self.expr(then);
        }
        self.clause(" ELSE ", case.otherwise.as_ref());
        self.push(" END");
    }

    #[inline(never)]
    fn call(&mut self, call: &'p TypedCall) {
        let Some(form) = call.function.form(call.args.len()) else {
            self.push(call.function.name);
            self.push("(");
            self.arguments(call);
            return self.push(")");
        };
        // `{}`, `{1}`, `{internal}` between pieces of text.
        let mut rest = form;
        while let Some((text, behind)) = rest.split_once('{') {
            let (hole, behind) = behind.split_once('}').unwrap_or((behind, ""));
            self.push(text);
            match hole {
                "" => self.arguments(call),
                "internal" => self.ident(self.internal),
                number => {
                    let position = number.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
                    if let Some(arg) = position.and_then(|position| call.args.get(position)) {
                        self.expr(arg);
                    }
                }
            }
            rest = behind;
        }
        self.push(rest);
    }

    fn arguments(&mut self, call: &'p TypedCall) {
        self.push(if call.distinct { "DISTINCT " } else { "" });
        self.push(if call.star { "*" } else { "" });
        self.exprs(&call.args);
        self.order_by(" ORDER BY ", &call.order_by);
    }

    #[inline(never)]
    fn window(&mut self, window: &'p TypedWindow) {
        self.call(&window.call);
        if let Some(filter) = &window.filter {
            self.wrap(" FILTER (WHERE ", filter, ")");
        }
        self.push(" OVER (");
        if !window.partition_by.is_empty() {
            self.push("PARTITION BY ");
            self.exprs(&window.partition_by);
        }
        self.order_by(" ORDER BY ", &window.order_by);
        let tiebreak = self.tiebreaks.last().copied().unwrap_or_default();
        if window.pure && !tiebreak.is_empty() {
            self.push(if window.order_by.is_empty() { " ORDER BY " } else { ", " });
            self.exprs(tiebreak);
        }
        self.push(")");
    }
}

fn like(not: bool, any_case: bool) -> &'static str {
    match (not, any_case) {
        (false, false) => "LIKE",
        (false, true) => "ILIKE",
        (true, false) => "NOT LIKE",
        (true, true) => "NOT ILIKE",
    }
}
