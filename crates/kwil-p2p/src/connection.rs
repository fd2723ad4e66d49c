//! One connection from its handshake to its end.

mod greeting;
mod serving;

pub(crate) use greeting::learn;

use std::sync::Arc;
use std::time::{Duration, Instant};

use kwil_quic::peer_node_id;
use tracing::{debug, info, warn};

use crate::peers::admission::{Decision, Refusal};
use crate::peers::peer::{Peer, locked};
use crate::peers::scope::Scope;
use crate::peers::table::Registered;
use crate::shared::Shared;
use crate::{CloseCode, Closed, Direction, NetworkEvent};

/// How long a refused peer gets to read why, before the connection goes away under it.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Beginnings of log lines that operators' scripts look for.
const CONNECTED: &str = "Connected to peer";
const DISCONNECTED: &str = "Disconnected from peer";
/// A clock this far off is worth a warning, milliseconds.
const SKEW: u64 = 2000;

/// How a connection went.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) closed: Closed,
    /// Whether both sides accepted each other.
    pub(crate) established: bool,
}

impl Refusal {
    fn closed(self) -> Closed {
        match self {
            Self::Blacklisted => Closed::here(CloseCode::NotAllowed, "blacklisted"),
            Self::Banned => Closed::here(CloseCode::Banned, "banned for its conduct"),
            Self::NotAllowed => {
                Closed::here(CloseCode::NotAllowed, "private mode: not on the whitelist")
            }
            Self::Full => Closed::here(CloseCode::Full, "no free slot"),
            Self::TooManyFromNetwork => {
                Closed::here(CloseCode::Limit, "too many connections from one network")
            }
        }
    }
}

/// Runs a connection whose TLS handshake is done, until it ends.
pub(crate) async fn run(
    shared: Arc<Shared>,
    connection: quinn::Connection,
    direction: Direction,
) -> Outcome {
    let refused = |closed: Closed| {
        closed.apply(&connection);
        Outcome { closed, established: false }
    };
    let id = match peer_node_id(&connection) {
        Ok(id) => id,
        Err(error) => return refused(Closed::here(CloseCode::Protocol, error.to_string())),
    };
    if id == shared.own {
        return refused(Closed::here(CloseCode::OwnIdentity, "this is the same node"));
    }
    if let Decision::Refuse(refusal) = shared.admit(id, direction, connection.remote_address().ip())
    {
        if refusal == Refusal::Full && direction == Direction::Inbound {
            greeting::say_full(&shared, &connection).await;
        }
        let closed = refusal.closed();
        shared.rejected(&id, &closed);
        return refused(closed);
    }
    let greeting = greeting::greet(&shared, id, &connection, direction);
    let greeted = tokio::select! {
        () = shared.stop.cancelled() => Err(Closed::here(CloseCode::Shutdown, "shutdown")),
        greeted = greeting => greeted,
        () = tokio::time::sleep(shared.config.timing.handshake) => {
            Err(Closed::here(CloseCode::Timeout, "no hello in time"))
        }
    };
    let (peer, control, registered) = match greeted {
        Ok(greeted) => greeted,
        Err(closed) => {
            // A probe is how others verify this node's address.
            if closed.code != Some(CloseCode::Probe) {
                shared.rejected(&id, &closed);
            }
            return refused(closed);
        }
    };
    if !begin(&shared, &peer, registered).await {
        return refused(Closed::here(CloseCode::Shutdown, "shutdown"));
    }
    let closed = serving::serve(&shared, &peer, control).await;
    closed.apply(&connection);
    end(&shared, &peer, &closed).await;
    Outcome { closed, established: true }
}

/// Tells the node. False when nobody listens any more.
async fn begin(shared: &Shared, peer: &Arc<Peer>, registered: Registered) -> bool {
    let gauge = crate::metrics::Label { kind: peer.direction().name() };
    shared.metrics.peers.get_or_create(&gauge).inc();
    locked(&shared.dialer).reached(&peer.id, Instant::now());
    match registered {
        Registered::Swapped(older) => {
            peer.inherit(&older);
            older.close(CloseCode::Duplicate, "another connection stays");
            return true;
        }
        Registered::Restarted(older) => {
            older.close(CloseCode::Duplicate, "a newer process of this node connected");
            let closed = Closed::here(CloseCode::Duplicate, "the peer restarted");
            let event = NetworkEvent::PeerDisconnected { peer: peer.id, closed };
            if shared.urgent.send(event).await.is_err() {
                return false;
            }
        }
        Registered::New | Registered::Duplicate => {}
    }
    if peer.info.clock_skew_ms.unsigned_abs() > SKEW {
        shared.metrics.skewed_clocks.inc();
        warn!(target: "PEERS", peer = %peer.id, skew_ms = peer.info.clock_skew_ms, "clocks differ by more than two seconds");
    }
    info!(
        target: "PEERS",
        direction = peer.direction().name(),
        release = %peer.info.release,
        height = peer.info.status.height.0,
        "{CONNECTED} {}@{}",
        peer.id,
        peer.info.remote
    );
    let event = NetworkEvent::PeerConnected(Arc::clone(&peer.info));
    shared.urgent.send(event).await.is_ok()
}

async fn end(shared: &Shared, peer: &Arc<Peer>, closed: &Closed) {
    let gauge = crate::metrics::Label { kind: peer.direction().name() };
    shared.metrics.peers.get_or_create(&gauge).dec();
    if !shared.peers.unregister(peer) {
        debug!(target: "PEERS", peer = %peer.id, reason = %closed, "connection replaced");
        return;
    }
    info!(target: "PEERS", reason = %closed, "{DISCONNECTED} {}", peer.id);
    // A seeder ends connections by itself; dialling it again and again would only bother it.
    let reserved = locked(&shared.standing).is_reserved(&peer.id) && !peer.status().seeder;
    locked(&shared.dialer).lost(
        &peer.id,
        peer.since.elapsed(),
        reserved,
        closed.to_string(),
        Instant::now(),
    );
    shared.wake.notify_one();
    let event = NetworkEvent::PeerDisconnected { peer: peer.id, closed: closed.clone() };
    if shared.urgent.send(event).await.is_err() {
        debug!(target: "PEERS", "nobody cares about peers any more");
    }
}

/// How far a peer is, by its address. An address that cannot be real counts as far.
fn distance_of(connection: &quinn::Connection) -> Scope {
    Scope::of(connection.remote_address().ip()).unwrap_or(Scope::Global)
}

#[cfg(test)]
mod tests {
    #[test]
    fn log_lines_begin_as_scripts_expect() {
        assert_eq!(super::CONNECTED, "Connected to peer");
        assert_eq!(super::DISCONNECTED, "Disconnected from peer");
    }
}
