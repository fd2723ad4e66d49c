//! From the tree of an action to a [`Program`].
//!
//! Which variable a name means is known here: statements of a block run in order, so a variable exists exactly behind the
//! statement that makes it, to the end of the block. What makes no sense becomes an instruction that fails when it is
//! reached, never earlier.

mod expr;
mod for_loop;

use std::collections::BTreeMap;
use std::sync::Arc;

use kwil_lang::analyze::OutputColumn;
use kwil_lang::ast::{
    ActionCall, AssignTarget, Assignment, Block, Branch, CreateAction, Query, Receiver, Step,
    StepKind, TypeRef, Variable,
};
use kwil_lang::{ErrorClass, Span};

use super::program::{Op, Program, Shape, Site, Want, next_id};
use crate::error::Failure;

/// Compiles an action of a namespace.
pub(super) fn compile(action: &CreateAction, namespace: &str) -> Program {
    let fields = action.returns.iter().flat_map(|returns| &returns.fields);
    let names = fields.clone().map(|field| field.name.as_ref().map(|name| name.name.clone()));
    let names: Vec<_> = names.collect();
    let columns = fields.zip(&names).map(|(field, name)| OutputColumn {
        name: name.clone().unwrap_or_else(|| "?column?".into()),
        data_type: field.data_type.data_type,
    });
    let program = Program {
        id: next_id(),
        namespace: namespace.into(),
        name: action.name.name.clone(),
        code: Vec::new(),
        statements: Vec::new(),
        constants: Vec::new(),
        names: Vec::new(),
        calls: Vec::new(),
        sites: Vec::new(),
        failures: Vec::new(),
        slots: 0,
        columns: columns.collect(),
        shape: Arc::new(Shape { names }),
    };
    let mut compiler = Compiler {
        program,
        scopes: vec![BTreeMap::new()],
        loops: Vec::new(),
        next_slot: 0,
        highest: 0,
        statement: action.name.span,
    };
    for parameter in &action.parameters {
        compiler.declare(&parameter.name);
    }
    compiler.steps(&action.body);
    compiler.push(Op::End);
    compiler.program
}

/// A number of a table or place of the code. Texts of actions are bounded by the size of a transaction.
fn number(of: usize) -> u32 {
    u32::try_from(of).unwrap_or(u32::MAX)
}

/// Jumps of a loop that is being compiled.
struct Loop {
    /// Where the next round begins.
    next: u32,
    /// Jumps to the end of the loop, whose target is not known yet.
    breaks: Vec<u32>,
}

struct Compiler {
    program: Program,
    /// Variables of the blocks around, by name, the innermost last.
    scopes: Vec<BTreeMap<Box<str>, u32>>,
    loops: Vec<Loop>,
    next_slot: u32,
    /// One past the highest slot used since the innermost scope began.
    highest: u32,
    /// The statement that is being compiled.
    statement: Span,
}

/// What a scope began with.
struct Scope {
    first: u32,
    highest: u32,
}

impl Compiler {
    fn push(&mut self, op: Op) -> u32 {
        let at = self.here();
        self.program.code.push(op);
        at
    }

    fn here(&self) -> u32 {
        number(self.program.code.len())
    }

    /// Lets a jump lead here.
    fn land(&mut self, jump: u32) {
        let here = self.here();
        let place = usize::try_from(jump).ok().and_then(|jump| self.program.code.get_mut(jump));
        if let Some(Op::Jump(target) | Op::Unless(target) | Op::Next { exit: target, .. }) = place {
            *target = here;
        }
    }

    fn fail(&mut self, class: ErrorClass, detail: impl std::fmt::Display) {
        let at = number(self.program.failures.len());
        self.program.failures.push(Failure::new(class, detail));
        self.push(Op::Fail(at));
    }

    // ---- variables

    fn slot(&mut self) -> u32 {
        let slot = self.next_slot;
        self.next_slot = slot.saturating_add(1);
        self.highest = self.highest.max(self.next_slot);
        self.program.slots = self.program.slots.max(self.next_slot);
        slot
    }

    fn lookup(&self, name: &str) -> Option<u32> {
        self.scopes.iter().rev().find_map(|scope| scope.get(name).copied())
    }

