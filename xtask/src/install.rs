//! What the project needs beside Rust: PostgreSQL, network tools and cargo-deny, installed when missing.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::step::run;

const CARGO_DENY: &str = "0.20.2";

/// PostgreSQL server programs, from Debian's packages when no supported major is on the machine.
pub(crate) fn postgresql() -> Result<()> {
    if postgresql_found() {
        return Ok(());
    }
    println!("PostgreSQL is missing: installing it with apt-get");
    apt(&["postgresql"])
}

/// `ip` for hosts in network namespaces, `curl` for the guide's health check.
pub(crate) fn network_tools() -> Result<()> {
    let missing: Vec<&str> = [("ip", "iproute2"), ("curl", "curl")]
        .into_iter()
        .filter_map(|(program, package)| (!on_path(program)).then_some(package))
        .collect();
    if missing.is_empty() { Ok(()) } else { apt(&missing) }
}

/// Node.js and npm, for the test of the published JavaScript client.
pub(crate) fn node() -> Result<()> {
    let missing: Vec<&str> = [("node", "nodejs"), ("npm", "npm")]
        .into_iter()
        .filter_map(|(program, package)| (!on_path(program)).then_some(package))
        .collect();
    if missing.is_empty() { Ok(()) } else { apt(&missing) }
}

/// The gate over `deny.toml`.
pub(crate) fn cargo_deny() -> Result<()> {
    let installed = Command::new("cargo")
        .args(["deny", "--version"])
        .output()
        .is_ok_and(|output| output.status.success());
    if installed {
        return Ok(());
    }
    println!("cargo-deny is missing: building it takes a few minutes, once");
    run(Command::new("cargo").args([
        "install",
        "cargo-deny",
        "--locked",
        "--no-default-features",
        "--version",
        CARGO_DENY,
    ]))
}

fn apt(packages: &[&str]) -> Result<()> {
    if !on_path("apt-get") {
        bail!("{} must be installed by hand: this machine has no apt-get", packages.join(", "));
    }
    let sudo: &[&str] = if rustix::process::geteuid().is_root() { &[] } else { &["sudo"] };
    let command = |arguments: &[&str]| {
        let mut words = sudo.iter().chain(["apt-get", "-qq", "-y"].iter()).chain(arguments);
        let mut command = Command::new(words.next().unwrap_or(&"apt-get"));
        command.args(words).env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    run(&mut command(&["update"]))?;
    let mut install = vec!["install"];
    install.extend(packages);
    run(&mut command(&install))
}

fn postgresql_found() -> bool {
    let debian =
        (15..=18).map(|major| PathBuf::from(format!("/usr/lib/postgresql/{major}/bin/initdb")));
    let red_hat = (15..=18).map(|major| PathBuf::from(format!("/usr/pgsql-{major}/bin/initdb")));
    debian.chain(red_hat).any(|path| path.is_file()) || on_path("initdb")
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")])
        .any(|folder| folder.join(program).is_file())
}
