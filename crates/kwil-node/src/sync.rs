//! Block sync: fetching what the network has committed and this node has not.
//!
//! [`Planner`] decides and does nothing itself: it is told about peers, arriving blocks and finished work, and answers
//! with what to do next. The order is always the same: a block is checked, its certificate is checked under the
//! validator set of its height, it is appended to the block log and fsynced, and only then executed; PostgreSQL never
//! gets ahead of the log.
//!
//! ```text
//!   peers ──claims──► Planner ──Fetch──► peers ──Block──► Check ──► Append (one fsync for many) ──► Execute ──► tip
//! ```
//!
//! A peer that sends a wrong block loses everything it sent; a peer that cannot back its claim is not believed for a
//! while, so that one liar cannot hold a node in this mode.

mod claims;
mod pace;
mod planner;
mod status;
mod step;

#[cfg(test)]
mod tests;

pub use pace::Progress;
pub use planner::{Planner, SyncLimits, SyncTip};
pub use status::SyncStatus;
pub use step::{Action, Candidate, Fault, Input, RequestId, Verdict};
