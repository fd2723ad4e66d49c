//! The block log: what a node must never lose.
//!
//! A folder of segment files. Each holds consecutive blocks with their certificates and, in between, the results of
//! their transactions. Only the newest segment is written, and only at its end; a start reads only that one.

mod handle;
mod log;
pub(crate) mod record;
mod scan;
mod segment;
mod view;

#[cfg(test)]
mod tests;

pub use handle::{BlockLogHandle, RangeLimit};
pub use log::{BlockLog, BlockLogConfig, TornTail};
pub use view::{BlockRange, BlockReader, BlockRecord, LogEntry, LogPosition, LogTip};
