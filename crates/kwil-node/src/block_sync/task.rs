//! The loop of block sync.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kwil_consensus::{CommitAnnounce, Event};
use kwil_crypto::{Hash, NodeId};
use kwil_p2p::{CommittedBlock, Conduct, MAX_BLOCKS, MAX_BLOCKS_BYTES, NetworkHandle, PeerStatus};
use kwil_store::{BlockLogHandle, BlockRecord};
use kwil_types::{Block, CommitCertificate, Height};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::verify::{Expected, verify};
use super::{SyncQueue, SyncStatus, Told};
use crate::driver::DriverHandle;
use crate::error::NodeError;
use crate::executor::{ApplyError, ChainTip, ExecutorHandle};
use kwil_state::Published;

/// A claim that its peer cannot back for so long is refuted.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pause before all peers are asked again.
const AGAIN: Duration = Duration::from_millis(250);
/// Time between two lines about the progress.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// What sync works with.
#[derive(Debug)]
pub(crate) struct SyncParts {
    pub(crate) chain_hash: Hash,
    pub(crate) network: NetworkHandle,
    pub(crate) blocks: BlockLogHandle,
    pub(crate) executor: ExecutorHandle,
    pub(crate) driver: DriverHandle,
    pub(crate) tip: watch::Receiver<ChainTip>,
    pub(crate) published: watch::Receiver<Published>,
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
                self.hear(told);
            }
        }
    }

    fn hear(&mut self, told: Told) {
        match told {
            Told::Start(height) | Told::Best(height) => self.best = self.best.max(height),
            Told::Stands(peer, status) => {
                self.best = self.best.max(status.height);
                self.peers.insert(peer, status);
            }
            Told::Gone(peer) => drop(self.peers.remove(&peer)),
        }
    }

    /// One run: from the tip to what peers have.
    async fn catch_up(&mut self) -> Result<(), NodeError> {
        let from = self.height();
        tracing::info!(target: "CONS", height = from.get(), target = self.best.get(), "Starting block sync");
        let started = Instant::now();
        self.show(true, from);
        let result = self.fetch_until_best(from, started).await;
        self.show(false, from);
        let to = self.height();
        let elapsed = format!("{:.1}s", started.elapsed().as_secs_f64());
        tracing::info!(target: "CONS", startHeight = from.get(), endHeight = to.get(), %elapsed, "Block sync completed");
        result?;
        self.parts.driver.event(Event::SyncDone).await;
        Ok(())
    }

    async fn fetch_until_best(&mut self, from: Height, started: Instant) -> Result<(), NodeError> {
        let (mut progressed, mut told) = (Instant::now(), Instant::now());
        loop {
            while let Ok(told) = self.queue.told.try_recv() {
                self.hear(told);
            }
            let height = self.height();
            if height.saturating_add(1) >= self.best {
                return Ok(());
            }
            if told.elapsed() >= TELL_EVERY {
                told = Instant::now();
                self.tell_progress(from, started);
            }
            if self.one_round(height).await? {
                progressed = Instant::now();
            } else if progressed.elapsed() >= PATIENCE {
                self.refute(height).await;
                progressed = Instant::now();
            } else {
                tokio::time::sleep(AGAIN).await;
            }
        }
    }

    /// Asks the peers that claim more, one after the other, until one gave a block that fits.
    async fn one_round(&mut self, height: Height) -> Result<bool, NodeError> {
        let ahead: Vec<NodeId> = self
            .peers
            .iter()
            .filter(|(_, status)| status.height > height && status.base <= height.next())
            .map(|(peer, _)| *peer)
            .collect();
        for peer in ahead {
            if self.fetch_from(peer, height).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn fetch_from(&mut self, peer: NodeId, height: Height) -> Result<bool, NodeError> {
        let asked = self.parts.network.fetch_blocks(&peer, height.next(), MAX_BLOCKS, MAX_BLOCKS_BYTES).await;
        let mut stream = match asked {
            Ok(stream) => stream,
            Err(error) => {
                tracing::debug!(target: "CONS", %peer, %error, "no blocks from this peer");
                return Ok(false);
            }
        };
        let mut any = false;
        loop {
            match stream.next().await {
                Ok(Some(fetched)) => {
                    if !self.take(peer, &fetched).await? {
                        return Ok(any);
                    }
                    any = true;
                }
                Ok(None) => break,
                Err(error) => {
                    tracing::debug!(target: "CONS", %peer, %error, "blocks of this peer ended early");
                    break;
                }
            }
        }
        if any {
            self.parts.network.report(peer, Conduct::Useful);
        }
        Ok(any)
    }

    /// Checks, stores and applies one block. False when it is not the next one.
    async fn take(&mut self, peer: NodeId, fetched: &CommittedBlock) -> Result<bool, NodeError> {
        let expected = self.expected();
        let verified = verify(fetched, &expected);
        let (block, certificate) = match verified {
            Ok(verified) => verified,
            Err(error) => {
                tracing::warn!(target: "CONS", %peer, %error, "Peer sent a block that does not fit");
                self.parts.network.report(peer, Conduct::InvalidBlock);
                return Ok(false);
            }
        };
        let record = BlockRecord {
            height: expected.height.get(),
            hash: block.hash(),
            block: fetched.raw.clone(),
            certificate: fetched.certificate.clone(),
        };
        self.parts.blocks.append(record, None).await?;
        self.apply(block, certificate).await?;
        Ok(true)
    }

    async fn apply(&self, block: Arc<Block>, certificate: CommitCertificate) -> Result<(), NodeError> {
        let (height, hash) = (block.header().height, block.hash());
        match self.parts.executor.apply(Arc::clone(&block), certificate.clone()).await? {
            Ok(next) => {
                let (header, block_signature) = (block.header().clone(), *block.signature());
                let announce = Arc::new(CommitAnnounce { header, block_signature, certificate });
                self.parts.driver.event(Event::Synced { announce, next }).await;
                Ok(())
            }
            Err(ApplyError::Diverged { own, certified }) => Err(NodeError::Diverged { height: height.get(), own, certified }),
            Err(ApplyError::Invalid(why)) => {
                Err(NodeError::Invariant(format!("certified block {hash} at height {} is invalid: {why}", height.get())))
            }
        }
    }

    fn expected(&self) -> Expected {
        let (tip, state) = (self.parts.tip.borrow().clone(), self.parts.published.borrow().network.clone());
        Expected {
            chain_hash: self.parts.chain_hash,
            height: Height(tip.height).next(),
            prev_hash: tip.block_hash,
            prev_app_hash: tip.app_hash,
            validators: Arc::clone(state.validators()),
            max_block_size: state.params().max_block_size,
        }
    }

    /// Nobody could back the claims above this height.
    async fn refute(&mut self, height: Height) {
        let liars: Vec<NodeId> =
            self.peers.iter().filter(|(_, status)| status.height > height.next()).map(|(peer, _)| *peer).collect();
        tracing::warn!(target: "CONS", height = height.get(), target = self.best.get(), peers = liars.len(), "Claimed blocks cannot be had");
        for peer in liars {
            self.peers.remove(&peer);
            self.parts.driver.event(Event::ClaimRefuted { peer }).await;
        }
        self.best = self.peers.values().map(|status| status.height).max().unwrap_or(height).max(height);
    }

    fn height(&self) -> Height {
        Height(self.parts.tip.borrow().height)
    }

    fn show(&self, active: bool, from: Height) {
        self.parts.syncing.send_replace(active);
        self.queue.status.send_replace(SyncStatus { active, target: self.best.get(), from: from.get() });
    }

    fn tell_progress(&self, from: Height, started: Instant) {
        let (to, best) = (self.height(), self.best);
        let done = to.since(from);
        let seconds = started.elapsed().as_secs().max(1);
        let rate = done.checked_div(seconds).unwrap_or_default();
        let left = best.since(to).checked_div(rate.max(1)).unwrap_or_default();
        let percent = done.saturating_mul(100).checked_div(best.since(from).max(1)).unwrap_or_default();
        let peers = self.peers.len();
        tracing::info!(
            target: "CONS", from = from.get(), to = to.get(), target = best.get(), percent, rate, eta = %format!("{left}s"), peers,
            "Processed blocks"
        );
    }
}
