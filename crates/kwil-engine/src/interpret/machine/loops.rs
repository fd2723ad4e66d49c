//! Conditions and loops.

use kwil_lang::ErrorClass;
use kwil_types::{DataType, Scalar, Value};

use super::frame::{Consumer, Record, Slot};
use super::{Cx, Machine, broken, place};
use crate::error::Failure;
use crate::interpret::budget::size;

impl Machine {
    /// Jumps unless the condition on the stack holds; NULL does not.
    pub(super) fn unless(&mut self, to: u32, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let operand = self.pop();
        let holds = match self.view(&operand) {
            Value::Scalar(Scalar::Bool(truth)) => *truth,
            Value::Null(_) => false,
            other => {
                let detail = format!("a condition must be bool, got {}", other.data_type());
                return Err(Failure::new(ErrorClass::Type, detail));
            }
        };
        self.release(&operand, cx);
        if !holds {
            self.pc = place(to);
        }
        Ok(())
    }

    pub(super) fn range_loop(&mut self, slot: u32, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let (last, first) = (self.pop(), self.pop());
        let bound = |value: &Value| match value {
            Value::Scalar(Scalar::Int8(number)) => Ok(Some(*number)),
            Value::Null(_) => Ok(None),
            other => {
                let detail = format!("bounds of a range must be int8, got {}", other.data_type());
                Err(Failure::new(ErrorClass::Type, detail))
            }
        };
        let bounds = (bound(self.view(&first))?, bound(self.view(&last))?);
        self.release(&first, cx);
        self.release(&last, cx);
        let range = match bounds {
            (Some(first), Some(last)) => {
                Slot::Range { next: (first <= last).then_some(first), last }
            }
            _ => Slot::Range { next: None, last: 0 },
        };
        self.put(self.slot(slot), range, cx.budget);
        Ok(())
    }

    pub(super) fn array_loop(&mut self, slot: u32, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let operand = self.pop();
        let (array, held) = self.own(operand, cx.budget)?;
        let items = match array {
            Value::Array(array) => {
                let of = array.element();
                Slot::Items { items: array.into_items().into_iter(), of, held }
            }
            Value::Null(_) => {
                cx.budget.release(held);
                Slot::Range { next: None, last: 0 }
            }
            Value::Scalar(other) => {
                let detail = format!("IN ARRAY needs an array, got {}", other.kind());
                return Err(Failure::new(ErrorClass::Type, detail));
            }
        };
        self.put(self.slot(slot), items, cx.budget);
        Ok(())
    }

    /// Sets the variable of a loop for the next round, or ends the loop.
    pub(super) fn next_round(
        &mut self,
        slot: u32,
        variable: u32,
        exit: u32,
        cx: &mut Cx<'_>,
    ) -> Result<(), Failure> {
        let (slot, variable) = (self.slot(slot), self.slot(variable));
        let value = match self.slots.get_mut(slot) {
            Some(Slot::Range { next, last }) => next.map(|now| {
                *next = now.checked_add(1).filter(|next| next <= last);
                Value::from(now)
            }),
            Some(Slot::Items { items, of, .. }) => items.next().map(|item| match item {
                Some(item) => Value::Scalar(item),
                None => Value::Null(DataType::scalar(*of)),
            }),
            Some(Slot::Rows { rows, shape, held }) => {
                let Some(row) = rows.next() else {
                    self.pc = place(exit);
                    return Ok(());
                };
                cx.budget.spend(1)?;
                let record = Record::new(std::sync::Arc::clone(shape), row);
                *held = held.saturating_sub(record.held);
                self.put(variable, Slot::Record(record), cx.budget);
                return Ok(());
            }
            Some(Slot::Callee(frame)) => {
                let frame = *frame;
                cx.budget.spend(1)?;
                if let Some(callee) = self.frames.get_mut(frame) {
                    callee.consumer = Consumer::Loop { variable, exit };
                }
                self.switch_to(frame);
                return Ok(());
            }
            _ => return Err(broken("a loop over nothing")),
        };
        let Some(value) = value else {
            self.pc = place(exit);
            return Ok(());
        };
        cx.budget.spend(1)?;
        let held = size(&value);
        cx.budget.hold(held)?;
        self.put(variable, Slot::Value(value, held), cx.budget);
        Ok(())
    }

    /// Stops what a loop runs over.
    pub(super) fn end_loop(&mut self, slot: u32, cx: &mut Cx<'_>) {
        let slot = self.slot(slot);
        if let Some(Slot::Callee(frame)) = self.slots.get(slot) {
            let frame = *frame;
            self.unwind(frame, cx.budget);
        }
        self.put(slot, Slot::Empty, cx.budget);
    }
}
