//! Benchmarks of real networks, each beside raw PostgreSQL of the same run.

mod baseline;
mod load;
mod network;
mod process;
mod report;

use std::path::PathBuf;

use anyhow::{Result, bail};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// `network`: transfers on one and on three local validators
    name: String,
    /// Write the numbers here as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write them here as a page
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    /// Seconds of the latency run
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Transfers of the throughput run
    #[arg(long, default_value_t = 20_000)]
    transfers: u64,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    if args.name != "network" {
        bail!("no benchmark {:?}; there is `network`", args.name);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let baseline = runtime.block_on(baseline::measure())?;
    println!("raw PostgreSQL: {baseline}");
    let mut networks = Vec::new();
    for validators in [1, 3] {
        let measured = network::measure(&runtime, validators, args.seconds, args.transfers)?;
        println!("{measured}");
        networks.push(measured);
    }
    let page = report::page(&baseline, &networks);
    if let Some(path) = &args.json {
        std::fs::write(path, serde_json::to_vec_pretty(&report::json(&baseline, &networks))?)?;
    }
    match &args.page {
        Some(path) => std::fs::write(path, page)?,
        None => println!("\n{page}"),
    }
    Ok(())
}
