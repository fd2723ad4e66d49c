//! What operators watch, and what a node does that is no longer one of many equals.

use anyhow::{Context as _, Result, ensure};
use kwil_harness::Lab;
use kwil_harness::network::{Member, Network, Plan};

use crate::external::Server;
use crate::load::{self, Client, DEADLINE, Wallet};

fn page(member: &Member, address: &str) -> Result<String> {
    member.host.shell(&format!("curl -s --fail http://{address}/metrics"))?.ok()
}

/// The value of a line without labels.
fn value(page: &str, name: &str) -> Result<f64> {
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    Ok(line.with_context(|| format!("{name} is not on the page:\n{page}"))?.parse()?)
}

#[test]
fn metrics_follow_the_chain_and_are_served_only_where_configured() -> Result<()> {
    let lab = Lab::new()?;
    let alloc = vec![Wallet::new(1).alloc()];
    let mut network = Network::set_up(&lab, 1, &Plan { alloc, ..Plan::default() })?;
    let node = &mut network.members[0];
    let address = format!("{}:{}", node.host.address(), node.host.rpc_port() + 60);
    node.set_flags(&["--telemetry.prometheus-listen", &address]);
    node.start()?;
    node.process()?.wait_for("serving metrics", DEADLINE)?;
    node.process()?.wait_for("Committed Block", DEADLINE)?;
    let before = value(&page(node, &address)?, "kwil_chain_height")?;
    let client = Client::new(&node.provider())?;
    for _ in 0..3 {
        client.transfer(&Wallet::new(1), &Wallet::new(9).account())?;
    }
    let after = page(node, &address)?;
    ensure!(value(&after, "kwil_chain_height")? >= before + 1.0, "{after}");
    ensure!(value(&after, "kwil_mempool_admitted_total")? == 3.0, "{after}");
    ensure!(value(&after, "kwil_blocks_stored_count_total")? >= 1.0, "{after}");
    ensure!(value(&after, "kwil_process_resident_memory_bytes")? > 1e6, "{after}");
    let sent = "kwil_requests_total{method=\"user.broadcast\",status=\"ok\"} 3";
    ensure!(after.contains(sent), "{sent:?} is not on the page:\n{after}");
    let elsewhere = node
        .host
        .shell(&format!("curl -s -o /dev/null -w '%{{http_code}}' {}/metrics", node.provider()))?;
    ensure!(elsewhere.ok()? == "404", "the user's port serves metrics");
    network.stop()
}

#[test]
fn a_node_whose_state_was_changed_is_quarantined_names_the_table_and_the_others_go_on() -> Result<()>
{
    let lab = Lab::new()?;
    let (sender, receiver) = (Wallet::new(1), Wallet::new(9).account());
    let plan = Plan { alloc: vec![sender.alloc()], ..Plan::default() };
    let mut network = Network::set_up(&lab, 3, &plan)?;
    let server = Server::start(&lab, &network.members[2].host)?;
    let flags = server.flags("right");
    network.members[2].set_flags(&flags.iter().map(String::as_str).collect::<Vec<_>>());
    for member in &mut network.members {
        member.start()?;
    }
    for member in &network.members {
        member.process()?.wait_for("Committed Block", DEADLINE)?;
    }
    let client = Client::new(&network.members[0].provider())?;
    client.transfer(&sender, &receiver)?;
    Client::new(&network.members[2].provider())?.wait_height(client.height()?)?;

    // The node's trigger refuses such a write; whoever owns the server can put it aside.
    let accounts = "ALTER TABLE kwild_meta.accounts";
    let edit = "UPDATE kwild_meta.accounts SET balance = (balance::numeric + 1)::text";
    server.sql_in(
        "kwild",
        &format!(
            "{accounts} DISABLE TRIGGER kwil_guard; {edit}; {accounts} ENABLE ALWAYS TRIGGER kwil_guard"
        ),
    )?;
    client.transfer(&sender, &receiver)?;
    let odd = &network.members[2];
    odd.process()?.wait_for("Consensus held {reason=diverged", DEADLINE)?;
    let line = odd.process()?.wait_for("Diagnosis written", DEADLINE)?;
    ensure!(line.contains("accounts"), "the table is not in {line:?}");
    let folder = std::fs::read_dir(odd.host.path("/data/node"))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.to_string_lossy().contains("/diverged-"))
        .context("there is no diverged folder")?;
    let report: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("report.json"))?)?;
    let theirs = report["peers"].as_array().context("no peer was compared with")?;
    ensure!(theirs.len() == 2, "two peers answer: {report}");
    for peer in theirs {
        let tables = peer["differing"].as_array().context("no differences")?;
        let names: Vec<_> = tables.iter().filter_map(|table| table["table"].as_str()).collect();
        ensure!(names == ["kwild_meta.accounts"], "a peer differs in {names:?}: {report}");
        ensure!(peer["same_catalog"] == true, "report is {report}");
    }
    let numbers = &report["divergence"];
    ensure!(numbers["own_app_hash"] != numbers["certified_app_hash"], "report is {report}");
    let ready = odd.host.shell(&format!("curl -s {}/api/v1/ready", odd.provider()))?.ok()?;
    ensure!(ready.contains("\"ready\":false") && ready.contains("diverged"), "ready is {ready}");
    let verify = odd.host.run(&format!("kwild admin verify-state -r {}", odd.root()))?;
    let said = format!("{}{}", verify.stdout, verify.stderr);
    ensure!(!verify.status.success() && said.contains("accounts"), "verify-state said {said}");
    Client::new(&odd.provider())?.run(async |user| user.account(&receiver, false).await)?;

    let hash = client.transfer(&sender, &receiver)?;
    let other = Client::new(&network.members[1].provider())?;
    other.run(async |user| user.wait_for_success(hash, DEADLINE).await)?;
    load::state_holds(&network.members[0])?;
    network.stop()
}
