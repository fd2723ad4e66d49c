//! The loop of block sync.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use kwil_consensus::Event;
use kwil_crypto::{Hash, NodeId};
use kwil_p2p::{NetworkHandle, PeerStatus};
use kwil_store::BlockLogHandle;
use kwil_types::Height;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::run::{Parts, Start, catch_up, hear};
use super::{SyncQueue, SyncStatus, Told};
use crate::chain::ShownChain;
use crate::driver::DriverHandle;
use crate::error::NodeError;
use crate::executor::ExecutorHandle;

/// What sync works with.
#[derive(Debug)]
pub(crate) struct SyncParts {
    pub(crate) chain_hash: Hash,
    pub(crate) network: NetworkHandle,
    pub(crate) blocks: BlockLogHandle,
    pub(crate) executor: ExecutorHandle,
    pub(crate) driver: DriverHandle,
    pub(crate) shown: ShownChain,
    /// Told to the rest of the node: no transaction gossip and no line for each block while syncing.
    pub(crate) syncing: watch::Sender<bool>,
}

/// Owner of block sync.
#[derive(Debug)]
pub(crate) struct SyncTask {
    parts: SyncParts,
    queue: SyncQueue,
    peers: BTreeMap<NodeId, PeerStatus>,
    best: Height,
}

impl SyncTask {
    pub(crate) fn new(parts: SyncParts, queue: SyncQueue) -> Self {
        Self { parts, queue, peers: BTreeMap::new(), best: Height::ZERO }
    }

    /// Runs until `stop`.
    ///
    /// # Errors
    /// A block log that cannot be written, or a certified block that this node cannot apply.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Result<(), NodeError> {
        loop {
            let told = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                told = self.queue.told.recv() => told,
            };
            let Some(told) = told else { return Ok(()) };
            if let Told::Start(target) = told {
                self.best = self.best.max(target);
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return Ok(()),
                    done = self.catch_up() => done?,
                }
            } else {
                if let Told::Best(height) = told {
                    self.best = self.best.max(height);
                }
                hear(told, &mut self.peers);
            }
        }
    }

    /// One run: from the tip to what peers have.
    async fn catch_up(&mut self) -> Result<(), NodeError> {
        let from = self.height();
        tracing::info!(target: "CONS", height = from.get(), target = self.best.get(), "Starting block sync");
        let started = Instant::now();
        self.show(true, from);
        let result = self.fetch().await;
        self.show(false, from);
        let to = self.height();
        let elapsed = format!("{:.1}s", started.elapsed().as_secs_f64());
        tracing::info!(target: "CONS", startHeight = from.get(), endHeight = to.get(), %elapsed, "Block sync completed");
        let end = match result {
            Ok(()) => Event::SyncDone,
            // Reads go on; consensus holds this node, and an operator has to look.
            Err(NodeError::Diverged { height, block, own, certified }) => {
                Event::Diverged { height: Height(height), block, certified, own }
            }
            Err(error) => return Err(error),
        };
        self.parts.driver.event(end).await;
        Ok(())
    }

    async fn fetch(&mut self) -> Result<(), NodeError> {
        let (parts, start) = (self.work_parts(), self.start());
        let (SyncQueue { told, status }, best) = (&mut self.queue, &mut self.best);
        let show = |target: Height| {
            *best = target;
            status.send_if_modified(|status| {
                std::mem::replace(&mut status.target, target.get()) != target.get()
            });
        };
        catch_up(parts, start, &mut self.peers, told, show).await
    }

    fn work_parts(&self) -> Parts {
        Parts {
            chain_hash: self.parts.chain_hash,
            network: self.parts.network.clone(),
            blocks: self.parts.blocks.clone(),
            executor: self.parts.executor.clone(),
            driver: self.parts.driver.clone(),
        }
    }

    fn start(&self) -> Start {
        let (tip, state) = (
            self.parts.shown.tip.borrow().clone(),
            self.parts.shown.published.borrow().network.clone(),
        );
        Start {
            height: Height(tip.height),
            hash: tip.block_hash,
            validators: Arc::clone(state.validators()),
            max_block_size: state.params().max_block_size,
        }
    }

    fn height(&self) -> Height {
        Height(self.parts.shown.tip.borrow().height)
    }

    fn show(&self, active: bool, from: Height) {
        self.parts.syncing.send_replace(active);
        self.parts.shown.show();
        self.queue.status.send_replace(SyncStatus {
            active,
            target: self.best.get(),
            from: from.get(),
        });
    }
}
