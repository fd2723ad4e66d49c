//! Long runs, behind `cargo xtask sim | fuzz | bench`.
#![allow(clippy::print_stdout, reason = "a terminal program")]

mod bench;
mod fuzz;
mod sim;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Long runs of the project", arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    run: Run,
}

#[derive(Subcommand)]
enum Run {
    /// Simulate consensus; a failing seed prints its shortest trace
    Sim(sim::Args),
    /// Fuzz the decoders that meet bytes from outside
    Fuzz(fuzz::Args),
    /// Measure a real network against raw PostgreSQL of the same run
    Bench(bench::Args),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().run {
        Run::Sim(args) => sim::run(&args),
        Run::Fuzz(args) => fuzz::run(&args),
        Run::Bench(args) => bench::run(&args),
    }
}
