//! Getting the body of a proposed or certified block: from the mempool, then from peers.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kwil_consensus::{Event, Proposal};
use kwil_crypto::{Hash, NodeId};
use kwil_p2p::{Body, Conduct, NetworkHandle};
use kwil_types::Block;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::Order;
use crate::checks::{BlockChecks, Fault};

/// The next peer is asked beside the first when it has not answered by then.
const STAGGER: Duration = Duration::from_millis(200);
/// Pause before everybody is asked again.
const AGAIN: Duration = Duration::from_millis(500);

/// Which body is wanted.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) block: Hash,
    pub(super) plan: Option<Arc<Proposal>>,
    pub(super) from: Vec<NodeId>,
    pub(super) max_block_size: u64,
}

/// Where bodies come from.
#[derive(Debug)]
pub(super) struct Sources {
    pub(super) network: NetworkHandle,
    pub(super) checks: BlockChecks,
}

/// At most one body is fetched at a time; a new wish replaces the old one.
#[derive(Debug, Default)]
pub(super) struct Bodies {
    running: JoinSet<()>,
}

impl Bodies {
    pub(super) fn start(&mut self, wanted: Wanted, sources: Sources, answer: mpsc::Sender<Order>) {
        self.stop();
        self.running.spawn(async move {
            let event = fetch(&wanted, &sources).await;
            answer
                .send(Order::Event(Box::new(event)))
                .await
                .unwrap_or_else(|_| tracing::debug!("body after the end of the driver"));
        });
    }

    pub(super) fn stop(&mut self) {
        self.running.abort_all();
        while self.running.try_join_next().is_some() {}
    }
}

/// Ends with a body or with the verdict that the right body breaks a rule.
async fn fetch(wanted: &Wanted, sources: &Sources) -> Event {
    loop {
        if let Some(block) = from_mempool(wanted, sources)
            && let Some(event) = judged(wanted, sources, block).await
        {
            return event;
        }
        let mut peers = wanted.from.clone();
        let others = sources.network.peers().into_iter().map(|peer| peer.id);
        peers.extend(others.filter(|peer| !wanted.from.contains(peer)));
        if let Some(event) = from_peers(wanted, sources, peers).await {
            return event;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// The block from its proposal's transaction ids, when the mempool has them all.
fn from_mempool(wanted: &Wanted, sources: &Sources) -> Option<Block> {
    let plan =
        wanted.plan.as_ref().filter(|plan| plan.header.tx_count == 0 || !plan.tx_ids.is_empty())?;
    let txs: Option<Vec<Bytes>> = sources.checks.known(&plan.tx_ids).into_iter().collect();
    Some(Block::from_parts(plan.header.clone(), plan.block_signature, txs?))
}

/// Asks peers one after the other, each some time after the one before, until one has a body that counts.
async fn from_peers(wanted: &Wanted, sources: &Sources, peers: Vec<NodeId>) -> Option<Event> {
    let known =
        wanted.plan.as_ref().map(|plan| sources.checks.known(&plan.tx_ids)).unwrap_or_default();
    let missing: Vec<u32> =
        (0u32..).zip(&known).filter(|(_, tx)| tx.is_none()).map(|(position, _)| position).collect();
    let whole = known.is_empty() || missing.len().saturating_mul(2) >= known.len();
    let missing = if whole { Vec::new() } else { missing };
    let mut asked = JoinSet::new();
    let mut waiting = peers.into_iter();
    loop {
        if let Some(peer) = waiting.next() {
            let (network, block, missing) =
                (sources.network.clone(), wanted.block, missing.clone());
            asked.spawn(async move { (peer, network.fetch_body(&peer, block, missing).await) });
        } else if asked.is_empty() {
            return None;
        }
        let answer = tokio::time::timeout(STAGGER, asked.join_next()).await;
        let Ok(Some(Ok((peer, answer)))) = answer else { continue };
        let block = match answer {
            Ok(Body::Block(raw)) => Block::decode(&raw).ok(),
            Ok(Body::Transactions(fresh)) => assemble(wanted, known.clone(), fresh),
            Err(error) => {
                tracing::debug!(target: "CONS", %peer, block = %wanted.block, %error, "peer has no body");
                continue;
            }
        };
        let judged = match block {
            Some(block) => judged(wanted, sources, block).await,
            None => None,
        };
        if judged.is_some() {
            return judged;
        }
        sources.network.report(peer, Conduct::Unhelpful);
    }
}

fn assemble(wanted: &Wanted, mut known: Vec<Option<Bytes>>, fresh: Vec<Bytes>) -> Option<Block> {
    let mut fresh = fresh.into_iter();
    for slot in known.iter_mut().filter(|slot| slot.is_none()) {
        *slot = Some(fresh.next()?);
    }
    let plan = wanted.plan.as_ref()?;
    let txs: Option<Vec<Bytes>> = known.into_iter().collect();
    Some(Block::from_parts(plan.header.clone(), plan.block_signature, txs?))
}

/// `None` when this is not the wanted body.
async fn judged(wanted: &Wanted, sources: &Sources, block: Block) -> Option<Event> {
    if block.hash() != wanted.block {
        return None;
    }
    let block = Arc::new(block);
    match sources.checks.check(&block, wanted.max_block_size).await {
        Ok(()) => Some(Event::Body(block)),
        Err(Fault::OtherBody) => None,
        Err(Fault::BreaksRule(reason)) => Some(Event::BodyInvalid { block: wanted.block, reason }),
    }
}
