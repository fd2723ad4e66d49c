//! `utils ping`.

use crate::context::Context;
use crate::error::CliError;
use crate::user::{Settings, UserArgs};

/// Ask whether a node answers.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  kwil-cli utils ping --provider quic://node.example:8484")]
pub struct Ping {}

impl Ping {
    /// Asks the node and prints its answer.
    ///
    /// # Errors
    /// What the node or the way to it says.
    pub fn run(self, user: &UserArgs, context: &mut Context) -> Result<(), CliError> {
        let settings = Settings::merge(user, context)?;
        let answer = user.ask(&settings, context, async |node| node.ping().await)?;
        context.output.emit(&answer, || answer.clone())
    }
}
