//! The engine's session in the transaction of a block.
//!
//! Statements whose rows nobody needs wait in a queue and travel together; whatever needs the database sends the queue
//! first, in the same message when it can.

use std::sync::Arc;

use kwil_engine::catalog::Catalog;
use kwil_engine::{Access, Change, Failure, Prepared, Row, Session, SessionError};
use kwil_lang::ErrorClass;
use kwil_types::Value;

use crate::block::{Block, Captured, Message, Sent};
use crate::fault::{FaultKind, NodeFault};

/// Statements that wait at most.
const MAX_QUEUED: u64 = 64;
/// Bytes that wait at most.
const MAX_QUEUED_BYTES: usize = 1 << 20;

/// A session that changes the state, in a savepoint that it opens with its first message. Ends with
/// [`Session::finish`] and [`WriteSession::leave`].
#[derive(Debug)]
pub(crate) struct WriteSession<'b, 'w> {
    block: &'b mut Block<'w>,
    catalog: Arc<Catalog>,
    queue: Message,
    is_open: bool,
    finished: u64,
    /// Nothing was captured and not drained when the session began.
    began_empty: bool,
    is_unclear: bool,
    /// Something was changed, or the server refused something: only going back to the savepoint undoes it.
    is_dirty: bool,
}

/// What a session leaves to the one who closes the savepoint.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Left {
    /// The savepoint is open.
    pub(crate) is_open: bool,
    /// Something is to be kept or undone.
    pub(crate) is_dirty: bool,
    /// It ended with a fault only because the limit of captured bytes needs [`WriteSession::exact`].
    pub(crate) is_unclear: bool,
}

type Outcome<T> = Result<T, SessionError<NodeFault>>;

impl<'b, 'w> WriteSession<'b, 'w> {
    pub(crate) fn new(block: &'b mut Block<'w>) -> Result<Self, NodeFault> {
        let queue = Message::in_savepoint(block.draft.unreleased);
        Self::with(block, queue, false)
    }

    /// A session in a savepoint that is open already.
    pub(crate) fn within(block: &'b mut Block<'w>) -> Result<Self, NodeFault> {
        Self::with(block, Message::default(), true)
    }

    fn with(block: &'b mut Block<'w>, queue: Message, is_open: bool) -> Result<Self, NodeFault> {
        let catalog = Arc::clone(block.language()?);
        Ok(Self {
            block,
            catalog,
            queue,
            is_open,
            finished: 0,
            began_empty: false,
            is_unclear: false,
            is_dirty: false,
        })
    }

    /// A session that knows exactly how much it captures: everything before it is drained now.
    pub(crate) async fn exact(block: &'b mut Block<'w>) -> Result<Self, NodeFault> {
        block.empty_capture().await?;
        Ok(Self { began_empty: true, ..Self::new(block)? })
    }

    /// Ends the session, and leaves the savepoint to the caller.
    pub(crate) fn leave(self) -> Left {
        let Self { is_open, is_dirty, is_unclear, .. } = self;
        Left { is_open, is_dirty, is_unclear }
    }

    fn push(&mut self, statement: &Prepared, arguments: &[Value]) -> Outcome<()> {
        let pushed = self.queue.push(self.block.statements, statement, arguments);
        pushed.map_err(SessionError::Fault)
    }

    async fn send(&mut self, rows_of: Option<&Prepared>, limit: Option<u64>) -> Outcome<Vec<Row>> {
        let message = std::mem::take(&mut self.queue);
        self.is_dirty |= message.writes();
        let asked_for = message.runs();
        let columns = rows_of.map(|statement| statement.columns.as_slice());
        let sent = self.block.send(message, columns, limit).await.map_err(SessionError::Fault)?;
        if !self.is_open {
            self.block.savepoint_is_open();
            self.is_open = true;
        }
        let Sent { runs, rows, result } = sent;
        // The one that was asked for its rows was not given to `execute`.
        let asked = u64::from(rows_of.is_some() && runs == asked_for);
        self.finished = self.finished.saturating_add(runs.saturating_sub(asked));
        self.is_dirty |= result.is_err();
        result?;
        self.check_captured().await?;
        Ok(rows)
    }

    async fn check_captured(&mut self) -> Outcome<()> {
        let checked = self.block.check_captured(self.began_empty).await;
        match checked.map_err(SessionError::Fault)? {
            Captured::Within => Ok(()),
            Captured::Passed => {
                let failure =
                    Failure::new(ErrorClass::Other, "execution limit exceeded: captured bytes");
                Err(SessionError::Failed(Box::new(failure)))
            }
            Captured::Unclear => {
                self.is_unclear = true;
                Err(SessionError::Fault(self.cancelled()))
            }
        }
    }
}

impl Session for WriteSession<'_, '_> {
    type Fault = NodeFault;

    fn access(&self) -> Access {
        Access::Write
    }

    fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    async fn query(
        &mut self,
        statement: &Arc<Prepared>,
        arguments: &[Value],
        limit: Option<u64>,
    ) -> Outcome<Vec<Row>> {
        self.push(statement, arguments)?;
        self.send(Some(statement), limit).await
    }

    async fn execute(&mut self, statement: &Arc<Prepared>, arguments: &[Value]) -> Outcome<()> {
        self.push(statement, arguments)?;
        if self.queue.runs() >= MAX_QUEUED || self.queue.len() >= MAX_QUEUED_BYTES {
            self.flush().await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Outcome<()> {
        if self.queue.runs() == 0 {
            return Ok(());
        }
        self.send(None, None).await.map(drop)
    }

    fn finished(&self) -> Option<u64> {
        Some(self.finished)
    }

    async fn change(&mut self, change: Change) -> Outcome<()> {
        self.flush().await?;
        self.is_dirty = true;
        if !self.is_open {
            self.block.savepoint().await.map_err(SessionError::Fault)?;
            self.is_open = true;
            self.queue = Message::default();
        }
        self.block.change(&change).await?;
        self.catalog = change.catalog;
        Ok(())
    }

    fn is_cancelled(&self) -> bool {
        self.block.is_cancelled()
    }

    fn cancelled(&self) -> NodeFault {
        NodeFault::new("execute a block", FaultKind::Cancelled)
    }
}
