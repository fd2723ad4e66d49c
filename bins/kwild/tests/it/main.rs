//! The real `kwild` in homes of its own: what it prints, what it writes, how it ends.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends at the first thing that is not there"
)]

mod configuration;
mod genesis;
mod init;
mod keys;
mod node;
mod start;
mod syntax;
mod testnet;

use kwil_cmd::testing::Sandbox;

fn kwild() -> Sandbox {
    Sandbox::new(env!("CARGO_BIN_EXE_kwild"))
}

/// Key and node id of a key file made in the sandbox.
fn node_id(sandbox: &Sandbox, file: &str) -> String {
    let out = sandbox.stdout(["key", "info", "--public", "--key-file", file]);
    let line = out.lines().find_map(|line| line.strip_prefix("Node ID: "));
    line.expect("a node id").to_owned()
}

fn mode(path: &std::path::Path) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions()) & 0o777
}
