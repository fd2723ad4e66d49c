//! The peer-to-peer network of Kwil nodes, over QUIC.
//!
//! One UDP socket dials and listens. A peer is known by its node id, proven in the TLS handshake; chain and version are
//! compared before anything else is said. Consensus messages flood, ahead of everything; transactions are announced and
//! fetched; blocks, bodies and certificates are asked for, one stream each. Every queue is bounded, every wait has a
//! deadline, and a peer that is slow, greedy or wrong loses only its own connection.
//!
//! ```text
//!             NetworkHandle ── broadcast, send, fetch_*, announce_tx, update_chain, whitelist … ─┐
//!  node ─────┤                                                                                   ▼
//!             NetworkEvents ◀── peers, verified consensus messages, transactions, requests ── Network::run
//!                                                                                                │
//!      peer ◀── stream 0 control · 1 consensus · 2 gossip · 3 one request each ── one connection ┘
//! ```
//!
//! What this crate may not do: decide about blocks, execute, or touch the mempool. Signatures of consensus messages are
//! checked here; what needs the state of a height is checked by the consensus machine.
//!
//! # Example
//!
//! ```
//! # use std::sync::Arc;
//! use kwil_crypto::{Hash, KeyType, PrivateKey};
//! use kwil_p2p::{Chain, ChainView, Config, Network, NoTransactions};
//! use kwil_quic::Identity;
//! use kwil_types::{Height, Validator, ValidatorSet};
//! use tokio_util::sync::CancellationToken;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let key = PrivateKey::generate(KeyType::Ed25519, |seed| getrandom::fill(seed))?;
//! let validators = ValidatorSet::new([Validator { key: key.public_key(), power: 1 }])?;
//! let view = ChainView {
//!     base: Height(1),
//!     tip: Height(0),
//!     best_hash: Hash::ZERO,
//!     validators: Arc::new(validators),
//!     max_block_size: 6 << 20,
//!     syncing: false,
//!     serves_snapshots: false,
//! };
//! let chain = Chain { id: "example".to_owned(), hash: Hash([1; 32]) };
//! let config = Config::new("127.0.0.1:0".parse()?, "0.1.0".parse()?);
//! let identity = Identity::new(key)?;
//! let (network, handle, mut events) = Network::start(config, identity, chain, view, Arc::new(NoTransactions))?;
//!
//! let stop = CancellationToken::new();
//! let running = tokio::spawn(network.run(stop.clone()));
//! assert!(handle.peers().is_empty());
//! stop.cancel();
//! running.await?;
//! assert!(events.recv().await.is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! `testing`: fuzz entry points of every decoder of peers' bytes.

mod chain;
mod close;
mod config;
mod connection;
mod dial;
mod event;
mod exchange;
mod flood;
mod gossip;
mod handle;
mod hello;
mod limit;
mod metrics;
mod network;
mod peers;
mod pex;
mod relay;
mod ring;
mod shared;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod wire;

pub use chain::{Chain, ChainView, LastSigned, PeerStatus, Release, ReleaseError};
pub use close::{CloseCode, Closed};
pub use config::{AnswerTimes, Config, Timing};
pub use event::{NetworkEvent, NetworkEvents, NoTransactions, PeerInfo, TxSource};
pub use exchange::{
    Answer, CommittedBlock, InboundRequest, MAX_BLOCKS, MAX_BLOCKS_BYTES, MAX_HEIGHTS, MAX_TXS,
    Part, PeerGone, RefuseCode, Request, RequestError, Responder, StateSummary, TableSummary,
};
pub use handle::{BlockStream, Body, KnownPeer, NetworkHandle, PeerSnapshot};
pub use metrics::{Label, Metrics, Traffic};
pub use network::{Network, Port, StartError};
pub use peers::admission::Direction;
pub use peers::book::BlacklistEntry;
pub use peers::book_file::BookError;
pub use peers::standing::Conduct;
pub use wire::consensus::MessageError;
pub use wire::frame::FrameError;
