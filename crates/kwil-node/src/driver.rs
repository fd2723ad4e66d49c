//! The consensus driver: one task that owns the state machine, feeds it events and performs its effects in order.
//!
//! ```text
//! network events, executor answers, timers, operators ──> Machine::step ──> effects, performed one after the other
//! ```
//!
//! `Persist` is a barrier: the task awaits the fsync before it looks at the next effect.

mod bodies;
mod effects;
mod notices;
mod status;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use kwil_consensus::{Command, Event, Machine, OperatorError, Pending};
use kwil_store::StateFile;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::error::NodeError;
use crate::executor::ExecutorHandle;
use crate::mempool::{Mempool, Summary};

pub use status::ConsensusStatus;

/// Events waiting for the driver; senders wait when it is full, so a flood becomes back-pressure on its source.
pub(crate) const QUEUE_MAX: usize = 4096;

/// What other tasks ask of the driver.
#[derive(Debug)]
pub(crate) enum Order {
    /// Something happened.
    Event(Box<Event>),
    /// An operator wants something.
    Operator(Command, oneshot::Sender<Result<(), OperatorError>>),
    /// A block body from the candidates of the current height, for a peer that asks.
    Body(kwil_crypto::Hash, oneshot::Sender<Option<Arc<kwil_types::Block>>>),
}

/// Cheap way to reach the driver.
#[derive(Debug, Clone)]
pub(crate) struct DriverHandle {
    orders: mpsc::Sender<Order>,
    status: watch::Receiver<ConsensusStatus>,
}

impl DriverHandle {
    /// Hands an event over; waits while the queue is full. An event for a stopped driver is dropped: nobody is left
    /// to act on it.
    pub(crate) async fn event(&self, event: Event) {
        if self.orders.send(Order::Event(Box::new(event))).await.is_err() {
            tracing::debug!(target: "CONS", "event after the end of the driver");
        }
    }

    /// Gives an operator's command and waits for its answer.
    ///
    /// # Errors
    /// [`NodeError::Stopping`] when the driver ended; the inner result is the machine's.
    pub(crate) async fn command(
        &self,
        command: Command,
    ) -> Result<Result<(), OperatorError>, NodeError> {
        let (reply, answer) = oneshot::channel();
        self.orders.send(Order::Operator(command, reply)).await.map_err(|_| NodeError::Stopping)?;
        answer.await.map_err(|_| NodeError::Stopping)
    }

    /// A block of the current height that is not committed yet.
    pub(crate) async fn body(&self, block: kwil_crypto::Hash) -> Option<Arc<kwil_types::Block>> {
        let (reply, answer) = oneshot::channel();
        self.orders.send(Order::Body(block, reply)).await.ok()?;
        answer.await.ok().flatten()
    }

    /// What consensus is doing now.
    pub(crate) fn status(&self) -> ConsensusStatus {
        self.status.borrow().clone()
    }
}

/// What the driver works with; every part has its own owner elsewhere.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) log: kwil_store::ConsensusLogHandle,
    pub(crate) network: kwil_p2p::NetworkHandle,
    pub(crate) executor: ExecutorHandle,
    pub(crate) mempool: Mempool,
    pub(crate) blocks: kwil_store::BlockLogHandle,
    pub(crate) sync: crate::block_sync::SyncHandle,
    pub(crate) held: StateFile,
    pub(crate) leader_updates: StateFile,
    pub(crate) evidence: crate::evidence::EvidenceFolder,
    pub(crate) diagnosis: crate::diagnosis::Diagnosis,
    pub(crate) metrics: crate::metrics::ChainMetrics,
    pub(crate) chain_hash: kwil_crypto::Hash,
    /// This node.
    pub(crate) me: kwil_crypto::PublicKey,
    /// Account of this node's own transactions, which go first into its blocks.
    pub(crate) own_account: kwil_types::AccountId,
}

/// Owner of the state machine.
pub(crate) struct Driver {
    machine: Machine,
    clock: Clock,
    parts: Parts,
    orders: mpsc::Receiver<Order>,
    /// Handed to tasks that answer effects.
    own: mpsc::Sender<Order>,
    status: watch::Sender<ConsensusStatus>,
    bodies: bodies::Bodies,
    executing: Option<(u64, CancellationToken)>,
    replies: BTreeMap<u64, oneshot::Sender<Result<(), OperatorError>>>,
    requests: u64,
    drained: bool,
    /// Answers to effects that need no waiting; fed when the current step's effects are done.
    own_events: VecDeque<Event>,
    /// Small errands for peers.
    chores: JoinSet<()>,
}

