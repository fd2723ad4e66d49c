//! What the network's tasks share. Each part has its own short lock, never held across an await.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use kwil_config::HostPort;
use kwil_consensus::{Message, worth_forwarding};
use kwil_crypto::NodeId;
use kwil_quic::Identity;
use kwil_types::{PeerRecord, PeerRecordBody, Signed};
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::flood::{Around, Flood};
use crate::gossip::Pulls;
use crate::hello::{OwnHello, flags_of};
use crate::metrics::Metrics;
use crate::peers::admission::{Decision, Direction, Facts, Listed, Refusal, admit};
use crate::peers::book::Book;
use crate::peers::dialer::Dialer;
use crate::peers::peer::{Peer, locked};
use crate::peers::scope::{Scope, may_pass};
use crate::peers::standing::{Conduct, Standing};
use crate::peers::table::{PeerTable, Registered, network_of};
use crate::{Chain, ChainView, CloseCode, Closed, Config, NetworkEvent, PeerStatus, TxSource};

/// Own addresses in a record.
const MAX_OWN_ADDRESSES: usize = 8;
/// Others drop records older than seven days.
const RECORD_REFRESH_MS: u64 = 24 * 3600 * 1000;
/// A peer younger than this is not sent away for another.
const EVICT_AFTER: Duration = Duration::from_secs(60);
/// Rejections of one node are logged once in this time.
const LOG_PAUSE: Duration = Duration::from_secs(60);
const MAX_LOGGED: usize = 1024;

pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) identity: Identity,
    pub(crate) own: NodeId,
    pub(crate) chain: Chain,
    pub(crate) incarnation: u64,
    pub(crate) listen: SocketAddr,
    pub(crate) peers: PeerTable,
    pub(crate) view: watch::Sender<Arc<ChainView>>,
    pub(crate) flood: Mutex<Flood>,
    pub(crate) standing: Mutex<Standing>,
    pub(crate) book: Mutex<Book>,
    pub(crate) dialer: Mutex<Dialer>,
    pub(crate) pulls: Mutex<Pulls>,
    pub(crate) pulls_changed: Notify,
    pub(crate) txs: Arc<dyn TxSource>,
    pub(crate) urgent: mpsc::Sender<NetworkEvent>,
    pub(crate) bulk: mpsc::Sender<NetworkEvent>,
    pub(crate) metrics: Metrics,
    pub(crate) stop: CancellationToken,
    /// Wakes the owner task: there may be somebody to dial.
    pub(crate) wake: Notify,
    /// Handshakes that are not finished.
    pub(crate) unfinished: AtomicUsize,
    pub(crate) own_addresses: Mutex<OwnAddresses>,
    pub(crate) rejections: Mutex<BTreeMap<NodeId, Rejections>>,
    /// Held while a connection is admitted and registered, so that two never take one slot.
    pub(crate) admission: Mutex<()>,
}

/// Addresses under which this node is reached.
#[derive(Debug)]
pub(crate) struct OwnAddresses {
    addresses: Vec<HostPort>,
    /// Whether an operator fixed them.
    fixed: bool,
    sequence: u64,
    observers: BTreeMap<IpAddr, BTreeSet<NodeId>>,
    hinted: bool,
}

#[derive(Debug)]
pub(crate) struct Rejections {
    logged: Instant,
    /// Rejections since then.
    count: u64,
    reason: String,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("own", &self.own)
            .field("listen", &self.listen)
            .finish_non_exhaustive()
    }
}

