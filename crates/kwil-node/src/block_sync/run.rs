//! Performs what the planner says: with the network, the block log and the executor.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kwil_consensus::{CommitAnnounce, Event, NextHeight};
use kwil_crypto::{Hash, NodeId};
use kwil_p2p::{Conduct, NetworkHandle, PeerStatus, RefuseCode, RequestError};
use kwil_store::{BlockLogHandle, BlockRecord};
use kwil_types::{Height, ValidatorSet};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::MissedTickBehavior;

use super::Told;
use super::pace::Progress;
use super::planner::{Planner, SyncLimits, SyncTip};
use super::step::{Action, Candidate, Fault, Input, RequestId, Verdict};
use crate::driver::DriverHandle;
use crate::error::NodeError;
use crate::executor::{ApplyError, ExecutorHandle};

const TICK: Duration = Duration::from_secs(1);
/// Blocks of all answers that wait for the planner.
const ARRIVED_MAX: usize = 32;

/// What a sync works with.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    pub(crate) chain_hash: Hash,
    pub(crate) network: NetworkHandle,
    pub(crate) blocks: BlockLogHandle,
    pub(crate) executor: ExecutorHandle,
    pub(crate) driver: DriverHandle,
}

/// Where a sync starts: the newest committed block and what is in force behind it.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    pub(crate) height: Height,
    pub(crate) hash: Hash,
    pub(crate) validators: Arc<ValidatorSet>,
    pub(crate) max_block_size: u64,
}

/// Work that ended.
enum Finished {
    Told(Input),
    Applied { height: Height, next: NextHeight },
}

struct Run {
    parts: Parts,
    planner: Planner,
    validators: Arc<ValidatorSet>,
    max_block_size: u64,
    work: JoinSet<Result<Finished, NodeError>>,
    answers: JoinSet<()>,
    open: BTreeMap<RequestId, AbortHandle>,
    arrived: (mpsc::Sender<Input>, mpsc::Receiver<Input>),
    done: bool,
}

/// Runs one sync to its end. `claims` are the peers of now (base and height), `news` tells of changes to them and
/// must be safe to drop between two; `show` is told how far it is.
///
/// # Errors
/// A block log that cannot be written, a certified block that this node cannot apply, a fork.
pub(crate) async fn catch_up(
    parts: Parts,
    start: Start,
    peers: &mut BTreeMap<NodeId, PeerStatus>,
    queue: &mut mpsc::Receiver<Told>,
    mut show: impl FnMut(Height),
) -> Result<(), NodeError> {
    let tip = SyncTip {
        height: start.height,
        hash: start.hash,
        next_validators: start.validators.hash(),
    };
    let claims: Vec<_> =
        peers.iter().map(|(peer, status)| (*peer, status.base, status.height)).collect();
    let mut run = Run {
        planner: Planner::new(SyncLimits::default(), tip, &claims, Instant::now()),
        parts,
        validators: start.validators,
        max_block_size: start.max_block_size,
        work: JoinSet::new(),
        answers: JoinSet::new(),
        open: BTreeMap::new(),
        arrived: mpsc::channel(ARRIVED_MAX),
        done: false,
    };
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !run.done {
        let input = tokio::select! {
            _ = tick.tick() => Input::Tick,
            Some(input) = run.arrived.1.recv() => input,
            Some(done) = run.work.join_next() => run.finished(done)?,
            told = queue.recv() => hear(told.ok_or(NodeError::TaskEnded("P2P service"))?, peers),
        };
        run.step(input)?;
        show(run.planner.target(Instant::now()));
        while run.answers.try_join_next().is_some() {}
    }
    while let Some(done) = run.work.join_next().await {
        run.finished(done)?;
    }
    Ok(())
}

/// Keeps what a peer says, and puts it into the planner's words.
pub(super) fn hear(told: Told, peers: &mut BTreeMap<NodeId, PeerStatus>) -> Input {
    match told {
        Told::Start(_) | Told::Best(_) => Input::Tick,
        Told::Stands(peer, status) => {
            let (base, height) = (status.base, status.height);
            peers.insert(peer, status);
            Input::Peer { peer, base, height }
        }
        Told::Gone(peer) => {
            peers.remove(&peer);
            Input::PeerGone(peer)
        }
    }
}

