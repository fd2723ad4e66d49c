//! Settings of the network, as this crate needs them.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use kwil_config::{HostPort, Peer};
use kwil_crypto::NodeId;

use crate::Release;

/// Settings of the network. Start from [`Config::new`] and change fields.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// UDP address to listen on; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Where others reach this node, when that differs from `listen`. Port 0: the listen port.
    pub external_address: Option<HostPort>,
    /// Nodes to dial first.
    pub bootnodes: Vec<Peer>,
    /// Exchange addresses with other nodes.
    pub pex: bool,
    /// Talk only to reserved nodes: whitelist, validators, bootnodes, trusted providers.
    pub private: bool,
    /// Nodes that may connect in private mode.
    pub whitelist: BTreeSet<NodeId>,
    /// Nodes that serve state to this one.
    pub trusted: BTreeSet<NodeId>,
    /// Nodes whose addresses are given to nobody.
    pub hide: BTreeSet<NodeId>,
    /// Connections to aim for, reserved nodes aside. 0: reserved nodes only.
    pub target_connections: usize,
    /// Refuse blacklisted nodes.
    pub use_blacklist: bool,
    /// Blacklist a node, never a reserved one, that could not be reached many times; for how long (`ZERO`: for ever).
    pub auto_blacklist: Option<Duration>,
    /// `addrbook.json`; `None` keeps the address book in memory.
    pub address_book: Option<PathBuf>,
    /// Version of this software.
    pub release: Release,
    /// Only exchange addresses, and keep no connection long.
    pub seeder: bool,
    /// Largest transaction taken from peers, bytes.
    pub max_tx_bytes: usize,
    /// Times of block requests (`[block_sync]`).
    pub block_requests: AnswerTimes,
    /// Longest time for sending the blocks of one request.
    pub block_send: Duration,
    /// Longest time for the whole of an answer that is one message.
    pub short_answer: Duration,
    /// Longest time for receiving announced transactions.
    pub tx_get: Duration,
    /// Periods of the network's own housekeeping.
    pub timing: Timing,
}

impl Config {
    /// Defaults of `config.toml`, without address book.
    #[must_use]
    pub fn new(listen: SocketAddr, release: Release) -> Self {
        Self {
            listen,
            external_address: None,
            bootnodes: Vec::new(),
            pex: true,
            private: false,
            whitelist: BTreeSet::new(),
            trusted: BTreeSet::new(),
            hide: BTreeSet::new(),
            target_connections: 20,
            use_blacklist: true,
            auto_blacklist: Some(Duration::from_secs(3600)),
            address_book: None,
            release,
            seeder: false,
            max_tx_bytes: 4 * 1024 * 1024,
            block_requests: AnswerTimes {
                first: Duration::from_secs(2),
                gap: Duration::from_millis(500),
                whole: Duration::from_secs(90),
            },
            block_send: Duration::from_secs(45),
            short_answer: Duration::from_secs(20),
            tx_get: Duration::from_secs(20),
            timing: Timing::default(),
        }
    }
}

/// How long an answer may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerTimes {
    /// Until its first byte.
    pub first: Duration,
    /// Between two parts.
    pub gap: Duration,
    /// From request to end.
    pub whole: Duration,
}

/// Periods of the network's own housekeeping; defaults are those of the protocol.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Timing {
    /// Time for TLS and, again, for the exchange of `Hello`.
    pub handshake: Duration,
    /// Period of asking a random peer for addresses, ± 20 %.
    pub ask_peers: Duration,
    /// Pause between dials of addresses that nobody has verified.
    pub probe: Duration,
    /// Period of saving the address book.
    pub save_book: Duration,
    /// Time for the other announcers of a transaction before they are asked.
    pub pull: Duration,
    /// Time for each 64 KiB of a started frame, and for each write.
    pub frame: Duration,
    /// How long a seeder keeps a connection.
    pub seeder: Duration,
    /// Time for the orderly part of a stop.
    pub shutdown: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            handshake: kwil_quic::HANDSHAKE_TIMEOUT,
            ask_peers: Duration::from_secs(60),
            probe: Duration::from_secs(10),
            save_book: Duration::from_secs(60),
            pull: Duration::from_secs(1),
            frame: Duration::from_secs(10),
            seeder: Duration::from_secs(30),
            shutdown: Duration::from_secs(3),
        }
    }
}
