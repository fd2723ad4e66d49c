//! `utils known-nodes`.

use kwil_client::KnownNodes;

use crate::context::Context;
use crate::error::{CliError, ErrorCode};
use crate::remote::explain;
use crate::user::{Settings, UserArgs};

/// Show and forget the identities of nodes reached over QUIC.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  kwil-cli utils known-nodes list\n  kwil-cli utils known-nodes remove node.example:8484"
)]
pub struct KnownNodesCommand {
    #[command(subcommand)]
    command: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List them
    #[command(after_help = "Example:\n  kwil-cli utils known-nodes list")]
    List {},
    /// Forget the node at an address
    #[command(after_help = "Example:\n  kwil-cli utils known-nodes remove node.example:8484")]
    Remove {
        /// host:port
        #[arg(value_name = "ADDRESS")]
        address: String,
    },
}

impl KnownNodesCommand {
    /// Reads or changes the file; asks no node.
    ///
    /// # Errors
    /// A file that cannot be used, or an address that is not in it.
    pub fn run(self, user: &UserArgs, context: &mut Context) -> Result<(), CliError> {
        let settings = Settings::merge(user, context)?;
        let path = settings.path.with_file_name("known_nodes");
        match self.command {
            Action::List {} => {
                let text = if path.exists() {
                    context.read_text("the known nodes", &path)?
                } else {
                    String::new()
                };
                let lines: Vec<&str> =
                    text.lines().filter(|line| !line.trim().is_empty()).collect();
                context.output.emit(&lines, || {
                    if lines.is_empty() { "No known nodes".to_owned() } else { lines.join("\n") }
                })
            }
            Action::Remove { address } => {
                let found = KnownNodes::new(&path)
                    .forget(&address)
                    .map_err(|error| explain(&error, "RPC provider"))?;
                if !found {
                    return Err(CliError::new(
                        ErrorCode::NotFound,
                        format!("no node at {address} is known"),
                    ));
                }
                let json = serde_json::json!({ "address": address, "removed": true });
                context.output.emit(&json, || format!("Removed node at {address}"))
            }
        }
    }
}
