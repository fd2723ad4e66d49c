//! Dialing one node: names resolved, addresses tried one after the other without waiting for each to fail.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kwil_config::HostPort;
use kwil_quic::{ConnectError, Dial, Expect, IdentityError, P2P_ALPN, Show, client_tls, connect};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};

use crate::metrics::Metrics;
use crate::peers::book::BlacklistEntry;
use crate::peers::dialer::{Purpose, Target};
use crate::peers::peer::locked;
use crate::peers::scope::Scope;
use crate::shared::{Shared, now_ms};
use crate::{CloseCode, Closed, Direction, connection};

/// Pause before the next address of the same node.
const STAGGER: Duration = Duration::from_millis(250);
const RESOLVE: Duration = Duration::from_secs(5);
/// Most addresses tried in one dial.
const MAX_ADDRESSES: usize = 16;
/// Failures in a row after which a node that is not reserved is blacklisted.
const EXHAUSTED: u32 = 58;

/// Why nobody was reached.
#[derive(Debug, thiserror::Error)]
enum DialError {
    #[error("none of its addresses can be dialled from here")]
    NoAddress,
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("tls configuration: {0}")]
    Config(#[from] kwil_quic::ConfigError),
}

/// Dials a node and, if it is wanted, runs the connection until it ends.
pub(crate) async fn run(shared: Arc<Shared>, endpoint: quinn::Endpoint, target: Target) {
    locked(&shared.book).tried(&target.id, now_ms());
    let dialled = tokio::select! {
        () = shared.stop.cancelled() => return,
        dialled = reach(&shared, &endpoint, &target) => dialled,
    };
    let connection = match dialled {
        Ok(connection) => connection,
        Err(error) => return failed(&shared, &target, &reason(&error)),
    };
    Metrics::count(&shared.metrics.dials, "ok");
    locked(&shared.book).reached(&target.id, now_ms());
    if target.purpose == Purpose::Probe {
        Closed::here(CloseCode::Probe, "probe").apply(&connection);
        locked(&shared.dialer).probed(&target.id, Instant::now());
        return;
    }
    let outcome = connection::run(Arc::clone(&shared), connection, Direction::Outbound).await;
    if outcome.established {
        return;
    }
    if outcome.closed.code == Some(CloseCode::Duplicate) {
        locked(&shared.dialer).reached(&target.id, Instant::now());
        return;
    }
    failed(&shared, &target, &outcome.closed.to_string());
}

/// The error with its causes.
fn reason(error: &DialError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}

fn failed(shared: &Shared, target: &Target, problem: &str) {
    let id = &target.id;
    Metrics::count(&shared.metrics.dials, "failed");
    let reserved = locked(&shared.standing).is_reserved(id);
    let fails = locked(&shared.book).failed(id);
    let repeated = locked(&shared.dialer).problem(id) == Some(problem);
    locked(&shared.dialer).failed(id, reserved, problem.to_owned(), Instant::now());
    if reserved && !repeated {
        warn!(target: "PEERS", peer = %id, reason = problem, "cannot connect to peer, will keep trying");
    } else {
        debug!(target: "PEERS", peer = %id, reason = problem, fails, "cannot connect to peer");
    }
    if let Some(duration) = shared.config.auto_blacklist.filter(|_| shared.config.use_blacklist)
        // A peer that cannot be dialled but came by itself is a good one.
        && target.purpose == Purpose::Connect
        && !reserved
        && fails >= EXHAUSTED
    {
        let since_ms = now_ms();
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let until_ms = (!duration.is_zero()).then(|| since_ms.saturating_add(millis));
        let reason = "connection_exhaustion".to_owned();
        locked(&shared.book).blacklist(BlacklistEntry { node: *id, reason, since_ms, until_ms });
        info!(target: "BLACKLIST", peer = %id, "peer blacklisted after many failed dials");
    }
}

