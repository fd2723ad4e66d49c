//! A network of validators that is up and makes blocks, for tests that begin where the guide ends.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::host::Host;
use crate::lab::Lab;
use crate::process::Process;

const START: Duration = Duration::from_secs(90);
const CHAIN_ID: &str = "test-chain";

/// How a network is set up.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Accounts of the genesis document, as `id:amount`.
    pub alloc: Vec<String>,
    /// Owner of the database; the first validator without it.
    pub owner: Option<String>,
    /// Further flags of `kwild start` on every node.
    pub flags: Vec<String>,
}

/// A node of a [`Network`], running or not.
#[derive(Debug)]
pub struct Member {
    /// The machine it runs on.
    pub host: Host,
    /// `<public key hex>#secp256k1`.
    pub id: String,
    process: Option<Process>,
    flags: Vec<String>,
}

impl Member {
    /// A new host with a key in its home folder.
    fn with_key(lab: &Lab, name: &str, flags: &[String]) -> Result<Self> {
        let host = lab.host(name)?;
        host.shell("kwild key gen --key-file ~/nodekey.json")?.ok()?;
        let out = host.shell("kwild key info --key-file ~/nodekey.json")?.ok()?;
        let id = out
            .lines()
            .find_map(|line| line.strip_prefix("Node ID: "))
            .context("key info prints the node id")?
            .to_owned();
        Ok(Self { host, id, process: None, flags: flags.to_vec() })
    }

    /// Makes its root folder.
    fn init(&self, genesis: &str, bootnodes: &[&str]) -> Result<()> {
        std::fs::write(self.host.path("~/genesis.json"), genesis)?;
        let bootnodes = if bootnodes.is_empty() {
            String::new()
        } else {
            format!(" --p2p.bootnodes \"{}\"", bootnodes.join(","))
        };
        let line = format!(
            "kwild setup init --genesis ~/genesis.json --key-file ~/nodekey.json --root {}{bootnodes}",
            self.root()
        );
        self.host.shell(&line)?.ok()?;
        Ok(())
    }

    /// Flags of `kwild start` from its next start on.
    pub fn set_flags(&mut self, flags: &[&str]) {
        self.flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
    }

    /// Starts `kwild`; returns at once.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&mut self) -> Result<()> {
        let root = self.root();
        let mut words = vec!["kwild", "start", "-r", root.as_str()];
        words.extend(self.flags.iter().map(String::as_str));
        self.process = Some(self.host.start(&words)?);
        Ok(())
    }

    /// The running process.
    ///
    /// # Errors
    /// When it is not running.
    pub fn process(&self) -> Result<&Process> {
        self.process.as_ref().with_context(|| format!("{} is not running", self.host.name()))
    }

    /// Takes the process away, for example to stop or kill it.
    ///
    /// # Errors
    /// When it is not running.
    pub fn take(&mut self) -> Result<Process> {
        self.process.take().with_context(|| format!("{} is not running", self.host.name()))
    }

    /// Its root folder, as commands on its host name it.
    #[must_use]
    pub fn root(&self) -> String {
        self.host.named("/data/node")
    }

    /// `http://address:port` of its user RPC.
    #[must_use]
    pub fn provider(&self) -> String {
        format!("http://{}:{}", self.host.address(), self.host.rpc_port())
    }

    /// Its entry in another node's bootnodes.
    #[must_use]
    pub fn peer(&self) -> String {
        format!("{}@{}:{}", self.id, self.host.address(), self.host.p2p_port())
    }
}

/// Nodes with one genesis document; the first is the preferred leader.
#[derive(Debug)]
pub struct Network {
    /// Validators in the order of the genesis command, then sentries.
    pub members: Vec<Member>,
}

impl Network {
    /// Makes keys, genesis and configuration for `validators` hosts; starts nothing.
    ///
    /// # Errors
    /// When a setup command fails.
    pub fn set_up(lab: &Lab, validators: usize, plan: &Plan) -> Result<Self> {
        let mut members = Vec::new();
        for index in 0..validators {
            members.push(Member::with_key(lab, &format!("node{index}"), &plan.flags)?);
        }
        let genesis = genesis(&members, plan)?;
        let peers: Vec<String> = members.iter().map(Member::peer).collect();
        for member in &members {
            let others: Vec<&str> = peers
                .iter()
                .filter(|peer| !peer.starts_with(&member.id))
                .map(String::as_str)
                .collect();
            member.init(&genesis, &others)?;
        }
        Ok(Self { members })
    }

    /// Sets up and starts all validators, and waits until each has committed block 1.
    ///
    /// # Errors
    /// When a node does not start or no block is made in time.
    pub fn start(lab: &Lab, validators: usize, plan: &Plan) -> Result<Self> {
        let mut network = Self::set_up(lab, validators, plan)?;
        for member in &mut network.members {
            member.start()?;
        }
        for member in &network.members {
            member.process()?.wait_for("Committed Block", START)?;
        }
        Ok(network)
    }

    /// Adds a node that is no validator, knows the others as bootnodes, and starts it.
    ///
    /// # Errors
    /// When a setup command fails or it cannot be started.
    pub fn add_sentry(&mut self, lab: &Lab) -> Result<()> {
        let flags = self.members.first().context("a network has validators")?.flags.clone();
        self.add_sentry_with(lab, &flags)
    }

    /// As [`Network::add_sentry`] with flags of its own.
    ///
    /// # Errors
    /// As [`Network::add_sentry`].
    pub fn add_sentry_with(&mut self, lab: &Lab, flags: &[String]) -> Result<()> {
        let first = self.members.first().context("a network has validators")?;
        let mut sentry = Member::with_key(lab, &format!("node{}", self.members.len()), flags)?;
        let genesis = std::fs::read_to_string(first.host.path("~/genesis.json"))?;
        let peers: Vec<String> = self.members.iter().map(Member::peer).collect();
        sentry.init(&genesis, &peers.iter().map(String::as_str).collect::<Vec<_>>())?;
        sentry.start()?;
        self.members.push(sentry);
        Ok(())
    }

    /// Stops every running node in order and checks that each ends with code 0.
    ///
    /// # Errors
    /// When one does not.
    pub fn stop(self) -> Result<()> {
        for mut member in self.members {
            if let Some(process) = member.process.take() {
                process.stop_cleanly(Duration::from_secs(60))?;
            }
        }
        Ok(())
    }
}

fn genesis(members: &[Member], plan: &Plan) -> Result<String> {
    let first = members.first().context("a network has validators")?;
    let validators: String =
        members.iter().map(|member| format!(" --validator \"{}:1\"", member.id)).collect();
    let alloc: String = plan.alloc.iter().map(|alloc| format!(" --alloc \"{alloc}\"")).collect();
    let owner = plan.owner.as_ref().map(|owner| format!(" --db-owner {owner}")).unwrap_or_default();
    let line = format!(
        "kwild setup genesis --chain-id {CHAIN_ID} --leader \"{}\"{validators}{alloc}{owner} --out ~/genesis",
        first.id
    );
    first.host.shell(&line)?.ok()?;
    Ok(std::fs::read_to_string(first.host.path("~/genesis/genesis.json"))?)
}
