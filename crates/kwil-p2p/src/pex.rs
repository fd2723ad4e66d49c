//! Asking peers for other nodes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use kwil_crypto::NodeId;
use kwil_types::PeerRecord;
use tracing::debug;

use crate::config::AnswerTimes;
use crate::connection::learn;
use crate::exchange::{Budget, Part, Request, RequestError, ask as request};
use crate::peers::peer::Peer;
use crate::shared::Shared;
use crate::wire::SMALL_FRAME;

/// Validators that a validator is not connected to.
pub(crate) fn missing_validators(shared: &Shared) -> BTreeSet<NodeId> {
    let view = shared.view();
    if !shared.is_validator(&view) {
        return BTreeSet::new();
    }
    let connected = shared.peers.ids();
    let members = view.validators.iter().map(|validator| NodeId::new(validator.key));
    members.filter(|id| *id != shared.own && !connected.contains(id)).collect()
}

/// Whether more addresses would help.
pub(crate) fn is_wanted(shared: &Shared) -> bool {
    let few = !shared.config.private && shared.peers.ids().len() < shared.config.target_connections;
    shared.config.pex && (few || !missing_validators(shared).is_empty())
}

/// When to ask again. A validator that misses others asks soon, and less and less often while that brings nothing.
#[derive(Debug, Default)]
pub(crate) struct AskPace {
    missing: BTreeSet<NodeId>,
    in_vain: u32,
}

impl AskPace {
    pub(crate) fn pause(&mut self, missing: BTreeSet<NodeId>, usual: Duration) -> Duration {
        if missing != self.missing {
            self.in_vain = 0;
            self.missing = missing;
        }
        if self.missing.is_empty() {
            return usual;
        }
        let hurried = (usual / 12).saturating_mul(2_u32.saturating_pow(self.in_vain.min(8)));
        self.in_vain = self.in_vain.saturating_add(1);
        hurried.min(usual)
    }
}

/// Asks one peer and keeps what it says.
pub(crate) async fn ask(shared: &Shared, peer: Arc<Peer>) {
    match fetch(shared, &peer).await {
        Ok(count) => debug!(target: "PEERS", peer = %peer.id, count, "peer records received"),
        Err(error) => debug!(target: "PEERS", %error, "no peer records"),
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

#[cfg(test)]
mod tests {
    use kwil_crypto::KeyType;

    use super::*;

    #[test]
    fn missing_validators_are_asked_for_sooner_but_not_for_ever() {
        let id =
            |seed| NodeId::new(kwil_quic::testing::node_key(KeyType::Ed25519, seed).public_key());
        let (mut pace, usual) = (AskPace::default(), Duration::from_secs(60));
        let mut pauses =
            |missing: &[NodeId]| pace.pause(missing.iter().copied().collect(), usual).as_secs();
        assert_eq!(pauses(&[]), 60);
        let one: Vec<u64> = (0..6).map(|_| pauses(&[id(1)])).collect();
        assert_eq!(one, [5, 10, 20, 40, 60, 60]);
        assert_eq!(pauses(&[id(2)]), 5);
        assert_eq!(pauses(&[]), 60);
    }
}