impl Run {
    fn step(&mut self, input: Input) -> Result<(), NodeError> {
        for action in self.planner.step(input, Instant::now()) {
            self.perform(action)?;
        }
        Ok(())
    }

    fn finished(
        &mut self,
        done: Result<Result<Finished, NodeError>, tokio::task::JoinError>,
    ) -> Result<Input, NodeError> {
        let finished = done.map_err(|error| match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => NodeError::TaskEnded("block sync"),
        })??;
        Ok(match finished {
            Finished::Told(input) => input,
            Finished::Applied { height, next } => {
                let next_validators = next.validators.hash();
                self.validators = next.validators;
                self.max_block_size = next.max_block_size;
                Input::Executed { height, next_validators }
            }
        })
    }

    fn perform(&mut self, action: Action) -> Result<(), NodeError> {
        match action {
            Action::Fetch { request, peer, from, count, max_bytes } => {
                let answer = read_answer(
                    self.parts.network.clone(),
                    self.arrived.0.clone(),
                    (request, peer),
                    from,
                    (count, max_bytes),
                );
                self.open.insert(request, self.answers.spawn(answer));
            }
            Action::Cancel(request) => {
                if let Some(reading) = self.open.remove(&request) {
                    reading.abort();
                }
            }
            Action::CheckBody { token, candidate } => self.check_body(token, candidate),
            Action::CheckCertificate { token, candidate } => {
                self.check_certificate(token, candidate)
            }
            Action::Append(batch) => {
                self.work.spawn(append(self.parts.blocks.clone(), batch));
            }
            Action::Execute(candidate) => {
                self.work.spawn(apply(
                    self.parts.executor.clone(),
                    self.parts.driver.clone(),
                    candidate,
                ));
            }
            Action::Punish { peer, fault } => {
                tracing::warn!(target: "CONS", %peer, ?fault, "Peer sent a block that does not fit");
                self.parts.network.report(peer, Conduct::InvalidBlock);
            }
            Action::Refuted(peer) => {
                tracing::info!(target: "CONS", %peer, "Peer does not have the blocks that it claims");
                let driver = self.parts.driver.clone();
                self.work.spawn(async move {
                    driver.event(Event::ClaimRefuted { peer }).await;
                    Ok(Finished::Told(Input::Tick))
                });
            }
            Action::Fork { height, ours, theirs } => {
                return Err(NodeError::Invariant(format!(
                    "the certified block at height {} continues block {theirs}, this node has block {ours}",
                    height.get()
                )));
            }
            Action::Report(progress) => report(&progress),
            Action::Stalled { height, peers, open } => {
                let open: Vec<String> =
                    open.iter().map(|(peer, from)| format!("{peer} from {}", from.get())).collect();
                tracing::warn!(
                    target: "CONS", height = height.get(), holders = peers.len(), ?open, "Block sync does not move"
                );
            }
            Action::Done => self.done = true,
        }
        Ok(())
    }

    fn check_body(&mut self, token: u64, candidate: Arc<Candidate>) {
        let (checks, max, chain) =
            (self.parts.executor.checks(), self.max_block_size, self.parts.chain_hash);
        self.work.spawn(async move {
            let verdict = if candidate.block.header().chain_hash != chain {
                Verdict::Bad(Fault::Block("it is of another chain".to_owned()))
            } else {
                match checks.check(&candidate.block, max).await {
                    Ok(()) => Verdict::Good,
                    Err(fault) => Verdict::Bad(Fault::Block(format!("{fault:?}"))),
                }
            };
            Ok(Finished::Told(Input::Checked { token, verdict }))
        });
    }

    fn check_certificate(&mut self, token: u64, candidate: Arc<Candidate>) {
        let (set, chain) = (Arc::clone(&self.validators), self.parts.chain_hash);
        self.work.spawn_blocking(move || {
            let named = candidate.block.header().validators_hash;
            let checked = if named == set.hash() {
                candidate.certificate.verify(chain, &set).map_err(|error| error.to_string())
            } else {
                Err(format!("the header names the validator set {named}"))
            };
            let verdict = checked
                .map_or_else(|text| Verdict::Bad(Fault::Certificate(text)), |()| Verdict::Good);
            Ok(Finished::Told(Input::Checked { token, verdict }))
        });
    }
}

