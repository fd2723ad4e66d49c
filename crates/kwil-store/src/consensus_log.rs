//! The consensus log: promises, candidates and votes of a validator, on disk before they are sent.
//!
//! One file of records `u32` length ‖ `u32` crc32c ‖ `u8` kind ‖ payload, big-endian; length counts the payload. The
//! first record (kind 0) holds a random salt that the checksums of all others start from, so that a transaction
//! inside a candidate block cannot carry bytes that pass as a record. What is in the payloads belongs to consensus;
//! this module knows only how long a record lives ([`RecordKind`]).

mod handle;
mod log;
mod record;

#[cfg(test)]
mod tests;

pub use handle::ConsensusLogHandle;
pub use log::{ConsensusLog, Recovered};
#[cfg(any(test, feature = "testing"))]
pub(crate) use record::decode as decode_record;
pub use record::{ConsensusRecord, RecordKind};
