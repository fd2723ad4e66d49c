//! The executor's loop.

use std::sync::Arc;
use std::time::Instant;

use kwil_consensus::{Event, ExecutionFailure, NextHeight};
use kwil_state::{BlockInput, BlockOutcome, ExecuteError, Executor};
use kwil_types::{Block, CommitCertificate, Height};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::commit::{Applied, Outlets};
use super::{ApplyError, ExecutorHandle, Progress, Request, recovery};
use crate::checks::{BlockTxs, Fault};
use crate::clock::wall_ms;
use crate::driver::DriverHandle;
use crate::error::NodeError;
use crate::metrics::ChainMetrics;

/// An executed block whose transaction is open.
#[derive(Debug)]
pub(super) struct Open {
    token: u64,
    pub(super) block: Arc<Block>,
    pub(super) txs: BlockTxs,
    pub(super) outcome: BlockOutcome,
}

/// Owner of the writing connection.
#[derive(Debug)]
pub(crate) struct ExecutorTask {
    pub(super) state: Executor,
    pub(super) handle: ExecutorHandle,
    pub(super) outlets: Outlets,
    queue: mpsc::Receiver<Request>,
    driver: DriverHandle,
    open: Option<Open>,
}

impl ExecutorTask {
    pub(crate) fn new(
        state: Executor,
        handle: ExecutorHandle,
        queue: mpsc::Receiver<Request>,
        driver: DriverHandle,
        outlets: Outlets,
    ) -> Self {
        Self { state, handle, outlets, queue, driver, open: None }
    }

