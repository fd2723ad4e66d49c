//! Tells the version command which compiler built it. Commit and time come from the environment of a release build,
//! so that an ordinary build does not change with every commit.

use std::process::Command;

fn main() {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = Command::new(rustc).arg("--version").output();
    let version =
        version.ok().and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default();
    let version = version.split_whitespace().nth(1).unwrap_or("unknown").to_owned();
    let lines = [
        format!("cargo::rustc-env=KWIL_RUST_VERSION={version}"),
        "cargo::rerun-if-changed=build.rs".to_owned(),
        "cargo::rerun-if-env-changed=KWIL_GIT_COMMIT".to_owned(),
        "cargo::rerun-if-env-changed=KWIL_BUILD_TIME".to_owned(),
    ];
    let mut out = std::io::stdout().lock();
    // Cargo reads what can be read; a closed pipe means that nobody builds any more.
    let _ = std::io::Write::write_all(&mut out, (lines.join("\n") + "\n").as_bytes());
}
