//! `cargo xtask test`: everything that guards the main branch, cheapest first.

use anyhow::Result;

use crate::step::{cargo, run};
use crate::{generate, install};

/// Installs what is missing, then format, generated code, clippy, rustdoc, deny, and every test.
pub(crate) fn run_all() -> Result<()> {
    install::postgresql()?;
    install::network_tools()?;
    install::node()?;
    run(&mut cargo(&["fmt", "--all", "--check"])?)?;
    generate::run(true)?;
    run(cargo(&["clippy", "--workspace", "--all-targets", "--locked"])?
        .args(["--", "-D", "warnings"]))?;
    run(cargo(&["doc", "--workspace", "--no-deps", "--locked", "--quiet"])?
        .env("RUSTDOCFLAGS", "-D warnings"))?;
    install::cargo_deny()?;
    run(&mut cargo(&["deny", "--log-level", "error", "check", "bans", "licenses", "sources"])?)?;
    run(&mut cargo(&["build", "--bins", "--locked"])?)?;
    run(&mut cargo(&["test", "--workspace", "--locked"])?)
}
