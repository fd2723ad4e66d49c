//! The *Production Network Deployment Guide*, walked from the first key to the third validator.
//!
//! Each step types the commands of the guide on the host that the guide names, and checks what they print. The end-to-end
//! tests and `cargo xtask demo` walk the same steps.

mod database;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::host::Host;
use crate::lab::Lab;
use crate::process::Process;

/// Longest wait for something that the network has to do.
const DEADLINE: Duration = Duration::from_secs(90);
const KEY_TYPE: &str = "secp256k1";

/// What a listener of the walk is told, in order.
#[derive(Debug)]
pub enum Event<'a> {
    /// A new part of the guide begins.
    Chapter(&'a str),
    /// A command is typed on a host.
    Command(&'a str, &'a str),
    /// What it printed, or a line of a node's log.
    Output(&'a str),
    /// A claim of the guide that was just seen to hold.
    Checked(&'a str),
}

/// A validator or sentry of the walk.
#[derive(Debug)]
pub struct Node {
    /// The machine it runs on.
    pub host: Host,
    /// Its root folder as the guide names it.
    pub root: String,
    /// `<public key hex>#secp256k1`.
    pub id: String,
    /// The running `kwild`.
    pub process: Process,
}

/// A wallet key of the walk, whose account the genesis document endows.
#[derive(Debug, Clone)]
struct User {
    private_key: String,
    address: String,
}

/// Tokens that the genesis document gives to the user.
const ENDOWMENT: &str = "1000000";
/// Receives the walk's transfer; nobody holds its key.
const RECEIVER: &str = "0x00000000000000000000000000000000000A11ce";

/// The walk and what it has built so far.
pub struct Walk<'a> {
    lab: &'a Lab,
    tell: &'a mut dyn FnMut(Event<'_>),
    /// The user whose account the genesis document endows.
    user: Option<User>,
    /// Nodes in the order of the guide.
    pub nodes: Vec<Node>,
}

impl std::fmt::Debug for Walk<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Walk").field("nodes", &self.nodes).finish_non_exhaustive()
    }
}

