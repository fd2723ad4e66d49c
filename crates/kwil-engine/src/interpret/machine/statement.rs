//! Statements of SQL, and rows that are returned.

use std::sync::Arc;

use kwil_lang::ErrorClass;
use kwil_lang::analyze::{OutputColumn, ParameterSource};
use kwil_types::Value;

use super::frame::{Consumer, InReach, Record, Slot, rows_size};
use super::{Cx, Effect, Machine, Stepped, Waiting, broken, place};
use crate::error::Failure;
use crate::eval;
use crate::interpret::budget::{exhausted, row_size};
use crate::interpret::contextual::Contextual;
use crate::interpret::program::Shape;
use crate::prepare::{Planned, Request, StatementId};
use crate::session::{Access, Row};

impl Machine {
    /// A statement whose rows nobody needs.
    pub(super) fn execute_site(&mut self, site: u32, cx: &mut Cx<'_>) -> Stepped {
        let (planned, arguments) = self.bound(site, cx)?;
        Ok(Some(Effect::Execute { statement: Arc::clone(&planned.prepared), arguments }))
    }

    pub(super) fn query_loop(&mut self, site: u32, slot: u32, cx: &mut Cx<'_>) -> Stepped {
        let slot = self.slot(slot);
        let (planned, arguments) = self.bound(site, cx)?;
        let shape = shape_of(&planned.prepared.columns);
        for (number, name) in shape.names.iter().enumerate() {
            let is_twice =
                name.is_some() && shape.names.iter().take(number).any(|other| other == name);
            if is_twice {
                let name = name.as_deref().unwrap_or_default();
                let detail = format!("the loop has two columns \"{name}\"");
                return Err(Failure::new(ErrorClass::Other, detail));
            }
        }
        Ok(Some(self.rows_into(slot, shape, (&planned, arguments), cx)))
    }

    pub(super) fn return_query(&mut self, site: u32, slot: u32, cx: &mut Cx<'_>) -> Stepped {
        let slot = self.slot(slot);
        let (planned, arguments) = self.bound(site, cx)?;
        let shape = Arc::clone(&self.program.shape);
        Ok(Some(self.rows_into(slot, shape, (&planned, arguments), cx)))
    }

    /// Asks for rows that go into a slot. A statement without columns leaves none there.
    fn rows_into(
        &mut self,
        slot: usize,
        shape: Arc<Shape>,
        (planned, arguments): (&Planned, Vec<Value>),
        cx: &mut Cx<'_>,
    ) -> Effect {
        let statement = Arc::clone(&planned.prepared);
        if statement.columns.is_empty() {
            self.put(slot, Slot::rows(Vec::new(), shape, 0), cx.budget);
            return Effect::Execute { statement, arguments };
        }
        let limit = Some(cx.budget.row_room(statement.columns.len()));
        let consumer = self.frames.get(self.current).map(|frame| &frame.consumer);
        let is_loop = !Arc::ptr_eq(&shape, &self.program.shape);
        let is_outside = !is_loop && matches!(consumer, Some(Consumer::Outside));
        self.waiting = Waiting::Slot { slot, shape };
        Effect::Query { statement, arguments, limit, is_outside }
    }

    /// The plan of a statement for the variables as they are, and their values.
    fn bound(&self, site: u32, cx: &mut Cx<'_>) -> Result<(Arc<Planned>, Vec<Value>), Failure> {
        let index = site;
        let Some(site) = self.program.sites.get(place(site)) else {
            return Err(broken("a statement without a text"));
        };
        if cx.access == Access::Read && site.query.writes() {
            let query = &site.query;
            let detail = format!(
                "SQL statement mutates state, but the execution context is read-only: {query}"
            );
            return Err(Failure::new(ErrorClass::CannotMutateState, detail));
        }
        let variables = InReach { site, slots: &self.slots, base: self.base };
        let request = Request {
            catalog: cx.catalog,
            access: cx.access,
            namespace: &self.program.namespace,
            query: &site.query,
            id: StatementId::Site { program: self.program.id, index },
        };
        let planned = cx.shared.preparer().prepare(request, &variables)?;
        let mut arguments = Vec::with_capacity(planned.parameters.len());
        for source in &planned.parameters {
            arguments.push(self.argument(source, &variables, cx)?);
        }
        Ok((planned, arguments))
    }

    fn argument(
        &self,
        source: &ParameterSource,
        variables: &InReach<'_>,
        cx: &Cx<'_>,
    ) -> Result<Value, Failure> {
        if let ParameterSource::Variable(name) = source
            && name.starts_with('@')
        {
            let Some(contextual) = Contextual::named(name) else {
                return Err(Failure::new(ErrorClass::InvalidVariable, name));
            };
            return contextual.value(cx.invocation, self.foreign_caller());
        }
        variables.value(source).cloned().ok_or_else(|| broken("a parameter without a value"))
    }

