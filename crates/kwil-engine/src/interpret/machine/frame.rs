//! Frames, slots and operands.

use std::sync::Arc;

use kwil_lang::ErrorClass;
use kwil_lang::analyze::{ParameterSource, VariableType};
use kwil_types::{DataType, Scalar, TypeKind, Value};

use super::{Cx, Machine, broken, place};
use crate::error::Failure;
use crate::interpret::budget::{Budget, row_size, size};
use crate::interpret::program::{Program, Shape, Site};
use crate::prepare::Variables;
use crate::session::Row;

/// A running action.
pub(super) struct Frame {
    pub(super) program: Arc<Program>,
    /// Where it goes on; kept while another one runs.
    pub(super) pc: usize,
    /// Its first slot.
    pub(super) base: usize,
    /// Operands below it.
    pub(super) operands: usize,
    /// Who called it; itself when called from outside.
    pub(super) caller: usize,
    /// Calls around it.
    pub(super) depth: u32,
    pub(super) consumer: Consumer,
    /// `@foreign_caller`.
    pub(super) foreign: Box<str>,
}

/// What happens with the rows of an action.
pub(super) enum Consumer {
    /// They are handed out.
    Outside,
    /// They are dropped.
    Nothing,
    /// There must be one, of one value.
    Value(Option<Row>),
    /// There must be one, of at least so many values.
    Values(usize, Option<Row>),
    /// The caller's loop body runs for each, with this variable; the loop ends at `exit`.
    Loop { variable: usize, exit: u32 },
}

/// A place of a frame.
#[derive(Default)]
pub(super) enum Slot {
    #[default]
    Empty,
    /// A variable, and the bytes it holds.
    Value(Value, u64),
    /// The variable of a loop over rows.
    Record(Record),
    /// A loop over numbers: the next one, unless it is done.
    Range { next: Option<i64>, last: i64 },
    /// A loop over an array: what is left of it.
    Items { items: std::vec::IntoIter<Option<Scalar>>, of: TypeKind, held: u64 },
    /// Rows that wait.
    Rows { rows: std::vec::IntoIter<Row>, shape: Arc<Shape>, held: u64 },
    /// A loop over the rows of an action: its frame.
    Callee(usize),
}

/// A row whose values have names.
pub(super) struct Record {
    pub(super) shape: Arc<Shape>,
    pub(super) values: Row,
    pub(super) held: u64,
}

impl Slot {
    pub(super) fn rows(rows: Vec<Row>, shape: Arc<Shape>, held: u64) -> Self {
        Self::Rows { rows: rows.into_iter(), shape, held }
    }

    /// Bytes that it holds.
    pub(super) fn held(&self) -> u64 {
        match self {
            Self::Value(_, held) | Self::Items { held, .. } | Self::Rows { held, .. } => *held,
            Self::Record(record) => record.held,
            Self::Empty | Self::Range { .. } | Self::Callee(_) => 0,
        }
    }
}

impl Record {
    pub(super) fn new(shape: Arc<Shape>, values: Row) -> Self {
        let held = row_size(&values);
        Self { shape, values, held }
    }

    fn place_of(&self, field: &str) -> Option<usize> {
        self.shape.names.iter().position(|name| name.as_deref() == Some(field))
    }

    fn field(&self, field: &str) -> Option<&Value> {
        self.values.get(self.place_of(field)?)
    }
}

/// An operand: a value, or the place where one stays while the statement runs.
pub(super) enum Operand {
    /// A value of its own, and the bytes it holds.
    Value(Value, u64),
    /// A constant of the running program.
    Const(u32),
    /// A variable.
    Slot(usize),
    /// A field of a record.
    Field(usize, usize),
}

static NULL: Value = Value::NULL;

/// The value of an operand.
pub(super) fn view<'m>(operand: &'m Operand, slots: &'m [Slot], program: &'m Program) -> &'m Value {
    let found = match operand {
        Operand::Value(value, _) => Some(value),
        Operand::Const(at) => program.constants.get(place(*at)),
        Operand::Slot(slot) => match slots.get(*slot) {
            Some(Slot::Value(value, _)) => Some(value),
            _ => None,
        },
        Operand::Field(slot, field) => match slots.get(*slot) {
            Some(Slot::Record(record)) => record.values.get(*field),
            _ => None,
        },
    };
    found.unwrap_or(&NULL)
}

impl Machine {
    // ---- operands

    pub(super) fn pop(&mut self) -> Operand {
        self.stack.pop().unwrap_or(Operand::Value(Value::NULL, 0))
    }

    /// Gives a computed value to the stack.
    pub(super) fn push(&mut self, value: Value, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let held = cx.budget.built(&value)?;
        cx.budget.hold(held)?;
        self.stack.push(Operand::Value(value, held));
        Ok(())
    }

    /// An operand is done with.
    pub(super) fn release(&self, operand: &Operand, cx: &mut Cx<'_>) {
        match operand {
            Operand::Value(_, held) => cx.budget.release(*held),
            Operand::Const(_) | Operand::Slot(_) | Operand::Field(..) => {}
        }
    }

    pub(super) fn view<'m>(&'m self, operand: &'m Operand) -> &'m Value {
        view(operand, &self.slots, &self.program)
    }

    /// The value of an operand as one of its own, with the bytes it holds.
    pub(super) fn own(
        &self,
        operand: Operand,
        budget: &mut Budget,
    ) -> Result<(Value, u64), Failure> {
        if let Operand::Value(value, held) = operand {
            return Ok((value, held));
        }
        let value = self.view(&operand).clone();
        let held = budget.built(&value)?;
        budget.hold(held)?;
        Ok((value, held))
    }

