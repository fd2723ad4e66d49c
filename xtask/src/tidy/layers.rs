//! Layers: a crate may use crates below it, never one beside or above it, and the core does no I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Height of each workspace crate in the drawing of `ARCHITECTURE.md`; equal height means "beside".
const LAYERS: &[(&str, u32)] = &[
    ("kwil-crypto", 0),
    ("kwil-types", 1),
    ("kwil-genesis", 2),
    ("kwil-config", 2),
    ("kwil-lang", 2),
    ("kwil-consensus", 2),
    ("kwil-proto", 3),
    ("kwil-log", 3),
    ("kwil-quic", 4),
    ("kwil-engine", 4),
    ("kwil-state", 5),
    ("kwil-store", 5),
    ("kwil-p2p", 5),
    ("kwil-api", 5),
    ("kwil-client", 6),
    ("kwil-rpc", 6),
    ("kwil-node", 7),
    ("kwil-cmd", 7),
    ("kwild", 8),
    ("kwil-admin", 8),
    ("kwil-cli", 8),
    ("kwil-harness", 0),
    ("kwil-tests", 9),
    ("kwil-workbench", 9),
    ("xtask", 9),
];

/// Pure crates: given the same input they give the same output on every machine.
const CORE: &[&str] =
    &["kwil-crypto", "kwil-types", "kwil-genesis", "kwil-config", "kwil-lang", "kwil-consensus"];

/// Packages that bring an event loop, a database, a socket or a clock.
const IO_PACKAGES: &[&str] = &[
    "tokio",
    "sqlx",
    "sqlx-core",
    "tokio-postgres",
    "quinn",
    "hyper",
    "mio",
    "socket2",
    "tonic",
    "axum",
    "jiff",
    "chrono",
];

/// Calls that each core crate's own `clippy.toml` has to forbid.
const CORE_FORBIDS: &[&str] = &[
    "std::time::Instant::now",
    "std::time::SystemTime::now",
    "std::collections::HashMap",
    "std::collections::HashSet",
    "std::env::var",
    "std::thread::spawn",
];

pub(super) fn faults(root: &Path) -> Result<Vec<String>> {
    let metadata = metadata(root)?;
    let mut faults = Vec::new();
    let heights: BTreeMap<&str, u32> = LAYERS.iter().copied().collect();
    let graph = Graph::read(&metadata)?;

    for member in &graph.members {
        let Some(height) = heights.get(member.as_str()) else {
            faults.push(format!("crate {member} has no layer; add it to xtask/src/tidy/layers.rs and ARCHITECTURE.md"));
            continue;
        };
        for used in graph.uses(member) {
            if heights.get(used.as_str()).is_some_and(|below| below >= height) {
                faults.push(format!("{member} uses {used}, which is not below it"));
            }
        }
    }
    for core in CORE.iter().filter(|core| graph.members.contains(**core)) {
        for package in
            graph.closure(core).iter().filter(|package| IO_PACKAGES.contains(&package.as_str()))
        {
            faults.push(format!("core crate {core} reaches {package}"));
        }
        let lints = std::fs::read_to_string(root.join("crates").join(core).join("clippy.toml"))
            .unwrap_or_default();
        for call in CORE_FORBIDS.iter().filter(|call| !lints.contains(**call)) {
            faults.push(format!("crates/{core}/clippy.toml does not forbid {call}"));
        }
    }
    Ok(faults)
}

fn metadata(root: &Path) -> Result<Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(root)
        .output()?;
    if !output.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    serde_json::from_slice(&output.stdout).context("cargo metadata printed no JSON")
}

/// Normal dependencies by package name; development and build dependencies are left out.
struct Graph {
    members: BTreeSet<String>,
    edges: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    fn read(metadata: &Value) -> Result<Self> {
        let names: BTreeMap<&str, &str> = array(metadata, "packages")?
            .iter()
            .filter_map(|package| Some((package["id"].as_str()?, package["name"].as_str()?)))
            .collect();
        let name =
            |id: &Value| names.get(id.as_str().unwrap_or_default()).map(|name| (*name).to_owned());
        let members = array(metadata, "workspace_members")?.iter().filter_map(name).collect();
        let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for node in array(&metadata["resolve"], "nodes")? {
            let Some(from) = name(&node["id"]) else { continue };
            let normal = array(node, "deps")?.iter().filter(|dep| {
                dep["dep_kinds"]
                    .as_array()
                    .is_some_and(|kinds| kinds.iter().any(|kind| kind["kind"].is_null()))
            });
            edges.entry(from).or_default().extend(normal.filter_map(|dep| name(&dep["pkg"])));
        }
        Ok(Self { members, edges })
    }

    fn uses(&self, package: &str) -> impl Iterator<Item = &String> {
        self.edges.get(package).into_iter().flatten()
    }

    fn closure(&self, package: &str) -> BTreeSet<String> {
        let mut reached = BTreeSet::new();
        let mut waiting = vec![package.to_owned()];
        while let Some(next) = waiting.pop() {
            for used in self.uses(&next) {
                if reached.insert(used.clone()) {
                    waiting.push(used.clone());
                }
            }
        }
        reached
    }
}

fn array<'a>(value: &'a Value, key: &str) -> Result<&'a Vec<Value>> {
    value[key].as_array().with_context(|| format!("cargo metadata has no list `{key}`"))
}
