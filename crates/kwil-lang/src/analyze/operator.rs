//! Operators of SQL: which types they take and give.

use kwil_types::{DataType, TypeKind};

use super::plan::{PlannedSelect, Typed, TypedCase, TypedIn, TypedInSource, TypedIs, TypedKind};
use super::{Analyzed, Analyzer, BOOL, INT8, NULL, TEXT};
use crate::ast::{
    Between, BinaryOp, Case, Expr, Ident, InList, InSource, Is, IsTest, Like, Literal, Slice,
    TypeRef, UnaryOp,
};
use crate::{ErrorClass, Span};

fn truth(kind: TypedKind) -> Typed {
    Typed { kind, data_type: BOOL }
}

impl Analyzer<'_> {
    /// An expression that must be of this type.
    pub(super) fn expr_of(&mut self, expr: &Expr, wanted: DataType, what: &str) -> Analyzed<Typed> {
        let typed = self.expr(expr)?;
        self.expect_fit(typed.data_type, wanted, expr.span, what)?;
        Ok(typed_as(typed, wanted))
    }

    #[inline(never)]
    pub(super) fn unary(&mut self, op: UnaryOp, operand: &Expr) -> Analyzed<Typed> {
        let typed = self.expr(operand)?;
        let is_fine = match (op, typed.data_type.kind()) {
            (_, TypeKind::Null)
            | (UnaryOp::Minus | UnaryOp::Plus, TypeKind::Int8 | TypeKind::Numeric { .. })
            | (UnaryOp::Not, TypeKind::Bool) => true,
            (UnaryOp::Minus | UnaryOp::Plus | UnaryOp::Not, _) => false,
        };
        if !is_fine || typed.data_type.is_array() {
            let wanted = if op == UnaryOp::Not { "bool" } else { "int8 or numeric" };
            let detail = format!("operand must be {wanted}, got {}", typed.data_type);
            return Err(self.error(ErrorClass::PlanType, operand.span, detail));
        }
        let data_type = if op == UnaryOp::Not { BOOL } else { typed.data_type };
        Ok(Typed { kind: TypedKind::Unary(op, Box::new(typed)), data_type })
    }

    #[inline(never)]
    pub(super) fn binary(
        &mut self,
        op: BinaryOp,
        operands: &(Expr, Expr),
        span: Span,
    ) -> Analyzed<Typed> {
        let left = self.expr(&operands.0)?;
        let right = self.expr(&operands.1)?;
        let (left_type, right_type) = (left.data_type, right.data_type);
        let wanted = match op {
            BinaryOp::And | BinaryOp::Or => BOOL,
            _ => typed_first(left_type, right_type),
        };
        let (left, right) = (typed_as(left, wanted), typed_as(right, wanted));
        let data_type = match op {
            BinaryOp::Power => {
                let detail = "exponentiation with ^ exists only in actions";
                return Err(self.error(ErrorClass::PlanOther, span, detail));
            }
            BinaryOp::And | BinaryOp::Or => {
                self.expect_fit(left_type, BOOL, operands.0.span, op.text())?;
                self.expect_fit(right_type, BOOL, operands.1.span, op.text())?;
                BOOL
            }
            _ => {
                self.expect_fit(left_type, right_type, span, op.text())?;
                match (op.is_comparison(), left_type) {
                    (true, _) => BOOL,
                    (false, NULL) => right_type,
                    (false, _) => left_type,
                }
            }
        };
        Ok(Typed { kind: TypedKind::Binary(op, Box::new((left, right))), data_type })
    }

    #[inline(never)]
    pub(super) fn collate(&mut self, value: &Expr, name: &Ident) -> Analyzed<Typed> {
        if name.as_str() != "nocase" {
            let detail = format!("unknown collation \"{name}\"");
            return Err(self.error(ErrorClass::PlanOther, name.span, detail));
        }
        let value = self.expr_of(value, TEXT, "COLLATE")?;
        Ok(Typed { kind: TypedKind::Nocase(Box::new(value)), data_type: TEXT })
    }

    #[inline(never)]
    pub(super) fn in_list(&mut self, list: &InList) -> Analyzed<Typed> {
        let mut value = self.expr(&list.value)?;
        let source = match &list.source {
            InSource::List(items) => {
                let mut typed = Vec::with_capacity(items.len());
                for item in items {
                    typed.push(self.expr_of(item, value.data_type, "IN")?);
                }
                let element =
                    typed.iter().fold(NULL, |first, item| typed_first(first, item.data_type));
                value = typed_as(value, element);
                TypedInSource::List(typed)
            }
            InSource::Select(select) => {
                let mut planned = self.one_column(select)?;
                let column = planned.columns.first().map_or(NULL, |column| column.data_type);
                self.expect_fit(column, value.data_type, select.span, "IN")?;
                planned.type_nulls(std::iter::once(value.data_type));
                TypedInSource::Select(planned)
            }
        };
        Ok(truth(TypedKind::In(Box::new(TypedIn { value, not: list.not, source }))))
    }

    #[inline(never)]
    pub(super) fn like(&mut self, like: &Like) -> Analyzed<Typed> {
        let value = self.expr_of(&like.value, TEXT, "LIKE")?;
        let pattern = self.expr_of(&like.pattern, TEXT, "LIKE")?;
        let operands = Box::new((value, pattern));
        Ok(truth(TypedKind::Like { not: like.not, any_case: like.any_case, operands }))
    }

    #[inline(never)]
    pub(super) fn between(&mut self, between: &Between) -> Analyzed<Typed> {
        let value = self.expr(&between.value)?;
        let low = self.expr_of(&between.low, value.data_type, "BETWEEN")?;
        let high = self.expr_of(&between.high, value.data_type, "BETWEEN")?;
        let bound = typed_first(low.data_type, high.data_type);
        let operands = Box::new((typed_as(value, bound), low, high));
        Ok(truth(TypedKind::Between { not: between.not, operands }))
    }

    #[inline(never)]
    pub(super) fn is(&mut self, is: &Is) -> Analyzed<Typed> {
        let value = self.expr(&is.value)?;
        if matches!(is.test, IsTest::True | IsTest::False) {
            self.expect_fit(value.data_type, BOOL, is.value.span, "IS")?;
        }
        let typed = match &is.test {
            IsTest::Null => TypedIs::Null(is.not, value),
            IsTest::True => TypedIs::True(is.not, value),
            IsTest::False => TypedIs::False(is.not, value),
            IsTest::DistinctFrom(other) => {
                let other = self.expr_of(other, value.data_type, "IS DISTINCT FROM")?;
                TypedIs::DistinctFrom(is.not, typed_as(value, other.data_type), other)
            }
        };
        Ok(truth(TypedKind::Is(Box::new(typed))))
    }

    #[inline(never)]
    pub(super) fn case(&mut self, case: &Case) -> Analyzed<Typed> {
        let operand = case.operand.as_ref().map(|operand| self.expr(operand)).transpose()?;
        let compared = operand.as_ref().map_or(BOOL, |operand| operand.data_type);
        let mut data_type = NULL;
        let mut branches = Vec::with_capacity(case.branches.len());
        for (when, then) in &case.branches {
            let when = self.expr_of(when, compared, "WHEN")?;
            let typed = self.expr_of(then, data_type, "THEN")?;
            data_type = typed_first(data_type, typed.data_type);
            branches.push((when, typed));
        }
        let otherwise = match &case.otherwise {
            Some(otherwise) => {
                let typed = self.expr_of(otherwise, data_type, "ELSE")?;
                data_type = typed_first(data_type, typed.data_type);
                Some(typed)
            }
            None => None,
        };
        for (_, then) in &mut branches {
            retype(then, data_type);
        }
        let case = TypedCase { operand, branches, otherwise };
        Ok(Typed { kind: TypedKind::Case(Box::new(case)), data_type })
    }

    #[inline(never)]
    pub(super) fn array(&mut self, items: &[Expr], span: Span) -> Analyzed<Typed> {
        if items.is_empty() {
            let detail = "ARRAY[] needs a cast, such as ARRAY[]::int8[]";
            return Err(self.error(ErrorClass::UntypedEmptyArray, span, detail));
        }
        let mut element = NULL;
        let mut typed = Vec::with_capacity(items.len());
        for item in items {
            let one = self.expr_of(item, element, "ARRAY")?;
            if one.data_type.is_array() {
                let detail = "arrays have one dimension";
                return Err(self.error(ErrorClass::ArrayDimensionality, item.span, detail));
            }
            element = typed_first(element, one.data_type);
            typed.push(one);
        }
        let data_type = DataType::array(element.kind());
        Ok(Typed { kind: TypedKind::Array(typed), data_type })
    }

    fn array_operand(&mut self, array: &Expr) -> Analyzed<Typed> {
        let typed = self.expr(array)?;
        if typed.data_type.is_array() || typed.data_type == NULL {
            return Ok(typed);
        }
        let detail = format!("only arrays have elements, got {}", typed.data_type);
        Err(self.error(ErrorClass::PlanType, array.span, detail))
    }

    #[inline(never)]
    pub(super) fn index(&mut self, array: &Expr, index: &Expr) -> Analyzed<Typed> {
        let array = self.array_operand(array)?;
        let index = self.expr_of(index, INT8, "index")?;
        let data_type = DataType::scalar(array.data_type.kind());
        Ok(Typed { kind: TypedKind::Index(Box::new((array, index))), data_type })
    }

    #[inline(never)]
    pub(super) fn slice(&mut self, slice: &Slice) -> Analyzed<Typed> {
        let array = self.array_operand(&slice.array)?;
        let mut bound = |bound: &Option<Expr>| match bound {
            Some(bound) => self.expr_of(bound, INT8, "index").map(Some),
            None => Ok(None),
        };
        let (from, to) = (bound(&slice.from)?, bound(&slice.to)?);
        let data_type = array.data_type;
        Ok(Typed { kind: TypedKind::Slice(Box::new((array, from, to))), data_type })
    }
}

