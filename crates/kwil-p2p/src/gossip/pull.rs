//! The tasks of transaction gossip.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kwil_crypto::NodeId;
use kwil_types::TxId;
use tokio::task::JoinSet;
use tracing::debug;

use crate::NetworkEvent;
use crate::config::AnswerTimes;
use crate::exchange::{Budget, Part, Request, RequestError, ask};
use crate::metrics::Metrics;
use crate::peers::peer::{Peer, locked};
use crate::peers::standing::Conduct;
use crate::shared::Shared;
use crate::wire::TX_OVERHEAD;

/// Requests for transactions that run at once.
const MAX_PULLS: usize = 64;
const TOTAL: u64 = 9 * 1024 * 1024;

/// A peer announces transactions.
pub(crate) fn announced(shared: &Shared, peer: &Peer, ids: &[TxId]) {
    {
        let mut known = peer.gossip();
        for id in ids {
            known.mark_known(*id);
        }
    }
    Metrics::count(&shared.metrics.gossip, "announced");
    if shared.view().syncing {
        return;
    }
    let unknown: Vec<TxId> = ids.iter().copied().filter(|id| !shared.txs.knows(id)).collect();
    let mut pulls = locked(&shared.pulls);
    let now = Instant::now();
    let mut news = false;
    for id in unknown {
        news |= pulls.announced(peer.id, id, now);
    }
    drop(pulls);
    if news {
        shared.pulls_changed.notify_one();
    }
}

/// A peer sends a transaction unasked.
pub(crate) async fn pushed(shared: &Shared, peer: &Peer, bytes: Bytes) {
    let id = kwil_crypto::sha256(&bytes);
    peer.gossip().mark_known(id);
    if shared.view().syncing || shared.txs.knows(&id) {
        Metrics::count(&shared.metrics.gossip, "duplicate");
        return;
    }
    Metrics::count(&shared.metrics.gossip, "pushed");
    deliver(shared, peer.id, id, bytes).await;
}

async fn deliver(shared: &Shared, from: NodeId, id: TxId, bytes: Bytes) {
    locked(&shared.pulls).settle(id, Instant::now());
    let event = NetworkEvent::Transaction { from, id, bytes };
    if shared.bulk.send(event).await.is_err() {
        debug!(target: "P2P", "nobody takes transactions any more");
    }
}

/// Fetches what was announced, until the network stops.
pub(crate) async fn pull(shared: Arc<Shared>) {
    let mut requests: JoinSet<()> = JoinSet::new();
    loop {
        let now = Instant::now();
        let next = locked(&shared.pulls).next_due(now).unwrap_or(now + Duration::from_secs(3600));
        let free = requests.len() < MAX_PULLS;
        tokio::select! {
            () = shared.stop.cancelled() => break,
            () = shared.pulls_changed.notified(), if free => {}
            () = tokio::time::sleep_until(next.into()), if free => {}
            Some(done) = requests.join_next() => {
                if let Err(error) = done {
                    debug!(target: "P2P", %error, "a pull ended early");
                }
            }
        }
        if requests.len() >= MAX_PULLS {
            continue;
        }
        let batches = locked(&shared.pulls).due(Instant::now());
        for (peer, ids) in batches {
            requests.spawn(pull_from(Arc::clone(&shared), peer, ids));
        }
    }
    requests.shutdown().await;
}

async fn pull_from(shared: Arc<Shared>, peer: NodeId, mut ids: Vec<TxId>) {
    let result = match shared.peers.get(&peer) {
        Some(peer) => take_all(&shared, peer, &mut ids).await,
        None => Err(RequestError::NotConnected { peer }),
    };
    let conduct = match &result {
        Ok(()) if ids.is_empty() => Some(Conduct::Useful),
        // Mempools change; a few missing ones are nobody's fault.
        Ok(())
        | Err(
            RequestError::NotConnected { .. }
            | RequestError::Cut { .. }
            | RequestError::Refused { .. },
        ) => None,
        Err(RequestError::Timeout { .. } | RequestError::Malformed { .. }) => {
            Some(Conduct::Unhelpful)
        }
    };
    if let Err(error) = result {
        debug!(target: "P2P", %error, "transactions not fetched");
    }
    if let Some(conduct) = conduct {
        shared.count(peer, conduct);
    }
    if !ids.is_empty() {
        let mut pulls = locked(&shared.pulls);
        for id in &ids {
            pulls.missed(id);
        }
        drop(pulls);
        shared.pulls_changed.notify_one();
    }
}

/// Takes what the peer sends; what is left in `ids` did not come. The node gets it all at the end, so that its own pace
/// is not held against the peer.
async fn take_all(
    shared: &Shared,
    peer: Arc<Peer>,
    ids: &mut Vec<TxId>,
) -> Result<(), RequestError> {
    let mut taken = Vec::new();
    let result = receive(shared, &peer, ids, &mut taken).await;
    for (id, bytes) in taken {
        peer.gossip().mark_known(id);
        Metrics::count(&shared.metrics.gossip, "pulled");
        deliver(shared, peer.id, id, bytes).await;
    }
    result
}

async fn receive(
    shared: &Shared,
    peer: &Arc<Peer>,
    ids: &mut Vec<TxId>,
    taken: &mut Vec<(TxId, Bytes)>,
) -> Result<(), RequestError> {
    let three_seconds = Duration::from_secs(3);
    let whole = shared.config.tx_get;
    let times = AnswerTimes { first: three_seconds, gap: three_seconds, whole };
    let frame = shared.config.max_tx_bytes.saturating_add(TX_OVERHEAD);
    let request = Request::Txs { ids: ids.clone() };
    let mut answer = ask(Arc::clone(peer), &request, Budget { times, frame, total: TOTAL }).await?;
    while let Some(part) = answer.next().await? {
        let Part::Transaction(bytes) = part else { return Err(answer.unexpected()) };
        let id = kwil_crypto::sha256(&bytes);
        let Some(position) = ids.iter().position(|wanted| *wanted == id) else {
            return Err(answer.unexpected());
        };
        ids.swap_remove(position);
        taken.push((id, bytes));
    }
    Ok(())
}
