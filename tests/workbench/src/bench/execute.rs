//! Blocks of SQL and actions on one executor, beside raw PostgreSQL of the same run.
//!
//! No network and no signature checks: what is measured is the way from a decoded block to its app hash and commit.

mod chain;
mod raw;
mod reading;

use std::fmt::Write as _;
use std::time::Instant;

use anyhow::{Result, ensure};
use kwil_types::RawTx;
use serde_json::{Value, json};

use super::workload::{SCHEMA, WORKLOADS, Workload};
use chain::Chain;
use raw::Raw;

/// Transactions of one measurement, at least.
const TRANSACTIONS: usize = 10_000;

/// One line of the result.
struct Line {
    name: &'static str,
    block: usize,
    senders: usize,
    txs_per_s: f64,
    rows_per_s: f64,
    /// Single-row statements that do the same.
    statements_per_s: f64,
}

/// Everything of one run.
pub(super) struct Measured {
    raw: Raw,
    lines: Vec<Line>,
    reading: Option<reading::Measured>,
}

/// Measures the workloads with `only` in their names, with blocks of each size, sent by one and by many.
pub(super) async fn measure(only: &str) -> Result<Measured> {
    let raw = raw::measure().await?;
    println!("raw PostgreSQL: {raw}");
    let mut lines = Vec::new();
    for workload in WORKLOADS.iter().filter(|workload| workload.name.contains(only)) {
        for block in [100, 1_000, 5_000] {
            for senders in [1, 64] {
                let line = blocks(workload, block, senders).await?;
                println!("{}", line.shown(&raw));
                lines.push(line);
            }
        }
    }
    let reading = if "reads".contains(only) { Some(reading::measure().await?) } else { None };
    if let Some(reading) = &reading {
        println!("{reading}");
    }
    Ok(Measured { raw, lines, reading })
}

async fn blocks(workload: &Workload, size: usize, senders: usize) -> Result<Line> {
    let mut chain = Chain::start().await?;
    chain.owner_runs(SCHEMA).await?;
    let wanted = TRANSACTIONS.checked_div(workload.rows).unwrap_or(1).max(size);
    let count = wanted.div_ceil(size);
    let size = size.min(wanted);
    // Plans and statements are prepared once for the life of a node.
    let warm = chain.transactions(workload, 10, 1)?;
    chain.block(warm).await?;
    let mut prepared: Vec<Vec<RawTx>> = Vec::with_capacity(count);
    for _ in 0..count {
        prepared.push(chain.transactions(workload, size, senders)?);
    }
    let sent: usize = prepared.iter().map(Vec::len).sum();
    let started = Instant::now();
    for transactions in prepared {
        chain.block(transactions).await?;
    }
    let seconds = started.elapsed().as_secs_f64();
    let sent = f64::from(u32::try_from(sent)?);
    let rows = f64::from(u32::try_from(workload.rows)?);
    let statements = f64::from(u32::try_from(workload.statements)?);
    Ok(Line {
        name: workload.name,
        block: size,
        senders,
        txs_per_s: sent / seconds,
        rows_per_s: sent * rows / seconds,
        statements_per_s: sent * statements / seconds,
    })
}

impl Line {
    fn shown(&self, raw: &Raw) -> String {
        format!(
            "{}, blocks of {}, {} senders: {:.0} transactions/s, {:.0} rows/s, {:.2} of pipelined",
            self.name,
            self.block,
            self.senders,
            self.txs_per_s,
            self.rows_per_s,
            self.statements_per_s / raw.pipelined
        )
    }
}

impl Measured {
    /// All numbers.
    pub(super) fn json(&self) -> Value {
        let lines: Vec<Value> = self
            .lines
            .iter()
            .map(|line| {
                json!({
                    "workload": line.name,
                    "block": line.block,
                    "senders": line.senders,
                    "transactions_per_s": line.txs_per_s,
                    "rows_per_s": line.rows_per_s,
                    "of_pipelined": line.statements_per_s / self.raw.pipelined,
                })
            })
            .collect();
        json!({
            "raw_postgresql": self.raw.json(),
            "blocks": lines,
            "reads": self.reading.as_ref().map(reading::Measured::json),
        })
    }

    /// The section of the page.
    pub(super) fn page(&self) -> String {
        let mut page =
            String::from("| raw PostgreSQL, one transaction | per second |\n|---|---|\n");
        // Writing to a string cannot fail.
        let _ = writeln!(
            page,
            "| single-row inserts, one round trip each | {:.0} |\n| single-row inserts, pipelined | {:.0} |\n\
             | select, update, insert and commit, as pgbench | {:.0} |\n\
             | 5,000 updates of one row | {:.0} |\n",
            self.raw.round_trip, self.raw.pipelined, self.raw.pgbench, self.raw.one_row
        );
        page.push_str(
            "| workload | block | senders | transactions/s | µs each | rows/s | of pipelined |\n|---|---|---|---|---|---|---|\n",
        );
        for line in &self.lines {
            let _ = writeln!(
                page,
                "| {} | {} | {} | {:.0} | {:.0} | {:.0} | {:.2} |",
                line.name,
                line.block,
                line.senders,
                line.txs_per_s,
                1e6 / line.txs_per_s,
                line.rows_per_s,
                line.statements_per_s / self.raw.pipelined
            );
        }
        page.push_str("\nOf pipelined: single-row statements that do the same, a second, against pipelined inserts.\n");
        if let Some(reading) = &self.reading {
            let _ = writeln!(page, "\n{reading}");
        }
        page
    }
}

/// Fails unless a transaction of a block succeeded: a fast failure is no result.
fn check(log: &str, is_ok: bool) -> Result<()> {
    ensure!(is_ok, "a transaction of the benchmark failed: {log}");
    Ok(())
}