async fn reach(
    shared: &Arc<Shared>,
    endpoint: &quinn::Endpoint,
    target: &Target,
) -> Result<quinn::Connection, DialError> {
    let addresses = resolve(shared, target).await;
    let mut attempts: JoinSet<Result<quinn::Connection, ConnectError>> = JoinSet::new();
    let mut left = addresses.into_iter();
    let mut best: Option<ConnectError> = None;
    loop {
        if let Some(address) = left.next() {
            let tls =
                client_tls(Show::Identity(&shared.identity), &[P2P_ALPN], Expect::Node(target.id))?;
            let transport = kwil_quic::p2p_transport();
            let dial = Dial { tls, transport, timeout: shared.config.timing.handshake };
            let endpoint = endpoint.clone();
            attempts.spawn(async move { connect(&endpoint, address, dial).await });
        }
        let more = left.len() > 0;
        tokio::select! {
            finished = attempts.join_next() => match finished {
                None => return Err(best.map_or(DialError::NoAddress, DialError::from)),
                Some(Ok(Ok(connection))) => {
                    attempts.abort_all();
                    return Ok(connection);
                }
                Some(Ok(Err(error))) => best = Some(worse(best, error)),
                Some(Err(error)) => debug!(target: "PEERS", %error, "a dial ended early"),
            },
            () = sleep(STAGGER), if more => {}
        }
    }
}

/// Of two failures the one that tells more: somebody else's identity beats silence.
fn worse(known: Option<ConnectError>, new: ConnectError) -> ConnectError {
    match known {
        Some(known @ ConnectError::Identity(IdentityError::Mismatch { .. })) => known,
        Some(_) | None => new,
    }
}

/// Socket addresses of a target, each once, in order. What others told is held to where it was told.
async fn resolve(shared: &Shared, target: &Target) -> Vec<SocketAddr> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for address in &target.addresses {
        for socket in lookup(address).await {
            let reachable = shared.listen.is_ipv6() || socket.is_ipv4();
            if is_allowed(socket.ip(), target.distance) && reachable && seen.insert(socket) {
                found.push(mapped(shared.listen, socket));
            }
        }
    }
    found.truncate(MAX_ADDRESSES);
    found
}

fn is_allowed(ip: IpAddr, distance: Option<Scope>) -> bool {
    match (Scope::of(ip), distance) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(scope), Some(distance)) => scope.reaches(distance),
    }
}

/// An IPv6 socket reaches IPv4 through mapped addresses.
fn mapped(listen: SocketAddr, socket: SocketAddr) -> SocketAddr {
    match socket.ip() {
        IpAddr::V4(ip) if listen.is_ipv6() => {
            SocketAddr::new(ip.to_ipv6_mapped().into(), socket.port())
        }
        IpAddr::V4(_) | IpAddr::V6(_) => socket,
    }
}

async fn lookup(address: &HostPort) -> Vec<SocketAddr> {
    if let Ok(ip) = address.host().parse::<IpAddr>() {
        return vec![SocketAddr::new(ip, address.port())];
    }
    let query = tokio::net::lookup_host((address.host(), address.port()));
    match timeout(RESOLVE, query).await {
        Ok(Ok(found)) => found.collect(),
        Ok(Err(error)) => {
            debug!(target: "PEERS", %address, %error, "name not resolved");
            Vec::new()
        }
        Err(_) => {
            debug!(target: "PEERS", %address, "name not resolved in time");
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_told_by_far_peers_cannot_point_home() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        for (address, told_at, allowed) in [
            ("127.0.0.1", Some(Scope::Global), false),
            ("10.0.0.1", Some(Scope::Global), false),
            ("10.0.0.1", Some(Scope::Private), true),
            ("8.8.8.8", Some(Scope::Global), true),
            ("127.0.0.1", None, true),
            ("0.0.0.0", None, false),
        ] {
            assert_eq!(is_allowed(ip(address), told_at), allowed, "{address} {told_at:?}");
        }
    }

    #[test]
    fn dual_stack_socket_dials_mapped_addresses() {
        let v4: SocketAddr = "8.8.8.8:1".parse().unwrap();
        assert_eq!(mapped("[::]:6600".parse().unwrap(), v4), "[::ffff:8.8.8.8]:1".parse().unwrap());
        assert_eq!(mapped("0.0.0.0:6600".parse().unwrap(), v4), v4);
    }
}
