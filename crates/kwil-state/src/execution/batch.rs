//! Payloads of the engine, many in one message where they allow it.
//!
//! ```text
//! payload ─► gather ─┬─ writes only ────────► waits with others ─► one savepoint, one message ─┬─ done
//!                    │                                                                         └─ a failure: the culprit on
//!                    │                                                                            its own, the rest again
//!                    ├─ fails without the database ─► its result
//!                    └─ needs the database ─► those that wait go first, then it runs in a savepoint that it shares with
//!                                              the ones before it, or of its own after a failure
//! ```
//!
//! The outcome is that of one payload after the other, each in a savepoint: what waits has no effect that another payload
//! could have seen, and a message or a shared savepoint in which one fails is undone whole. Inserts of one row that follow
//! each other become one of many rows where that is the same, see [`Prepared::of_rows`](kwil_engine::Prepared::of_rows).

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use kwil_engine::{Engine, Invocation};
use kwil_types::{Amount, TxResult, Value};

use super::engine::{Ran, Statement, run_payload};
use super::progress::Progress;
use crate::block::{Block, Message};
use crate::fault::{NodeFault, StatementError};
use crate::gather_session::{GatherSession, Gathered};
use crate::values::size_of;
use crate::write_session::{Left, WriteSession};

/// Statements that wait at most.
const MAX_STATEMENTS: usize = 512;
/// Bytes of a message at most, roughly.
const MAX_BYTES: u64 = 1 << 20;
/// Parts that a message is cut into when one of several payloads failed.
const PARTS: usize = 8;
/// A statement that runs longer than this leaves its message, to be executed on its own. No result depends on it: a message
/// that is cut short is undone, and its payloads are executed again.
const PATIENCE: &str = "SET LOCAL statement_timeout = '2s'";
const ENDLESS: &str = "SET LOCAL statement_timeout = 0";

/// Payloads in one savepoint at most, and at first.
const MAX_SHARING: usize = 256;
const FIRST_SHARING: usize = 16;

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

/// Payloads that asked the database while they ran, and succeeded, in one savepoint. When one fails, all are undone and the
/// ones before it executed again. A savepoint for each would make a row that many of them change slow: the server keeps every
/// subtransaction that has locked a version of it.
#[derive(Debug)]
struct Sharing<'p> {
    is_open: bool,
    jobs: Vec<Job<'p>>,
    /// How many may share it: more while none fails.
    most: usize,
}

impl Default for Sharing<'_> {
    fn default() -> Self {
        Self { is_open: false, jobs: Vec::new(), most: FIRST_SHARING }
    }
}

/// Runs the payloads of a block.
#[derive(Debug)]
pub(super) struct Batch<'e, 'p> {
    engine: &'e Engine,
    together: bool,
    progress: Progress,
    sharing: Sharing<'p>,
    waiting: Vec<(Job<'p>, Gathered)>,
    message: usize,
    bytes: u64,
    /// Actions that asked the database while they ran, so that they are not tried without it again.
    readers: BTreeSet<(&'p str, &'p str)>,
}

impl<'e, 'p> Batch<'e, 'p> {
    pub(super) fn new(engine: &'e Engine, together: bool, progress: Progress) -> Self {
        let (waiting, readers) = (Vec::new(), BTreeSet::new());
        let sharing = Sharing::default();
        Self { engine, together, progress, sharing, waiting, message: 0, bytes: 0, readers }
    }

    /// Runs a payload, or lets it wait; its result is then what [`Batch::settle`] leaves in `results`.
    pub(super) async fn run(
        &mut self,
        block: &mut Block<'_>,
        job: Job<'p>,
        results: &mut [TxResult],
    ) -> Result<TxResult, NodeFault> {
        let first = self.waiting.first().map_or(job.number, |(first, _)| first.number);
        self.progress.set(first, just(job.number));
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
        self.send_waiting(block, results).await?;
        self.shared(block, job, results).await
    }

    /// Sends what waits, and keeps what was done in the shared savepoint: after it, everything is done.
    pub(super) async fn settle(
        &mut self,
        block: &mut Block<'_>,
        results: &mut [TxResult],
    ) -> Result<(), NodeFault> {
        self.send_waiting(block, results).await?;
        self.close_shared(block)
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
            self.send_waiting(block, results).await?;
        }
        self.message = self.message.saturating_add(statements.len());
        self.bytes = self.bytes.saturating_add(bytes);
        self.waiting.push((job, statements));
        Ok(())
    }

