//! What this node knows of the chain: blocks with their certificates, results, and the validator sets behind them.

mod reads;
mod sets;
mod shown;
mod updates;

pub(crate) use reads::{ChainReads, CommittedBlock, announce_at};
pub(crate) use sets::SetHistory;
pub(crate) use shown::ShownChain;
pub(crate) use updates::BlockUpdates;
