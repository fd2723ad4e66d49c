//! Payloads of the engine, many in one message where they allow it.
//!
//! ```text
//! payload ─► gather ─┬─ writes only ────────► waits with others ─► one savepoint, one message ─┬─ done
//!                    │                                                                         └─ a failure: again in parts,
//!                    │                                                                            the culprit on its own
//!                    ├─ fails without the database ─► its result
//!                    └─ needs the database ─► those that wait go first, then it runs in a savepoint of its own
//! ```
//!
//! The outcome is that of one payload after the other, each in a savepoint: what waits has no effect that another payload
//! could have seen, and a message that fails is undone whole. Inserts of one row that follow each other become one of many
//! rows where that is the same, see [`Prepared::of_rows`](kwil_engine::Prepared::of_rows).

use std::collections::BTreeSet;
use std::sync::Arc;

use kwil_engine::{Engine, Invocation};
use kwil_types::{Amount, TxResult, Value};

use super::engine::{Ran, Statement, run_payload};
use crate::block::{Block, Message};
use crate::fault::{NodeFault, StatementError};
use crate::gather_session::{GatherSession, Gathered};
use crate::values::size_of;
use crate::write_session::WriteSession;

/// Statements that wait at most.
const MAX_STATEMENTS: usize = 512;
/// Bytes of a message at most, roughly.
const MAX_BYTES: u64 = 1 << 20;
/// Parts that a message is cut into when a statement of it failed.
const PARTS: usize = 8;

/// A payload of a transaction, and what its result needs.
#[derive(Debug)]
pub(super) struct Job<'p> {
    /// The place of the transaction in the block.
    pub(super) number: usize,
    pub(super) invocation: Invocation,
    pub(super) statement: Statement<'p>,
    /// What it paid.
    pub(super) taken: Amount,
}

/// Runs the payloads of a block.
#[derive(Debug)]
pub(super) struct Batch<'e, 'p> {
    engine: &'e Engine,
    together: bool,
    waiting: Vec<(Job<'p>, Gathered)>,
    message: usize,
    bytes: u64,
    /// Actions that asked the database while they ran, so that they are not tried without it again.
    readers: BTreeSet<(&'p str, &'p str)>,
}

impl<'e, 'p> Batch<'e, 'p> {
    pub(super) fn new(engine: &'e Engine, together: bool) -> Self {
        let (waiting, readers) = (Vec::new(), BTreeSet::new());
        Self { engine, together, waiting, message: 0, bytes: 0, readers }
    }

    /// Runs a payload, or lets it wait; its result is then what [`Batch::settle`] leaves in `results`.
    pub(super) async fn run(
        &mut self,
        block: &mut Block<'_>,
        job: Job<'p>,
        results: &mut [TxResult],
    ) -> Result<TxResult, NodeFault> {
        if self.together && !self.is_reader(job.statement) {
            let catalog = Arc::clone(block.language()?);
            let mut session = GatherSession::new(catalog, block.is_cancelled());
            let (invocation, statement) = (&job.invocation, job.statement);
            let ran = run_payload(self.engine, &mut session, invocation, statement).await;
            match (session.into_statements(), ran) {
                (None, _) => {}
                (Some(_), Err(fault)) => return Err(fault),
                (Some(statements), Ok(ran)) => {
                    let result = result_of(ran, &job.taken);
                    if result.code.is_ok() && !statements.is_empty() {
                        self.wait(block, (job, statements), results).await?;
                    }
                    return Ok(result);
                }
            }
            self.remember_reader(job.statement);
        }
        self.settle(block, results).await?;
        self.alone(block, &job).await
    }

    fn is_reader(&self, statement: Statement<'p>) -> bool {
        match statement {
            Statement::Raw(_) => false,
            Statement::Execute(call) => self.readers.contains(&(call.namespace(), call.action())),
        }
    }

    fn remember_reader(&mut self, statement: Statement<'p>) {
        if let Statement::Execute(call) = statement {
            self.readers.insert((call.namespace(), call.action()));
        }
    }

