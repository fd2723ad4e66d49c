//! A Kwil node: everything below it, composed.
//!
//! ```text
//!   clients ──► services ──► mempool ──► driver (consensus state machine) ──► executor ──► block log, PostgreSQL
//!   peers ───► peer task ──────┘             ▲    │                              ▲
//!                  └──► block sync ──────────┘    └──► consensus log             └── replay at start
//! ```
//!
//! [`NodeBuilder`] takes a root folder, a genesis document, a key and a configuration; [`Node`] runs until it is told to
//! stop and then stops in order: services, consensus (leadership is handed on), peers, executor, stores, PostgreSQL.
//!
//! # What this crate may not do
//!
//! Decide what others decide: agreement is `kwil-consensus`, execution `kwil-state`, what is durable `kwil-store`. Here
//! is the order in which they act: a vote leaves after its record is on disk, PostgreSQL commits after the block log has
//! the block, readers and clients hear of a block after PostgreSQL has it. Every task has an owner that notices its end,
//! every queue a bound, every wait a deadline.
//!
//! # Example
//!
//! A network of one validator inside another program; `examples/embed.rs` is the runnable form:
//!
//! ```no_run
//! use kwil_crypto::{KeyType, PrivateKey};
//! use kwil_genesis::{Document, Genesis};
//! use kwil_node::NodeBuilder;
//! use kwil_types::Validator;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let key = PrivateKey::generate(KeyType::Secp256k1, getrandom::fill)?;
//! let leader = key.public_key();
//! let genesis = Genesis::new(Document {
//!     chain_id: "embedded".to_owned(),
//!     validators: vec![Validator { key: leader, power: 1 }],
//!     leader: Some(leader),
//!     ..Document::default()
//! })?;
//! let node = NodeBuilder::new("/var/lib/embedded".as_ref(), genesis, key).start().await?;
//! node.wait_for_height(1).await?;
//! node.shutdown().await?;
//! # Ok(())
//! # }
//! ```

mod block_sync;
mod builder;
mod chain;
mod checks;
mod clock;
mod database;
mod diagnosis;
mod driver;
mod error;
mod evidence;
mod executor;
mod held_file;
mod leader_updates;
pub mod mempool;
mod metrics;
mod node;
mod peers;
mod rules;
mod services;
mod startup;
mod tasks;
mod watchers;

pub use builder::NodeBuilder;
pub use driver::ConsensusStatus;
pub use error::NodeError;
pub use node::{Listeners, Node};
