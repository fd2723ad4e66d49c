//! Compiled actions: flat lists of instructions for a machine with a stack. Nothing of a running action is on the call
//! stack of the node, so nesting costs no stack and an action can wait in the middle of anything.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use kwil_lang::Span;
use kwil_lang::analyze::{Function, OutputColumn};
use kwil_lang::ast::{BinaryOp, Query, UnaryOp};
use kwil_types::{DataType, Value};

use super::compile;
use super::contextual::Contextual;
use crate::catalog::Action;
use crate::error::Failure;

/// An instruction. Numbers are places in the tables of the [`Program`], in its code, or slots of the frame.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    /// A statement begins.
    Step,
    /// Always fails; reached only by programs that make no sense.
    Fail(u32),

    // Expressions: operands come from the stack, the result goes there.
    Const(u32),
    Load(u32),
    LoadField {
        slot: u32,
        name: u32,
    },
    LoadContext(Contextual),
    Unary(UnaryOp),
    Binary(BinaryOp),
    Is {
        test: Test,
        not: bool,
    },
    Cast(DataType),
    Index,
    Slice {
        from: bool,
        to: bool,
    },
    Array {
        count: u32,
        of: Option<DataType>,
    },
    Call {
        site: u32,
        want: Want,
    },

    // Variables.
    Pop,
    /// A new variable of the type, NULL.
    DeclareNull {
        slot: u32,
        of: DataType,
    },
    /// A new variable with the value.
    Declare(u32),
    /// A new variable of the type with the value.
    DeclareAs {
        slot: u32,
        of: DataType,
    },
    /// Another value for a variable.
    Assign(u32),
    /// Another value for a variable, which must have the type.
    AssignAs {
        slot: u32,
        of: DataType,
    },
    SetElement(u32),
    SetSlice {
        slot: u32,
        from: bool,
        to: bool,
    },
    /// These variables are gone.
    Clear {
        from: u32,
        to: u32,
    },

    // Control.
    Jump(u32),
    /// Jumps unless the condition holds.
    Unless(u32),
    RangeLoop(u32),
    ArrayLoop(u32),
    QueryLoop {
        site: u32,
        slot: u32,
    },
    /// The next round, or the end of the loop at `exit`.
    Next {
        slot: u32,
        variable: u32,
        exit: u32,
    },
    /// The loop is left: what it runs over is stopped.
    EndLoop(u32),

    // Statements of SQL and rows.
    Execute(u32),
    ReturnQuery {
        site: u32,
        slot: u32,
    },
    /// Returns the rows that wait in the slot, one by one.
    YieldRows(u32),
    /// Returns a row of so many values.
    Yield(u32),
    /// The action is over.
    End,
}

/// What stands behind `IS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Test {
    Null,
    True,
    False,
    /// The other operand is on the stack.
    DistinctFrom,
}

/// What the caller does with the rows of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    /// Drops them.
    Nothing,
    /// One row of one value, onto the stack.
    Value,
    /// One row of at least so many values; the first ends up on top of the stack.
    Values(u32),
    /// A loop over them; its state is in the slot.
    Loop(u32),
}

/// A call.
#[derive(Debug)]
pub(super) struct CallSite {
    pub(super) namespace: Option<Box<str>>,
    pub(super) name: Box<str>,
    pub(super) arguments: u32,
    /// The function of this name, which an action may hide.
    pub(super) function: Option<&'static Function>,
}

/// A statement of SQL, and the variables in reach, sorted by name with `$`.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) query: Box<Query>,
    pub(super) variables: Vec<(Box<str>, u32)>,
}

impl Site {
    pub(super) fn slot(&self, variable: &str) -> Option<u32> {
        let place = self.variables.binary_search_by(|(name, _)| (**name).cmp(variable)).ok()?;
        self.variables.get(place).map(|(_, slot)| *slot)
    }
}

/// Names of the values of a row; unnamed ones cannot be asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) names: Vec<Option<Box<str>>>,
}

/// A compiled action.
pub(crate) struct Program {
    /// Unique in this process.
    pub(super) id: u64,
    pub(super) namespace: Box<str>,
    pub(super) name: Box<str>,
    pub(super) code: Vec<Op>,
    /// Which statement the code belongs to from a place on, in the order of the code.
    pub(super) statements: Vec<(u32, Span)>,
    pub(super) constants: Vec<Value>,
    pub(super) names: Vec<Box<str>>,
    pub(super) calls: Vec<CallSite>,
    pub(super) sites: Vec<Site>,
    pub(super) failures: Vec<Failure>,
    pub(super) slots: u32,
    /// What it returns, as callers outside see it.
    pub(super) columns: Vec<OutputColumn>,
    pub(super) shape: Arc<Shape>,
}

impl Program {
    /// The statement that an instruction belongs to; none for what comes before the first.
    pub(super) fn statement_at(&self, pc: usize) -> Option<Span> {
        let pc = u32::try_from(pc).unwrap_or(u32::MAX);
        let behind = self.statements.partition_point(|(from, _)| *from <= pc);
        self.statements.get(behind.checked_sub(1)?).map(|(_, span)| *span)
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program").field("id", &self.id).finish_non_exhaustive()
    }
}

pub(super) fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The compiled form of an action, made at its first call. It says nothing that the action does not say: all are equal,
/// and a copy is empty.
#[derive(Default)]
pub(crate) struct Compiled(OnceLock<Arc<Program>>);

impl Compiled {
    /// The program of an action in its namespace.
    pub(super) fn of(action: &Action, namespace: &str) -> Arc<Program> {
        let compile = || Arc::new(compile::compile(&action.definition, namespace));
        let program = action.compiled.0.get_or_init(compile);
        if &*program.namespace == namespace { Arc::clone(program) } else { compile() }
    }

    /// True for the program that was made here.
    pub(super) fn is(&self, program: &Arc<Program>) -> bool {
        self.0.get().is_some_and(|own| Arc::ptr_eq(own, program))
    }
}

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Compiled")
    }
}

impl Clone for Compiled {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Compiled {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Compiled {}