impl PlannedSelect {
    /// Columns without a type take these.
    pub(super) fn type_nulls(&mut self, types: impl Iterator<Item = DataType>) {
        for (column, data_type) in self.columns.iter_mut().zip(types) {
            column.data_type = typed_first(column.data_type, data_type);
        }
    }
}

/// An expression without a type takes this one; to PostgreSQL it would be a text otherwise. A bare NULL needs no help.
pub(super) fn typed_as(mut typed: Typed, wanted: DataType) -> Typed {
    if !matches!(typed.kind, TypedKind::Literal(_)) {
        retype(&mut typed, wanted);
    }
    typed
}

/// Casts an expression without a type to this one: a NULL to any, an array of nothing but NULLs to any array.
pub(super) fn retype(typed: &mut Typed, wanted: DataType) {
    let is_untyped = typed.data_type == NULL
        || (typed.data_type == DataType::array(TypeKind::Null) && wanted.is_array());
    if is_untyped && wanted.kind() != TypeKind::Null {
        let target = TypeRef { data_type: wanted, int4: false, span: Span::default() };
        let untyped = Typed { kind: TypedKind::Literal(Literal::Null), data_type: NULL };
        let inner = Box::new(std::mem::replace(typed, untyped));
        *typed = Typed { kind: TypedKind::Cast(inner, target), data_type: wanted };
    }
}

/// The first of two types that says something.
fn typed_first(first: DataType, second: DataType) -> DataType {
    if first.kind() == TypeKind::Null { second } else { first }
}
