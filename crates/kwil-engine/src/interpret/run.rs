//! What a payload or a request runs with.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use kwil_lang::analyze::VariableType;
use kwil_lang::ast::Query;
use kwil_types::Value;

use super::budget::Budget;
use super::log::Log;
use super::machine::Cx;
use crate::context::{Invocation, Limits};
use crate::error::{EngineError, Failure};
use crate::eval::functions::{self, Native};
use crate::extension::Extensions;
use crate::prepare::{Planned, Preparer, Request, StatementId};
use crate::session::{Access, Prepared, Row, Session, SessionError};

/// What all runs of an engine share.
#[derive(Debug)]
pub(crate) struct Shared {
    preparer: Preparer,
    extensions: Extensions,
}

impl Shared {
    pub(crate) fn new(extensions: Extensions) -> Self {
        Self { preparer: Preparer::default(), extensions }
    }

    pub(crate) fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    pub(super) fn preparer(&self) -> &Preparer {
        &self.preparer
    }
}

/// One payload or request: its session, its budget and its notices. Several calls share the budget.
///
/// Statements should go through [`Run::query`] and [`Run::execute`]: they know which notices stay when a statement that
/// waited in the session fails.
#[derive(Debug)]
pub(crate) struct Run<'r, S> {
    pub(crate) session: &'r mut S,
    pub(crate) invocation: &'r Invocation,
    shared: &'r Shared,
    budget: Budget,
    log: Log,
    /// Calls that are running around the next machine.
    pub(super) depth: u32,
    /// Machines inside each other, through methods of extensions.
    pub(super) machines: u32,
}

impl<'r, S: Session> Run<'r, S> {
    pub(crate) fn new(
        session: &'r mut S,
        invocation: &'r Invocation,
        limits: &Limits,
        shared: &'r Shared,
    ) -> Self {
        let log = Log::new(session.finished().unwrap_or(0));
        let budget = Budget::new(limits);
        Self { session, invocation, shared, budget, log, depth: 0, machines: 0 }
    }

    /// The bounds it started with.
    pub(crate) fn limits(&self) -> &Limits {
        self.budget.limits()
    }

    /// Counts one step.
    pub(crate) fn step(&mut self) -> Result<(), Failure> {
        self.budget.spend(1)
    }

    /// The notices so far, formatted; the log is empty afterwards.
    pub(crate) fn take_log(&mut self) -> String {
        self.log.take()
    }

    /// Adds a notice.
    pub(crate) fn notice(&mut self, text: &str) {
        self.log.push(text);
    }

    pub(crate) fn extensions(&self) -> &'r Extensions {
        &self.shared.extensions
    }

    /// The plan of a statement of a script. `text` is the statement as it was written.
    pub(crate) fn prepare_ad_hoc(
        &self,
        namespace: &str,
        (text, query): (&str, &Query),
        variables: &BTreeMap<Box<str>, VariableType>,
    ) -> Result<Arc<Planned>, Failure> {
        let request = Request {
            catalog: self.session.catalog(),
            access: self.session.access(),
            namespace,
            query,
            id: StatementId::Text(text),
        };
        self.shared.preparer.prepare(request, variables)
    }

    /// The value of a scalar function that no action hides.
    pub(crate) async fn call_function(
        &mut self,
        name: &str,
        arguments: &[Value],
    ) -> Result<Value, EngineError<S::Fault>> {
        let function = match functions::call(name, arguments, self.budget.limits())? {
            Native::Value(value) => return Ok(value),
            Native::Database(function) => function,
        };
        let access = self.session.access();
        let (planned, sent) = self.shared.preparer.prepare_function(function, arguments, access)?;
        let rows = self.query(&planned.prepared, &sent, None).await?;
        Ok(rows.into_iter().flatten().next().unwrap_or(Value::NULL))
    }

    /// Runs a statement and returns its rows. What waits in the session runs first.
    pub(crate) async fn query(
        &mut self,
        statement: &Arc<Prepared>,
        arguments: &[Value],
        limit: Option<u64>,
    ) -> Result<Vec<Row>, EngineError<S::Fault>> {
        self.check_cancelled()?;
        match self.session.query(statement, arguments, limit).await {
            Ok(rows) => {
                self.log.all_done();
                Ok(rows)
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Runs a statement, now or later.
    pub(crate) async fn execute(
        &mut self,
        statement: &Arc<Prepared>,
        arguments: &[Value],
    ) -> Result<(), EngineError<S::Fault>> {
        self.check_cancelled()?;
        self.log.mark();
        let done = self.session.execute(statement, arguments).await;
        self.attributed(done)
    }

    /// Runs what waits.
    pub(crate) async fn flush(&mut self) -> Result<(), EngineError<S::Fault>> {
        self.check_cancelled()?;
        if !self.log.is_waiting() {
            return Ok(());
        }
        let done = self.session.flush().await;
        self.attributed(done)?;
        self.log.all_done();
        Ok(())
    }

    /// Runs what waits, or leaves it to the session: nothing of the call comes any more.
    pub(crate) async fn finish(&mut self) -> Result<(), EngineError<S::Fault>> {
        self.check_cancelled()?;
        if !self.log.is_waiting() {
            return Ok(());
        }
        let done = self.session.finish().await;
        self.attributed(done)?;
        self.log.all_done();
        Ok(())
    }

    fn attributed(
        &mut self,
        done: Result<(), SessionError<S::Fault>>,
    ) -> Result<(), EngineError<S::Fault>> {
        done.map_err(|error| self.failed(error))
    }

    /// A failure belongs to the statement that failed, which may have waited for long: notices after it never were.
    fn failed(&mut self, error: SessionError<S::Fault>) -> EngineError<S::Fault> {
        match self.session.finished() {
            Some(finished) => self.log.cut_back(finished),
            None => self.log.all_done(),
        }
        error.into()
    }

    /// Looks whether anybody still waits, and lets others run.
    pub(super) async fn pause(&mut self) -> Result<(), EngineError<S::Fault>> {
        self.check_cancelled()?;
        let mut has_paused = false;
        poll_fn(|context| {
            if std::mem::replace(&mut has_paused, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        Ok(())
    }

    /// An error with the origin that `locate` gives it, unless an action inside has done so.
    pub(crate) fn located(
        &self,
        mut error: EngineError<S::Fault>,
        locate: impl FnOnce(&mut Failure),
    ) -> EngineError<S::Fault> {
        if let EngineError::Failed(failure) = &mut error
            && self.session.access() == Access::Read
            && failure.origin().is_none_or(|origin| origin.action.is_none())
        {
            locate(failure);
        }
        error
    }

    fn check_cancelled(&self) -> Result<(), EngineError<S::Fault>> {
        if self.session.is_cancelled() {
            return Err(EngineError::Fault(self.session.cancelled()));
        }
        Ok(())
    }

    /// True when a statement may wait whose failure comes first.
    pub(super) fn is_waiting(&self) -> bool {
        self.log.is_waiting()
    }

    pub(super) fn cx(&mut self) -> Cx<'_> {
        Cx {
            catalog: self.session.catalog(),
            access: self.session.access(),
            may_speak: self.session.finished().is_some() || !self.log.is_waiting(),
            invocation: self.invocation,
            shared: self.shared,
            budget: &mut self.budget,
            log: &mut self.log,
            depth: self.depth,
        }
    }
}
