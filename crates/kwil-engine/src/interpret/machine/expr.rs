//! Operators.

use kwil_types::Value;

use super::frame::{Operand, view};
use super::{Cx, Machine};
use crate::error::Failure;
use crate::eval;
use crate::interpret::program::{Op, Test};

impl Machine {
    pub(super) fn compute(&mut self, op: Op, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let limits = *cx.budget.limits();
        let value = match op {
            Op::Unary(op) => self.with_one(cx, |value| eval::unary(op, value))?,
            Op::Binary(op) => {
                self.with_two(cx, |left, right| eval::binary(op, left, right, &limits))?
            }
            Op::Is { test, not } => self.is(test, not, cx)?,
            Op::Cast(to) => self.with_one(cx, |value| eval::cast(value, to))?,
            Op::Index => self.with_two(cx, eval::index)?,
            Op::Slice { from, to } => self.slice(from, to, cx)?,
            Op::Array { count, of } => {
                let operands = self.pop_many(count);
                let mut items = Vec::with_capacity(operands.len());
                for operand in operands {
                    let (item, held) = self.own(operand, cx.budget)?;
                    cx.budget.release(held);
                    items.push(item);
                }
                eval::array_literal(items, of, &limits)?
            }
            _ => Value::NULL,
        };
        self.push(value, cx)
    }

    fn with_one<T>(
        &mut self,
        cx: &mut Cx<'_>,
        compute: impl FnOnce(&Value) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let operand = self.pop();
        let value = compute(self.view(&operand));
        self.release(&operand, cx);
        value
    }

    fn with_two<T>(
        &mut self,
        cx: &mut Cx<'_>,
        compute: impl FnOnce(&Value, &Value) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let right = self.pop();
        let left = self.pop();
        let value = compute(self.view(&left), self.view(&right));
        self.release(&left, cx);
        self.release(&right, cx);
        value
    }

    fn is(&mut self, test: Test, not: bool, cx: &mut Cx<'_>) -> Result<Value, Failure> {
        let truth = match test {
            Test::Null => self.with_one(cx, |value| eval::is(eval::Test::Null, value))?,
            Test::True => self.with_one(cx, |value| eval::is(eval::Test::True, value))?,
            Test::False => self.with_one(cx, |value| eval::is(eval::Test::False, value))?,
            Test::DistinctFrom => {
                self.with_two(cx, |value, other| eval::is(eval::Test::DistinctFrom(other), value))?
            }
        };
        Ok(Value::from(truth != not))
    }

    fn slice(&mut self, from: bool, to: bool, cx: &mut Cx<'_>) -> Result<Value, Failure> {
        let to = to.then(|| self.pop());
        let from = from.then(|| self.pop());
        let array = self.pop();
        let bound = |operand: &Option<Operand>| {
            operand.as_ref().map(|operand| view(operand, &self.slots, &self.program).clone())
        };
        let (first, last) = (bound(&from), bound(&to));
        let value = eval::slice(self.view(&array), first.as_ref(), last.as_ref());
        for operand in [Some(array), from, to].into_iter().flatten() {
            self.release(&operand, cx);
        }
        value
    }
}