    /// The last operands, in order.
    pub(super) fn pop_many(&mut self, count: u32) -> Vec<Operand> {
        let from = self.stack.len().saturating_sub(place(count));
        self.stack.split_off(from)
    }

    // ---- slots

    pub(super) fn slot(&self, slot: u32) -> usize {
        self.base.saturating_add(place(slot))
    }

    /// Puts something that is held already into a slot.
    pub(super) fn put(&mut self, slot: usize, content: Slot, budget: &mut Budget) {
        if let Some(place) = self.slots.get_mut(slot) {
            budget.release(place.held());
            *place = content;
        }
    }

    pub(super) fn clear(&mut self, from: u32, to: u32, cx: &mut Cx<'_>) {
        for slot in from..to {
            self.put(self.slot(slot), Slot::Empty, cx.budget);
        }
    }

    pub(super) fn load(&mut self, slot: u32) -> Result<(), Failure> {
        let slot = self.slot(slot);
        match self.slots.get(slot) {
            Some(Slot::Value(..)) => {
                self.stack.push(Operand::Slot(slot));
                Ok(())
            }
            Some(Slot::Record(_)) => {
                let detail = "a record is no value: only its fields are";
                Err(Failure::new(ErrorClass::Type, detail))
            }
            _ => Err(broken("a variable without a value")),
        }
    }

    pub(super) fn load_field(&mut self, slot: u32, name: u32) -> Result<(), Failure> {
        let slot = self.slot(slot);
        let name = self.program.names.get(place(name)).map_or("", |name| &**name);
        let Some(Slot::Record(record)) = self.slots.get(slot) else {
            let detail = format!("only records have fields, such as \"{name}\"");
            return Err(Failure::new(ErrorClass::Type, detail));
        };
        let Some(field) = record.place_of(name) else {
            let detail = format!("field \"{name}\" not found in object");
            return Err(Failure::new(ErrorClass::Other, detail));
        };
        self.stack.push(Operand::Field(slot, field));
        Ok(())
    }

    // ---- frames

    /// Remembers where the running frame goes on, and runs another one.
    pub(super) fn switch_to(&mut self, frame: usize) {
        if let Some(running) = self.frames.get_mut(self.current) {
            running.pc = self.pc;
        }
        self.enter_frame(frame);
    }

    /// Runs a frame where it stopped.
    pub(super) fn enter_frame(&mut self, frame: usize) {
        if let Some(next) = self.frames.get(frame) {
            self.program = Arc::clone(&next.program);
            (self.pc, self.base, self.current) = (next.pc, next.base, frame);
        }
    }

    /// Ends a frame and all above it.
    pub(super) fn unwind(&mut self, frame: usize, budget: &mut Budget) {
        let Some(lowest) = self.frames.get(frame) else { return };
        for slot in self.slots.drain(lowest.base.min(self.slots.len())..) {
            budget.release(slot.held());
        }
        for operand in self.stack.drain(lowest.operands.min(self.stack.len())..) {
            if let Operand::Value(_, held) = operand {
                budget.release(held);
            }
        }
        self.frames.truncate(frame);
    }

    /// The namespace whose action called the running one; empty for none.
    pub(super) fn foreign_caller(&self) -> &str {
        self.frames.get(self.current).map_or("", |frame| &frame.foreign)
    }
}

/// The variables in reach of a statement.
pub(super) struct InReach<'m> {
    pub(super) site: &'m Site,
    pub(super) slots: &'m [Slot],
    pub(super) base: usize,
}

impl InReach<'_> {
    fn slot(&self, variable: &str) -> Option<&Slot> {
        self.slots.get(self.base.saturating_add(place(self.site.slot(variable)?)))
    }

    /// The value of a parameter.
    pub(super) fn value(&self, source: &ParameterSource) -> Option<&Value> {
        match source {
            ParameterSource::Variable(name) => match self.slot(name)? {
                Slot::Value(value, _) => Some(value),
                _ => None,
            },
            ParameterSource::Field { variable, field } => match self.slot(variable)? {
                Slot::Record(record) => record.field(field),
                _ => None,
            },
        }
    }
}

impl Variables for InReach<'_> {
    fn type_of(&self, source: &ParameterSource) -> Option<DataType> {
        self.value(source).map(Value::data_type)
    }

    fn all(&self) -> std::collections::BTreeMap<Box<str>, VariableType> {
        let types = self.site.variables.iter().filter_map(|(name, slot)| {
            let of = match self.slots.get(self.base.saturating_add(place(*slot)))? {
                Slot::Value(value, _) => VariableType::Value(value.data_type()),
                Slot::Record(record) => {
                    let fields = record.shape.names.iter().zip(&record.values);
                    let fields =
                        fields.filter_map(|(name, value)| Some((name.clone()?, value.data_type())));
                    VariableType::Record(fields.collect())
                }
                _ => return None,
            };
            Some((name.clone(), of))
        });
        types.collect()
    }
}

/// Bytes of rows that were read.
pub(super) fn rows_size(rows: &[Row]) -> u64 {
    rows.iter().map(|row| row_size(row)).fold(0, u64::saturating_add)
}

/// Bytes of a value after a change of its type alone.
pub(super) fn same_size(value: &Value, held: u64) -> u64 {
    if value.is_null() { size(value) } else { held }
}
