//! Composing a node.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kwil_config::Config;
use kwil_crypto::PrivateKey;
use kwil_crypto::auth::Registry;
use kwil_genesis::Genesis;
use kwil_state::{Extensions, Launcher};
use tokio_util::sync::CancellationToken;

use crate::error::NodeError;
use crate::node::Node;
use crate::startup;

/// Everything that a node is made of. The defaults are those of `kwild`.
#[derive(Debug)]
pub struct NodeBuilder {
    pub(crate) root: PathBuf,
    pub(crate) config: Config,
    pub(crate) genesis: Genesis,
    pub(crate) key: PrivateKey,
    pub(crate) launcher: Option<Launcher>,
    pub(crate) extensions: Extensions,
    pub(crate) version: &'static str,
}

impl NodeBuilder {
    /// A node in `root` with the stock configuration.
    #[must_use]
    pub fn new(root: &Path, genesis: Genesis, key: PrivateKey) -> Self {
        Self {
            root: root.to_owned(),
            config: Config::default(),
            genesis,
            key,
            launcher: None,
            extensions: Extensions::default(),
            version: env!("CARGO_PKG_VERSION"),
        }
    }

    /// Replaces the configuration.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// How PostgreSQL programs are started. `kwild` starts them through itself, so that they end when it dies; another
    /// program can offer the same with [`kwil_state::pg_exec_main`]. Without it, `setpriv` of util-linux is used.
    #[must_use]
    pub fn launcher(mut self, launcher: Launcher) -> Self {
        self.launcher = Some(launcher);
        self
    }

    /// Adds authenticators. All validators of a network need the same.
    #[must_use]
    pub fn authenticators(mut self, authenticators: Registry) -> Self {
        self.extensions.authenticators = Arc::new(authenticators);
        self
    }

    /// Replaces the engine that runs SQL and actions, to give it other extensions than the stock ones. All validators of a
    /// network need the same.
    #[must_use]
    pub fn engine(mut self, engine: kwil_engine::Engine) -> Self {
        self.extensions.engine = Some(Arc::new(engine));
        self
    }

    /// Version that is shown to peers and users, `MAJOR.MINOR.PATCH`.
    #[must_use]
    pub fn version(mut self, version: &'static str) -> Self {
        self.version = version;
        self
    }

    /// Starts the node: locks the root folder, opens ports, stores and database, replays what the database lacks, and
    /// takes part. The services answer from the moment their ports are open, with what a starting node knows.
    ///
    /// # Errors
    /// The first thing that does not work; everything opened before is closed again.
    pub async fn start(self) -> Result<Node, NodeError> {
        self.start_until(CancellationToken::new()).await
    }

    /// As [`Self::start`], but gives up when `stop` is cancelled before the node takes part; everything is closed then.
    ///
    /// # Errors
    /// As [`Self::start`], and [`NodeError::Stopping`].
    pub async fn start_until(self, stop: CancellationToken) -> Result<Node, NodeError> {
        Box::pin(startup::start(self, stop)).await
    }
}
