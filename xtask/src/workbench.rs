//! Long runs, in a package of their own so that this one stays small.

use anyhow::Result;

use crate::install;
use crate::step::{cargo, run as step};

/// Runs one of the workbench's commands in a release build.
pub(crate) fn run(command: &str, arguments: &[String]) -> Result<()> {
    if command == "bench" {
        install::postgresql()?;
        install::network_tools()?;
        step(&mut cargo(&["build", "--release", "--bins", "--locked"])?)?;
    }
    let mut run = cargo(&[
        "run",
        "--release",
        "--quiet",
        "--locked",
        "--package",
        "kwil-workbench",
        "--",
        command,
    ])?;
    step(run.args(arguments))
}
