//! Benchmarks, each beside raw PostgreSQL of the same run.

mod baseline;
mod execute;
mod load;
mod network;
mod process;
mod report;
mod workload;

use std::path::PathBuf;

use anyhow::{Result, bail};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// `network`: transfers, SQL and actions on one and on three local validators; `execute`: SQL and actions in blocks, and reads
    name: String,
    /// Write the numbers here as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write them into the section of this benchmark on a page
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    /// Of `execute`: only what has this in its name (`reads` for the reads)
    #[arg(long, value_name = "TEXT", default_value = "", conflicts_with = "page")]
    only: String,
    /// Seconds of the latency run
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Transfers of the throughput run
    #[arg(long, default_value_t = 20_000)]
    transfers: u64,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (json, section) = match args.name.as_str() {
        "network" => {
            let baseline = runtime.block_on(baseline::measure())?;
            println!("raw PostgreSQL: {baseline}");
            let mut networks = Vec::new();
            for validators in [1, 3] {
                let measured =
                    network::measure(&runtime, validators, args.seconds, args.transfers)?;
                println!("{measured}");
                networks.push(measured);
            }
            (report::json(&baseline, &networks), report::section(&baseline, &networks))
        }
        "execute" => {
            let measured = runtime.block_on(execute::measure(&args.only))?;
            (measured.json(), measured.page())
        }
        other => bail!("no benchmark {other:?}; there are `network` and `execute`"),
    };
    if let Some(path) = &args.json {
        std::fs::write(path, serde_json::to_vec_pretty(&json)?)?;
    }
    match &args.page {
        Some(path) => report::write_section(path, &args.name, &section)?,
        None => println!("\n{section}"),
    }
    Ok(())
}
