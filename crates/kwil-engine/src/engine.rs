//! The engine: runs scripts and calls on sessions.

use std::collections::BTreeMap;

use kwil_types::Value;

use crate::catalog::MAIN;
use crate::context::{Invocation, Limits, ReadLimits};
use crate::extension::Extensions;
use crate::interpret::{Run, Shared, call_action};
use crate::script::{Collector, run_script};
use crate::{EngineError, QueryResult, Session};

/// What happens with the rows of a script or a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Results {
    /// Nobody wants them: transactions.
    Discard,
    /// They are returned, up to these bounds: reads.
    Collect(ReadLimits),
}

/// What came of a script or a call.
#[derive(Debug)]
pub struct Outcome<F> {
    /// The rows, or why there are none.
    pub result: Result<QueryResult, EngineError<F>>,
    /// The notices, one a line with its number; also those written before a failure.
    pub log: String,
}

/// On whose behalf the engine works, and how much it may do.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// Who asks, in which transaction and block.
    pub invocation: &'a Invocation,
    /// The bounds of the payload or the read.
    pub limits: &'a Limits,
}

/// A call by a user.
#[derive(Clone, Debug, PartialEq)]
pub struct Call<'a> {
    /// Namespace of the action; empty means `main`.
    pub namespace: &'a str,
    /// The action, or a method of an extension.
    pub action: &'a str,
    /// Its arguments.
    pub arguments: Vec<Value>,
}

/// What an `execute` payload asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Calls<'a> {
    /// Namespace of the action; empty means `main`.
    pub namespace: &'a str,
    /// The action, or a method of an extension.
    pub action: &'a str,
    /// Arguments of each call. No list at all is one call without arguments.
    pub arguments: Vec<Vec<Value>>,
}

/// Runs scripts and actions. One engine serves all sessions of a node at the same time; it holds what they share: plans of
/// statements, and the extensions.
#[derive(Debug)]
pub struct Engine {
    shared: Shared,
}

impl Engine {
    /// An engine with these extensions.
    #[must_use]
    pub fn new(extensions: Extensions) -> Self {
        Self { shared: Shared::new(extensions) }
    }

    /// The extensions that scripts can use.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        self.shared.extensions()
    }

    /// Runs a script with the privileges of the caller: all statements in order, up to the first that fails. Undoing what
    /// the others did is up to the owner of the session.
    pub async fn run_script<S: Session>(
        &self,
        session: &mut S,
        terms: Terms<'_>,
        source: &str,
        parameters: BTreeMap<String, Value>,
        results: Results,
    ) -> Outcome<S::Fault> {
        let mut run = Run::new(session, terms.invocation, terms.limits, &self.shared);
        let mut rows = Collector::new(results);
        let result = run_script(&mut run, source, parameters, &mut rows).await;
        Outcome { result: result.map(|()| rows.finish()), log: run.take_log() }
    }

    /// Calls an action or a method for a user.
    pub async fn call<S: Session>(
        &self,
        session: &mut S,
        terms: Terms<'_>,
        call: Call<'_>,
        results: Results,
    ) -> Outcome<S::Fault> {
        let mut run = Run::new(session, terms.invocation, terms.limits, &self.shared);
        let mut rows = Collector::new(results);
        let (namespace, action) = folded(call.namespace, call.action);
        let result = call_action(&mut run, (&namespace, &action), call.arguments, &mut rows).await;
        Outcome { result: result.map(|()| rows.finish()), log: run.take_log() }
    }

    /// Runs the calls of a payload in order, up to the first that fails, with one budget for all of them. The rows are
    /// dropped; the logs follow each other, each with numbers of its own.
    pub async fn execute<S: Session>(
        &self,
        session: &mut S,
        terms: Terms<'_>,
        calls: Calls<'_>,
    ) -> Outcome<S::Fault> {
        let mut run = Run::new(session, terms.invocation, terms.limits, &self.shared);
        let (namespace, action) = folded(calls.namespace, calls.action);
        let lists = if calls.arguments.is_empty() { vec![Vec::new()] } else { calls.arguments };
        let mut log = String::new();
        for arguments in lists {
            let mut rows = Collector::new(Results::Discard);
            let called = call_action(&mut run, (&namespace, &action), arguments, &mut rows).await;
            let notices = run.take_log();
            if !log.is_empty() && !notices.is_empty() {
                log.push('\n');
            }
            log.push_str(&notices);
            if let Err(error) = called {
                return Outcome { result: Err(error), log };
            }
        }
        Outcome { result: Ok(QueryResult::default()), log }
    }
}

/// Names as the catalog has them.
fn folded(namespace: &str, action: &str) -> (String, String) {
    let namespace = if namespace.is_empty() { MAIN } else { namespace };
    (namespace.to_ascii_lowercase(), action.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_send<T: Send>(_: &T) {}

    /// Futures of the engine can move between the threads of a runtime, whatever the session is.
    #[expect(dead_code, reason = "compiling it is the test")]
    fn futures_are_send<S: Session>(engine: &Engine, session: &mut S, terms: Terms<'_>) {
        is_send(&engine.run_script(session, terms, "", BTreeMap::new(), Results::Discard));
        let call = Call { namespace: "", action: "a", arguments: Vec::new() };
        is_send(&engine.call(session, terms, call, Results::Discard));
        let calls = Calls { namespace: "", action: "a", arguments: Vec::new() };
        is_send(&engine.execute(session, terms, calls));
    }
}
