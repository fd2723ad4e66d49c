//! What makes a node stop, or keeps it from starting.

use std::path::PathBuf;

use kwil_store::StoreError;

/// Why a node does not start or does not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// A file of the root folder could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A small file of the root folder has a content that means nothing.
    #[error("{} is damaged: {what}", path.display())]
    StateFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The block log, the consensus log or their index failed.
    #[error(transparent)]
    Store(Box<StoreError>),
    /// The database, or what is in it, does not allow to go on.
    #[error(transparent)]
    State(Box<kwil_state::NodeFault>),
    /// The private PostgreSQL server does not run.
    #[error(transparent)]
    Managed(Box<kwil_state::ManagedError>),
    /// The external PostgreSQL server does not fit.
    #[error(transparent)]
    External(Box<kwil_state::ExternalError>),
    /// The node's key does not make an identity for QUIC.
    #[error("node identity: {0}")]
    Identity(#[from] kwil_quic::IdentityError),
    /// The network endpoint could not be opened.
    #[error("p2p.listen: {0}")]
    Network(#[from] Box<kwil_p2p::StartError>),
    /// A listener of the services could not be opened.
    #[error(transparent)]
    Rpc(#[from] Box<kwil_rpc::StartError>),
    /// The configuration asks for something impossible.
    #[error("configuration: {0}")]
    Config(String),
    /// The genesis document and what this node already has do not belong together.
    #[error("{0}")]
    Genesis(String),
    /// This node's state differs from what the validators signed.
    #[error("block {height} gives app hash {own} on this node, the validators signed {certified}")]
    Diverged {
        /// Height of the block.
        height: u64,
        /// The block.
        block: kwil_crypto::Hash,
        /// App hash of this node.
        own: kwil_crypto::Hash,
        /// App hash in the certificate.
        certified: kwil_crypto::Hash,
    },
    /// An essential task ended although nobody stopped it.
    #[error("the {0} task ended unexpectedly")]
    TaskEnded(&'static str),
    /// A task did not end in time at shutdown.
    #[error("the {0} did not stop in time")]
    StopTimeout(&'static str),
    /// Something that the rest of the program guarantees does not hold: going on could fork.
    #[error("internal contradiction: {0}")]
    Invariant(String),
    /// The node is stopping.
    #[error("the node is stopping")]
    Stopping,
}

impl From<StoreError> for NodeError {
    fn from(error: StoreError) -> Self {
        Self::Store(Box::new(error))
    }
}

impl From<kwil_state::NodeFault> for NodeError {
    fn from(fault: kwil_state::NodeFault) -> Self {
        Self::State(Box::new(fault))
    }
}

impl From<kwil_state::ManagedError> for NodeError {
    fn from(error: kwil_state::ManagedError) -> Self {
        Self::Managed(Box::new(error))
    }
}

impl From<kwil_state::ExternalError> for NodeError {
    fn from(error: kwil_state::ExternalError) -> Self {
        Self::External(Box::new(error))
    }
}

impl NodeError {
    /// What the operator can do about it, when that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::State(fault) => fault.hint(),
            Self::Managed(error) => error.hint(),
            Self::External(error) => error.hint(),
            Self::Invariant(_) => Some("this is a defect of kwild: keep the root folder and report it".to_owned()),
            Self::Diverged { .. } => {
                Some("`kwild admin verify-state` tells which tables differ; a fresh root folder syncs again".to_owned())
            }
            Self::Io { .. }
            | Self::Store(_)
            | Self::Identity(_)
            | Self::Network(_)
            | Self::StateFile { .. }
            | Self::Rpc(_)
            | Self::Config(_)
            | Self::Genesis(_)
            | Self::TaskEnded(_)
            | Self::StopTimeout(_)
            | Self::Stopping => None,
        }
    }
}
