//! `print-config`.

use kwil_config::WriteOptions;

use crate::config_flags::ConfigFlags;
use crate::context::Context;
use crate::error::CliError;

/// Show the configuration that the node would run with.
///
/// The output is a complete config.toml.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  kwild print-config > sample_config.toml\n  kwild print-config -r /data/kwil-node0 --origin"
)]
pub struct PrintConfig {
    /// Say for each value where it is from
    #[arg(long)]
    origin: bool,
    /// Show passwords
    #[arg(long)]
    show_secrets: bool,
    #[command(flatten)]
    config: ConfigFlags,
}

impl PrintConfig {
    /// Merges and prints.
    ///
    /// # Errors
    /// Every problem of the configuration.
    pub fn run(self, context: &mut Context) -> Result<(), CliError> {
        let root = context.root();
        let loaded = self.config.load(&root, context)?;
        let toml = loaded.config.to_toml(WriteOptions {
            mask_secrets: !self.show_secrets,
            origins: self.origin.then_some(&loaded.origins),
        });
        context.output.emit(&serde_json::json!({ "toml": toml }), || toml.clone())
    }
}
