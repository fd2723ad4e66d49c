//! Actions, indented.

use std::fmt::{self, Display, Formatter};

use super::expr::bounds;
use super::{list, when};
use crate::ast::{
    ActionCall, AssignTarget, Assignment, CreateAction, Expr, ExprKind, LoopSource, Parameter,
    Receiver, ReturnField, Returns, Step, StepKind,
};

impl Display for CreateAction {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(if self.or_replace { "CREATE OR REPLACE ACTION " } else { "CREATE ACTION " })?;
        write!(f, "{}{}(", when(self.if_not_exists, "IF NOT EXISTS "), self.name)?;
        list(f, &self.parameters, ", ", |f, parameter| parameter.fmt(f))?;
        f.write_str(")")?;
        for modifier in &self.modifiers {
            write!(f, " {}", modifier.name.to_ascii_uppercase())?;
        }
        if let Some(returns) = &self.returns {
            write!(f, " {returns}")?;
        }
        f.write_str(" ")?;
        block(f, &self.body, 0)
    }
}

impl Display for Parameter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.data_type)?;
        match &self.default {
            Some(literal) => write!(f, " DEFAULT {literal}"),
            None => Ok(()),
        }
    }
}

impl Display for Returns {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "RETURNS {}(", when(self.table, "TABLE "))?;
        list(f, &self.fields, ", ", |f, field| field.fmt(f))?;
        f.write_str(")")
    }
}

impl Display for ReturnField {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} {}", self.data_type),
            None => self.data_type.fmt(f),
        }
    }
}

fn indent(f: &mut Formatter<'_>, depth: usize) -> fmt::Result {
    (0..depth).try_for_each(|_| f.write_str("    "))
}

fn block(f: &mut Formatter<'_>, steps: &[Step], depth: usize) -> fmt::Result {
    if steps.is_empty() {
        return f.write_str("{}");
    }
    f.write_str("{\n")?;
    let inner = depth.saturating_add(1);
    for one in steps {
        indent(f, inner)?;
        step(f, &one.kind, inner)?;
        f.write_str("\n")?;
    }
    indent(f, depth)?;
    f.write_str("}")
}

impl Display for Step {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        step(f, &self.kind, 0)
    }
}

fn step(f: &mut Formatter<'_>, kind: &StepKind, depth: usize) -> fmt::Result {
    match kind {
        StepKind::Declare { name, data_type } => write!(f, "{name} {data_type};"),
        StepKind::Assign(assignment) => write!(f, "{assignment};"),
        StepKind::Call(call) => write!(f, "{call};"),
        StepKind::Query(query) => write!(f, "{query};"),
        StepKind::For { variable, source, body } => {
            write!(f, "FOR {variable} IN {source} ")?;
            block(f, body, depth)
        }
        StepKind::If { branches, otherwise } => {
            f.write_str("IF ")?;
            list(f, branches, " ELSEIF ", |f, branch| {
                write!(f, "{} ", branch.condition)?;
                block(f, &branch.body, depth)
            })?;
            match otherwise {
                Some(body) => {
                    f.write_str(" ELSE ")?;
                    block(f, body, depth)
                }
                None => Ok(()),
            }
        }
        StepKind::Break => f.write_str("BREAK;"),
        StepKind::Continue => f.write_str("CONTINUE;"),
        StepKind::Return(values) if values.is_empty() => f.write_str("RETURN;"),
        StepKind::Return(values) => values_step(f, "RETURN ", values),
        StepKind::ReturnQuery(query) => write!(f, "RETURN {query};"),
        StepKind::ReturnNext(values) => values_step(f, "RETURN NEXT ", values),
    }
}

fn values_step(f: &mut Formatter<'_>, words: &str, values: &[Expr]) -> fmt::Result {
    f.write_str(words)?;
    list(f, values, ", ", |f, value| value.fmt(f))?;
    f.write_str(";")
}

impl Display for Assignment {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.target.fmt(f)?;
        if let Some(data_type) = &self.data_type {
            write!(f, " {data_type}")?;
        }
        match &self.value.kind {
            // Bare, it would be a call whose row is received.
            ExprKind::Call(call) => write!(f, " := ({call})"),
            _ => write!(f, " := {}", self.value),
        }
    }
}

impl Display for AssignTarget {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(variable) => variable.fmt(f),
            Self::Element { array, index } => write!(f, "{array}[{index}]"),
            Self::Slice { array, from, to } => {
                write!(f, "{array}[")?;
                bounds(f, from.as_ref(), to.as_ref())?;
                f.write_str("]")
            }
        }
    }
}

impl Display for ActionCall {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if !self.receivers.is_empty() {
            list(f, &self.receivers, ", ", |f, receiver| match receiver {
                Receiver::Variable(variable) => variable.fmt(f),
                Receiver::Ignore => f.write_str("_"),
            })?;
            f.write_str(" := ")?;
        }
        self.call.fmt(f)
    }
}

impl Display for LoopSource {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range(from, to) => {
                // ARRAY right behind IN would mean a loop over an array.
                write!(f, "({from}) .. {to}")
            }
            Self::Array(array) => write!(f, "ARRAY {array}"),
            Self::Query(query) => query.fmt(f),
            Self::Call(call) => call.fmt(f),
            Self::Other(expr) => write!(f, "({expr})"),
        }
    }
}
