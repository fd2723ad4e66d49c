//! The machine: frames of running actions, one stack of operands, one list of slots.
//!
//! Everything is last in, first out, also across callers: an action that waits for its caller's loop body lies below
//! whatever the body calls, and the body is done before the action goes on. So frames, slots and operands are three
//! plain lists, and leaving a loop cuts them.

mod assign;
mod call;
mod expr;
mod frame;
mod loops;
mod statement;

use std::sync::Arc;

use kwil_lang::analyze::OutputColumn;
use kwil_types::Value;

use super::budget::Budget;
use super::log::Log;
use super::program::{Op, Program, Shape, Want};
use super::run::Shared;
use crate::catalog::Catalog;
use crate::context::Invocation;
use crate::error::{Failure, Origin};
use crate::extension::Method;
use crate::session::{Access, Prepared, Row};
use frame::{Frame, Operand, Slot};

/// What the machine sees of the world while it computes.
pub(super) struct Cx<'c> {
    pub(super) catalog: &'c Catalog,
    pub(super) access: Access,
    pub(super) invocation: &'c Invocation,
    pub(super) shared: &'c Shared,
    pub(super) budget: &'c mut Budget,
    pub(super) log: &'c mut Log,
    /// False when a notice would be kept although it comes after a statement that may still fail.
    pub(super) may_speak: bool,
    /// Calls that are running around this machine.
    pub(super) depth: u32,
}

/// What the machine cannot do itself.
pub(super) enum Effect {
    /// Look around: many steps were made.
    Pause,
    /// Hand out a row.
    Row(Row),
    /// Run what waits in the session.
    Flush,
    /// Run a statement, now or later.
    Execute { statement: Arc<Prepared>, arguments: Vec<Value> },
    /// Run a query; the rows are the answer.
    Query {
        statement: Arc<Prepared>,
        arguments: Vec<Value>,
        limit: Option<u64>,
        /// The rows go to whoever called from outside.
        is_outside: bool,
    },
    /// Run a method; the rows are the answer.
    Method(Box<MethodCall>),
    /// The action that was started is over.
    Done,
}

/// A call of a method.
pub(super) struct MethodCall {
    pub(super) namespace: Box<str>,
    pub(super) method: Method,
    pub(super) arguments: Vec<Value>,
    /// Calls that are running around it.
    pub(super) depth: u32,
}

/// Where the rows of an answer go.
enum Waiting {
    Nothing,
    /// Into a slot, to be looped over or returned.
    Slot {
        slot: usize,
        shape: Arc<Shape>,
    },
    /// To whoever called a function or a method.
    Want {
        want: Want,
        shape: Arc<Shape>,
    },
}

/// Running actions.
pub(super) struct Machine {
    frames: Vec<Frame>,
    slots: Vec<Slot>,
    stack: Vec<Operand>,
    /// The frame that runs, and copies of what is needed of it all the time.
    current: usize,
    program: Arc<Program>,
    pc: usize,
    base: usize,
    waiting: Waiting,
}

pub(super) type Stepped = Result<Option<Effect>, Failure>;

/// A number of a program as a place in a list.
pub(super) fn place(of: u32) -> usize {
    usize::try_from(of).unwrap_or(usize::MAX)
}

impl Machine {
    /// Columns of the rows that are handed out.
    pub(super) fn columns(&self) -> &[OutputColumn] {
        &self.program.columns
    }

    /// Says of a failure of the running action where it happened.
    pub(super) fn locate(&self, failure: &mut Failure, catalog: &Catalog) {
        let Program { namespace, name, .. } = &*self.program;
        let action = catalog
            .namespaces
            .get(namespace)
            .and_then(|found| found.actions.get(name))
            .filter(|action| action.compiled.is(&self.program));
        let running = self.pc.saturating_sub(1);
        let span = failure.span().or_else(|| self.program.statement_at(running));
        failure.set_origin(Origin {
            position: action.zip(span).map(|(action, span)| action.position(span)),
            namespace: Some(namespace.clone()),
            action: Some(name.clone()),
            span: None,
        });
    }

    /// Runs to the next effect.
    pub(super) fn advance(&mut self, cx: &mut Cx<'_>) -> Result<Effect, Failure> {
        loop {
            if cx.budget.is_pause_due() {
                return Ok(Effect::Pause);
            }
            let op = self.program.code.get(self.pc).copied().unwrap_or(Op::End);
            self.pc = self.pc.saturating_add(1);
            if let Some(effect) = self.execute(op, cx)? {
                return Ok(effect);
            }
        }
    }

    fn execute(&mut self, op: Op, cx: &mut Cx<'_>) -> Stepped {
        match op {
            Op::Step => cx.budget.spend(1)?,
            Op::Fail(at) => return Err(self.failure(at)),
            Op::Const(at) => self.stack.push(Operand::Const(at)),
            Op::Load(slot) => self.load(slot)?,
            Op::LoadField { slot, name } => self.load_field(slot, name)?,
            Op::LoadContext(variable) => {
                let value = variable.value(cx.invocation, self.foreign_caller())?;
                self.push(value, cx)?;
            }
            Op::Unary(_)
            | Op::Binary(_)
            | Op::Is { .. }
            | Op::Cast(_)
            | Op::Index
            | Op::Slice { .. }
            | Op::Array { .. } => self.compute(op, cx)?,
            Op::Call { site, want } => return self.call(site, want, cx),
            Op::Pop => {
                let operand = self.pop();
                self.release(&operand, cx);
            }
            Op::DeclareNull { .. }
            | Op::Declare(_)
            | Op::DeclareAs { .. }
            | Op::Assign(_)
            | Op::AssignAs { .. }
            | Op::SetElement(_)
            | Op::SetSlice { .. } => self.assign(op, cx)?,
            Op::Clear { from, to } => self.clear(from, to, cx),
            Op::Jump(to) => self.pc = place(to),
            Op::Unless(to) => self.unless(to, cx)?,
            Op::RangeLoop(slot) => self.range_loop(slot, cx)?,
            Op::ArrayLoop(slot) => self.array_loop(slot, cx)?,
            Op::QueryLoop { site, slot } => return self.query_loop(site, slot, cx),
            Op::Next { slot, variable, exit } => self.next_round(slot, variable, exit, cx)?,
            Op::EndLoop(slot) => self.end_loop(slot, cx),
            Op::Execute(site) => return self.execute_site(site, cx),
            Op::ReturnQuery { site, slot } => return self.return_query(site, slot, cx),
            Op::YieldRows(slot) => return self.yield_rows(slot, cx),
            Op::Yield(count) => return self.yield_values(count, cx),
            Op::End => return self.end(cx),
        }
        Ok(None)
    }

    fn failure(&self, at: u32) -> Failure {
        let failure = self.program.failures.get(place(at)).cloned();
        failure.unwrap_or_else(|| broken("a failure without a text"))
    }
}

/// A program that the compiler does not make.
fn broken(what: &str) -> Failure {
    Failure::new(kwil_lang::ErrorClass::Other, format_args!("broken action: {what}"))
}
