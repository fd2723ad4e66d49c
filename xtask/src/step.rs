//! Running other programs so that a reader of the terminal sees what runs and how long it took.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// Prints the command, runs it with this terminal, fails when it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = shown(command);
    println!("\n$ {shown}");
    let started = Instant::now();
    let status = command.status().with_context(|| format!("starting `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed: {status}");
    }
    println!("  ({:.1} s)", started.elapsed().as_secs_f64());
    Ok(())
}

/// A cargo command in the repository root.
pub(crate) fn cargo(arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(crate::repository_root()?);
    Ok(command)
}

fn shown(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    let program = program.rsplit('/').next().unwrap_or_default().to_owned();
    let words = command.get_args().map(|word| word.to_string_lossy().into_owned());
    std::iter::once(program).chain(words).collect::<Vec<_>>().join(" ")
}
