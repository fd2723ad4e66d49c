//! Calls: of actions, methods and functions.

use std::sync::Arc;

use kwil_lang::ErrorClass;
use kwil_lang::analyze::{Function, Mismatch};
use kwil_types::{DataType, Scalar, Value};

use super::frame::{Consumer, Frame, Operand, Slot, rows_size};
use super::statement::shape_of;
use super::{Cx, Effect, Machine, MethodCall, Stepped, Waiting, broken, place};
use crate::catalog::Action;
use crate::error::Failure;
use crate::eval;
use crate::eval::functions::{self, Native};
use crate::interpret::access::{self, Callee, Caller};
use crate::interpret::budget::size;
use crate::interpret::driver::{too_deep, too_many, unknown_action};
use crate::interpret::program::{CallSite, Compiled, Shape, Want};
use crate::session::Row;

impl Machine {
    /// A machine that is about to run an action for somebody outside.
    pub(in crate::interpret) fn start(
        caller: Caller<'_>,
        (namespace, name, action): (&str, &str, &Action),
        arguments: Vec<Value>,
        cx: &mut Cx<'_>,
    ) -> Result<Self, Failure> {
        check(caller, (namespace, name, action), cx)?;
        let foreign = match caller {
            Caller::User => "",
            Caller::Namespace(from) => from,
        };
        let mut machine = Self {
            frames: Vec::new(),
            slots: Vec::new(),
            stack: Vec::new(),
            current: 0,
            program: Compiled::of(action, namespace),
            pc: 0,
            base: 0,
            waiting: Waiting::Nothing,
        };
        let mut operands = Vec::with_capacity(arguments.len());
        for value in arguments {
            let held = size(&value);
            cx.budget.hold(held)?;
            operands.push(Operand::Value(value, held));
        }
        let depth = cx.depth.saturating_add(1);
        machine.enter(
            (action, Arc::clone(&machine.program)),
            operands,
            (Consumer::Outside, depth),
            foreign,
            cx,
        )?;
        Ok(machine)
    }

    pub(super) fn call(&mut self, site: u32, want: Want, cx: &mut Cx<'_>) -> Stepped {
        cx.budget.spend(1)?;
        let program = Arc::clone(&self.program);
        let Some(site) = program.calls.get(place(site)) else {
            return Err(broken("a call of nothing"));
        };
        let namespace = site.namespace.as_deref().unwrap_or(&program.namespace);
        let catalog = cx.catalog;
        let Some(found) = catalog.namespaces.get(namespace) else {
            let detail = format!("namespace \"{namespace}\" does not exist");
            return Err(Failure::new(ErrorClass::NamespaceNotFound, detail));
        };
        if let Some(action) = found.actions.get(&site.name) {
            let caller = Caller::Namespace(&program.namespace);
            check(caller, (namespace, &site.name, action), cx)?;
            let operands = self.pop_many(site.arguments);
            let consumer = match want {
                Want::Nothing => Consumer::Nothing,
                Want::Value => Consumer::Value(None),
                Want::Values(count) => Consumer::Values(place(count), None),
                Want::Loop(slot) => {
                    let callee = Slot::Callee(self.frames.len());
                    self.put(self.slot(slot), callee, cx.budget);
                    Consumer::Nothing
                }
            };
            let depth = self.frames.get(self.current).map_or(0, |frame| frame.depth);
            let callee = (&**action, Compiled::of(action, namespace));
            let consumer = (consumer, depth.saturating_add(1));
            let running = self.current;
            self.enter(callee, operands, consumer, &program.namespace, cx)?;
            if let Want::Loop(_) = want {
                // It runs when the first round begins.
                self.switch_to(running);
            }
            return Ok(None);
        }
        if let Some(extension) = found.extension.as_ref().filter(|at| at.has_method(&site.name)) {
            let method = cx.shared.extensions().method(namespace, extension, &site.name)?;
            return self.call_method(namespace, method, (site, want), cx);
        }
        match site.function {
            Some(function) => self.call_function(function, (site, want), cx),
            None => Err(unknown_action(namespace, &site.name)),
        }
    }

    /// Makes a frame and runs it.
    fn enter(
        &mut self,
        (action, program): (&Action, Arc<super::Program>),
        operands: Vec<Operand>,
        (consumer, depth): (Consumer, u32),
        foreign: &str,
        cx: &mut Cx<'_>,
    ) -> Result<(), Failure> {
        if depth > cx.budget.limits().call_depth {
            return Err(too_deep());
        }
        let parameters = &action.signature.parameters;
        if operands.len() > parameters.len() {
            return Err(too_many(&action.definition.name.name, parameters.len(), operands.len()));
        }
        let base = self.slots.len();
        let mut operands = operands.into_iter();
        let mut slots = Vec::with_capacity(place(program.slots));
        for (number, parameter) in parameters.iter().enumerate() {
            let (value, held) = match (operands.next(), &parameter.default) {
                (Some(operand), _) => self.own(operand, cx.budget)?,
                (None, Some(default)) => {
                    let held = size(default);
                    cx.budget.hold(held)?;
                    (default.clone(), held)
                }
                (None, None) => {
                    let number = number.saturating_add(1);
                    let detail = format!("missing required argument {number} ({})", parameter.name);
                    return Err(Failure::new(ErrorClass::ActionInvocation, detail));
                }
            };
            let value = eval::assignable(value, parameter.data_type)?;
            slots.push(Slot::Value(value, held));
        }
        self.slots.append(&mut slots);
        self.slots.resize_with(base.saturating_add(place(program.slots)), Slot::default);
        self.frames.push(Frame {
            program,
            pc: 0,
            base,
            operands: self.stack.len(),
            caller: self.current,
            depth,
            consumer,
            foreign: foreign.into(),
        });
        self.switch_to(self.frames.len().saturating_sub(1));
        Ok(())
    }

