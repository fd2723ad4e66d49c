//! Keys, addresses, signatures and hashes of the Kwil network.
//!
//! Everything here is a pure function of its input: no entropy, clock, thread or file is read, so that every node
//! gives the same answer to the same bytes. Parsing is strict: each key and each signature has one accepted encoding.
//!
//! Two families of signatures exist and never mix:
//!
//! ```text
//! client messages   auth::Signer ──▶ SHA-256 / Keccak-256 digest ──▶ auth::verify        (wallets, SDKs, nodes)
//! network messages  PrivateKey::sign_network ──▶ BLAKE3 with a Context ──▶ PublicKey::verify_network  (node to node)
//! ```
//!
//! # Example
//!
//! ```
//! use kwil_crypto::auth::{self, Signer};
//! use kwil_crypto::{KeyType, NodeId, PrivateKey, context};
//!
//! let key = PrivateKey::from_hex(
//!     KeyType::Secp256k1,
//!     "f1aa5a7966c3863ccde3047f6a1e266cdc0c76b399e256b8fede92b1c69e4f4e",
//! )?;
//!
//! // As a user the key is an Ethereum address …
//! let user = Signer::user(key.clone());
//! assert_eq!(user.identifier(), "0xc89D42189f0450C2b2c3c61f58Ec5d628176A1E7");
//! let signature = user.sign(b"hello");
//! auth::verify("secp256k1_ep", user.sender(), b"hello", &signature)?;
//!
//! // … and as a node it is a node id whose signatures carry a context.
//! let node = NodeId::new(key.public_key());
//! let vote = key.sign_network(context::VOTE, b"body");
//! node.public_key().verify_network(context::VOTE, b"body", &vote)?;
//! assert!(node.public_key().verify_network(context::BLOCK, b"body", &vote).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! `testing`: fuzz entry points.

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

mod address;
pub mod auth;
pub mod context;
mod error;
mod hash;
mod key_type;
mod network;
mod node_id;
mod peer_id;
mod private_key;
mod public_key;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use address::EthAddress;
pub use context::Context;
pub use error::{KeyError, SignatureError};
pub use hash::{Hash, Hasher, hash, keccak256, sha256};
pub use key_type::KeyType;
pub use network::NetworkSignature;
pub use node_id::NodeId;
pub use private_key::PrivateKey;
pub use public_key::PublicKey;
