//! Expressions: operands first, from left to right, each exactly once.

use kwil_lang::ErrorClass;
use kwil_lang::analyze::function;
use kwil_lang::ast::{Call, Expr, ExprKind, Ident, Is, IsTest, Slice, Variable};

use super::{Compiler, number};
use crate::eval;
use crate::interpret::contextual::Contextual;
use crate::interpret::program::{CallSite, Op, Test, Want};

impl Compiler {
    /// Leaves the value of an expression on the stack. Trees are up to [`kwil_lang::MAX_DEPTH`] high: the frame of this
    /// function has to stay small, so what it calls is not inlined.
    pub(super) fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Literal(literal) => self.constant(literal),
            ExprKind::Variable(variable) => self.variable(variable),
            ExprKind::Call(call) => self.call(call, Want::Value),
            ExprKind::Array(items) => self.array(items, None),
            ExprKind::Cast(value, of) => match &value.kind {
                ExprKind::Array(items) => self.array(items, Some(of.data_type)),
                _ => {
                    self.expr(value);
                    self.push(Op::Cast(of.data_type));
                }
            },
            ExprKind::Field(value, field) => self.field(value, field),
            ExprKind::Index(array, index) => {
                self.expr(array);
                self.expr(index);
                self.push(Op::Index);
            }
            ExprKind::Slice(slice) => self.slice(slice),
            ExprKind::Unary(op, operand) => {
                self.expr(operand);
                self.push(Op::Unary(*op));
            }
            ExprKind::Binary(op, operands) => {
                self.expr(&operands.0);
                self.expr(&operands.1);
                self.push(Op::Binary(*op));
            }
            ExprKind::Is(is) => self.is(is),
            ExprKind::Column { .. }
            | ExprKind::Window(_)
            | ExprKind::Collate(..)
            | ExprKind::In(_)
            | ExprKind::Like(_)
            | ExprKind::Between(_)
            | ExprKind::Case(_)
            | ExprKind::Subquery(_)
            | ExprKind::Exists { .. } => self.only_in_sql(),
        }
    }

    /// The parser refuses these in actions; a tree that was made otherwise fails when it runs.
    #[inline(never)]
    fn only_in_sql(&mut self) {
        self.fail(ErrorClass::Other, "an expression of SQL cannot stand in an action");
    }

    #[inline(never)]
    fn constant(&mut self, literal: &kwil_lang::ast::Literal) {
        let at = number(self.program.constants.len());
        self.program.constants.push(eval::literal(literal));
        self.push(Op::Const(at));
    }

    #[inline(never)]
    fn variable(&mut self, variable: &Variable) {
        if variable.is_contextual() {
            match Contextual::named(&variable.name) {
                Some(contextual) => {
                    self.push(Op::LoadContext(contextual));
                }
                None => self.fail(ErrorClass::InvalidVariable, &variable.name),
            }
            return;
        }
        match self.lookup(&variable.name) {
            Some(slot) => {
                self.push(Op::Load(slot));
            }
            None => self.unknown(variable),
        }
    }

    #[inline(never)]
    fn array(&mut self, items: &[Expr], of: Option<kwil_types::DataType>) {
        for item in items {
            self.expr(item);
        }
        self.push(Op::Array { count: number(items.len()), of });
    }

    #[inline(never)]
    fn field(&mut self, value: &Expr, field: &Ident) {
        let slot = match &value.kind {
            ExprKind::Variable(variable) if !variable.is_contextual() => {
                match self.lookup(&variable.name) {
                    Some(slot) => Some(slot),
                    None => return self.unknown(variable),
                }
            }
            _ => None,
        };
        let Some(slot) = slot else {
            self.expr(value);
            let detail = format!("only records have fields, such as \"{field}\"");
            return self.fail(ErrorClass::Type, detail);
        };
        let name = number(self.program.names.len());
        self.program.names.push(field.name.clone());
        self.push(Op::LoadField { slot, name });
    }

    #[inline(never)]
    fn slice(&mut self, slice: &Slice) {
        self.expr(&slice.array);
        for bound in slice.from.iter().chain(&slice.to) {
            self.expr(bound);
        }
        self.push(Op::Slice { from: slice.from.is_some(), to: slice.to.is_some() });
    }

    #[inline(never)]
    fn is(&mut self, is: &Is) {
        self.expr(&is.value);
        let test = match &is.test {
            IsTest::Null => Test::Null,
            IsTest::True => Test::True,
            IsTest::False => Test::False,
            IsTest::DistinctFrom(other) => {
                self.expr(other);
                Test::DistinctFrom
            }
        };
        self.push(Op::Is { test, not: is.not });
    }

    /// A call; its rows go where `want` says.
    #[inline(never)]
    pub(super) fn call(&mut self, call: &Call, want: Want) {
        for argument in &call.args {
            self.expr(argument);
        }
        let name = call.name.name.clone();
        let function = function(&name);
        let site = number(self.program.calls.len());
        self.program.calls.push(CallSite {
            namespace: call.namespace.as_ref().map(|namespace| namespace.name.clone()),
            name,
            arguments: number(call.args.len()),
            function,
        });
        self.push(Op::Call { site, want });
    }
}
