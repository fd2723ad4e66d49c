//! The one place where this program meets the node library.

use std::path::PathBuf;

use kwil_cmd::CliError;
use kwil_config::Config;
use kwil_crypto::PrivateKey;
use kwil_genesis::Genesis;
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

/// Runs the node until `stop` is cancelled or something essential fails.
pub(crate) async fn run(inputs: NodeInputs, stop: CancellationToken) -> Result<(), CliError> {
    let NodeInputs { root, config, key, genesis } = inputs;
    let _ = (config, key, genesis, stop);
    Err(CliError::failed(format!("no node library to run {} with", root.display())))
}
