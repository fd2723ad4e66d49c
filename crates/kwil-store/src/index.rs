//! Where is the block with this hash, the transaction with this id, the result of it: answers without reading the log.
//!
//! The index follows the durable part of the block log, one way for start-up, for live blocks and for a rebuild. It
//! writes with durability off and saves itself now and then: what a crash takes is read again from the log.

mod handle;
mod tables;

#[cfg(test)]
mod tests;

pub use handle::{BlockIndexHandle, StoredTransaction, TxLocation};
pub use tables::BlockIndex;
