//! `account id`.

use crate::context::Context;
use crate::error::CliError;
use crate::user::{Settings, UserArgs};

/// Show the account of the configured key.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  kwil-cli account id")]
pub struct Id {}

impl Id {
    /// Prints the address; asks no node.
    ///
    /// # Errors
    /// No key, or one that cannot be read.
    pub fn run(self, user: &UserArgs, context: &mut Context) -> Result<(), CliError> {
        let settings = Settings::merge(user, context)?;
        if !settings.has_key() {
            return Err(CliError::usage("no private key configured")
                .hint("kwil-cli configure, or --private-key"));
        }
        let id = settings.signer(context)?.identifier();
        context.output.emit(&id, || id.clone())
    }
}