/// A queue for a driver that does not run yet, so that others can hold its handle first.
pub(crate) fn queue() -> (mpsc::Sender<Order>, mpsc::Receiver<Order>) {
    mpsc::channel(QUEUE_MAX)
}

impl Driver {
    /// Makes the driver and the handle that others use.
    pub(crate) fn new(
        machine: Machine,
        parts: Parts,
        clock: Clock,
        (own, orders): (mpsc::Sender<Order>, mpsc::Receiver<Order>),
    ) -> (Self, DriverHandle) {
        let (status, watched) = watch::channel(ConsensusStatus {
            absent: Vec::new(),
            ..ConsensusStatus::of(&machine, parts.me, clock.now())
        });
        let handle = DriverHandle { orders: own.clone(), status: watched };
        let bodies = bodies::Bodies::default();
        let driver = Self {
            machine,
            clock,
            parts,
            orders,
            own,
            status,
            bodies,
            executing: None,
            replies: BTreeMap::new(),
            requests: 0,
            drained: false,
            own_events: VecDeque::new(),
            chores: JoinSet::new(),
        };
        (driver, handle)
    }

    /// Runs until `stop`, then hands leadership on, which the machine bounds to five seconds.
    ///
    /// # Errors
    /// What makes going on unsafe: a failed fsync, a failed commit.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Result<(), NodeError> {
        self.feed(Event::Start).await?;
        let mut draining = false;
        let mut pending = self.parts.mempool.watch();
        while !self.drained {
            let wake = self.machine.next_wakeup().map(|at| self.clock.instant(at));
            tokio::select! {
                biased;
                () = stop.cancelled(), if !draining => {
                    draining = true;
                    self.feed_command(Command::Drain, None).await?;
                }
                order = self.orders.recv() => match order {
                    Some(order) => self.take(order).await?,
                    None => break,
                },
                changed = pending.changed() => {
                    if changed.is_err() {
                        return Err(NodeError::TaskEnded("mempool"));
                    }
                    let waiting = *pending.borrow_and_update();
                    self.feed(Event::Pending(pending_of(&waiting))).await?;
                }
                Some(done) = self.chores.join_next(), if !self.chores.is_empty() => {
                    done.unwrap_or_else(|error| tracing::error!(target: "CONS", %error, "an errand died"));
                }
                () = wait_until(wake) => self.feed(Event::Tick).await?,
            }
        }
        self.parts.log.sync().await?;
        Ok(())
    }

    async fn take(&mut self, order: Order) -> Result<(), NodeError> {
        match order {
            Order::Event(event) => self.feed(*event).await,
            Order::Operator(command, reply) => self.feed_command(command, Some(reply)).await,
            Order::Body(block, reply) => {
                let body = self.machine.body(&block).cloned();
                reply.send(body).unwrap_or_else(
                    |_| tracing::debug!(target: "CONS", %block, "nobody waited for this body"),
                );
                Ok(())
            }
        }
    }

    async fn feed_command(
        &mut self,
        command: Command,
        reply: Option<oneshot::Sender<Result<(), OperatorError>>>,
    ) -> Result<(), NodeError> {
        self.requests = self.requests.wrapping_add(1);
        let request = self.requests;
        if let Some(reply) = reply {
            self.replies.insert(request, reply);
        }
        self.feed(Event::Operator { request, command }).await
    }

    /// One step with its effects, and the steps that these lead to at once.
    async fn feed(&mut self, event: Event) -> Result<(), NodeError> {
        self.own_events.push_back(event);
        while let Some(event) = self.own_events.pop_front() {
            for effect in self.machine.step(event, self.clock.now()) {
                self.perform(effect).await?;
            }
        }
        let fresh = ConsensusStatus::of(&self.machine, self.parts.me, self.clock.now());
        self.status.send_if_modified(|current| {
            let changed = *current != fresh;
            if changed {
                status::log_changes(current, &fresh);
                *current = fresh;
            }
            changed
        });
        Ok(())
    }
}

fn pending_of(summary: &Summary) -> Pending {
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    Pending {
        txs: number(summary.ready_txs),
        bytes: number(summary.ready_bytes),
        newest: summary.newest,
    }
}

async fn wait_until(wake: Option<tokio::time::Instant>) {
    match wake {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
