//! Processes that die at any moment.

use anyhow::{Context as _, Result, ensure};
use kwil_harness::network::{Member, Network, Plan};
use kwil_harness::{Lab, Process};
use rustix::process::{Pid, Signal, kill_process};

use crate::load::{self, Client, DEADLINE, Load, Promise, Wallet};

const KILLS: u32 = 8;

/// The server process of a node's private PostgreSQL.
fn postmaster(member: &Member) -> Result<Pid> {
    let path = member.host.path("/data/node/pg/data/postmaster.pid");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let number = text.lines().next().context("the pid file is empty")?.trim().parse()?;
    Pid::from_raw(number).context("no process has the id 0")
}

fn kill_node(member: &mut Member) -> Result<()> {
    member.take()?.kill()?;
    member.start()
}

/// The node starts its server again by itself.
fn kill_database(member: &Member) -> Result<()> {
    let position = member.process()?.position();
    let old = postmaster(member)?;
    kill_process(old, Signal::KILL)?;
    member.process()?.wait_after(position, "the PostgreSQL server runs again", DEADLINE)?;
    Ok(())
}

#[test]
fn nodes_and_databases_survive_kill_nine_under_load() -> Result<()> {
    let kills = std::env::var("KWILD_TEST_KILLS").ok().map_or(Ok(KILLS), |text| text.parse())?;
    let receiver = Wallet::new(9).account();
    let lab = Lab::new()?;
    let plan = Plan { alloc: vec![Wallet::new(1).alloc()], ..Plan::default() };
    let mut network = Network::start(&lab, 3, &plan)?;
    let providers: Vec<String> = network.members.iter().map(Member::provider).collect();
    let clients =
        providers.iter().map(|provider| Client::new(provider)).collect::<Result<Vec<_>>>()?;
    let load = Load::start(Wallet::new(1), receiver.clone(), providers, Promise::Committed);
    load.wait_more(5)?;
    let mut top = clients[0].height()?;
    for round in 0..kills {
        let victim = usize::try_from(round)? % network.members.len();
        // Three rounds of one kind, then three of the other: every process dies.
        let what = if (round / 3).is_multiple_of(2) { "node" } else { "database" };
        let member = &mut network.members[victim];
        let killed = if what == "node" { kill_node(member) } else { kill_database(member) };
        killed.with_context(|| format!("kill {round}: {what} of node{victim}"))?;
        load.wait_more(3).with_context(|| format!("after kill {round}: {what} of node{victim}"))?;
        let height = clients[(victim + 1) % clients.len()].height()?;
        ensure!(height > top, "kill {round}: height {height} after {top}");
        top = height;
        // The victim is back before the next one dies: two of three must always live.
        clients[victim].wait_height(top).with_context(|| {
            let lines = network.members[victim].process().map(Process::lines).unwrap_or_default();
            let from = lines.len().saturating_sub(25);
            format!("kill {round}: {what} of node{victim}\n{}", lines[from..].join("\n"))
        })?;
    }
    let acknowledged = load.stop()?;
    load::nothing_is_lost(&network, &acknowledged, &receiver)?;
    load::equal_chains(&network)?;
    for member in &network.members {
        load::state_holds(member)?;
    }
    network.stop()
}
