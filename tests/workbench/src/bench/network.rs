//! One network: its speed and what it needs.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use kwil_harness::Lab;
use kwil_harness::network::{Network, Plan};
use tokio::runtime::Runtime;

use super::{load, process};

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
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} validators: start to RPC {:.1} s, commit p50 {:.1} ms p99 {:.1} ms at {RATE} transfers/s, {:.0} transfers/s, idle {:.0} MiB {:.1} % CPU",
            self.validators,
            self.start_to_rpc.as_secs_f64(),
            self.p50.as_secs_f64() * 1000.0,
            self.p99.as_secs_f64() * 1000.0,
            self.transfers_per_s,
            self.idle_rss_mib,
            self.idle_cpu_percent
        )
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
        flags: vec!["--mempool.max-txs-per-sender".into(), "100000".into()],
        ..Plan::default()
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

    let (times, senders) =
        runtime.block_on(load::latencies(load::senders()?, &provider, RATE, seconds))?;
    let transfers_per_s = runtime.block_on(load::throughput(senders, &provider, transfers))?;
    let measured = Measured {
        validators,
        start_to_rpc,
        p50: percentile(&times, 50)?,
        p99: percentile(&times, 99)?,
        transfers_per_s,
        idle_rss_mib,
        idle_cpu_percent,
    };
    network.stop()?;
    Ok(measured)
}

fn percentile(sorted: &[Duration], percent: usize) -> Result<Duration> {
    let index = sorted.len().saturating_mul(percent) / 100;
    sorted.get(index.min(sorted.len().saturating_sub(1))).copied().context("nothing was measured")
}
