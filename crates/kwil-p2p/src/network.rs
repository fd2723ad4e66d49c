//! The owner of the endpoint and of every connection.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use kwil_crypto::NodeId;
use kwil_quic::{
    BindError, ClientAuth, ConfigError, Identity, P2P_ALPN, bind_udp, endpoint, p2p_transport,
    server_config, server_tls,
};
use quinn::Incoming;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::flood::Flood;
use crate::gossip::{Pulls, pull};
use crate::peers::backoff::{Noise, jitter};
use crate::peers::book_file;
use crate::peers::dialer::{Dialer, Situation, Target};
use crate::peers::peer::locked;
use crate::peers::standing::Standing;
use crate::peers::table::{PeerTable, network_of};
use crate::shared::{OwnAddresses, Shared, now_ms};
use crate::{
    Chain, ChainView, CloseCode, Closed, Config, Direction, Metrics, NetworkEvents, NetworkHandle,
    TxSource, connection, dial, pex,
};

/// Events that wait for the node: peers and consensus; transactions and requests.
const URGENT: usize = 4096;
const BULK: usize = 1024;
/// Unfinished handshakes above which new ones must prove their address, and are refused.
const RETRY_ABOVE: usize = 64;
const REFUSE_ABOVE: usize = 512;
/// Unfinished handshakes of one IPv4 address or IPv6 /64.
const UNFINISHED_PER_NETWORK: usize = 32;
/// How often the dial plan is looked at without a reason.
const PLAN: std::time::Duration = std::time::Duration::from_secs(1);

/// The network cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The UDP address is taken or not ours.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// TLS refuses the identity.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The socket cannot be used for QUIC.
    #[error("quic endpoint on {address}")]
    Endpoint {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The system gives no random numbers.
    #[error("no random numbers from the system: {0}")]
    Entropy(getrandom::Error),
}

/// An open UDP port that nobody serves yet. A node opens it before anything slow, so that a taken port is told at once;
/// what arrives meanwhile waits in the system's buffer.
#[derive(Debug)]
pub struct Port {
    config: Config,
    socket: std::net::UdpSocket,
    address: SocketAddr,
}

impl Port {
    /// Opens the port of `config`.
    ///
    /// # Errors
    /// When it is taken or the address is not ours.
    pub fn open(config: Config) -> Result<Self, StartError> {
        let socket = bind_udp(config.listen)?.socket;
        let address = socket
            .local_addr()
            .map_err(|source| StartError::Endpoint { address: config.listen, source })?;
        Ok(Self { config, socket, address })
    }

    /// Where it is.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

/// The peer-to-peer network of one node.
#[derive(Debug)]
pub struct Network {
    shared: Arc<Shared>,
    endpoint: quinn::Endpoint,
    done: CancellationToken,
}

impl Network {
    /// Opens the port and takes it; see [`Network::on`].
    ///
    /// # Errors
    /// Those of [`Port::open`] and [`Network::on`].
    pub fn start(
        config: Config,
        identity: Identity,
        chain: Chain,
        view: ChainView,
        txs: Arc<dyn TxSource>,
    ) -> Result<(Self, NetworkHandle, NetworkEvents), StartError> {
        Self::on(Port::open(config)?, identity, chain, view, txs)
    }

    /// Takes the port and returns the network, a handle to it, and its events. Nothing happens before [`Network::run`]
    /// is polled. Needs a tokio runtime.
    ///
    /// # Errors
    /// When the socket or the identity cannot be used. A damaged address book is put aside with a warning.
    pub fn on(
        port: Port,
        identity: Identity,
        chain: Chain,
        view: ChainView,
        txs: Arc<dyn TxSource>,
    ) -> Result<(Self, NetworkHandle, NetworkEvents), StartError> {
        let Port { config, socket, .. } = port;
        let tls = server_tls(&identity, &[P2P_ALPN], ClientAuth::Identity)?;
        let server = server_config(tls, p2p_transport())?;
        let failed = |source| StartError::Endpoint { address: config.listen, source };
        let endpoint =
            endpoint(socket, &identity.stable_keys("p2p"), Some(server)).map_err(failed)?;
        let listen = endpoint.local_addr().map_err(failed)?;
        let (urgent, urgent_events) = mpsc::channel(URGENT);
        let (bulk, bulk_events) = mpsc::channel(BULK);
        let [incarnation, seed] = random()?;
        let own = identity.node_id();
        let (book, problem) =
            config.address_book.as_deref().map_or_else(Default::default, book_file::load);
        if let Some(problem) = problem {
            warn!(target: "P2P", error = %problem, "starting with an empty address book");
        }
        let shared = Shared {
            own,
            chain,
            incarnation,
            listen,
            peers: PeerTable::default(),
            standing: Mutex::new(Standing::new(
                config.trusted.clone(),
                config.whitelist.iter().copied().chain(book.whitelisted()).collect(),
            )),
            view: watch::channel(Arc::new(view)).0,
            flood: Mutex::new(Flood::new()),
            book: Mutex::new(book),
            dialer: Mutex::new(Dialer::new(seed, config.timing.probe)),
            pulls: Mutex::new(Pulls::new(config.timing.pull)),
            pulls_changed: Notify::new(),
            txs,
            urgent,
            bulk,
            metrics: Metrics::default(),
            stop: CancellationToken::new(),
            wake: Notify::new(),
            unfinished: AtomicUsize::new(0),
            own_addresses: Mutex::new(OwnAddresses::new(&config, listen)),
            rejections: Mutex::default(),
            admission: Mutex::new(()),
            identity,
            config,
        };
        let shared = Arc::new(shared);
        let done = CancellationToken::new();
        let handle = NetworkHandle::new(Arc::clone(&shared));
        let bootnodes = shared.config.bootnodes.clone();
        handle.add_bootnodes(&bootnodes);
        handle.set_validators(&shared.view());
        let events = NetworkEvents { urgent: urgent_events, bulk: bulk_events, done: done.clone() };
        Ok((Self { shared, endpoint, done }, handle, events))
    }

