//! The numbers as a page and as JSON.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::baseline::Baseline;
use super::network::Measured;

pub(super) fn json(baseline: &Baseline, networks: &[Measured]) -> Value {
    let networks: Vec<Value> = networks
        .iter()
        .map(|network| {
            let lines = network.database.lines.iter();
            let lines: Vec<Value> = lines
                .map(|line| {
                    json!({
                        "workload": line.name,
                        "transactions_per_s": line.txs_per_s,
                        "rows_per_s": line.rows_per_s,
                    })
                })
                .collect();
            json!({
                "validators": network.validators,
                "database": lines,
                "view_calls_per_s": network.database.calls_per_s,
                "view_call_p50_ms": network.database.call_p50.as_secs_f64() * 1000.0,
                "view_call_p99_ms": network.database.call_p99.as_secs_f64() * 1000.0,
                "selects_of_1000_rows_per_s": network.database.selects_per_s,
                "start_to_rpc_s": network.start_to_rpc.as_secs_f64(),
                "commit_p50_ms": network.p50.as_secs_f64() * 1000.0,
                "commit_p99_ms": network.p99.as_secs_f64() * 1000.0,
                "transfers_per_s": network.transfers_per_s,
                "of_round_trip": network.transfers_per_s / baseline.round_trip,
                "of_pipelined": network.transfers_per_s / baseline.pipelined,
                "idle_rss_mib": network.idle_rss_mib,
                "idle_cpu_percent": network.idle_cpu_percent,
                "sync_blocks": network.sync.blocks,
                "sync_blocks_per_s": network.sync.blocks_per_s,
                "sync_mb_per_s": network.sync.mb_per_s,
            })
        })
        .collect();
    json!({
        "raw_postgresql": { "round_trip_updates_per_s": baseline.round_trip, "pipelined_updates_per_s": baseline.pipelined },
        "networks": networks,
    })
}

/// Replaces the section of a benchmark on a page: what stands between its two marks.
pub(super) fn write_section(path: &Path, name: &str, section: &str) -> Result<()> {
    let page = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    let (begin, end) = (format!("<!-- bench {name} -->"), format!("<!-- end of {name} -->"));
    let (before, rest) = page
        .split_once(&begin)
        .with_context(|| format!("{} has no line {begin}", path.display()))?;
    let (_, after) =
        rest.split_once(&end).with_context(|| format!("{} has no line {end}", path.display()))?;
    std::fs::write(path, format!("{before}{begin}\n{}\n{end}{after}", section.trim()))?;
    Ok(())
}

/// The section of the page.
pub(super) fn section(baseline: &Baseline, networks: &[Measured]) -> String {
    let mut page = String::from(
        "| raw PostgreSQL, single-row updates in one transaction | per second |\n|---|---|\n",
    );
    // Writing to a string cannot fail.
    let _ = writeln!(
        page,
        "| one round trip each | {:.0} |\n| pipelined | {:.0} |\n",
        baseline.round_trip, baseline.pipelined
    );
    page.push_str(
        "| validators | commit p50 | commit p99 | transfers/s | of round trip | of pipelined | start to RPC | idle RSS | idle CPU | sync |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    for network in networks {
        let _ = writeln!(
            page,
            "| {} | {:.1} ms | {:.1} ms | {:.0} | {:.2} | {:.2} | {:.1} s | {:.0} MiB | {:.1} % | {} blocks: {:.0} blocks/s, {:.2} MB/s |",
            network.validators,
            network.p50.as_secs_f64() * 1000.0,
            network.p99.as_secs_f64() * 1000.0,
            network.transfers_per_s,
            network.transfers_per_s / baseline.round_trip,
            network.transfers_per_s / baseline.pipelined,
            network.start_to_rpc.as_secs_f64(),
            network.idle_rss_mib,
            network.idle_cpu_percent,
            network.sync.blocks,
            network.sync.blocks_per_s,
            network.sync.mb_per_s,
        );
    }
    page.push_str("\nLatency: signed transfers at 200 a second, each from sending over JSON-RPC to its committed result.\n");
    page.push_str("\n| validators | workload | transactions/s | rows/s | of pipelined |\n|---|---|---|---|---|\n");
    for network in networks {
        for line in &network.database.lines {
            let _ = writeln!(
                page,
                "| {} | {} | {:.0} | {:.0} | {:.2} |",
                network.validators,
                line.name,
                line.txs_per_s,
                line.rows_per_s,
                line.statements_per_s / baseline.pipelined
            );
        }
    }
    page.push_str("\n| validators | view action by key | p50 | p99 | selects of 1,000 rows |\n|---|---|---|---|---|\n");
    for network in networks {
        let database = &network.database;
        let _ = writeln!(
            page,
            "| {} | {:.0}/s | {:.2} ms | {:.2} ms | {:.0}/s |",
            network.validators,
            database.calls_per_s,
            database.call_p50.as_secs_f64() * 1000.0,
            database.call_p99.as_secs_f64() * 1000.0,
            database.selects_per_s
        );
    }
    page.push_str(
        "\nEvery transaction is signed and comes over JSON-RPC from 64 senders; medians of 5 rounds; 4 readers.\n",
    );
    page
}
