//! Scripts: statements run one after another, with the privileges of their caller.

mod action;
mod alter;
mod constraint;
mod default;
mod draft;
mod expression;
mod extension_use;
mod index;
mod namespace;
mod parameters;
mod role;
mod rows;
mod statement;
mod table;

pub(crate) use extension_use::Hook;
pub(crate) use rows::Collector;

use std::collections::BTreeMap;

use kwil_lang::parse_script;
use kwil_types::Value;

use crate::catalog::MAIN;
use crate::interpret::Run;
use crate::{EngineError, Failure, Session};

/// Whose rights statements have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Authority {
    /// The caller's: privileges are asked.
    Caller,
    /// Those of an extension: its own namespace may be changed, and nothing else.
    Extension,
}

/// A script that is running.
pub(crate) struct Script<'s, 'r, S: Session> {
    run: &'s mut Run<'r, S>,
    source: &'s str,
    /// The current namespace.
    namespace: Box<str>,
    variables: BTreeMap<Box<str>, Value>,
    authority: Authority,
    out: &'s mut Collector,
}

/// Runs a script of a caller: everything is parsed first, so that an error anywhere means that nothing runs.
pub(crate) async fn run_script<S: Session>(
    run: &mut Run<'_, S>,
    source: &str,
    parameters: BTreeMap<String, Value>,
    out: &mut Collector,
) -> Result<(), EngineError<S::Fault>> {
    run_in(run, MAIN, Authority::Caller, (source, parameters), out).await
}

/// Runs a script in a namespace.
pub(crate) async fn run_in<S: Session>(
    run: &mut Run<'_, S>,
    namespace: &str,
    authority: Authority,
    (source, parameters): (&str, BTreeMap<String, Value>),
    out: &mut Collector,
) -> Result<(), EngineError<S::Fault>> {
    let statements = parse_script(source).map_err(|errors| match authority {
        Authority::Caller => Failure::from(errors),
        // The user did not write it.
        Authority::Extension => Failure::from(errors).without_origin(),
    })?;
    let variables = parameters::variables(parameters)?;
    let mut script = Script { run, source, namespace: namespace.into(), variables, authority, out };
    let mut ran = Ok(());
    for statement in &statements {
        ran = script.statement(statement).await.map_err(|error| script.located(error, statement));
        if ran.is_err() {
            break;
        }
    }
    match ran {
        Ok(()) => script.run.finish().await,
        Err(EngineError::Fault(_)) => ran,
        // The failure of a statement that waited comes before that of any statement behind it.
        Err(EngineError::Failed(_)) => {
            script.run.flush().await?;
            ran
        }
    }
}

#[cfg(test)]
mod tests;
