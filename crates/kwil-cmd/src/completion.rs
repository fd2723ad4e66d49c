//! `completion`: scripts for shells.

use clap_complete::Shell;

use crate::context::Context;
use crate::error::CliError;

/// Print a completion script for a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  source <({program} completion bash)")]
pub struct Completion {
    /// bash, zsh, fish, powershell or elvish
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

impl Completion {
    /// Prints the script of the program whose commands are given.
    ///
    /// # Errors
    /// When the output cannot be made.
    pub fn run(self, mut command: clap::Command, context: &mut Context) -> Result<(), CliError> {
        let name = command.get_name().to_owned();
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, name, &mut script);
        let script = String::from_utf8_lossy(&script).into_owned();
        let json = serde_json::json!({ "shell": self.shell.to_string(), "script": script });
        context.output.emit(&json, || script)
    }
}