    /// The rows that were asked for.
    pub(in crate::interpret) fn answer(
        &mut self,
        rows: Vec<Row>,
        cx: &mut Cx<'_>,
    ) -> Result<(), Failure> {
        let count = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        if count > cx.budget.steps() {
            return Err(exhausted());
        }
        match std::mem::replace(&mut self.waiting, Waiting::Nothing) {
            Waiting::Nothing => Ok(()),
            Waiting::Slot { slot, shape } => {
                cx.budget.spend(count)?;
                let held = rows_size(&rows);
                cx.budget.hold(held)?;
                self.put(slot, Slot::rows(rows, shape, held), cx.budget);
                Ok(())
            }
            Waiting::Want { want, shape } => {
                cx.budget.spend(count)?;
                self.give_rows(want, rows, shape, cx)
            }
        }
    }

    // ---- rows that are returned

    /// Returns the next of the rows in a slot; comes here again until there is none.
    pub(super) fn yield_rows(&mut self, slot: u32, cx: &mut Cx<'_>) -> Stepped {
        let slot = self.slot(slot);
        let row = match self.slots.get_mut(slot) {
            Some(Slot::Rows { rows, held, .. }) => rows.next().inspect(|row| {
                let bytes = row_size(row);
                *held = held.saturating_sub(bytes);
                cx.budget.release(bytes);
            }),
            _ => None,
        };
        let Some(row) = row else { return Ok(None) };
        self.pc = self.pc.saturating_sub(1);
        self.deliver(row, cx)
    }

    pub(super) fn yield_values(&mut self, count: u32, cx: &mut Cx<'_>) -> Stepped {
        let operands = self.pop_many(count);
        let mut row = Vec::with_capacity(operands.len());
        for operand in operands {
            let (value, held) = self.own(operand, cx.budget)?;
            cx.budget.release(held);
            row.push(value);
        }
        self.deliver(row, cx)
    }

    /// Gives a row of the running action to whoever wants it.
    fn deliver(&mut self, row: Row, cx: &mut Cx<'_>) -> Stepped {
        let row = self.as_declared(row)?;
        let bytes = row_size(&row);
        let Some(frame) = self.frames.get_mut(self.current) else {
            return Err(broken("no action runs"));
        };
        let caller = frame.caller;
        match &mut frame.consumer {
            Consumer::Outside => return Ok(Some(Effect::Row(row))),
            Consumer::Nothing => {}
            Consumer::Value(place) | Consumer::Values(_, place) => {
                if place.is_some() {
                    let detail = "expected one row, got more";
                    return Err(Failure::new(ErrorClass::ReturnShape, detail));
                }
                cx.budget.hold(bytes)?;
                *place = Some(row);
            }
            Consumer::Loop { variable, .. } => {
                let variable = *variable;
                cx.budget.spend(1)?;
                cx.budget.hold(bytes)?;
                let shape = Arc::clone(&self.program.shape);
                self.put(variable, Slot::Record(Record::new(shape, row)), cx.budget);
                self.switch_to(caller);
            }
        }
        Ok(None)
    }

    /// Checks a row against what the action says it returns.
    fn as_declared(&self, row: Row) -> Result<Row, Failure> {
        let columns = &self.program.columns;
        if row.len() != columns.len() {
            let detail = format!("expected {} values, got {}", columns.len(), row.len());
            return Err(Failure::new(ErrorClass::ReturnShape, detail));
        }
        let values = row.into_iter().zip(columns);
        values.map(|(value, column)| eval::assignable(value, column.data_type)).collect()
    }

    /// The running action is over.
    pub(super) fn end(&mut self, cx: &mut Cx<'_>) -> Stepped {
        let ended = self.current;
        let Some(frame) = self.frames.get_mut(ended) else { return Ok(Some(Effect::Done)) };
        let caller = frame.caller;
        let consumer = std::mem::replace(&mut frame.consumer, Consumer::Nothing);
        self.unwind(ended, cx.budget);
        if let Consumer::Outside = consumer {
            return Ok(Some(Effect::Done));
        }
        self.enter_frame(caller);
        match consumer {
            Consumer::Outside | Consumer::Nothing => {}
            Consumer::Value(row) => {
                self.give_row(1, true, row, cx)?;
            }
            Consumer::Values(count, row) => self.give_row(count, false, row, cx)?,
            Consumer::Loop { exit, .. } => self.pc = place(exit),
        }
        Ok(None)
    }

    /// Puts the first values of a row that is held onto the stack, the first one on top.
    pub(super) fn give_row(
        &mut self,
        count: usize,
        is_exact: bool,
        row: Option<Row>,
        cx: &mut Cx<'_>,
    ) -> Result<(), Failure> {
        let shape = |detail: String| Err(Failure::new(ErrorClass::ReturnShape, detail));
        let Some(mut row) = row else { return shape("expected one row, got none".into()) };
        if row.len() < count || (is_exact && row.len() != count) {
            return shape(format!("expected {count} values, got {}", row.len()));
        }
        cx.budget.release(row_size(&row));
        row.truncate(count);
        for value in row.into_iter().rev() {
            self.push(value, cx)?;
        }
        Ok(())
    }
}

/// Names of columns, so that fields can be asked for.
pub(super) fn shape_of(columns: &[OutputColumn]) -> Arc<Shape> {
    let names = columns.iter().map(|column| {
        let is_named = !column.name.is_empty() && &*column.name != "?column?";
        is_named.then(|| column.name.clone())
    });
    Arc::new(Shape { names: names.collect() })
}
