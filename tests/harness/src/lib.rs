//! Real `kwild` nodes on hosts of their own, for end-to-end tests and `cargo xtask demo`.
//!
//! A [`Lab`] is one local network. Where the machine allows it (root, `ip`, `unshare`), each [`Host`] has its own network
//! namespace, its own `/tmp`, `/data` and home folder, so commands run exactly as the deployment guide has them, with
//! default ports and default paths. Elsewhere hosts share the loopback interface and get ports and paths of their own
//! through the environment.
//!
//! May not: know anything of Kwil's formats, or wait without a deadline.
//!
//! ```no_run
//! use std::time::Duration;
//! let lab = kwil_harness::Lab::new()?;
//! let host = lab.host("node0")?;
//! let node = host.start(&["kwild", "start", "--autogen"])?;
//! node.wait_for("Committed Block", Duration::from_secs(30))?;
//! # anyhow::Ok(())
//! ```

#![allow(
    clippy::indexing_slicing,
    reason = "a JSON value is indexed without panic; a walk has the nodes that its steps added"
)]

pub mod guide;
mod host;
mod lab;
pub mod network;
mod process;

pub use host::{Host, Ran};
pub use lab::{Isolation, Lab};
pub use process::Process;