    /// Sends what waits. After a failure the culprit is run again on its own and its result replaced, and the others go
    /// together again; while several could be the culprit, they go in smaller parts.
    async fn send_waiting(
        &mut self,
        block: &mut Block<'_>,
        results: &mut [TxResult],
    ) -> Result<(), NodeFault> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.close_shared(block)?;
        let waiting = std::mem::take(&mut self.waiting);
        (self.message, self.bytes) = (0, 0);
        // What is still to be executed, the next last.
        let mut parts = vec![Part::Together(&waiting)];
        while let Some(part) = parts.pop() {
            match part {
                Part::Alone(job) => {
                    let result = self.alone(block, job).await?;
                    replace(results, job.number, result)?;
                }
                Part::Together(payloads) => {
                    let ([(first, _), ..], [.., (last, _)]) = (payloads, payloads) else {
                        continue;
                    };
                    self.progress.set(first.number, first.number..last.number.saturating_add(1));
                    parts.extend(try_together(block, payloads).await?);
                }
            }
        }
        Ok(())
    }

    /// Runs a payload that needs the database while it runs, in the savepoint that the ones before it share.
    async fn shared(
        &mut self,
        block: &mut Block<'_>,
        job: Job<'p>,
        results: &mut [TxResult],
    ) -> Result<TxResult, NodeFault> {
        if !self.together {
            return self.alone(block, &job).await;
        }
        if self.sharing.jobs.len() >= self.sharing.most {
            self.sharing.most = self.sharing.most.saturating_mul(2).min(MAX_SHARING);
            self.close_shared(block)?;
        }
        self.progress.set(job.number, just(job.number));
        let catalog = Arc::clone(block.language()?);
        let session = if self.sharing.is_open {
            WriteSession::within(block)?
        } else {
            WriteSession::new(block)?
        };
        let (ran, left) = self.attempt(session, &job).await?;
        self.sharing.is_open = left.is_open;
        match ran {
            Some(ran) if ran.code.is_ok() || !left.is_dirty => {
                let result = result_of(ran, &job.taken);
                if left.is_dirty {
                    self.sharing.jobs.push(job);
                }
                block.drain_when_full().await?;
                if !Arc::ptr_eq(&catalog, block.language()?) {
                    self.close_shared(block)?;
                }
                Ok(result)
            }
            failed => {
                let none = Sharing { most: 1, ..Sharing::default() };
                let before = std::mem::replace(&mut self.sharing, none).jobs;
                if left.is_open {
                    block.rollback().await?;
                }
                if let Some(ran) = failed.filter(|_| before.is_empty()) {
                    return Ok(result_of(ran, &job.taken));
                }
                for job in &before {
                    let result = self.alone(block, job).await?;
                    replace(results, job.number, result)?;
                }
                self.alone(block, &job).await
            }
        }
    }

    /// Keeps what was done in the shared savepoint.
    fn close_shared(&mut self, block: &mut Block<'_>) -> Result<(), NodeFault> {
        self.sharing.jobs.clear();
        if std::mem::take(&mut self.sharing.is_open) { block.release_later() } else { Ok(()) }
    }

    /// Runs a payload in a savepoint of its own.
    async fn alone(&self, block: &mut Block<'_>, job: &Job<'_>) -> Result<TxResult, NodeFault> {
        self.progress.set(job.number, just(job.number));
        let session = WriteSession::new(block)?;
        let ran = match self.attempt(session, job).await? {
            (Some(ran), left) => Some((ran, left)),
            (None, left) => {
                close(block, left, false).await?;
                let (ran, left) = self.attempt(WriteSession::exact(block).await?, job).await?;
                ran.map(|ran| (ran, left))
            }
        };
        let (ran, left) =
            ran.ok_or_else(|| NodeFault::invariant("execute a block", "an unclear limit"))?;
        close(block, left, ran.code.is_ok()).await?;
        block.drain_when_full().await?;
        Ok(result_of(ran, &job.taken))
    }

    /// `None` when the limit of captured bytes needs an exact session.
    async fn attempt(
        &self,
        mut session: WriteSession<'_, '_>,
        job: &Job<'_>,
    ) -> Result<(Option<Ran>, Left), NodeFault> {
        let ran = run_payload(self.engine, &mut session, &job.invocation, job.statement).await;
        let left = session.leave();
        if left.is_unclear { Ok((None, left)) } else { ran.map(|ran| (Some(ran), left)) }
    }
}

