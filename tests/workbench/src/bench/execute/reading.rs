//! View actions and selects at the last committed height, alone and beside writes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use kwil_engine::Invocation;
use kwil_state::{ReadBounds, Reads};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::chain::Chain;
use crate::bench::workload::{SCHEMA, WORKLOADS};

/// Rows to read from.
const ROWS: usize = 10_000;
/// Readers at a time.
const READERS: usize = 4;
/// Calls of one measurement.
const CALLS: usize = 20_000;
/// Selects of 1,000 rows.
const SELECTS: usize = 400;
/// Writes per second beside the reads.
const WRITES: usize = 1_000;

/// Reads per second, and how long they take beside writes.
pub(super) struct Measured {
    calls_per_s: f64,
    calls_beside_writes_per_s: f64,
    writes_per_s: f64,
    p50: Duration,
    p99: Duration,
    selects_per_s: f64,
}

impl Measured {
    pub(super) fn json(&self) -> Value {
        json!({
            "view_calls_per_s": self.calls_per_s,
            "view_calls_beside_writes_per_s": self.calls_beside_writes_per_s,
            "writes_per_s": self.writes_per_s,
            "p50_ms": self.p50.as_secs_f64() * 1e3,
            "p99_ms": self.p99.as_secs_f64() * 1e3,
            "selects_of_1000_rows_per_s": self.selects_per_s,
        })
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "View action by key: {:.0}/s alone, {READERS} readers; beside {:.0} writes/s {:.0}/s, p50 {:.2} ms, p99 {:.2} ms. \
             Selects of 1,000 rows: {:.0}/s.",
            self.calls_per_s,
            self.writes_per_s,
            self.calls_beside_writes_per_s,
            self.p50.as_secs_f64() * 1e3,
            self.p99.as_secs_f64() * 1e3,
            self.selects_per_s
        )
    }
}

pub(super) async fn measure() -> Result<Measured> {
    let mut chain = Chain::start().await?;
    chain.owner_runs(SCHEMA).await?;
    let bulk = WORKLOADS.iter().find(|workload| workload.rows == 1_000).context("a bulk load")?;
    let transactions = chain.transactions(bulk, ROWS.div_ceil(bulk.rows), 1)?;
    chain.block(transactions).await?;
    let reads = chain.executor.reads(&chain.database);

    let started = Instant::now();
    calls(&reads).await?;
    let calls_per_s = rate(CALLS, started)?;

    let started = Instant::now();
    selects(&reads).await?;
    let selects_per_s = rate(SELECTS, started)?;

    let done = Arc::new(AtomicBool::new(false));
    let reading = {
        let (reads, done) = (reads.clone(), Arc::clone(&done));
        tokio::spawn(async move {
            let started = Instant::now();
            let times = calls(&reads).await;
            done.store(true, Ordering::Release);
            times.map(|times| (times, started.elapsed()))
        })
    };
    let (written, write_time) = write_until(&mut chain, &done).await?;
    let (mut times, took) = reading.await??;
    times.sort_unstable();
    let at =
        |part: usize| times.get(times.len().saturating_mul(part).div_ceil(100).saturating_sub(1));
    Ok(Measured {
        calls_per_s,
        calls_beside_writes_per_s: f64::from(u32::try_from(times.len())?) / took.as_secs_f64(),
        writes_per_s: f64::from(u32::try_from(written)?) / write_time.as_secs_f64(),
        p50: at(50).copied().unwrap_or_default(),
        p99: at(99).copied().unwrap_or_default(),
        selects_per_s,
    })
}

/// Blocks of 50 one-insert actions at the rate of [`WRITES`].
async fn write_until(chain: &mut Chain, done: &AtomicBool) -> Result<(usize, Duration)> {
    let insert = WORKLOADS.first().context("a workload")?;
    let (block, started, mut written) = (50, Instant::now(), 0_usize);
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / u32::try_from(WRITES / block)?);
    while !done.load(Ordering::Acquire) {
        ticks.tick().await;
        let transactions = chain.transactions(insert, block, 8)?;
        chain.block(transactions).await?;
        written = written.saturating_add(block);
    }
    Ok((written, started.elapsed()))
}

async fn calls(reads: &Reads) -> Result<Vec<Duration>> {
    let mut readers = JoinSet::new();
    for reader in 0..READERS {
        let reads = reads.clone();
        readers.spawn(async move {
            let mut times = Vec::with_capacity(CALLS / READERS);
            for number in 0..CALLS / READERS {
                let key = number.wrapping_mul(READERS).wrapping_add(reader) % ROWS;
                let arguments = vec![i64::try_from(key)?.into()];
                let started = Instant::now();
                let answer = reads
                    .call(
                        "main",
                        "get_note",
                        arguments,
                        Invocation::default(),
                        ReadBounds::default(),
                    )
                    .await?;
                times.push(started.elapsed());
                anyhow::ensure!(answer.result.rows.len() == 1, "row {key} is missing");
            }
            Ok(times)
        });
    }
    let mut all = Vec::with_capacity(CALLS);
    while let Some(times) = readers.join_next().await {
        all.extend(times??);
    }
    Ok(all)
}

async fn selects(reads: &Reads) -> Result<()> {
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        let reads = reads.clone();
        readers.spawn(async move {
            for _ in 0..SELECTS / READERS {
                let script = "SELECT id, author, body FROM notes ORDER BY id LIMIT 1000";
                let (parameters, bounds) = (BTreeMap::new(), ReadBounds::default());
                let answer = reads.query(script, parameters, Invocation::default(), bounds).await?;
                anyhow::ensure!(answer.result.rows.len() == 1_000, "rows are missing");
            }
            Ok(())
        });
    }
    while let Some(done) = readers.join_next().await {
        done??;
    }
    Ok(())
}

fn rate(count: usize, started: Instant) -> Result<f64> {
    Ok(f64::from(u32::try_from(count)?) / started.elapsed().as_secs_f64())
}