impl<'a> Walk<'a> {
    /// A walk in `lab`; `tell` hears of every step.
    pub fn new(lab: &'a Lab, tell: &'a mut dyn FnMut(Event<'_>)) -> Self {
        Self { lab, tell, user: None, nodes: Vec::new() }
    }

    /// Walks the whole guide, then sends a user's transfer through one node and reads it on all, and does the same with
    /// a schema.
    ///
    /// # Errors
    /// When a command fails or prints something else than the guide says.
    pub fn all(&mut self) -> Result<()> {
        let (host0, host1) = (self.lab.host("node0")?, self.lab.host("node1")?);
        (self.tell)(Event::Chapter("Keys"));
        self.user = Some(self.wallet(&host0)?);
        let key0 = self.key(&host0)?;
        let key1 = self.key(&host1)?;
        (self.tell)(Event::Chapter("Genesis"));
        let genesis = self.genesis(&host0, &key0, &key1)?;
        std::fs::create_dir_all(host1.path("~/prod-chain"))?;
        std::fs::write(host1.path("~/prod-chain/genesis.json"), &genesis)?;
        (self.tell)(Event::Chapter("Two validators"));
        self.two_validators(host0, host1, &key0, &key1)?;
        (self.tell)(Event::Chapter("A sentry"));
        let host2 = self.lab.host("node2")?;
        std::fs::create_dir_all(host2.path("~/prod-chain"))?;
        std::fs::write(host2.path("~/prod-chain/genesis.json"), &genesis)?;
        self.sentry(host2)?;
        (self.tell)(Event::Chapter("From sentry to validator"));
        self.join()?;
        (self.tell)(Event::Chapter("A transfer"));
        self.transfer()?;
        (self.tell)(Event::Chapter("A database"));
        self.database()
    }

    /// Types a line in a host's shell and returns what it printed.
    ///
    /// # Errors
    /// When the command fails.
    pub fn types(&mut self, host: &Host, line: &str) -> Result<String> {
        (self.tell)(Event::Command(host.name(), line));
        let out = host.shell(line)?.ok()?;
        (self.tell)(Event::Output(&out));
        Ok(out)
    }

    /// Records a claim that has just been seen to hold.
    pub fn checked(&mut self, claim: &str) {
        (self.tell)(Event::Checked(claim));
    }

    fn key(&mut self, host: &Host) -> Result<String> {
        let out = self.types(host, "kwild key gen --key-file ~/nodekey.json")?;
        ensure!(out.starts_with("Private key written to "), "key gen printed {out:?}");
        let out = self.types(host, "kwild key info --key-file ~/nodekey.json")?;
        ensure!(
            out.starts_with("Key type: secp256k1\nPrivate key (hex): "),
            "key info printed {out:?}"
        );
        let key = field(&out, "Public key (plain hex): ")?;
        ensure!(out.contains(&format!("Node ID: {key}#{KEY_TYPE}\n")), "key info printed {out:?}");
        Ok(key)
    }

    fn genesis(&mut self, host: &Host, key0: &str, key1: &str) -> Result<String> {
        let alloc = self
            .user
            .as_ref()
            .map(|user| format!(" --alloc \"{0}:{ENDOWMENT}\" --db-owner {0}", user.address))
            .unwrap_or_default();
        let line = format!(
            "kwild setup genesis --validator \"{key0}#{KEY_TYPE}:1\" --validator \"{key1}#{KEY_TYPE}:1\" \
             --leader \"{key0}#{KEY_TYPE}\" --chain-id \"prod-chain\" --out ~/prod-chain{alloc}"
        );
        let out = self.types(host, &line)?;
        ensure!(
            out.starts_with("Created genesis.json file at ")
                && out.trim_end().ends_with("/prod-chain/genesis.json"),
            "setup genesis printed {out:?}"
        );
        let text = self.types(host, "cat ~/prod-chain/genesis.json")?;
        let document: Value = serde_json::from_str(&text)?;
        ensure!(
            document["chain_id"] == "prod-chain" && document["leader"]["key"] == key0,
            "genesis document is {text}"
        );
        self.checked("S3, S4: genesis.json has both validators and the leader");
        Ok(text)
    }

    fn two_validators(&mut self, host0: Host, host1: Host, key0: &str, key1: &str) -> Result<()> {
        let (root0, root1) = (host0.named("/data/kwil-node0"), host1.named("/data/kwil-node1"));
        let out = self.types(&host0, &format!("kwild setup init --genesis prod-chain/genesis.json --root {root0} --key-file ~/nodekey.json"))?;
        ensure!(
            out.starts_with("Kwil node configuration generated successfully at: "),
            "setup init printed {out:?}"
        );
        let bootnode = format!("{key0}#{KEY_TYPE}@{}:{}", host0.address(), host0.p2p_port());
        let line = format!(
            "kwild setup init --genesis prod-chain/genesis.json --root {root1} --key-file ~/nodekey.json --p2p.bootnodes \"{bootnode}\""
        );
        self.types(&host1, &line)?;

        let node0 = self.start(host0, &root0, key0)?;
        let identity = node0.process.wait_for("This node is ", DEADLINE)?;
        (self.tell)(Event::Output(&identity));
        ensure!(
            identity.contains("[INF] NODE: This node is ")
                && identity.contains(&format!("{key0}#{KEY_TYPE} @ [")),
            "identity line is {identity:?}"
        );
        let alone = node0.process.wait_for("Validator not reachable", DEADLINE)?;
        (self.tell)(Event::Output(&alone));
        ensure!(
            !node0.process.lines().iter().any(|line| line.contains("Committed Block")),
            "one of two validators made a block"
        );
        self.checked("S10: one of two validators alone makes no block");

        let node1 = self.start(host1, &root1, key1)?;
        let first0 = node0.process.wait_for("Committed Block {height=1 ", DEADLINE)?;
        let first1 = node1.process.wait_for("Committed Block {height=1 ", DEADLINE)?;
        (self.tell)(Event::Output(&first0));
        (self.tell)(Event::Output(&first1));
        ensure!(
            first0.contains("[INF] CONS: Committed Block {height=1 hash=")
                && first0.ends_with(" updates=null}"),
            "commit line is {first0:?}"
        );
        ensure!(
            after_brace(&first0) == after_brace(&first1),
            "block 1 differs: {first0:?}, {first1:?}"
        );
        self.checked("S9, S11: both validators commit block 1 with the same hash and app hash");
        self.nodes.extend([node0, node1]);

        let provider =
            format!("http://{}:{}", self.nodes[0].host.address(), self.nodes[0].host.rpc_port());
        let host1 = self.nodes[1].host.clone();
        let out =
            self.types(&host1, &format!("kwil-cli utils chain-info --provider \"{provider}\""))?;
        ensure!(
            out.starts_with("Chain ID: prod-chain\nHeight: ") && out.lines().count() == 3,
            "chain-info printed {out:?}"
        );
        let out = self.types(
            &host1,
            &format!("curl -s --fail http://127.0.0.1:{}/api/v1/health", host1.rpc_port()),
        )?;
        ensure!(out.starts_with("{\"kwil_alive\":true,\"healthy\":true,"), "health is {out:?}");
        self.checked("S16, S17: chain-info over the network and the health endpoint answer");
        Ok(())
    }

    fn sentry(&mut self, host: Host) -> Result<()> {
        let root = host.named("/data/kwil-node2");
        let node0 = &self.nodes[0];
        let bootnode = format!("{}@{}:{}", node0.id, node0.host.address(), node0.host.p2p_port());
        let out = self.types(&host, &format!("kwild setup init --genesis prod-chain/genesis.json --p2p.bootnodes \"{bootnode}\" --root {root}"))?;
        ensure!(
            out.starts_with("Kwil node configuration generated at "),
            "setup init printed {out:?}"
        );
        let out = self.types(
            &host,
            &format!("kwild key info --key-file {root}/nodekey.json | grep \"Node ID\""),
        )?;
        let key = field(&out, "Node ID: ")?.trim_end_matches("#secp256k1").to_owned();
        ensure!(out.lines().count() == 1, "grep printed {out:?}");
        let node2 = self.start(host.clone(), &root, &key)?;
        let first = node2.process.wait_until(0, DEADLINE, |line| {
            line.contains("Block sync completed") || line.contains("Committed Block")
        })?;
        (self.tell)(Event::Output(&first));
        let status: Value = serde_json::from_str(&self.types(&host, "kwild admin status")?)?;
        ensure!(
            status["node"]["role"] == "sentry" && status["node"]["node_id"] == node2.id.as_str(),
            "status is {status}"
        );
        self.nodes.push(node2);
        self.checked("S12 to S15: the third node syncs as a sentry");
        Ok(())
    }

    fn join(&mut self) -> Result<()> {
        let hosts: Vec<Host> = self.nodes.iter().map(|node| node.host.clone()).collect();
        let [host0, host1, host2] = hosts.as_slice() else {
            anyhow::bail!("the walk has {} nodes", hosts.len())
        };
        let candidate = self.nodes[2].id.clone();
        let position = self.nodes[2].process.position();

        let join = self.transaction(host2, "kwil-admin validators join")?;
        self.included(host2, &join)?;
        let out = self.types(host0, "kwil-admin validators list-join-requests")?;
        ensure!(
            out.starts_with("Pending join requests (2 approvals needed):\n Candidate ")
                && out.contains(&format!("\n {candidate} |     1 |         0 | ")),
            "list-join-requests printed {out:?}"
        );
        for host in [host0, host1] {
            let approval =
                self.transaction(host, &format!("kwil-admin validators approve {candidate}"))?;
            self.included(host, &approval)?;
        }
        let role = self.nodes[2].process.wait_after(
            position,
            "Role updated {from=sentry to=validator}",
            DEADLINE,
        )?;
        (self.tell)(Event::Output(&role));
        let out = self.types(host0, "kwil-admin validators list")?;
        ensure!(
            out.starts_with("Current validator set:\n  0. {pubkey = ")
                && out.contains(&format!("pubkey = {candidate}, power = 1}}"))
                && out.lines().count() == 4,
            "validators list printed {out:?}"
        );
        self.checked(
            "S18 to S21: the sentry was approved by both validators and is the third validator",
        );
        Ok(())
    }

    /// Types a command that broadcasts a transaction; returns its id.
    ///
    /// # Errors
    /// When it does not print `TxHash: <64 hex>`.
    pub fn transaction(&mut self, host: &Host, line: &str) -> Result<String> {
        let out = self.types(host, line)?;
        let hash = field(&out, "TxHash: ")?;
        ensure!(hash.len() == 64 && out.lines().count() == 1, "`{line}` printed {out:?}");
        Ok(hash)
    }

    /// Waits until a transaction is in a block that `host` has, and checks that it succeeded; returns the height.
    ///
    /// # Errors
    /// When it is not included in time or failed.
    pub fn included(&mut self, host: &Host, hash: &str) -> Result<u64> {
        let out = self.types(
            host,
            &format!(
                "kwil-cli utils query-tx {hash} --wait --output json --provider {}",
                provider(host)
            ),
        )?;
        let answer: Value =
            serde_json::from_str(&out).with_context(|| format!("query-tx printed {out:?}"))?;
        let height = answer["result"]["height"].as_u64().filter(|height| *height > 0);
        ensure!(answer["result"]["tx_result"]["code"] == 0, "transaction {hash} failed: {answer}");
        height.with_context(|| format!("transaction {hash} is in no block: {answer}"))
    }

    fn wallet(&mut self, host: &Host) -> Result<User> {
        let answer: Value =
            serde_json::from_str(&host.shell("kwil-cli utils generate-key --output json")?.ok()?)?;
        let text = |name: &str| {
            answer["result"][name]
                .as_str()
                .map(str::to_owned)
                .with_context(|| format!("no {name} in {answer}"))
        };
        Ok(User { private_key: text("private_key")?, address: text("address")? })
    }

    fn transfer(&mut self) -> Result<()> {
        let user = self.user.clone().context("the walk began with a wallet")?;
        let hosts: Vec<Host> = self.nodes.iter().map(|node| node.host.clone()).collect();
        let from = hosts.last().context("the walk has nodes")?.clone();
        let line = format!(
            "kwil-cli account transfer {RECEIVER} 1234 --sync --output json --assume-yes --chain-id prod-chain --private-key {} --provider {}",
            user.private_key,
            provider(&from)
        );
        let answer: Value = serde_json::from_str(&self.types(&from, &line)?)?;
        let hash = answer["result"]["tx_hash"]
            .as_str()
            .with_context(|| format!("transfer answered {answer}"))?
            .to_owned();
        for host in &hosts {
            self.included(host, &hash)?;
            let out = self.types(
                host,
                &format!("kwil-cli account balance {RECEIVER} --provider {}", provider(host)),
            )?;
            ensure!(out.contains("Balance: 1234\n"), "account balance printed {out:?}");
        }
        self.checked("a signed transfer is in a block and its effect is seen on all three nodes");
        Ok(())
    }

    fn start(&mut self, host: Host, root: &str, key: &str) -> Result<Node> {
        (self.tell)(Event::Command(host.name(), &format!("kwild start -r {root}")));
        let process = host.start(&["kwild", "start", "-r", root])?;
        Ok(Node { host, root: root.to_owned(), id: format!("{key}#{KEY_TYPE}"), process })
    }
}

fn provider(host: &Host) -> String {
    format!("http://127.0.0.1:{}", host.rpc_port())
}

/// The rest of the line that starts with `name`.
fn field(out: &str, name: &str) -> Result<String> {
    let value = out
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .with_context(|| format!("no line {name:?} in {out:?}"))?;
    Ok(value.trim().to_owned())
}

fn after_brace(line: &str) -> &str {
    line.split_once('{').map_or("", |(_, fields)| fields)
}