    /// Runs until every handle is gone or `stop`, then closes the session; an open block is rolled back.
    ///
    /// # Errors
    /// What must stop the node: a block log that cannot be written, a replayed block with another app hash.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Result<(), NodeError> {
        let result = self.serve(&stop).await;
        self.state.close().await;
        result
    }

    async fn serve(&mut self, stop: &CancellationToken) -> Result<(), NodeError> {
        loop {
            let request = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                request = self.queue.recv() => request,
            };
            let Some(request) = request else { return Ok(()) };
            match request {
                Request::Execute { token, block, cancel } => {
                    self.execute(token, block, cancel, stop).await?
                }
                Request::RollBack { token } => {
                    if self.open.take_if(|open| open.token == token).is_some() {
                        self.state.abort().await;
                    }
                }
                Request::Commit { token, block, certificate } => {
                    self.commit(token, &block, &certificate, stop).await?
                }
                Request::Apply { block, certificate, reply } => {
                    let applied = self.apply(&block, &certificate, stop).await?;
                    reply
                        .send(applied)
                        .unwrap_or_else(|_| tracing::debug!("sync did not wait for the block"));
                }
            }
        }
    }

    async fn execute(
        &mut self,
        token: u64,
        block: Arc<Block>,
        cancel: CancellationToken,
        stop: &CancellationToken,
    ) -> Result<(), NodeError> {
        if self.open.take().is_some() {
            self.state.abort().await;
        }
        if cancel.is_cancelled() {
            return Ok(());
        }
        self.show_progress(token, &block);
        let (handle, driver) = (self.handle.clone(), self.driver.clone());
        let watch = async move {
            handle.slow_transaction().await;
            driver.event(Event::Slow { token }).await;
            std::future::pending().await
        };
        let executed = tokio::select! {
            biased;
            executed = self.try_execute(&block, cancel.clone()) => executed,
            never = watch => never,
        };
        match executed {
            Ok((txs, outcome)) => {
                let app_hash = outcome.app_hash;
                self.open = Some(Open { token, block, txs, outcome });
                self.driver.event(Event::Executed { token, result: Ok(app_hash) }).await;
            }
            Err(Refused::Body(reason)) => {
                self.driver.event(Event::BodyInvalid { block: block.hash(), reason }).await;
            }
            Err(Refused::Execution(ExecuteError::Invalid(error))) => {
                let result = Err(ExecutionFailure::InvalidBlock(error.to_string()));
                self.driver.event(Event::Executed { token, result }).await;
            }
            Err(Refused::Execution(ExecuteError::Node(fault))) if !cancel.is_cancelled() => {
                tracing::error!(target: "CONS", height = block.header().height.get(), %fault, "Block execution failed on this node");
                let result = Err(ExecutionFailure::Database(fault.to_string()));
                self.driver.event(Event::Executed { token, result }).await;
                self.recover_held(parent_of(&block), stop).await?;
            }
            Err(Refused::Execution(ExecuteError::Node(_))) => {}
        }
        Ok(())
    }

    async fn try_execute(
        &mut self,
        block: &Arc<Block>,
        cancel: CancellationToken,
    ) -> Result<(BlockTxs, BlockOutcome), Refused> {
        let published = self.outlets.shown.published.borrow().network.params().max_block_size;
        let txs = self.handle.checks().transactions(block, published).await.map_err(|fault| {
            Refused::Body(match fault {
                Fault::OtherBody => "the transactions are not those of the header".to_owned(),
                Fault::BreaksRule(reason) => reason,
            })
        })?;
        let input = BlockInput {
            header: block.header().clone(),
            hash: block.hash(),
            txs: Arc::clone(&txs),
        };
        let started = Instant::now();
        let outcome = self.state.execute(&input, cancel).await.map_err(Refused::Execution)?;
        ChainMetrics::since(&self.outlets.metrics.exec_ms, started);
        self.mark_finished();
        Ok((txs, outcome))
    }

    async fn commit(
        &mut self,
        token: u64,
        block: &Arc<Block>,
        certificate: &CommitCertificate,
        stop: &CancellationToken,
    ) -> Result<(), NodeError> {
        let open = self.open.take().filter(|open| open.token == token);
        let Some(open) = open else {
            return Err(NodeError::Invariant(format!(
                "commit of block {} without its execution",
                block.hash()
            )));
        };
        self.outlets.append(&open, certificate).await?;
        let next = self.finish(open, certificate, stop).await?;
        self.driver.event(Event::Committed { height: block.header().height, next }).await;
        Ok(())
    }

    /// Commits what the block log holds already; when the database loses it, replays.
    async fn finish(
        &mut self,
        open: Open,
        certificate: &CommitCertificate,
        stop: &CancellationToken,
    ) -> Result<NextHeight, NodeError> {
        let applied = Applied::of(&open, certificate);
        let started = Instant::now();
        if let Err(fault) = self.state.commit().await {
            tracing::error!(target: "CONS", height = applied.height, %fault, "Commit failed, replaying from the block log");
            self.recover(Height(applied.height), stop).await?;
        }
        ChainMetrics::since(&self.outlets.metrics.commit_ms, started);
        self.outlets.count(&open);
        self.outlets.publish(applied).await
    }

    async fn apply(
        &mut self,
        block: &Arc<Block>,
        certificate: &CommitCertificate,
        stop: &CancellationToken,
    ) -> Result<Result<NextHeight, ApplyError>, NodeError> {
        if self.open.take().is_some() {
            self.state.abort().await;
        }
        loop {
            match self.try_execute(block, CancellationToken::new()).await {
                Ok((txs, outcome)) => {
                    return self.apply_outcome(block, certificate, txs, outcome, stop).await;
                }
                Err(Refused::Body(reason)) => return Ok(Err(ApplyError::Invalid(reason))),
                Err(Refused::Execution(ExecuteError::Invalid(error))) => {
                    return Ok(Err(ApplyError::Invalid(error.to_string())));
                }
                Err(Refused::Execution(ExecuteError::Node(fault))) => {
                    tracing::error!(target: "CONS", height = block.header().height.get(), %fault, "Block execution failed on this node");
                    self.recover(parent_of(block), stop).await?;
                }
            }
        }
    }

    async fn apply_outcome(
        &mut self,
        block: &Arc<Block>,
        certificate: &CommitCertificate,
        txs: BlockTxs,
        outcome: BlockOutcome,
        stop: &CancellationToken,
    ) -> Result<Result<NextHeight, ApplyError>, NodeError> {
        let (own, certified) = (outcome.app_hash, certificate.app_hash());
        if own != certified {
            self.state.abort().await;
            return Ok(Err(ApplyError::Diverged { own, certified }));
        }
        let open = Open { token: 0, block: Arc::clone(block), txs, outcome };
        self.outlets.append_results(&open).await?;
        self.finish(open, certificate, stop).await.map(Ok)
    }

    /// Waits for the database and replays what it lost, up to `last`. Nothing is said to consensus: it waits for the
    /// commit or for sync, and being held would make it forget that.
    async fn recover(&mut self, last: Height, stop: &CancellationToken) -> Result<(), NodeError> {
        recovery::until_usable(&mut self.state, &self.outlets, last, stop).await
    }

    /// As [`Self::recover`] after a failed execution: until then this node cannot vote, and says so.
    async fn recover_held(
        &mut self,
        last: Height,
        stop: &CancellationToken,
    ) -> Result<(), NodeError> {
        self.driver.event(Event::Database { usable: false }).await;
        self.recover(last, stop).await?;
        self.driver.event(Event::Database { usable: true }).await;
        Ok(())
    }

    fn show_progress(&self, token: u64, block: &Block) {
        let (height, started_ms) = (block.header().height.get(), wall_ms());
        self.handle.set_progress(Some(Progress {
            token,
            height,
            started_ms,
            finished_ms: None,
            txs: block.tx_ids(),
        }));
    }

    fn mark_finished(&self) {
        if let Some(progress) = self.handle.progress() {
            self.handle.set_progress(Some(Progress { finished_ms: Some(wall_ms()), ..progress }));
        }
    }
}

fn parent_of(block: &Block) -> Height {
    block.header().height.prev().unwrap_or(Height::ZERO)
}

enum Refused {
    Body(String),
    Execution(ExecuteError),
}
