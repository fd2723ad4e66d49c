//! The mempool: transactions that wait for a block.
//!
//! A transaction is decoded, checked against the rules of the network and its signature verified *before* the lock,
//! on all cores and once per node. Under the lock it only finds its place: one queue for each account, ordered by
//! nonce; what follows the committed nonce without a gap can be proposed, the rest waits a while for what is missing.
//! A commit removes what the block holds and compares the rest with the accounts that the block changed; the database
//! is not asked.
//!
//! ```text
//!   client, peer, own ──► admit ──► rules, signature (cores) ──► account facts ──► place in the queue
//!   proposer ──► reap           proposal of ids ──► bodies          commit ──► included, dropped ──► waiters
//! ```
//!
//! Everything is bounded: bytes in all, bytes and number for an account, parked transactions in time, remembered ids,
//! checks in flight, waiting clients.

mod error;
mod handle;
mod metrics;
mod pool;
mod recent;
mod rules;
mod sender;
mod verify;
mod waiters;

#[cfg(test)]
mod tests;

pub use error::{Blame, Rejected};
pub use handle::{AccountLookup, Admitted, CommittedTxs, LookupFailed, Mempool, Waiter};
pub use metrics::MempoolMetrics;
pub use pool::{Limits, ReapLimits, Reaped, Summary};
pub use rules::Rules;
pub use sender::Origin;
pub use waiters::Outcome;
