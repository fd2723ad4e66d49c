//! The task that executes and commits blocks, in the one order that is safe: vote on disk, block log on disk, database.
//!
//! ```text
//! driver ── Execute ──► kwil-state, transaction stays open ──► Executed
//!        ── Commit ───► block log (fsync) ──► PostgreSQL COMMIT ──► mempool, readers, peers ──► Committed
//! sync ──── Apply ────► the same without votes, for blocks that carry a certificate
//! ```
//!
//! When the database goes away the task waits for it, replays from the block log what the database lost, and goes on.

mod commit;
mod recovery;
mod task;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use kwil_consensus::NextHeight;
use kwil_types::{Block, CommitCertificate, TxId};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::checks::BlockChecks;
use crate::error::NodeError;

pub(crate) use commit::{ChainTip, Outlets};
pub(crate) use recovery::{Tip, open};
pub(crate) use task::ExecutorTask;

const QUEUE_MAX: usize = 64;

/// Work for the executor.
#[derive(Debug)]
pub(crate) enum Request {
    /// Execute and keep the transaction open.
    Execute { token: u64, block: Arc<Block>, cancel: CancellationToken },
    /// Give up an execution.
    RollBack { token: u64 },
    /// Make an execution final.
    Commit { token: u64, block: Arc<Block>, certificate: CommitCertificate },
    /// Execute and commit a certified block that sync has put into the block log.
    Apply {
        block: Arc<Block>,
        certificate: CommitCertificate,
        reply: oneshot::Sender<Result<NextHeight, ApplyError>>,
    },
}

/// Why a certified block could not be applied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApplyError {
    /// This node computes another app hash than the certificate says.
    #[error("app hash {own} differs from the certified {certified}")]
    Diverged { own: kwil_crypto::Hash, certified: kwil_crypto::Hash },
    /// The block breaks a rule although validators signed it.
    #[error("certified block is invalid: {0}")]
    Invalid(String),
}

/// Cheap way to reach the executor.
#[derive(Debug, Clone)]
pub(crate) struct ExecutorHandle {
    requests: mpsc::Sender<Request>,
    checks: BlockChecks,
    progress: Arc<Mutex<Option<Progress>>>,
    /// Where the execution of that block stands, told by the state.
    place: kwil_state::Progress,
    /// One transaction may run for so long before consensus is told; zero = for ever.
    patience: Duration,
}

/// The block that is being executed now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) token: u64,
    pub(crate) height: u64,
    pub(crate) started_ms: u64,
    pub(crate) finished_ms: Option<u64>,
    pub(crate) txs: Vec<TxId>,
}

impl ExecutorHandle {
    pub(crate) fn new(
        checks: BlockChecks,
        place: kwil_state::Progress,
        patience: Duration,
    ) -> (Self, mpsc::Receiver<Request>) {
        let (requests, queue) = mpsc::channel(QUEUE_MAX);
        (Self { requests, checks, progress: Arc::default(), place, patience }, queue)
    }

    /// The checks that blocks pass before execution.
    pub(crate) fn checks(&self) -> BlockChecks {
        self.checks.clone()
    }

    pub(crate) async fn execute(
        &self,
        token: u64,
        block: Arc<Block>,
        cancel: CancellationToken,
    ) -> Result<(), NodeError> {
        self.send(Request::Execute { token, block, cancel }).await
    }

    pub(crate) async fn roll_back(&self, token: u64) -> Result<(), NodeError> {
        self.send(Request::RollBack { token }).await
    }

    pub(crate) async fn commit(
        &self,
        token: u64,
        block: Arc<Block>,
        certificate: CommitCertificate,
    ) -> Result<(), NodeError> {
        self.send(Request::Commit { token, block, certificate }).await
    }

    /// Executes and commits a certified block.
    pub(crate) async fn apply(
        &self,
        block: Arc<Block>,
        certificate: CommitCertificate,
    ) -> Result<Result<NextHeight, ApplyError>, NodeError> {
        let (reply, answer) = oneshot::channel();
        self.send(Request::Apply { block, certificate, reply }).await?;
        answer.await.map_err(|_| NodeError::TaskEnded("executor"))
    }

    /// The block in execution or executed last.
    pub(crate) fn progress(&self) -> Option<Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Transactions of that block that are executed; they are executed in order.
    pub(crate) fn done(&self) -> usize {
        self.place.executed()
    }

    /// Transactions of that block that are being executed: one, or a few that travel together.
    pub(crate) fn running(&self) -> Vec<TxId> {
        let running = self.place.running();
        let txs = self.progress().map(|progress| progress.txs).unwrap_or_default();
        txs.get(running).unwrap_or_default().to_vec()
    }

    /// Waits until one transaction of the execution runs for too long. Does not end while none does.
    pub(crate) async fn slow_transaction(&self) {
        if self.patience.is_zero() {
            return std::future::pending().await;
        }
        let started = Instant::now();
        loop {
            // Until the state begins with this block, the place is one of the block before.
            let spent = self.place.alone().map_or(Duration::ZERO, |(_, spent)| spent);
            let spent = spent.min(started.elapsed());
            let Some(left) = self.patience.checked_sub(spent).filter(|left| !left.is_zero()) else {
                return;
            };
            tokio::time::sleep(left).await;
        }
    }

    pub(crate) fn set_progress(&self, progress: Option<Progress>) {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = progress;
    }

    async fn send(&self, request: Request) -> Result<(), NodeError> {
        self.requests.send(request).await.map_err(|_| NodeError::TaskEnded("executor"))
    }
}