/// Wall clock, Unix milliseconds.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl Shared {
    pub(crate) fn view(&self) -> Arc<ChainView> {
        Arc::clone(&self.view.borrow())
    }

    pub(crate) fn status(&self) -> PeerStatus {
        let view = self.view();
        PeerStatus {
            base: view.base,
            height: view.tip,
            best_hash: view.best_hash,
            syncing: view.syncing,
            serves_snapshots: view.serves_snapshots,
            seeder: self.config.seeder,
        }
    }

    pub(crate) fn is_validator(&self, view: &ChainView) -> bool {
        view.validators.contains(self.own.public_key())
    }

    pub(crate) fn around<'a>(&self, view: &'a ChainView, message: &Message) -> Around<'a> {
        let relays_heartbeats = self.config.private || !self.is_validator(view);
        let worth_forwarding = worth_forwarding(message, view.tip, &view.validators);
        Around { validators: &view.validators, worth_forwarding, relays_heartbeats }
    }

    pub(crate) fn hello_for(&self, peer: &NodeId, remote: SocketAddr, distance: Scope) -> OwnHello {
        let view = self.view();
        OwnHello {
            chain: self.chain.clone(),
            release: self.config.release,
            incarnation: self.incarnation,
            is_validator: self.is_validator(&view),
            status: self.status(),
            record: self.own_record(distance),
            observed: remote,
            last_signed_seen: locked(&self.flood).last_signed(peer.public_key()),
            unix_ms: now_ms(),
        }
    }

    /// This node's own record for a node at `distance`: only addresses that mean something there.
    fn own_record(&self, distance: Scope) -> Option<PeerRecord> {
        let mut own = locked(&self.own_addresses);
        own.refresh(now_ms());
        let addresses: Vec<String> = own
            .addresses
            .iter()
            .filter(|address| may_pass(address, distance))
            .map(ToString::to_string)
            .collect();
        if addresses.is_empty() {
            return None;
        }
        let flags = flags_of(&self.status());
        let body = PeerRecordBody {
            node: *self.own.public_key(),
            sequence: own.sequence,
            addresses,
            flags,
        };
        let signature = self.identity.sign(kwil_crypto::context::PEER_RECORD, &body_bytes(&body));
        Some(Signed { body, signer: *self.own.public_key(), signature })
    }

    /// Records of others for a node at `distance`.
    pub(crate) fn records_for(&self, distance: Scope) -> Vec<Bytes> {
        locked(&self.book).answer(distance, &self.config.hide, now_ms())
    }

    /// Counts for or against a peer; a banned one is closed.
    pub(crate) fn count(&self, peer: NodeId, conduct: Conduct) {
        let banned = locked(&self.standing).count(peer, conduct, Instant::now());
        if banned {
            self.metrics.bans.inc();
            warn!(target: "PEERFILT", peer = %peer, conduct = ?conduct, "peer banned");
            if let Some(peer) = self.peers.get(&peer) {
                peer.close(CloseCode::Banned, "banned for its conduct");
            }
        }
    }

    /// Whether a node may connect now.
    pub(crate) fn admit(&self, id: NodeId, direction: Direction, remote: IpAddr) -> Decision {
        let (now, wall) = (Instant::now(), now_ms());
        let standing = locked(&self.standing);
        let blacklisted = self.config.use_blacklist && locked(&self.book).is_blacklisted(&id, wall);
        let listed =
            if blacklisted { Some(Listed::Blacklisted) } else { standing.banned(&id, now) };
        let network = network_of(remote);
        let others: Vec<Arc<Peer>> =
            self.peers.all().into_iter().filter(|peer| peer.id != id).collect();
        let strangers: Vec<&Arc<Peer>> =
            others.iter().filter(|peer| !standing.is_reserved(&peer.id)).collect();
        let towards = |wanted| strangers.iter().filter(|peer| peer.direction() == wanted).count();
        let near = |peer: &&Arc<Peer>| {
            network.is_some() && network_of(peer.connection.remote_address().ip()) == network
        };
        let old = |peer: &&&Arc<Peer>| {
            peer.direction() == Direction::Inbound
                && now.saturating_duration_since(peer.since) > EVICT_AFTER
        };
        let worst = strangers.iter().filter(old).min_by(|a, b| {
            let score = |peer: &Arc<Peer>| standing.score(&peer.id, now);
            score(a).partial_cmp(&score(b)).unwrap_or(std::cmp::Ordering::Equal)
        });
        admit(&Facts {
            listed,
            private: self.config.private,
            reserved: standing.is_reserved(&id),
            direction,
            inbound: towards(Direction::Inbound),
            outbound: towards(Direction::Outbound),
            target: self.config.target_connections,
            same_network: others.iter().filter(near).count(),
            evictable: worst.map(|peer| peer.id),
        })
    }

    /// Admits and registers in one step.
    pub(crate) fn register(&self, peer: &Arc<Peer>) -> Result<Registered, Refusal> {
        let _one_at_a_time = locked(&self.admission);
        match self.admit(peer.id, peer.direction(), peer.connection.remote_address().ip()) {
            Decision::Refuse(refusal) => return Err(refusal),
            Decision::AdmitInsteadOf(worst) => {
                if let Some(worst) = self.peers.get(&worst) {
                    worst.close(CloseCode::Full, "a slot is needed for another node");
                }
            }
            Decision::Admit => {}
        }
        Ok(self.peers.register(&self.own, peer))
    }

    /// Logs a refused node, at most once a minute for each.
    pub(crate) fn rejected(&self, peer: &NodeId, why: &Closed) {
        Metrics::count(&self.metrics.rejected, why.code.map_or("other", CloseCode::name));
        let (mut rejections, now) = (locked(&self.rejections), Instant::now());
        if let Some(entry) = rejections.get_mut(peer) {
            entry.count = entry.count.saturating_add(1);
            entry.reason = why.to_string();
            if now.saturating_duration_since(entry.logged) < LOG_PAUSE {
                return;
            }
        }
        if rejections.len() >= MAX_LOGGED && !rejections.contains_key(peer) {
            rejections.retain(|_, entry| now.saturating_duration_since(entry.logged) < LOG_PAUSE);
        }
        if rejections.len() < MAX_LOGGED || rejections.contains_key(peer) {
            let count = rejections.get(peer).map_or(1, |entry| entry.count);
            info!(target: "PEERFILT", peer = %peer, reason = %why, count, "Peer rejected");
            rejections.insert(*peer, Rejections { logged: now, count: 0, reason: why.to_string() });
        }
    }

    /// Nodes that were refused lately, or refused this one, and why.
    pub(crate) fn recent_rejections(&self) -> Vec<(NodeId, String)> {
        locked(&self.rejections).iter().map(|(id, entry)| (*id, entry.reason.clone())).collect()
    }

    /// A connection shows one of this node's addresses, and the peer tells how it sees this node.
    pub(crate) fn learn_own_address(
        &self,
        peer: &NodeId,
        local: Option<IpAddr>,
        observed: Option<SocketAddr>,
    ) {
        let mut own = locked(&self.own_addresses);
        if let Some(local) = local.map(|ip| ip.to_canonical()).filter(|_| !own.fixed) {
            let address = HostPort::new(&local.to_string(), self.listen.port());
            let room = own.addresses.len() < MAX_OWN_ADDRESSES && !own.addresses.contains(&address);
            if room && Scope::of(local).is_some() {
                own.addresses.push(address);
                own.sequence = now_ms();
            }
        }
        let Some(external) = &self.config.external_address else { return };
        let Some(observed) = observed.map(|address| address.ip().to_canonical()) else { return };
        if own.hinted
            || Scope::of(observed) != Some(Scope::Global)
            || external.host() == observed.to_string()
        {
            return;
        }
        if external.host().parse::<IpAddr>().is_err() {
            return;
        }
        let observers = own.observers.entry(observed).or_default();
        observers.insert(*peer);
        if observers.len() >= 3 {
            own.hinted = true;
            warn!(target: "P2P", configured = %external, %observed, "peers see this node at another address than p2p.external_address");
        }
    }
}

