//! Executing a block: transactions in order, then the end of the block, then the hash of everything.
//!
//! ```text
//! plan ─► load what the block can touch ─► transactions, one after another ─► votes, expiry, refunds
//!      ─► store what changed ─► state root ─► app hash
//! ```
//!
//! A transaction that fails is undone except for what it paid; it never fails the block. A fault of the node or the
//! database never becomes a result.

mod batch;
mod end;
mod engine;
#[cfg(test)]
mod model;
mod outcome;
mod plan;
mod progress;
mod run;
mod state;

pub use engine::sender_of;
pub use outcome::{BlockEvent, BlockInput, BlockOutcome, ExecuteError, InvalidBlock};
pub use progress::Progress;
pub use run::app_hash_after;
pub(crate) use run::{Sources, genesis_app_hash, is_enabled, run};
pub(crate) use state::BlockState;
pub(crate) use state::TxContext;