    /// Runs the network until `stop`, then closes every connection and saves the address book.
    ///
    /// Belongs into the node's own set of tasks.
    pub async fn run(self, stop: CancellationToken) {
        let Self { shared, endpoint, done } = self;
        info!(target: "P2P", listen = %shared.listen, peer = %shared.own, "P2P listening");
        let mut owner = Owner {
            tasks: JoinSet::new(),
            per_network: Arc::default(),
            noise: Noise::new(shared.incarnation.rotate_left(17)),
            next_ask: Instant::now(),
            pace: pex::AskPace::default(),
            next_save: Instant::now(),
            shared,
            endpoint,
        };
        owner.tasks.spawn(pull(Arc::clone(&owner.shared)));
        owner.serve(stop).await;
        owner.close().await;
        done.cancel();
    }
}

/// Incarnation and seed.
fn random() -> Result<[u64; 2], StartError> {
    let (mut first, mut second) = ([0; 8], [0; 8]);
    getrandom::fill(&mut first).map_err(StartError::Entropy)?;
    getrandom::fill(&mut second).map_err(StartError::Entropy)?;
    Ok([u64::from_be_bytes(first), u64::from_be_bytes(second)])
}

type PerNetwork = Arc<Mutex<BTreeMap<u64, usize>>>;

struct Owner {
    shared: Arc<Shared>,
    endpoint: quinn::Endpoint,
    tasks: JoinSet<()>,
    per_network: PerNetwork,
    noise: Noise,
    next_ask: Instant,
    pace: pex::AskPace,
    next_save: Instant,
}

impl Owner {
    async fn serve(&mut self, stop: CancellationToken) {
        let mut plan = interval(PLAN);
        plan.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                incoming = self.endpoint.accept() => match incoming {
                    Some(incoming) => self.accept(incoming),
                    None => return,
                },
                Some(ended) = self.tasks.join_next() => {
                    if let Err(error) = ended && error.is_panic() {
                        warn!(target: "P2P", %error, "a network task failed");
                    }
                }
                () = self.shared.wake.notified() => self.dial(),
                _ = plan.tick() => {
                    self.dial();
                    self.ask_for_peers();
                    self.save_book();
                }
            }
        }
    }

    fn accept(&mut self, incoming: Incoming) {
        let unfinished = self.shared.unfinished.load(Ordering::Relaxed);
        let network = network_of(incoming.remote_address().ip());
        let same = network
            .map_or(0, |network| locked(&self.per_network).get(&network).copied().unwrap_or(0));
        if unfinished >= REFUSE_ABOVE || same >= UNFINISHED_PER_NETWORK {
            Metrics::count(&self.shared.metrics.rejected, "handshakes");
            return incoming.refuse();
        }
        if unfinished >= RETRY_ABOVE && !incoming.remote_address_validated() {
            if let Err(error) = incoming.retry() {
                debug!(target: "P2P", %error, "cannot ask for a retry");
            }
            return;
        }
        let counted =
            Unfinished::count(Arc::clone(&self.shared), Arc::clone(&self.per_network), network);
        self.tasks.spawn(inbound(Arc::clone(&self.shared), incoming, counted));
    }

    fn dial(&mut self) {
        for target in plan(&self.shared) {
            let (shared, endpoint) = (Arc::clone(&self.shared), self.endpoint.clone());
            self.tasks.spawn(dial::run(shared, endpoint, target));
        }
    }

    /// Asks one random peer for others, from time to time.
    fn ask_for_peers(&mut self) {
        let now = Instant::now();
        if now < self.next_ask {
            return;
        }
        let usual = self.shared.config.timing.ask_peers;
        let pause = self.pace.pause(pex::missing_validators(&self.shared), usual);
        let pause = jitter(pause, self.noise.next());
        self.next_ask = now.checked_add(pause).unwrap_or(now);
        if !pex::is_wanted(&self.shared) {
            return;
        }
        let peers = self.shared.peers.all();
        let chosen = usize::try_from(self.noise.next()).unwrap_or(0).checked_rem(peers.len());
        if let Some(peer) = chosen.and_then(|chosen| peers.get(chosen)).cloned() {
            let shared = Arc::clone(&self.shared);
            self.tasks.spawn(async move { pex::ask(&shared, peer).await });
        }
    }

    fn save_book(&mut self) {
        let now = Instant::now();
        if now < self.next_save {
            return;
        }
        self.next_save = now.checked_add(self.shared.config.timing.save_book).unwrap_or(now);
        let shared = Arc::clone(&self.shared);
        self.tasks.spawn(async move { save(&shared).await });
    }

    /// Connections first, then the socket, then the address book.
    async fn close(mut self) {
        let patience = self.shared.config.timing.shutdown;
        self.endpoint.set_server_config(None);
        self.shared.stop.cancel();
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(patience, ended).await.is_err() {
            warn!(target: "P2P", "network tasks did not end in time, aborting them");
            self.tasks.shutdown().await;
        }
        let code = quinn::VarInt::from_u32(CloseCode::Shutdown.code());
        self.endpoint.close(code, b"shutdown");
        if timeout(patience, self.endpoint.wait_idle()).await.is_err() {
            debug!(target: "P2P", "peers did not confirm the end of their connections");
        }
        save(&self.shared).await;
        info!(target: "P2P", "P2P stopped");
    }
}