/// Keeps or undoes what a session did in its own savepoint.
async fn close(block: &mut Block<'_>, left: Left, keep: bool) -> Result<(), NodeFault> {
    match (left.is_open, keep) {
        (false, _) => Ok(()),
        (true, true) => block.release_later(),
        (true, false) => block.rollback().await,
    }
}

fn replace(results: &mut [TxResult], number: usize, result: TxResult) -> Result<(), NodeFault> {
    let slot = results.get_mut(number);
    *slot.ok_or_else(|| NodeFault::invariant("execute a block", "a result has no place"))? = result;
    Ok(())
}

/// Waiting payloads on their way.
enum Part<'w, 'p> {
    /// In one message.
    Together(&'w [(Job<'p>, Gathered)]),
    Alone(&'w Job<'p>),
}

/// Runs the statements of payloads in one savepoint. When that fails, nothing was done, and what is to be done instead is
/// returned, the first last.
async fn try_together<'w, 'p>(
    block: &mut Block<'_>,
    payloads: &'w [(Job<'p>, Gathered)],
) -> Result<Vec<Part<'w, 'p>>, NodeFault> {
    let mut message = Message::in_savepoint(block.draft.unreleased);
    message.push_own(PATIENCE);
    // The payload of each statement of the message; of one that is an insert for several payloads, none.
    let mut owners = Vec::new();
    let statements: Vec<_> = payloads
        .iter()
        .enumerate()
        .flat_map(|(place, (_, statements))| {
            statements.iter().map(move |statement| (place, statement))
        })
        .collect();
    for same in statements.chunk_by(|(_, (one, _)), (_, (next, _))| one.id == next.id) {
        match same {
            [(first, (prepared, _)), .., (last, _)] if let Some(sql) = &prepared.of_rows => {
                let rows: Vec<&[Value]> = same.iter().map(|(_, (_, row))| row.as_slice()).collect();
                message.push_rows(block.statements, (prepared, sql), &rows)?;
                owners.push((first == last).then_some(*first));
            }
            _ => {
                for (place, (prepared, arguments)) in same {
                    message.push(block.statements, prepared, arguments)?;
                    owners.push(Some(*place));
                }
            }
        }
    }
    message.push_own(ENDLESS);
    let sent = block.send(message, None, None).await?;
    block.savepoint_is_open();
    match sent.result {
        Ok(()) if block.is_within_limits() => {
            block.release_later()?;
            return block.drain_when_full().await.map(|()| Vec::new());
        }
        Ok(()) | Err(StatementError::Tx(_)) => {}
        Err(StatementError::Node(fault)) if fault.is_cancelled() && !block.is_cancelled() => {}
        Err(StatementError::Node(fault)) => return Err(fault),
    }
    block.rollback().await?;
    let culprit = usize::try_from(sent.runs).ok().and_then(|runs| owners.get(runs).copied());
    Ok(without(culprit.flatten(), payloads))
}

/// The parts that payloads are cut into after a failure, the first last: around the culprit, or smaller ones while any of
/// them can be it.
fn without<'w, 'p>(
    culprit: Option<usize>,
    payloads: &'w [(Job<'p>, Gathered)],
) -> Vec<Part<'w, 'p>> {
    if let Some((before, [(job, _), after @ ..])) =
        culprit.and_then(|place| payloads.split_at_checked(place))
    {
        return vec![Part::Together(after), Part::Alone(job), Part::Together(before)];
    }
    let part = |chunk: &'w [(Job<'p>, Gathered)]| match chunk {
        [(job, _)] => Part::Alone(job),
        several => Part::Together(several),
    };
    payloads.chunks(payloads.len().div_ceil(PARTS).max(1)).rev().map(part).collect()
}

/// One place.
fn just(number: usize) -> Range<usize> {
    number..number.saturating_add(1)
}

fn result_of(ran: Ran, taken: &Amount) -> TxResult {
    TxResult::with_log(ran.code, taken.saturating_i64(), ran.log)
}
