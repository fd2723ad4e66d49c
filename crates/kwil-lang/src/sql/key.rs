//! Values where their exact form counts: compared, grouped, ordered, given out.
//!
//! PostgreSQL computes quotients with as many digits as it likes, and compares text as its database was set up. Here
//! numbers are rounded to the scale of their type, and text is compared byte by byte, or by its lower case.

use std::fmt::Write;

use kwil_types::{DataType, TypeKind};

use super::expr::is_only_null;
use super::nature::{is_inexact, is_nocase, is_scaled, is_text};
use super::{Look, Writer};
use crate::analyze::{OutputColumn, Typed, TypedKind};
use crate::ast::{BinaryOp, Literal};

pub(super) const NULL: DataType = DataType::scalar(TypeKind::Null);

const BYTEWISE: &str = " COLLATE \"C\")";

/// True when PostgreSQL compares this text byte by byte without being told: columns are made that way, and every query
/// gives such columns.
fn is_bytewise(typed: &Typed) -> bool {
    !is_text(typed.data_type)
        || match &typed.kind {
            TypedKind::Column { .. } => true,
            TypedKind::Nocase(inner) => is_bytewise(inner),
            _ => false,
        }
}

impl<'p> Writer<'p> {
    /// A value whose number is rounded when its digits depend on its size.
    #[inline(never)]
    pub(super) fn value(&mut self, typed: &'p Typed) {
        if is_inexact(typed) { self.rounded(typed) } else { self.expr(typed) }
    }

    fn rounded(&mut self, typed: &'p Typed) {
        let [_, scale] = typed.data_type.kind().metadata();
        self.push("pg_catalog.round(");
        self.expr_plain(typed);
        // Writing to a string cannot fail.
        let _ = write!(self.out, ", {scale})");
    }

    /// The text that stands for all that differ from it in case only.
    pub(super) fn folded(&mut self, typed: &'p Typed) {
        self.internal("lower");
        self.push("(");
        self.expr_plain(typed);
        self.push(")");
    }

    /// A value by which rows are told apart: equal values have the same form.
    #[inline(never)]
    pub(super) fn group_key(&mut self, typed: &'p Typed) {
        if is_nocase(typed) {
            self.folded(typed);
        } else if is_scaled(typed) {
            self.rounded(typed);
        } else if typed.data_type == NULL && is_only_null(typed) {
            self.push("NULL::TEXT");
        } else if let TypedKind::Literal(Literal::Text(_) | Literal::Bool(_)) = &typed.kind {
            // A bare constant would be a position or an error.
            self.wrap("(", typed, ")::");
            self.push_type(typed.data_type);
        } else {
            self.expr(typed);
        }
    }

    /// A value by which rows are ordered.
    #[inline(never)]
    pub(super) fn order_key(&mut self, typed: &'p Typed) {
        if is_nocase(typed) {
            self.push("(");
            self.folded(typed);
            self.push(BYTEWISE);
        } else if is_bytewise(typed) || typed.data_type == NULL {
            self.group_key(typed);
        } else {
            self.wrap("(", typed, BYTEWISE);
        }
    }

    /// A result of a select.
    #[inline(never)]
    pub(super) fn item(&mut self, typed: &'p Typed, look: Look, column: Option<&OutputColumn>) {
        let is_seen = look != Look::None;
        if typed.data_type == NULL {
            self.wrap("(", typed, ")");
            match column.filter(|column| column.data_type != NULL) {
                Some(column) => {
                    self.push("::");
                    self.push_type(column.data_type);
                }
                None => self.push(if is_seen { "::TEXT" } else { "" }),
            }
        } else if is_nocase(typed) && self.is_formed_group(typed) {
            self.order_key(typed);
        } else if is_seen && !is_bytewise(typed) {
            self.wrap("(", typed, BYTEWISE);
        } else if is_inexact(typed) || (look == Look::ToldApart && is_scaled(typed)) {
            self.rounded(typed);
        } else {
            self.expr(typed);
        }
    }

    #[inline(never)]
    pub(super) fn binary(&mut self, op: BinaryOp, operands: &'p (Typed, Typed)) {
        let (left, right) = (&operands.0, &operands.1);
        if !op.is_comparison() {
            return self.infix(op.text(), left, right);
        }
        let is_order = !matches!(op, BinaryOp::Equal | BinaryOp::NotEqual);
        if is_text(left.data_type) && is_text(right.data_type) {
            return self.compare_text(op.text(), is_order, left, right);
        }
        self.push("(");
        self.value(left);
        self.push(" ");
        self.push(op.text());
        self.push(" ");
        self.value(right);
        self.push(")");
    }

    /// Two texts and an operator that compares them.
    #[inline(never)]
    pub(super) fn compare_text(
        &mut self,
        operator: &str,
        is_order: bool,
        left: &'p Typed,
        right: &'p Typed,
    ) {
        let fold = is_nocase(left) || is_nocase(right);
        let has_column = !fold && (is_bytewise(left) || is_bytewise(right));
        self.push("(");
        self.text_operand(left, fold, is_order && !has_column);
        self.push(" ");
        self.push(operator);
        self.push(" ");
        self.text_operand(right, fold, false);
        self.push(")");
    }

    /// A text that is compared: by its lower case or as it is, byte by byte if that has to be said.
    pub(super) fn text_operand(&mut self, typed: &'p Typed, fold: bool, say_bytewise: bool) {
        self.push(if say_bytewise { "(" } else { "" });
        if fold {
            self.folded(typed);
        } else {
            self.expr(typed);
        }
        self.push(if say_bytewise { BYTEWISE } else { "" });
    }

    /// True when a term of the grouping has another form than the same expression elsewhere.
    pub(super) fn is_formed_group(&self, typed: &Typed) -> bool {
        let groups = self.groups.last().copied().unwrap_or_default();
        !groups.is_empty()
            && !matches!(typed.kind, TypedKind::Column { .. } | TypedKind::Literal(_))
            && (is_nocase(typed) || is_scaled(typed))
            && groups.contains(typed)
    }
}
