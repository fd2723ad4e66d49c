//! What validators do together, and what they do without one of them.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use kwil_harness::Lab;
use kwil_harness::network::{Member, Network, Plan};

use crate::load::{self, Client, DEADLINE, Load, Promise, Wallet};

/// Longest time for the blocks of a whole chain on a machine that does other things too.
const SYNC: Duration = Duration::from_secs(300);
const COMMITTED: &str = "Committed Block {height=";

fn plan(wallets: &[Wallet]) -> Plan {
    Plan { alloc: wallets.iter().map(Wallet::alloc).collect(), ..Plan::default() }
}

fn height_of(line: &str) -> Result<u64> {
    let (_, rest) =
        line.split_once(COMMITTED).with_context(|| format!("no commit line: {line:?}"))?;
    Ok(rest.split(' ').next().unwrap_or_default().parse()?)
}

#[test]
fn two_validators_make_blocks_only_together() -> Result<()> {
    let (sender, receiver) = (Wallet::new(1), Wallet::new(2));
    let lab = Lab::new()?;
    let mut network = Network::set_up(&lab, 2, &plan(&[Wallet::new(1)]))?;
    network.members[0].start()?;
    network.members[0].process()?.wait_for("Validator not reachable", DEADLINE)?;
    let alone = network.members[0].process()?.lines();
    ensure!(
        !alone.iter().any(|line| line.contains(COMMITTED)),
        "one of two made a block: {alone:#?}"
    );

    network.members[1].start()?;
    for member in &network.members {
        member.process()?.wait_for("Committed Block {height=1 ", DEADLINE)?;
    }
    let client = Client::new(&network.members[0].provider())?;
    client.transfer(&sender, &receiver.account())?;

    network.members[1].take()?.stop_cleanly(DEADLINE)?;
    network.members[0].process()?.wait_for("Quorum lost", DEADLINE)?;
    let before = client.height()?;
    // In the mempool, and it stays there.
    let draft = kwil_client::TxDraft::transfer(receiver.account(), 1_u64.into())?;
    let waiting = client.run(async |user| user.send(draft, &sender.signer(), load::CHAIN).await)?;
    let position = network.members[0].process()?.position();
    let found = client.run(async |user| user.tx_query(waiting).await)?;
    ensure!(found.height == -1 && client.height()? == before, "one of two made a block");

    network.members[1].start()?;
    let next = network.members[0].process()?.wait_after(position, COMMITTED, DEADLINE)?;
    ensure!(height_of(&next)? == before + 1, "after block {before} came {next:?}");
    client.run(async |user| user.wait_for_success(waiting, DEADLINE).await)?;
    load::equal_chains(&network)?;
    network.stop()
}

/// What the node says that it is now.
fn role(member: &Member) -> Result<String> {
    let out = member.host.run(&format!("kwild admin status -r {}", member.root()))?.ok()?;
    let status: serde_json::Value = serde_json::from_str(&out)?;
    Ok(status["node"]["role"].as_str().with_context(|| format!("no role in {out}"))?.to_owned())
}

/// The running node that leads, other than `not`; a slow machine may have changed views before.
fn leader(network: &Network, not: Option<usize>) -> Result<usize> {
    let end = Instant::now() + DEADLINE;
    while Instant::now() < end {
        for (index, member) in network.members.iter().enumerate() {
            if Some(index) != not && role(member)? == "leader" {
                return Ok(index);
            }
        }
    }
    anyhow::bail!("nobody leads")
}

