//! A node between its first line and its first block.

use anyhow::{Result, ensure};
use kwil_harness::Lab;
use kwil_harness::network::{Member, Network, Plan};
use rustix::process::Signal;
use serde_json::Value;

use crate::load::{self, Client, DEADLINE, Wallet};

const PORTS_OPEN: &str = "starting user json-rpc server";

/// A stopped solo node that has some blocks and no database any more: its next start replays them.
fn with_blocks_to_replay(lab: &Lab) -> Result<Network> {
    let alloc = vec![Wallet::new(1).alloc()];
    let mut network = Network::start(lab, 1, &Plan { alloc, ..Plan::default() })?;
    let client = Client::new(&network.members[0].provider())?;
    for _ in 0..5 {
        client.transfer(&Wallet::new(1), &Wallet::new(9).account())?;
    }
    let node = &mut network.members[0];
    node.take()?.stop_cleanly(DEADLINE)?;
    std::fs::remove_dir_all(node.host.path("/data/node/pg"))?;
    Ok(network)
}

fn curl(node: &Member, arguments: &str, path: &str) -> Result<(String, Value)> {
    let out = node
        .host
        .shell(&format!("curl -s -w '\\n%{{http_code}}' {arguments} {}{path}", node.provider()))?;
    let text = out.ok()?;
    let (body, status) = text.rsplit_once('\n').unwrap_or_default();
    Ok((status.to_owned(), serde_json::from_str(body)?))
}

#[test]
fn a_starting_node_answers_health_and_its_operator_and_says_what_it_does() -> Result<()> {
    let lab = Lab::new()?;
    let mut network = with_blocks_to_replay(&lab)?;
    let node = &mut network.members[0];
    node.start()?;
    // A new database cluster is made after this line, which takes longer than a few questions.
    node.process()?.wait_for(PORTS_OPEN, DEADLINE)?;
    let (status, ready) = curl(node, "", "/api/v1/ready")?;
    let (code, health) = curl(node, "", "/api/v1/health")?;
    let ask = r#"-H 'content-type: application/json' -d '{"jsonrpc":"2.0","id":1,"method":"user.num_accounts","params":{}}'"#;
    let (_, refused) = curl(node, ask, "/rpc/v1")?;
    let operator = node.host.run(&format!("kwild admin status -r {}", node.root()))?.ok()?;
    let operator: Value = serde_json::from_str(&operator)?;
    ensure!(
        status == "503" && ready["phase"] == "starting",
        "ready answered {status} {ready}; the node has printed:\n{}",
        node.process()?.lines().join("\n")
    );
    let reason = ready["reasons"][0].as_str().unwrap_or_default();
    ensure!(reason.starts_with("starting: "), "ready answered {ready}");
    ensure!(code == "503" && health["kwil_alive"] == true && health["healthy"] == false);
    ensure!(refused["error"]["code"] == -700, "num_accounts answered {refused}");
    let message = refused["error"]["message"].as_str().unwrap_or_default();
    ensure!(message.starts_with("node is starting: "), "num_accounts answered {refused}");
    ensure!(operator["sync"]["phase"] == "starting", "admin status printed {operator}");

    node.process()?.wait_for("Node started", DEADLINE)?;
    let client = Client::new(&node.provider())?;
    let receiver = Wallet::new(9).account();
    let balance = client.run(async |user| user.account(&receiver, false).await)?.balance;
    ensure!(balance == 5_u64.into(), "after the replay the receiver has {balance}");
    load::state_holds(node)?;
    network.stop()
}

#[test]
fn a_node_that_is_stopped_at_any_moment_of_its_start_ends_in_order() -> Result<()> {
    let lab = Lab::new()?;
    let mut network = with_blocks_to_replay(&lab)?;
    let node = &mut network.members[0];
    for moment in
        ["Starting kwild version", "Node public key", PORTS_OPEN, "Running a private PostgreSQL"]
    {
        node.start()?;
        let mut process = node.take()?;
        process.wait_for(moment, DEADLINE)?;
        process.signal(Signal::TERM)?;
        let status = process.wait(DEADLINE)?;
        let said = process.lines().join("\n");
        ensure!(status.success(), "stopped at {moment:?} it ended with {status}:\n{said}");
        ensure!(said.contains("shutdown signal received"), "at {moment:?} it said:\n{said}");
        ensure!(!said.contains("panicked"), "at {moment:?} it said:\n{said}");
    }
    node.start()?;
    node.process()?.wait_for("Node started", DEADLINE)?;
    Client::new(&node.provider())?.transfer(&Wallet::new(1), &Wallet::new(9).account())?;
    load::state_holds(node)?;
    network.stop()
}