/// Reads one answer and tells each block. Ends without a word when the sync is over.
async fn read_answer(
    network: NetworkHandle,
    arrived: mpsc::Sender<Input>,
    (request, peer): (RequestId, NodeId),
    from: Height,
    (count, max_bytes): (u32, u32),
) {
    let mut stream = match network.fetch_blocks(&peer, from, count, max_bytes).await {
        Ok(stream) => stream,
        Err(error) => return tell(&arrived, ended(request, &error)).await,
    };
    loop {
        let input = match stream.next().await {
            Ok(Some(fetched)) => match Candidate::decode(fetched.raw, fetched.certificate) {
                Ok(candidate) => Input::Block { request, candidate: Box::new(candidate) },
                Err(fault) => return tell(&arrived, Input::Garbage { request, fault }).await,
            },
            Ok(None) => {
                network.report(peer, Conduct::Useful);
                return tell(&arrived, Input::Ended(request)).await;
            }
            Err(error) => return tell(&arrived, ended(request, &error)).await,
        };
        tell(&arrived, input).await;
    }
}

fn ended(request: RequestId, error: &RequestError) -> Input {
    tracing::debug!(target: "CONS", %error, "blocks of a peer ended early");
    match error {
        RequestError::Refused { code: RefuseCode::NotFound, .. } => Input::Ended(request),
        RequestError::Malformed { reason, .. } => {
            Input::Garbage { request, fault: Fault::Block(reason.clone()) }
        }
        _ => Input::Failed(request),
    }
}

async fn tell(arrived: &mpsc::Sender<Input>, input: Input) {
    arrived
        .send(input)
        .await
        .unwrap_or_else(|_| tracing::debug!("a block came after the end of its sync"));
}

async fn append(blocks: BlockLogHandle, batch: Vec<Arc<Candidate>>) -> Result<Finished, NodeError> {
    let mut last = Height::ZERO;
    for candidate in batch {
        last = candidate.height();
        let record = BlockRecord {
            height: last.get(),
            hash: candidate.block.hash(),
            block: candidate.raw.clone(),
            certificate: candidate.raw_certificate.clone(),
        };
        blocks.append_unsynced(record, None).await?;
    }
    blocks.sync().await?;
    Ok(Finished::Told(Input::Appended(last)))
}

async fn apply(
    executor: ExecutorHandle,
    driver: DriverHandle,
    candidate: Arc<Candidate>,
) -> Result<Finished, NodeError> {
    let (block, certificate) = (Arc::clone(&candidate.block), candidate.certificate.clone());
    let (height, hash) = (candidate.height(), block.hash());
    match executor.apply(Arc::clone(&block), certificate.clone()).await? {
        Ok(next) => {
            let (header, block_signature) = (block.header().clone(), *block.signature());
            let announce = Arc::new(CommitAnnounce { header, block_signature, certificate });
            driver.event(Event::Synced { announce, next: next.clone() }).await;
            Ok(Finished::Applied { height, next })
        }
        Err(ApplyError::Diverged { own, certified }) => {
            Err(NodeError::Diverged { height: height.get(), block: hash, own, certified })
        }
        Err(ApplyError::Invalid(why)) => Err(NodeError::Invariant(format!(
            "certified block {hash} at height {} is invalid: {why}",
            height.get()
        ))),
    }
}

fn report(progress: &Progress) {
    let Progress { height, target, percent, rate, eta, peers } = progress;
    let eta = eta.map_or_else(|| "unknown".to_owned(), |eta| format!("{}s", eta.as_secs()));
    tracing::info!(
        target: "CONS", to = height.get(), target = target.get(), percent, rate, %eta, peers, "Processed blocks"
    );
}
