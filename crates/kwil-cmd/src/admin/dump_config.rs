//! `admin dump-config`.

use crate::context::Context;
use crate::error::CliError;
use crate::remote::RpcArgs;

/// Show the configuration that the node runs with, as a complete config.toml.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  {program} admin dump-config > config.toml")]
pub struct DumpConfig {
    /// Show passwords
    #[arg(long)]
    show_secrets: bool,
}

impl DumpConfig {
    /// Asks the node and prints the text.
    ///
    /// # Errors
    /// What the node or the way to it says.
    pub fn run(self, rpc: &RpcArgs, context: &mut Context) -> Result<(), CliError> {
        let toml = rpc.ask(context, async |node| node.config(self.show_secrets).await)?;
        context.output.emit(&serde_json::json!({ "ok": true, "toml": toml }), || toml.clone())
    }
}
