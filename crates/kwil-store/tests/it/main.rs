//! What needs another process or another file system.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test ends at the first surprise, and its numbers are small"
)]

mod disk_full;
mod kill;
