//! A Kwil node: everything below it, composed.

mod block_sync;
mod builder;
mod chain;
mod checks;
mod clock;
mod database;
mod driver;
mod error;
mod evidence;
mod executor;
mod held_file;
mod leader_updates;
pub mod mempool;
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
