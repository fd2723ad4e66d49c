//! Nodes for tests: real sockets on free ports, everything else as in production.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use kwil_config::{HostPort, Peer};
use kwil_crypto::{Hash, KeyType, NodeId, PrivateKey};
use kwil_p2p::{
    Chain, ChainView, Config, Network, NetworkEvent, NetworkEvents, NetworkHandle, PeerInfo,
    TxSource,
};
use kwil_quic::Identity;
use kwil_types::{Height, TxId, Validator, ValidatorSet};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Far above what anything here takes; only a hang meets it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn key(seed: u8) -> PrivateKey {
    let key_type = if seed.is_multiple_of(2) { KeyType::Secp256k1 } else { KeyType::Ed25519 };
    kwil_quic::testing::node_key(key_type, seed)
}

pub(crate) fn id(seed: u8) -> NodeId {
    NodeId::new(key(seed).public_key())
}

pub(crate) fn chain() -> Chain {
    Chain { id: "kwil-test".to_owned(), hash: Hash([7; 32]) }
}

/// Height 10 is committed; the named nodes are the validators.
pub(crate) fn view(validators: &[u8]) -> ChainView {
    let members =
        validators.iter().map(|seed| Validator { key: key(*seed).public_key(), power: 1 });
    ChainView {
        base: Height(1),
        tip: Height(10),
        best_hash: Hash([9; 32]),
        validators: Arc::new(ValidatorSet::new(members).unwrap()),
        max_block_size: 6 << 20,
        syncing: false,
        serves_snapshots: false,
    }
}

/// A mempool without rules.
#[derive(Debug, Default)]
pub(crate) struct Pool(Mutex<BTreeMap<TxId, Bytes>>);

impl Pool {
    pub(crate) fn insert(&self, bytes: &Bytes) -> TxId {
        let id = kwil_crypto::sha256(bytes);
        self.0.lock().unwrap().insert(id, bytes.clone());
        id
    }
}

impl TxSource for Pool {
    fn knows(&self, id: &TxId) -> bool {
        self.0.lock().unwrap().contains_key(id)
    }

    fn get(&self, id: &TxId) -> Option<Bytes> {
        self.0.lock().unwrap().get(id).cloned()
    }
}

/// What a test may change before a node starts.
pub(crate) struct Setup {
    pub(crate) seed: u8,
    pub(crate) config: Config,
    pub(crate) chain: Chain,
    pub(crate) view: ChainView,
}

impl Setup {
    pub(crate) fn new(seed: u8) -> Self {
        let mut config = Config::new("127.0.0.1:0".parse().unwrap(), "0.1.0".parse().unwrap());
        config.pex = false;
        Self { seed, config, chain: chain(), view: view(&[1, 2, 3]) }
    }

    pub(crate) fn knowing(mut self, nodes: &[&Node]) -> Self {
        self.config.bootnodes.extend(nodes.iter().map(|node| node.peer()));
        self
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    pub(crate) fn start(self) -> Node {
        let identity = Identity::new(key(self.seed)).unwrap();
        let pool = Arc::new(Pool::default());
        let txs: Arc<dyn TxSource> = Arc::clone(&pool) as Arc<dyn TxSource>;
        let (network, handle, events) =
            Network::start(self.config, identity, self.chain, self.view, txs).unwrap();
        let stop = CancellationToken::new();
        let running = tokio::spawn(network.run(stop.clone()));
        Node { id: id(self.seed), handle, events, pool, stop, running }
    }
}

/// A running node.
pub(crate) struct Node {
    pub(crate) id: NodeId,
    pub(crate) handle: NetworkHandle,
    pub(crate) events: NetworkEvents,
    pub(crate) pool: Arc<Pool>,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Node {
    pub(crate) fn address(&self) -> SocketAddr {
        self.handle.local_address()
    }

    pub(crate) fn peer(&self) -> Peer {
        peer_at(self.id, self.address())
    }

    /// The next event that `pick` takes; others are passed over.
    pub(crate) async fn wait<T>(&mut self, mut pick: impl FnMut(NetworkEvent) -> Option<T>) -> T {
        let search = async {
            loop {
                let event = self.events.recv().await.expect("network stopped");
                if let Some(found) = pick(event) {
                    return found;
                }
            }
        };
        timeout(PATIENCE, search).await.expect("the event never came")
    }

    pub(crate) async fn connected_to(&mut self, peer: NodeId) -> Arc<PeerInfo> {
        self.wait(|event| match event {
            NetworkEvent::PeerConnected(info) if info.id == peer => Some(info),
            _ => None,
        })
        .await
    }

    pub(crate) async fn disconnected_from(&mut self, peer: NodeId) -> kwil_p2p::Closed {
        self.wait(|event| match event {
            NetworkEvent::PeerDisconnected { peer: gone, closed } if gone == peer => Some(closed),
            _ => None,
        })
        .await
    }

    /// Why a known node is not connected, once that is known.
    pub(crate) async fn problem_with(&self, peer: NodeId) -> String {
        eventually(|| self.handle.known_peers().into_iter().find(|known| known.id == peer)?.problem)
            .await
    }

    /// Why a node was refused, or refused this one.
    pub(crate) async fn rejection_of(&self, peer: NodeId) -> String {
        eventually(|| {
            let all = self.handle.recent_rejections();
            all.into_iter().find(|(id, _)| *id == peer).map(|(_, reason)| reason)
        })
        .await
    }

    pub(crate) fn connected(&self) -> BTreeSet<NodeId> {
        self.handle.peers().into_iter().map(|peer| peer.id).collect()
    }

    /// Stops the node and waits until its port is free again: the QUIC driver lets the socket go a moment later.
    pub(crate) async fn stop(self) {
        let address = self.address();
        self.halt().await;
        eventually(|| std::net::UdpSocket::bind(address).ok()).await;
    }

    /// Stops the node while something of it is still held.
    pub(crate) async fn halt(self) {
        self.stop.cancel();
        timeout(PATIENCE, self.running).await.expect("the network does not stop").unwrap();
    }
}

pub(crate) fn peer_at(node_id: NodeId, address: SocketAddr) -> Peer {
    Peer { node_id, address: HostPort::new(&address.ip().to_string(), address.port()) }
}

/// Looks until there is something to see, for states that no event announces.
pub(crate) async fn eventually<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let search = async {
        loop {
            if let Some(found) = look() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, search).await.expect("it never happened")
}

/// Two connected nodes; the second dialled.
pub(crate) async fn pair() -> (Node, Node) {
    let mut a = Setup::new(1).start();
    let mut b = Setup::new(2).knowing(&[&a]).start();
    a.connected_to(b.id).await;
    b.connected_to(a.id).await;
    (a, b)
}