fn body_bytes(body: &PeerRecordBody) -> Vec<u8> {
    use kwil_types::SignedBody as _;
    let mut writer = kwil_types::wire::Writer::new();
    body.write(&mut writer);
    writer.into_bytes()
}

impl OwnAddresses {
    /// From the configuration, else from the socket, else from the route to the world.
    pub(crate) fn new(config: &Config, listen: SocketAddr) -> Self {
        let of = |host: &str, port: u16| {
            HostPort::new(host, if port == 0 { listen.port() } else { port })
        };
        let configured =
            config.external_address.as_ref().map(|address| of(address.host(), address.port()));
        let specific = (!listen.ip().is_unspecified()).then(|| of(&listen.ip().to_string(), 0));
        let fixed = configured.or(specific);
        let addresses = match &fixed {
            Some(address) => vec![address.clone()],
            None => default_route(listen).map(|ip| of(&ip.to_string(), 0)).into_iter().collect(),
        };
        Self {
            addresses,
            fixed: fixed.is_some(),
            sequence: now_ms(),
            observers: BTreeMap::new(),
            hinted: false,
        }
    }
}

impl OwnAddresses {
    /// Records age; a node that never moves makes a new one each day.
    fn refresh(&mut self, now_ms: u64) {
        if now_ms.saturating_sub(self.sequence) > RECORD_REFRESH_MS {
            self.sequence = now_ms;
        }
    }
}

/// The address that this machine would use towards the world. Nothing is sent. Other interfaces become known by the
/// connections that use them.
fn default_route(listen: SocketAddr) -> Option<IpAddr> {
    let far: SocketAddr = if listen.is_ipv4() {
        ([192, 0, 2, 1], 9).into()
    } else {
        ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], 9).into()
    };
    let socket = UdpSocket::bind(SocketAddr::new(listen.ip(), 0)).ok()?;
    socket.connect(far).ok()?;
    let ip = socket.local_addr().ok()?.ip().to_canonical();
    Scope::of(ip).map(|_| ip)
}
