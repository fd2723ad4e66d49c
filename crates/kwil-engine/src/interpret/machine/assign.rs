//! Variables get values.

use kwil_lang::ErrorClass;
use kwil_types::{DataType, Value};

use super::frame::{Slot, same_size};
use super::{Cx, Machine, broken};
use crate::error::Failure;
use crate::eval;
use crate::interpret::budget::{element_size, size};
use crate::interpret::program::Op;

impl Machine {
    pub(super) fn assign(&mut self, op: Op, cx: &mut Cx<'_>) -> Result<(), Failure> {
        match op {
            Op::DeclareNull { slot, of } => {
                let value = Value::Null(of);
                let held = size(&value);
                cx.budget.hold(held)?;
                self.put(self.slot(slot), Slot::Value(value, held), cx.budget);
                Ok(())
            }
            Op::Declare(slot) => self.store(slot, None, cx),
            Op::DeclareAs { slot, of } => self.store(slot, Some(of), cx),
            Op::Assign(slot) => {
                let of = self.type_of(slot)?;
                self.store(slot, (of != Value::NULL.data_type()).then_some(of), cx)
            }
            Op::AssignAs { slot, of } => {
                let is = self.type_of(slot)?;
                if is != of && is != Value::NULL.data_type() {
                    let detail = format!("the variable is {is}, not {of}");
                    return Err(Failure::new(ErrorClass::Type, detail));
                }
                self.store(slot, Some(of), cx)
            }
            Op::SetElement(slot) => self.set_element(slot, cx),
            Op::SetSlice { slot, from, to } => self.set_slice(slot, (from, to), cx),
            _ => Err(broken("no assignment")),
        }
    }

    fn type_of(&self, slot: u32) -> Result<DataType, Failure> {
        match self.slots.get(self.slot(slot)) {
            Some(Slot::Value(value, _)) => Ok(value.data_type()),
            Some(Slot::Record(_)) => Err(Failure::new(ErrorClass::Type, "a record cannot be set")),
            _ => Err(broken("a variable without a value")),
        }
    }

    /// Moves the operand on top into a slot, as a value of the type when there is one.
    fn store(&mut self, slot: u32, of: Option<DataType>, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let operand = self.pop();
        let (value, held) = self.own(operand, cx.budget)?;
        let value = match of {
            Some(of) => eval::assignable(value, of)?,
            None => value,
        };
        self.put_held(self.slot(slot), (value, held), cx)
    }

    /// Puts a value of which `held` bytes are counted into a slot.
    pub(super) fn put_held(
        &mut self,
        slot: usize,
        (value, held): (Value, u64),
        cx: &mut Cx<'_>,
    ) -> Result<(), Failure> {
        let now = same_size(&value, held);
        cx.budget.release(held);
        cx.budget.hold(now)?;
        self.put(slot, Slot::Value(value, now), cx.budget);
        Ok(())
    }

    /// The array in a variable, to be changed in place, and the bytes it holds.
    fn array_at(&mut self, slot: u32) -> Result<(&mut Value, &mut u64), Failure> {
        let slot = self.slot(slot);
        match self.slots.get_mut(slot) {
            Some(Slot::Value(value, held)) => Ok((value, held)),
            _ => Err(Failure::new(ErrorClass::Type, "only arrays have elements")),
        }
    }

    fn set_element(&mut self, slot: u32, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let (value, index) = (self.pop(), self.pop());
        let (value, value_held) = self.own(value, cx.budget)?;
        let (index, index_held) = self.own(index, cx.budget)?;
        let limits = *cx.budget.limits();
        let (array, held) = self.array_at(slot)?;
        let before = element_size(array, &index);
        eval::set_element(array, &index, value, &limits)?;
        let after = element_size(array, &index);
        *held = held.saturating_sub(before).saturating_add(after);
        cx.budget.release(value_held.saturating_add(index_held).saturating_add(before));
        cx.budget.spend(after.saturating_sub(before) >> 10)?;
        cx.budget.hold(after)
    }

    fn set_slice(
        &mut self,
        slot: u32,
        (from, to): (bool, bool),
        cx: &mut Cx<'_>,
    ) -> Result<(), Failure> {
        let values = self.pop();
        let to = to.then(|| self.pop());
        let from = from.then(|| self.pop());
        let (values, mut given) = self.own(values, cx.budget)?;
        let mut bounds = [None, None];
        for (bound, operand) in bounds.iter_mut().zip([from, to]) {
            if let Some(operand) = operand {
                let (value, held) = self.own(operand, cx.budget)?;
                given = given.saturating_add(held);
                *bound = Some(value);
            }
        }
        let [from, to] = bounds;
        let limits = *cx.budget.limits();
        let (array, held) = self.array_at(slot)?;
        eval::set_slice(array, from.as_ref(), to.as_ref(), &values, &limits)?;
        let now = cx.budget.built(array)?;
        let before = std::mem::replace(held, now);
        cx.budget.release(given.saturating_add(before));
        cx.budget.hold(now)
    }
}
