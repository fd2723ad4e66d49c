//! What a node keeps on disk outside PostgreSQL: the block log, the consensus log and an index.
//!
//! The rule that everything rests on: **what this crate acknowledged as durable is there after a kill or a power
//! cut, byte for byte, or the damage is reported with file and offset and nothing is served.** PostgreSQL may be
//! behind the block log, never ahead of it.
//!
//! ```text
//!   consensus ── records ──► ConsensusLogHandle::persist ──fsync──► vote may leave
//!   commit ───── block, certificate, results ──► BlockLogHandle::append ──fsync──► COMMIT in PostgreSQL
//!                                                     │ follows
//!                                                BlockIndex (hash, transaction, results; rebuilt from the log)
//! ```
//!
//! Blocks, certificates, results and consensus records are opaque bytes here, except that the index finds the
//! transactions inside a raw block. Each file has one owner task; others hold a cloneable handle. Only the module
//! `durable` creates, renames and replaces files.
//!
//! ```
//! use kwil_crypto::Hash;
//! use kwil_store::{BlockLog, BlockLogConfig, BlockRecord, RootLock};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let root = folder.path();
//! let _held = RootLock::acquire(root)?;
//! let config = BlockLogConfig::new(root, Hash([7; 32]), 1);
//! let (mut log, _torn) = BlockLog::open(&config)?;
//! let block = BlockRecord {
//!     height: 1,
//!     hash: Hash([1; 32]),
//!     block: b"raw block".as_slice().into(),
//!     certificate: b"certificate".as_slice().into(),
//! };
//! log.append(&block, Some(&[]))?;
//! log.sync()?;
//! assert_eq!(log.reader().get(1)?, Some(block));
//! # Ok(()) }
//! ```
//!
//! Feature `testing`: fixtures and fuzz entry points for other crates.

mod block_log;
mod consensus_log;
mod disk_space;
mod durable;
mod error;
mod index;
mod journal;
mod raw_block;
mod root_lock;
mod state_file;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use block_log::{
    BlockLog, BlockLogConfig, BlockLogHandle, BlockRange, BlockReader, BlockRecord, LogEntry,
    LogPosition, LogTip, RangeLimit, TornTail,
};
pub use consensus_log::{ConsensusLog, ConsensusLogHandle, ConsensusRecord, RecordKind, Recovered};
pub use disk_space::{MIN_FREE_BYTES, free_bytes, require_free};
pub use error::StoreError;
pub use index::{BlockIndex, BlockIndexHandle, StoredTransaction, TxLocation};
pub use root_lock::RootLock;
pub use state_file::StateFile;