#[test]
fn a_killed_leader_is_replaced_and_no_acknowledged_transfer_is_lost() -> Result<()> {
    let receiver = Wallet::new(9).account();
    let lab = Lab::new()?;
    let mut network = Network::start(&lab, 3, &plan(&[Wallet::new(1), Wallet::new(2)]))?;
    let providers: Vec<String> = network.members.iter().map(Member::provider).collect();
    let victim = leader(&network, None)?;
    let mut others = providers.clone();
    others.remove(victim);
    // What a node that stays alive has accepted must be included; what the killed one said only when it was in a block.
    let alive = Load::start(Wallet::new(1), receiver.clone(), others, Promise::Accepted);
    let anywhere = Load::start(Wallet::new(2), receiver.clone(), providers, Promise::Committed);
    alive.wait_more(10)?;
    anywhere.wait_more(5)?;

    network.members[victim].take()?.kill()?;
    let next = leader(&network, Some(victim))?;
    let position = network.members[next].process()?.position();
    let line = network.members[next].process()?.wait_after(position, COMMITTED, DEADLINE)?;
    let height = height_of(&line)?;
    alive.wait_more(10)?;
    anywhere.wait_more(5)?;

    network.members[victim].start()?;
    network.members[victim].process()?.wait_until(0, DEADLINE, |line| {
        line.contains("Block sync completed") || line.contains(COMMITTED)
    })?;
    let back = Client::new(&network.members[victim].provider())?;
    back.wait_height(height + 1)?;
    alive.wait_more(10)?;
    let mut acknowledged = alive.stop()?;
    acknowledged.extend(anywhere.stop()?);
    load::nothing_is_lost(&network, &acknowledged, &receiver)?;
    load::equal_chains(&network)?;
    network.stop()
}

#[test]
fn a_sentry_syncs_many_blocks_joins_is_approved_and_votes() -> Result<()> {
    let blocks: u64 =
        std::env::var("KWILD_TEST_BLOCKS").ok().map_or(Ok(200), |text| text.parse())?;
    let lab = Lab::new()?;
    let mut network = Network::start(&lab, 2, &plan(&[Wallet::new(1)]))?;
    sync_join_and_vote(&lab, &mut network, blocks, &[])?;
    network.stop()
}

/// Two validators make blocks under load, a third node with these flags syncs them, joins, is approved by both, and its vote
/// is needed in the end.
pub(crate) fn sync_join_and_vote(
    lab: &Lab,
    network: &mut Network,
    blocks: u64,
    flags: &[String],
) -> Result<()> {
    let receiver = Wallet::new(9).account();
    let client = Client::new(&network.members[0].provider())?;
    let load = Load::start(
        Wallet::new(1),
        receiver.clone(),
        network.members.iter().map(|member| member.provider()).collect(),
        Promise::Accepted,
    );
    while client.height()? < blocks {
        load.wait_more(5)?;
    }
    let acknowledged = load.stop()?;
    network.add_sentry_with(lab, flags)?;
    let synced = network.members[2].process()?.wait_for("Block sync completed", SYNC)?;
    let end = synced.split_once("endHeight=").and_then(|(_, rest)| rest.split([' ', '}']).next());
    ensure!(end.context("no endHeight")?.parse::<u64>()? >= blocks, "synced only {synced:?}");
    load::nothing_is_lost(network, &acknowledged, &receiver)?;

    let candidate = network.members[2].id.clone();
    let host = |index: usize| network.members[index].host.clone();
    let admin = |index: usize, line: &str| {
        host(index).run(&format!("{line} -r {}", network.members[index].root()))?.ok()
    };
    admin(2, "kwild validators join --wait")?;
    for index in [0, 1] {
        admin(index, &format!("kwild validators approve {candidate} --wait"))?;
    }
    network.members[2].process()?.wait_for("Role updated {from=sentry to=validator}", DEADLINE)?;

    // Two of three are enough, and with one of the old ones gone the new one's vote is needed.
    network.members[1].take()?.stop_cleanly(DEADLINE)?;
    let hash = client.transfer(&Wallet::new(1), &receiver)?;
    let sentry = Client::new(&network.members[2].provider())?;
    sentry.run(async |user| user.wait_for_success(hash, DEADLINE).await)?;
    load::state_holds(&network.members[2])
}