    fn call_method(
        &mut self,
        namespace: &str,
        method: crate::extension::Method,
        (site, want): (&CallSite, Want),
        cx: &mut Cx<'_>,
    ) -> Stepped {
        let (name, spec) = (&*site.name, &method.spec);
        let (view, owner) = (spec.view, spec.owner);
        let callee = Callee { namespace, name, access: spec.access, view, owner };
        let caller = Caller::Namespace(&self.program.namespace);
        access::check(callee, caller, (cx.catalog, cx.invocation, cx.access))?;
        let depth = self.frames.get(self.current).map_or(0, |frame| frame.depth);
        let depth = depth.saturating_add(1);
        if depth > cx.budget.limits().call_depth {
            return Err(too_deep());
        }
        let arguments = self.pop_values(site.arguments, cx)?;
        self.waiting = Waiting::Want { want, shape: shape_of(&spec.columns()) };
        let namespace = namespace.into();
        Ok(Some(Effect::Method(Box::new(MethodCall { namespace, method, arguments, depth }))))
    }

    fn pop_values(&mut self, count: u32, cx: &mut Cx<'_>) -> Result<Vec<Value>, Failure> {
        let operands = self.pop_many(count);
        let mut values = Vec::with_capacity(operands.len());
        for operand in operands {
            let (value, held) = self.own(operand, cx.budget)?;
            cx.budget.release(held);
            values.push(value);
        }
        Ok(values)
    }

    fn call_function(
        &mut self,
        function: &'static Function,
        (site, want): (&CallSite, Want),
        cx: &mut Cx<'_>,
    ) -> Stepped {
        let is_notice = function.name == "notice";
        if is_notice && !cx.may_speak {
            // A statement that waits may fail: then this line was never written. Comes here again.
            self.pc = self.pc.saturating_sub(1);
            return Ok(Some(Effect::Flush));
        }
        let arguments = self.pop_values(site.arguments, cx)?;
        if is_notice || function.name == "error" {
            let text = message(function, &arguments)?;
            if !is_notice {
                return Err(Failure::new(ErrorClass::UserError, text));
            }
            cx.log.push(&text);
            self.give_rows(want, Vec::new(), unnamed(0), cx)?;
            return Ok(None);
        }
        match functions::call(function.name, &arguments, cx.budget.limits())? {
            Native::Value(value) => {
                self.give_rows(want, vec![vec![value]], unnamed(1), cx)?;
                Ok(None)
            }
            Native::Database(name) => {
                let preparer = cx.shared.preparer();
                let (planned, arguments) =
                    preparer.prepare_function(name, &arguments, cx.access)?;
                self.waiting = Waiting::Want { want, shape: unnamed(1) };
                let statement = Arc::clone(&planned.prepared);
                Ok(Some(Effect::Query { statement, arguments, limit: None, is_outside: false }))
            }
        }
    }

    /// The rows of a function or a method go where they are wanted.
    pub(super) fn give_rows(
        &mut self,
        want: Want,
        rows: Vec<Row>,
        shape: Arc<Shape>,
        cx: &mut Cx<'_>,
    ) -> Result<(), Failure> {
        let held = rows_size(&rows);
        let (count, is_exact) = match want {
            Want::Nothing => return Ok(()),
            Want::Loop(slot) => {
                cx.budget.hold(held)?;
                self.put(self.slot(slot), Slot::rows(rows, shape, held), cx.budget);
                return Ok(());
            }
            Want::Value => (1, true),
            Want::Values(count) => (place(count), false),
        };
        if rows.len() > 1 {
            let detail = format!("expected one row, got {}", rows.len());
            return Err(Failure::new(ErrorClass::ReturnShape, detail));
        }
        cx.budget.hold(held)?;
        self.give_row(count, is_exact, rows.into_iter().next(), cx)
    }
}

fn check(
    caller: Caller<'_>,
    (namespace, name, action): (&str, &str, &Action),
    cx: &Cx<'_>,
) -> Result<(), Failure> {
    let signature = &action.signature;
    let (view, owner) = (signature.view, signature.owner);
    let callee = Callee { namespace, name, access: signature.access, view, owner };
    access::check(callee, caller, (cx.catalog, cx.invocation, cx.access))
}

/// The text given to `error` or `notice`; NULL is empty.
fn message(function: &Function, arguments: &[Value]) -> Result<String, Failure> {
    let types: Vec<DataType> = arguments.iter().map(Value::data_type).collect();
    (function.result)(&types).map_err(|mismatch| match mismatch {
        Mismatch::Count(detail) => {
            Failure::new(ErrorClass::Other, format_args!("{}: {detail}", function.name))
        }
        Mismatch::Type(detail) => {
            Failure::new(ErrorClass::Type, format_args!("{}: {detail}", function.name))
        }
    })?;
    match arguments.first() {
        Some(Value::Scalar(Scalar::Text(text))) => Ok(text.clone()),
        _ => Ok(String::new()),
    }
}

fn unnamed(count: usize) -> Arc<Shape> {
    Arc::new(Shape { names: vec![None; count] })
}