/// Whom to dial now; also the time to forget nodes that are long gone.
fn plan(shared: &Shared) -> Vec<Target> {
    let connected = shared.peers.ids();
    let standing = locked(&shared.standing);
    let peers = shared.peers.all();
    let dialled = peers.iter().filter(|peer| peer.direction() == Direction::Outbound);
    let outbound = dialled.filter(|peer| !standing.is_reserved(&peer.id)).count();
    let mut book = locked(&shared.book);
    let now_ms = now_ms();
    book.forget(|id| standing.is_reserved(id), now_ms);
    let mut dialer = locked(&shared.dialer);
    dialer.prune(&book);
    dialer.plan(&Situation {
        book: &book,
        standing: &standing,
        own: shared.own,
        connected: &connected,
        outbound,
        target: shared.config.target_connections,
        private: shared.config.private,
        pex: shared.config.pex,
        now: Instant::now(),
        now_ms,
    })
}

async fn save(shared: &Shared) {
    let Some(path) = shared.config.address_book.clone() else { return };
    let json = {
        let mut book = locked(&shared.book);
        if !book.take_changed() {
            return;
        }
        book_file::to_json(&book)
    };
    let json = match json {
        Ok(json) => json,
        Err(error) => return warn!(target: "P2P", %error, "address book not written"),
    };
    let written = tokio::task::spawn_blocking(move || book_file::save(&path, &json)).await;
    match written {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            warn!(target: "P2P", %error, cause = ?std::error::Error::source(&error), "address book not written")
        }
        Err(error) => warn!(target: "P2P", %error, "address book not written"),
    }
}

/// Counts one handshake until it is finished or given up.
struct Unfinished {
    shared: Arc<Shared>,
    per_network: PerNetwork,
    network: Option<u64>,
}

impl Unfinished {
    fn count(shared: Arc<Shared>, per_network: PerNetwork, network: Option<u64>) -> Self {
        shared.unfinished.fetch_add(1, Ordering::Relaxed);
        if let Some(network) = network {
            let mut counts = locked(&per_network);
            let count = counts.entry(network).or_default();
            *count = count.saturating_add(1);
        }
        Self { shared, per_network, network }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        self.shared.unfinished.fetch_sub(1, Ordering::Relaxed);
        let Some(network) = self.network else { return };
        let mut counts = locked(&self.per_network);
        let left = counts.get(&network).copied().unwrap_or(0).saturating_sub(1);
        if left == 0 {
            counts.remove(&network);
        } else {
            counts.insert(network, left);
        }
    }
}

async fn inbound(shared: Arc<Shared>, incoming: Incoming, unfinished: Unfinished) {
    let remote = incoming.remote_address();
    let connected = tokio::select! {
        () = shared.stop.cancelled() => return,
        connected = timeout(shared.config.timing.handshake, async { incoming.await }) => connected,
    };
    drop(unfinished);
    match connected {
        Ok(Ok(connection)) => {
            let outcome = connection::run(shared, connection, Direction::Inbound).await;
            debug!(target: "PEERS", %remote, reason = %outcome.closed, established = outcome.established, "inbound connection ended");
        }
        Ok(Err(error)) => {
            debug!(target: "PEERS", %remote, reason = %Closed::from_error(&error), "inbound handshake failed")
        }
        Err(_) => debug!(target: "PEERS", %remote, "inbound handshake took too long"),
    }
}

/// The node of an id is reserved: tells the dialer that it matters now.
pub(crate) fn matters_now(shared: &Shared, id: &NodeId) {
    locked(&shared.dialer).hurry(id, Instant::now());
    shared.wake.notify_one();
}
