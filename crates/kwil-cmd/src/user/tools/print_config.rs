//! `utils print-config`.

use serde::Serialize;

use crate::context::Context;
use crate::error::CliError;
use crate::user::{Settings, UserArgs};

/// Show provider, key and network that commands use; the key is hidden.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  kwil-cli utils print-config")]
pub struct PrintSettings {}

#[derive(Serialize)]
struct View<'a> {
    private_key: &'a str,
    provider: &'a str,
    chain_id: &'a str,
}

impl PrintSettings {
    /// Merges and prints; asks no node.
    ///
    /// # Errors
    /// A configuration file that cannot be read.
    pub fn run(self, user: &UserArgs, context: &mut Context) -> Result<(), CliError> {
        let settings = Settings::merge(user, context)?;
        let private_key = if settings.has_key() { "***" } else { "" };
        let view = View { private_key, provider: &settings.provider, chain_id: &settings.chain_id };
        context.output.emit(&view, || {
            let lines = [
                ("PrivateKey", private_key),
                ("Provider", view.provider),
                ("ChainID", view.chain_id),
            ];
            lines.map(|(name, value)| format!("{name}: {value}").trim_end().to_owned()).join("\n")
        })
    }
}
