//! QUIC for Kwil: who is at the other end, and how to reach it.
//!
//! A node is known by its identity key (secp256k1 or ed25519), never by a host name. Each process makes a fresh TLS
//! key; a certificate extension, signed by the identity key, binds the two. Both sides of a connection check it during
//! the TLS 1.3 handshake. The identity key itself never enters the TLS stack, and no session is ever resumed, because
//! a resumed session skips the check.
//!
//! ```text
//! PrivateKey ─▶ Identity ─┬─▶ server_tls ─▶ server_config ─┐
//!                         ├─▶ stable_keys ─────────────────┴▶ endpoint ─▶ accept ─▶ peer_node_id
//!                         └─▶ client_tls(Expect) ──────────▶ connect ──▶ Connection | IdentityError::Mismatch
//! ```
//!
//! # Example
//!
//! ```
//! use kwil_crypto::{KeyType, PrivateKey};
//! use kwil_quic::{ClientAuth, Identity, certificate_node_id, server_tls, P2P_ALPN};
//!
//! let key = PrivateKey::from_hex(
//!     KeyType::Secp256k1,
//!     "f1aa5a7966c3863ccde3047f6a1e266cdc0c76b399e256b8fede92b1c69e4f4e",
//! )?;
//! let identity = Identity::new(key)?;
//! assert_eq!(certificate_node_id(identity.certificate())?, identity.node_id());
//! let tls = server_tls(&identity, &[P2P_ALPN], ClientAuth::Identity)?;
//! assert_eq!(tls.send_tls13_tickets, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! `testing`: fixtures and fuzz entry points.

mod certificate;
mod endpoint;
mod error;
pub mod grpc;
mod identity;
mod stable;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod transport;
mod verifier;

pub use certificate::{EXTENSION_OID, SERVER_NAME, certificate_node_id};
pub use endpoint::{
    Dial, UDP_BUFFER, UdpListener, bind_udp, client_config, connect, endpoint, negotiated_alpn,
    peer_certificate, peer_node_id, server_config,
};
pub use error::{BindError, ConfigError, ConnectError, IdentityError};
pub use identity::{ClientTls, Identity, Show, client_tls, server_tls};
pub use stable::StableKeys;
pub use transport::{GRPC_ALPN, HANDSHAKE_TIMEOUT, P2P_ALPN, P2P_IDLE_TIMEOUT, p2p_transport};
pub use verifier::{ClientAuth, Expect};
