//! One network: its speed and what it needs.

mod database;

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use kwil_harness::Lab;
use kwil_harness::network::{Network, Plan};
use tokio::runtime::Runtime;

use super::{load, process};
pub(super) use database::Database;

const RATE: u64 = 200;
const IDLE: Duration = Duration::from_secs(10);

/// Numbers of one network.
#[derive(Debug, Clone)]
pub(super) struct Measured {
    pub(super) validators: usize,
    pub(super) start_to_rpc: Duration,
    pub(super) p50: Duration,
    pub(super) p99: Duration,
    pub(super) transfers_per_s: f64,
    pub(super) idle_rss_mib: f64,
    pub(super) idle_cpu_percent: f64,
    pub(super) database: Database,
    pub(super) sync: Sync,
}

/// How fast a fresh node gets the chain of the run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sync {
    pub(super) blocks: u64,
    pub(super) blocks_per_s: f64,
    /// Of the block log, as it lies on disk.
    pub(super) mb_per_s: f64,
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} validators: start to RPC {:.1} s, commit p50 {:.1} ms p99 {:.1} ms at {RATE} transfers/s, {:.0} transfers/s, idle {:.0} MiB {:.1} % CPU, sync of {} blocks {:.0} blocks/s {:.2} MB/s",
            self.validators,
            self.start_to_rpc.as_secs_f64(),
            self.p50.as_secs_f64() * 1000.0,
            self.p99.as_secs_f64() * 1000.0,
            self.transfers_per_s,
            self.idle_rss_mib,
            self.idle_cpu_percent,
            self.sync.blocks,
            self.sync.blocks_per_s,
            self.sync.mb_per_s
        )?;
        write!(f, "\n{}", self.database)
    }
}

pub(super) fn measure(
    runtime: &Runtime,
    validators: usize,
    seconds: u64,
    transfers: u64,
) -> Result<Measured> {
    let lab = Lab::new()?;
    let plan = Plan {
        alloc: load::allocations()?,
        owner: load::senders()?.first().map(load::Sender::identifier),
        flags: vec!["--mempool.max-txs-per-sender".into(), "100000".into()],
    };
    let mut network = Network::set_up(&lab, validators, &plan)?;
    let started = Instant::now();
    for member in &mut network.members {
        member.start()?;
    }
    let mut start_to_rpc = Duration::ZERO;
    for member in &network.members {
        member.process()?.wait_for("Node started", Duration::from_secs(120))?;
        start_to_rpc = started.elapsed();
    }
    for member in &network.members {
        member.process()?.wait_for("Committed Block", Duration::from_secs(120))?;
    }
    let first = network.members.first().context("a network has validators")?;
    let (pid, provider) = (first.process()?.id(), first.provider());

    let before = process::cpu(pid)?;
    std::thread::sleep(IDLE);
    let idle_cpu_percent =
        process::cpu(pid)?.saturating_sub(before).as_secs_f64() / IDLE.as_secs_f64() * 100.0;
    let idle_rss_mib = process::rss_mib(pid)?;

    let (times, mut senders) =
        runtime.block_on(load::latencies(load::senders()?, &provider, RATE, seconds))?;
    let transfers_per_s = runtime.block_on(load::throughput(
        &mut senders,
        &provider,
        load::Work::Transfer,
        transfers,
    ))?;
    let sync = sync(&lab, &mut network)?;
    let database = runtime.block_on(database::measure(&mut senders, &provider))?;
    let measured = Measured {
        validators,
        start_to_rpc,
        p50: percentile(&times, 50)?,
        p99: percentile(&times, 99)?,
        transfers_per_s,
        idle_rss_mib,
        idle_cpu_percent,
        database,
        sync,
    };
    network.stop()?;
    Ok(measured)
}

/// Adds a node without blocks, measures from the start of its sync to the end, and takes it away again.
fn sync(lab: &Lab, network: &mut Network) -> Result<Sync> {
    network.add_sentry(lab)?;
    let sentry = network.members.last().context("a sentry was added")?;
    let process = sentry.process()?;
    process.wait_for("Starting block sync", Duration::from_secs(120))?;
    let started = Instant::now();
    let end = process.wait_for("Block sync completed", Duration::from_secs(600))?;
    let seconds = started.elapsed().as_secs_f64();
    let (_, height) = end.split_once("endHeight=").context("no endHeight")?;
    let blocks: u64 = height.split([' ', '}']).next().unwrap_or_default().parse()?;
    let bytes = log_bytes(&sentry.host.path("/data/node"))?;
    let mut sentry = network.members.pop().context("the sentry is the last")?;
    sentry.take()?.stop_cleanly(Duration::from_secs(60))?;
    let per_second = |count: u64| -> Result<f64> { Ok(f64::from(u32::try_from(count)?) / seconds) };
    Ok(Sync {
        blocks,
        blocks_per_s: per_second(blocks)?,
        mb_per_s: per_second(bytes / 1000)? / 1000.0,
    })
}

/// Bytes of the segments of the block log below a root folder.
fn log_bytes(root: &std::path::Path) -> Result<u64> {
    let (mut folders, mut bytes) = (vec![root.to_owned()], 0_u64);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() && !path.ends_with("pg") {
                folders.push(path);
            } else if path.extension().is_some_and(|suffix| suffix == "blocks") {
                bytes = bytes.saturating_add(std::fs::metadata(path)?.len());
            }
        }
    }
    Ok(bytes)
}

fn percentile(sorted: &[Duration], percent: usize) -> Result<Duration> {
    let index = sorted.len().saturating_mul(percent) / 100;
    sorted.get(index.min(sorted.len().saturating_sub(1))).copied().context("nothing was measured")
}
