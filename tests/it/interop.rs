//! The published JavaScript client against a real node.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use kwil_harness::network::{Network, Plan};
use kwil_harness::{Isolation, Lab};

use crate::load::Wallet;

const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/interop");

/// The client of `package-lock.json`, installed once for each build folder.
fn installed() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let folder = program.parent().context("the folder of the build")?.join("interop-client");
    std::fs::create_dir_all(&folder)?;
    let lock = std::fs::read(Path::new(FILES).join("package-lock.json"))?;
    let done = folder.join("installed.json");
    if std::fs::read(&done).is_ok_and(|known| known == lock) {
        return Ok(folder);
    }
    for file in ["package.json", "package-lock.json"] {
        std::fs::copy(Path::new(FILES).join(file), folder.join(file))?;
    }
    let installed = Command::new("npm")
        .args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"])
        .current_dir(&folder)
        .output()
        .context("npm is needed; `cargo xtask test` installs it")?;
    ensure!(installed.status.success(), "npm ci: {installed:?}");
    std::fs::write(done, lock)?;
    Ok(folder)
}

#[test]
fn the_published_javascript_client_deploys_executes_calls_and_selects() -> Result<()> {
    let modules = installed()?;
    let owner = Wallet::new(1);
    let lab = Lab::new()?;
    let plan = Plan {
        alloc: vec![owner.alloc()],
        owner: Some(owner.signer().identifier()),
        ..Plan::default()
    };
    let network = Network::start(&lab, 1, &plan)?;
    let member = network.members.first().context("one node")?;
    let script = Path::new(FILES).join("client.mjs");
    // In the network of the host, with the files of this machine.
    let mut command = match lab.isolation() {
        Isolation::Namespaces => {
            let mut command = Command::new("ip");
            command.args(["netns", "exec", &member.host.namespace(), "node"]);
            command
        }
        Isolation::Loopback => Command::new("node"),
    };
    let ran = command
        .arg(script)
        .args([member.provider(), owner.hex()])
        .env("KWIL_JS_FOLDER", format!("{}/", modules.display()))
        .output()
        .context("node is needed; `cargo xtask test` installs it")?;
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    ensure!(ran.status.success(), "{out}{err}");
    ensure!(out.lines().count() == 9, "steps: {out}");
    network.stop()
}
