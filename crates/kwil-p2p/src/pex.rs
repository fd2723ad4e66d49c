//! Asking peers for other nodes.

use std::sync::Arc;
use std::time::Duration;

use kwil_types::PeerRecord;
use tracing::debug;

use crate::config::AnswerTimes;
use crate::connection::learn;
use crate::exchange::{Budget, Part, Request, RequestError, ask as request};
use crate::peers::peer::Peer;
use crate::shared::Shared;
use crate::wire::SMALL_FRAME;

/// Whether more addresses would help.
pub(crate) fn is_wanted(shared: &Shared) -> bool {
    shared.config.pex
        && !shared.config.private
        && shared.peers.ids().len() < shared.config.target_connections
}

/// Asks one peer and keeps what it says.
pub(crate) async fn ask(shared: &Shared, peer: Arc<Peer>) {
    match fetch(shared, &peer).await {
        Ok(count) => debug!(peer = %peer.id, count, "peer records received"),
        Err(error) => debug!(%error, "no peer records"),
    }
}

async fn fetch(shared: &Shared, peer: &Arc<Peer>) -> Result<usize, RequestError> {
    let two_seconds = Duration::from_secs(2);
    let times = AnswerTimes { first: two_seconds, gap: two_seconds, whole: two_seconds };
    // 64 records of 8 addresses need more than a small frame, but not much.
    let frame = SMALL_FRAME.saturating_mul(3);
    let budget = Budget { times, frame, total: u64::try_from(frame).unwrap_or(u64::MAX) };
    let mut answer = request(Arc::clone(peer), &Request::Peers, budget).await?;
    let mut count = 0_usize;
    while let Some(part) = answer.next().await? {
        let Part::Peers(records) = part else { return Err(answer.unexpected()) };
        for bytes in records {
            let record = PeerRecord::decode(&bytes).map_err(|_| answer.unexpected())?;
            learn(shared, &peer.id, record, peer.distance);
            count = count.saturating_add(1);
        }
    }
    Ok(count)
}