    /// A new variable of this block.
    fn declare(&mut self, variable: &Variable) -> u32 {
        let slot = self.slot();
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(variable.name.clone(), slot);
        }
        slot
    }

    /// Whether programs may set the variable; if not, the place where it is tried fails.
    fn may_set(&mut self, variable: &Variable) -> bool {
        let may = !variable.is_contextual();
        if !may {
            let detail = format!("{} cannot be set", variable.name);
            self.fail(ErrorClass::InvalidVariable, detail);
        }
        may
    }

    fn unknown(&mut self, variable: &Variable) {
        self.fail(ErrorClass::UnknownVariable, &variable.name);
    }

    // ---- blocks and statements

    fn block(&mut self, block: &Block) {
        let scope = self.enter();
        self.steps(block);
        self.leave(&scope);
    }

    fn enter(&mut self) -> Scope {
        self.scopes.push(BTreeMap::new());
        let scope = Scope { first: self.next_slot, highest: self.highest };
        self.highest = self.next_slot;
        scope
    }

    /// Forgets the variables of a scope, also those of scopes inside that were left early.
    fn leave(&mut self, scope: &Scope) {
        self.scopes.pop();
        if self.highest > scope.first {
            self.push(Op::Clear { from: scope.first, to: self.highest });
        }
        self.next_slot = scope.first;
        self.highest = self.highest.max(scope.highest);
    }

    fn steps(&mut self, block: &Block) {
        let around = self.statement;
        for step in block {
            self.begin(step.span);
            self.push(Op::Step);
            self.step(step);
        }
        self.begin(around);
    }

    /// What follows belongs to this statement.
    fn begin(&mut self, statement: Span) {
        self.statement = statement;
        let here = self.here();
        match self.program.statements.last_mut() {
            Some((from, last)) if *from == here => *last = statement,
            _ => self.program.statements.push((here, statement)),
        }
    }

    fn step(&mut self, step: &Step) {
        match &step.kind {
            StepKind::Declare { name, data_type } => self.declaration(name, *data_type),
            StepKind::Assign(assignment) => self.assignment(assignment),
            StepKind::Call(call) => self.call_step(call),
            StepKind::Query(query) => {
                let site = self.site(query);
                self.push(Op::Execute(site));
            }
            StepKind::For { variable, source, body } => self.for_loop(variable, source, body),
            StepKind::If { branches, otherwise } => self.branches(branches, otherwise.as_ref()),
            StepKind::Break => self.leave_round(true),
            StepKind::Continue => self.leave_round(false),
            StepKind::Return(values) => {
                if !values.is_empty() {
                    self.values(values);
                }
                self.push(Op::End);
            }
            StepKind::ReturnNext(values) => self.values(values),
            StepKind::ReturnQuery(query) => {
                let site = self.site(query);
                let slot = self.slot();
                self.push(Op::ReturnQuery { site, slot });
                self.push(Op::YieldRows(slot));
                self.push(Op::End);
            }
        }
    }

    fn values(&mut self, values: &[kwil_lang::ast::Expr]) {
        for value in values {
            self.expr(value);
        }
        self.push(Op::Yield(number(values.len())));
    }

    fn declaration(&mut self, name: &Variable, of: TypeRef) {
        if !self.may_set(name) {
            return;
        }
        if self.scopes.last().is_some_and(|scope| scope.contains_key(&name.name)) {
            let detail = format!("variable \"{}\" already exists", name.name);
            self.fail(ErrorClass::Other, detail);
            return;
        }
        let slot = self.declare(name);
        self.push(Op::DeclareNull { slot, of: of.data_type });
    }

    fn assignment(&mut self, assignment: &Assignment) {
        match &assignment.target {
            AssignTarget::Variable(variable) => {
                self.expr(&assignment.value);
                let of = assignment.data_type.map(|of| of.data_type);
                match (self.lookup(&variable.name), of) {
                    _ if !self.may_set(variable) => {}
                    (Some(slot), None) => {
                        self.push(Op::Assign(slot));
                    }
                    (Some(slot), Some(of)) => {
                        self.push(Op::AssignAs { slot, of });
                    }
                    (None, of) => {
                        let slot = self.declare(variable);
                        self.push(match of {
                            None => Op::Declare(slot),
                            Some(of) => Op::DeclareAs { slot, of },
                        });
                    }
                }
            }
            AssignTarget::Element { array, index } => {
                self.expr(index);
                self.expr(&assignment.value);
                self.set_part(array, Op::SetElement);
            }
            AssignTarget::Slice { array, from, to } => {
                for bound in from.iter().chain(to) {
                    self.expr(bound);
                }
                self.expr(&assignment.value);
                let (from, to) = (from.is_some(), to.is_some());
                self.set_part(array, |slot| Op::SetSlice { slot, from, to });
            }
        }
    }

    fn set_part(&mut self, array: &Variable, op: impl FnOnce(u32) -> Op) {
        match self.lookup(&array.name) {
            _ if !self.may_set(array) => {}
            Some(slot) => {
                self.push(op(slot));
            }
            None => self.unknown(array),
        }
    }

    fn call_step(&mut self, step: &ActionCall) {
        let want = match step.receivers.len() {
            0 => Want::Nothing,
            count => Want::Values(number(count)),
        };
        self.call(&step.call, want);
        for receiver in &step.receivers {
            match receiver {
                Receiver::Ignore => {
                    self.push(Op::Pop);
                }
                Receiver::Variable(variable) if !self.may_set(variable) => {}
                Receiver::Variable(variable) => match self.lookup(&variable.name) {
                    Some(slot) => {
                        self.push(Op::Assign(slot));
                    }
                    None => {
                        let slot = self.declare(variable);
                        self.push(Op::Declare(slot));
                    }
                },
            }
        }
    }

    fn branches(&mut self, branches: &[Branch], otherwise: Option<&Block>) {
        let mut ends = Vec::new();
        for branch in branches {
            self.expr(&branch.condition);
            let skip = self.push(Op::Unless(0));
            self.block(&branch.body);
            ends.push(self.push(Op::Jump(0)));
            self.land(skip);
        }
        if let Some(otherwise) = otherwise {
            self.block(otherwise);
        }
        for end in ends {
            self.land(end);
        }
    }

    /// `BREAK` or `CONTINUE`.
    fn leave_round(&mut self, is_break: bool) {
        let jump = self.here();
        match self.loops.last_mut() {
            Some(around) if is_break => {
                around.breaks.push(jump);
                self.push(Op::Jump(0));
            }
            Some(around) => {
                let next = around.next;
                self.push(Op::Jump(next));
            }
            None => {
                let word = if is_break { "BREAK" } else { "CONTINUE" };
                self.fail(ErrorClass::Loop, format_args!("{word} outside a loop"));
            }
        }
    }

    fn site(&mut self, query: &Query) -> u32 {
        let mut variables = BTreeMap::new();
        for scope in &self.scopes {
            variables.extend(scope.iter().map(|(name, slot)| (name.clone(), *slot)));
        }
        let site = number(self.program.sites.len());
        let variables = variables.into_iter().collect();
        self.program.sites.push(Site { query: Box::new(query.clone()), variables });
        site
    }
}
