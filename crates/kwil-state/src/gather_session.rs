//! A session that only gathers statements: for payloads that write without reading.
//!
//! What such payloads leave travels in one message, many payloads together. Whatever needs an answer of the database
//! ends the run; the payload is then run again on its own.

use std::sync::Arc;

use kwil_engine::catalog::Catalog;
use kwil_engine::{Access, Change, Prepared, Row, Session, SessionError};
use kwil_types::Value;

use crate::fault::{FaultKind, NodeFault};

/// Statements of one payload at most.
const MAX_STATEMENTS: usize = 128;

/// Statements with their arguments, in order.
pub(crate) type Gathered = Vec<(Arc<Prepared>, Vec<Value>)>;

/// See the module.
#[derive(Debug)]
pub(crate) struct GatherSession {
    catalog: Arc<Catalog>,
    statements: Gathered,
    needs_database: bool,
    is_cancelled: bool,
}

type Outcome<T> = Result<T, SessionError<NodeFault>>;

impl GatherSession {
    pub(crate) fn new(catalog: Arc<Catalog>, is_cancelled: bool) -> Self {
        Self { catalog, statements: Vec::new(), needs_database: false, is_cancelled }
    }

    /// What was gathered; `None` when the payload needs the database while it runs.
    pub(crate) fn into_statements(self) -> Option<Gathered> {
        (!self.needs_database).then_some(self.statements)
    }

    fn stop<T>(&mut self) -> Outcome<T> {
        self.needs_database = true;
        Err(SessionError::Fault(self.cancelled()))
    }
}

impl Session for GatherSession {
    type Fault = NodeFault;

    fn access(&self) -> Access {
        Access::Write
    }

    fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    async fn query(&mut self, _: &Arc<Prepared>, _: &[Value], _: Option<u64>) -> Outcome<Vec<Row>> {
        self.stop()
    }

    async fn execute(&mut self, statement: &Arc<Prepared>, arguments: &[Value]) -> Outcome<()> {
        if self.statements.len() >= MAX_STATEMENTS {
            return self.stop();
        }
        self.statements.push((Arc::clone(statement), arguments.to_vec()));
        Ok(())
    }

    async fn flush(&mut self) -> Outcome<()> {
        if self.statements.is_empty() { Ok(()) } else { self.stop() }
    }

    async fn finish(&mut self) -> Outcome<()> {
        Ok(())
    }

    fn finished(&self) -> Option<u64> {
        Some(0)
    }

    async fn change(&mut self, _: Change) -> Outcome<()> {
        self.stop()
    }

    fn is_cancelled(&self) -> bool {
        self.is_cancelled
    }

    fn cancelled(&self) -> NodeFault {
        NodeFault::new("execute a block", FaultKind::Cancelled)
    }
}
