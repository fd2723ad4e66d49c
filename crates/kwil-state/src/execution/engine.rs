//! The place where SQL and actions plug in.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use kwil_types::{Execute, RawStatement, TxCode};

use super::TxContext;
use crate::block::Block;
use crate::fault::NodeFault;

/// A payload that needs SQL.
#[derive(Clone, Copy, Debug)]
pub enum Statement<'p> {
    /// SQL text with parameters.
    Raw(&'p RawStatement),
    /// Calls of one action.
    Execute(&'p Execute),
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementOutcome {
    /// Outcome; anything but [`TxCode::Ok`] undoes what the statement did.
    pub code: TxCode,
    /// Notices, and the error text of a failure without prefix.
    pub log: String,
}

/// Runs SQL and actions in the transaction of a block.
///
/// An implementation must be deterministic: equal state, context and statement give equal effects and an equal code on
/// every node. A problem of this node is a [`NodeFault`], never an outcome.
pub trait StatementEngine: fmt::Debug + Send + Sync {
    /// Runs one payload inside a savepoint that the caller has opened and will close.
    fn run<'r, 'w: 'r>(
        &'r self,
        block: &'r mut Block<'w>,
        tx: &'r TxContext,
        statement: Statement<'r>,
    ) -> Pin<Box<dyn Future<Output = Result<StatementOutcome, NodeFault>> + Send + 'r>>;
}
