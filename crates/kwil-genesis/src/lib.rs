//! The genesis document of a Kwil network: reading, checking, hashing and writing it.
//!
//! A genesis document says which network this is: its name, first validators and leader, owner, balances and
//! parameters. Two nodes with different documents must not try to run one network, so the document has a canonical form
//! and a hash, which is part of every block header and of the handshake between nodes.
//!
//! ```text
//! file text ──Genesis::from_json──▶ Genesis ──hash()──▶ chain hash
//! Document  ──Genesis::new────────▶    │    ──to_json()──▶ file text
//! ```
//!
//! Reading is strict, because a mistake that passes here stops a network later: unknown and repeated keys, trailing
//! data, numbers that are no integers and keys that are no keys are refused, and all problems are reported together,
//! each with the path of its field and its line. The crate reads no file, clock or environment.
//!
//! # Example
//!
//! ```
//! use kwil_genesis::Genesis;
//!
//! let key = "0277fb40d1b745c8f96f411ab57915e2df3bc86efde70f0e687f4273beb6708b82";
//! let genesis = Genesis::from_json(&format!(
//!     r#"{{
//!       "chain_id": "prod-chain",
//!       "validators": [{{"pubkey": "{key}", "type": "secp256k1", "power": 1}}],
//!       "leader": {{"type": "secp256k1", "key": "{key}"}}
//!     }}"#
//! ))?;
//! assert_eq!(genesis.params().max_votes_per_tx, 200);
//! assert_eq!(Genesis::from_json(&genesis.to_json())?.hash(), genesis.hash());
//!
//! let wrong = Genesis::from_json(r#"{"chain_id": "", "validators": [], "blocks": 1}"#).unwrap_err();
//! let fields: Vec<&str> = wrong.problems().iter().map(|problem| problem.field()).collect();
//! assert_eq!(fields, ["leader", "blocks", "chain_id", "validators"]);
//! # Ok::<(), kwil_genesis::GenesisError>(())
//! ```
//!
//! # Features
//!
//! `testing`: fuzz entry points.

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

mod document;
mod error;
mod genesis;
mod json;
mod read;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod write;

pub use document::{Alloc, Document, Migration};
pub use error::{GenesisError, Problem};
pub use genesis::Genesis;
