//! Project tasks in plain Rust, run as `cargo xtask <task>`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a terminal program")]

mod demo;
mod generate;
mod install;
mod step;
mod test;
mod tidy;
mod workbench;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Project tasks", arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Generate the protobuf code from `proto/`
    Gen {
        /// Change nothing; fail when a committed file differs from what would be written
        #[arg(long)]
        check: bool,
    },
    /// Walk the deployment guide with three real nodes on this machine
    Demo {
        /// Leave the network running and print how to use and stop it
        #[arg(long)]
        keep: bool,
    },
    /// Simulate consensus: `--seeds N`, `--from S`
    Sim {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Fuzz the decoders: `--seconds N`, name of a target
    Fuzz {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Measure: `network`, `--json FILE`, `--page FILE`
    Bench {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Check layers, sizes, front pages, wording and links
    Tidy,
    /// Everything that guards the main branch; installs what it needs
    Test,
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().task {
        Task::Gen { check } => generate::run(check),
        Task::Demo { keep } => demo::run(keep),
        Task::Sim { arguments } => workbench::run("sim", &arguments),
        Task::Fuzz { arguments } => workbench::run("fuzz", &arguments),
        Task::Bench { arguments } => workbench::run("bench", &arguments),
        Task::Tidy => tidy::run(),
        Task::Test => test::run_all(),
    }
}

/// The folder that holds the workspace's `Cargo.toml`.
fn repository_root() -> anyhow::Result<std::path::PathBuf> {
    let manifest = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = manifest.parent().ok_or_else(|| anyhow::anyhow!("xtask has no parent folder"))?;
    Ok(root.to_owned())
}
