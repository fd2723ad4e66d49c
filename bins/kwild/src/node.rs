//! The one place where this program meets the node library.

use std::path::PathBuf;

use kwil_cmd::{CliError, VERSION};
use kwil_config::Config;
use kwil_crypto::PrivateKey;
use kwil_genesis::Genesis;
use kwil_node::{NodeBuilder, NodeError};
use kwil_state::Launcher;
use tokio_util::sync::CancellationToken;

/// Everything a node needs to run, read and checked.
#[derive(Debug)]
pub(crate) struct NodeInputs {
    /// Root directory, absolute.
    pub(crate) root: PathBuf,
    /// Merged and valid configuration.
    pub(crate) config: Config,
    /// Identity of the node.
    pub(crate) key: PrivateKey,
    /// The network.
    pub(crate) genesis: Genesis,
}

/// Runs the node until `stop` is cancelled or something essential fails. A stop while the node starts closes what is
/// open, in order.
pub(crate) async fn run(inputs: NodeInputs, stop: CancellationToken) -> Result<(), CliError> {
    let NodeInputs { root, config, key, genesis } = inputs;
    let mut builder = NodeBuilder::new(&root, genesis, key).config(config).version(VERSION);
    // PostgreSQL is started through this program, so that it ends with it.
    if let Ok(program) = std::env::current_exe() {
        builder = builder.launcher(Launcher::Subcommand(program));
    }
    let node = match builder.start_until(stop.clone()).await {
        Ok(node) => node,
        Err(NodeError::Stopping) => {
            tracing::info!(target: "KWILD", "Server is now shut down.");
            return Ok(());
        }
        Err(error) if stop.is_cancelled() => {
            tracing::warn!(target: "KWILD", %error, "The node did not start");
            return Ok(());
        }
        Err(error) => return Err(explain(&error)),
    };
    node.run_until(stop.cancelled_owned()).await.map_err(|error| explain(&error))
}

fn explain(error: &NodeError) -> CliError {
    let cli = CliError::failed(kwil_cmd::error_chain(error));
    match error.hint() {
        Some(hint) => cli.hint(hint),
        None => cli,
    }
}