    async fn wait(
        &mut self,
        block: &mut Block<'_>,
        (job, statements): (Job<'p>, Gathered),
        results: &mut [TxResult],
    ) -> Result<(), NodeFault> {
        let arguments = statements.iter().flat_map(|(_, arguments)| arguments);
        let bytes = arguments.map(size_of).fold(0, u64::saturating_add);
        let is_full = self.message.saturating_add(statements.len()) > MAX_STATEMENTS
            || self.bytes.saturating_add(bytes) > MAX_BYTES;
        if is_full {
            self.settle(block, results).await?;
        }
        self.message = self.message.saturating_add(statements.len());
        self.bytes = self.bytes.saturating_add(bytes);
        self.waiting.push((job, statements));
        Ok(())
    }

    /// Sends what waits. After a failure it goes in smaller parts, down to single payloads: each of those is run again on its
    /// own, and its result replaced.
    pub(super) async fn settle(
        &mut self,
        block: &mut Block<'_>,
        results: &mut [TxResult],
    ) -> Result<(), NodeFault> {
        let waiting = std::mem::take(&mut self.waiting);
        (self.message, self.bytes) = (0, 0);
        // What is still to be sent, the next last.
        let mut parts: Vec<&[(Job<'p>, Gathered)]> = vec![waiting.as_slice()];
        while let Some(part) = parts.pop() {
            match part {
                [] => {}
                _ if try_together(block, part).await? => {}
                [(job, _)] => {
                    let result = self.alone(block, job).await?;
                    let Some(slot) = results.get_mut(job.number) else {
                        return Err(NodeFault::invariant(
                            "execute a block",
                            "a result has no place",
                        ));
                    };
                    *slot = result;
                }
                _ => parts.extend(part.chunks(part.len().div_ceil(PARTS)).rev()),
            }
        }
        Ok(())
    }

    /// Runs a payload in a savepoint of its own.
    async fn alone(&self, block: &mut Block<'_>, job: &Job<'_>) -> Result<TxResult, NodeFault> {
        let session = WriteSession::new(block)?;
        let ran = match self.attempt(session, job).await? {
            Some(ran) => Some(ran),
            None => self.attempt(WriteSession::exact(block).await?, job).await?,
        };
        let ran = ran.ok_or_else(|| NodeFault::invariant("execute a block", "an unclear limit"))?;
        block.drain_when_full().await?;
        Ok(result_of(ran, &job.taken))
    }

    /// `None`, and nothing done, when the limit of captured bytes needs an exact session.
    async fn attempt(
        &self,
        mut session: WriteSession<'_, '_>,
        job: &Job<'_>,
    ) -> Result<Option<Ran>, NodeFault> {
        let ran = run_payload(self.engine, &mut session, &job.invocation, job.statement).await;
        if session.is_unclear() {
            return session.close(false).await.map(|()| None);
        }
        let ran = ran?;
        session.close(ran.code.is_ok()).await?;
        Ok(Some(ran))
    }
}

/// Runs the statements of payloads in one savepoint. Whether all of them succeeded; if not, nothing was done.
async fn try_together(
    block: &mut Block<'_>,
    payloads: &[(Job<'_>, Gathered)],
) -> Result<bool, NodeFault> {
    let mut message = Message::in_savepoint(block.draft.unreleased);
    let statements: Vec<_> = payloads.iter().flat_map(|(_, statements)| statements).collect();
    for same in statements.chunk_by(|(one, _), (next, _)| one.id == next.id) {
        match same {
            [(prepared, _), _, ..] if let Some(sql) = &prepared.of_rows => {
                let rows: Vec<&[Value]> = same.iter().map(|(_, row)| row.as_slice()).collect();
                message.push_rows(block.statements, (prepared, sql), &rows)?;
            }
            _ => {
                for (prepared, arguments) in same {
                    message.push(block.statements, prepared, arguments)?;
                }
            }
        }
    }
    let sent = block.send(message, None, None).await?;
    block.savepoint_is_open();
    match sent.result {
        Ok(()) if block.is_within_limits() => {
            block.release_later()?;
            block.drain_when_full().await.map(|()| true)
        }
        Ok(()) | Err(StatementError::Tx(_)) => block.rollback().await.map(|()| false),
        Err(StatementError::Node(fault)) => Err(fault),
    }
}

fn result_of(ran: Ran, taken: &Amount) -> TxResult {
    TxResult::with_log(ran.code, taken.saturating_i64(), ran.log)
}
