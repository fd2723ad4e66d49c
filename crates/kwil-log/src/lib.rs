//! The log of a node: what operators read and scripts wait for.
//!
//! Crates emit ordinary `tracing` events; this crate turns them into lines and puts the lines where `[log]` says. The
//! subsystem of a line is the event's `target` when it is a tag like `CONS` or `P2P`, else it follows from the crate
//! that emitted it. Spans are not printed.
//!
//! ```text
//! tracing event ─> level of its subsystem? ─> one line (plain | text | json) ─> stdout, stderr, files rotated by size
//! ```
//!
//! A field whose name starts with `detail.` belongs to machines and to debugging: plain lines show it only while the
//! subsystem logs at debug level, text and JSON lines always, without the prefix.
//!
//! This crate decides nothing about what is logged, and a log that cannot be written never stops the node.
//!
//! ```
//! use kwil_config::LogConfig;
//!
//! let dir = std::env::temp_dir().join(format!("kwil-log-example-{}", std::process::id()));
//! let config = LogConfig { output: vec!["node.log".to_owned()], ..LogConfig::default() };
//! let (subscriber, log) = kwil_log::subscriber(&config, &kwil_log::Setup::in_folder(&dir))?;
//! tracing::subscriber::with_default(subscriber, || {
//!     tracing::info!(target: "CONS", height = 1, hash = "ab12", updates = "null", "Committed Block");
//! });
//! drop(log); // waits for compression that is still running
//! let text = std::fs::read_to_string(dir.join("node.log")).unwrap();
//! assert!(text.ends_with("[INF] CONS: Committed Block {height=1 hash=ab12 updates=null}\n"));
//! # std::fs::remove_dir_all(&dir).unwrap();
//! # Ok::<(), kwil_log::LogError>(())
//! ```

mod error;
mod format;
mod layer;
mod record;
mod rolling;
mod sink;
mod subsystem;

pub use error::LogError;
pub use layer::{LogHandle, LogLayer, Setup, init, subscriber};
pub use subsystem::{SUBSYSTEMS, subsystem};
