//! Consensus simulation by seed.

use std::time::{Duration, Instant};

use anyhow::bail;
use kwil_consensus::explore::{Bounds, explore};
use kwil_consensus::sim;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many seeds
    #[arg(long, default_value_t = 300)]
    seeds: u64,
    /// First seed
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Instead of seeds: visit every state within the full bounds; this takes long
    #[arg(long)]
    exhaustive: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    if args.exhaustive {
        return exhaustive();
    }
    let started = Instant::now();
    let mut told = started;
    let result = sim::run_many(args.from, args.seeds, |seed, outcome| {
        if told.elapsed() >= Duration::from_secs(5) {
            told = Instant::now();
            println!("seed {seed}: height {} in view {}", outcome.height, outcome.highest_view);
        }
    });
    match result {
        Ok(summary) => {
            println!(
                "{} seeds, {} steps, {} blocks, {} virtual s, {} repeated with the same trace, in {:.1} s",
                summary.seeds,
                summary.steps,
                summary.heights,
                summary.virtual_ms / 1000,
                summary.repeated,
                started.elapsed().as_secs_f64()
            );
            Ok(())
        }
        Err(failure) => bail!("{failure}"),
    }
}

/// Every bound of the design, one after the other; states and depth of each are printed.
fn exhaustive() -> anyhow::Result<()> {
    for bounds in Bounds::exhaustive() {
        let started = Instant::now();
        let explored = explore(&bounds, None);
        println!("{bounds}: {explored}, in {:.1} s", started.elapsed().as_secs_f64());
        if explored.violation.is_some() {
            bail!("an invariant is broken within {bounds}");
        }
    }
    Ok(())
}
