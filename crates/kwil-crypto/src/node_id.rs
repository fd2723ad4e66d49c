//! The identity of a node: its public key.

use std::fmt;
use std::str::FromStr;

use crate::{KeyError, PublicKey};

/// Which node: the public key that its TLS certificate and its votes prove. Text form `<public key hex>#<key type>`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub PublicKey);

impl NodeId {
    /// The node that holds this key.
    #[must_use]
    pub const fn new(key: PublicKey) -> Self {
        Self(key)
    }

    /// The key of the node.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.0
    }

    /// The first eight hex digits of the key: enough to tell nodes apart in a log line.
    #[must_use]
    pub fn short(&self) -> String {
        self.0.to_hex().chars().take(8).collect()
    }

    /// Reads either text that operators pass: `<public key hex>#<key type>` or a libp2p peer id.
    ///
    /// # Errors
    /// [`KeyError::NodeIdFormat`] when the text is neither; otherwise what is wrong with the key.
    pub fn parse_lenient(text: &str) -> Result<Self, KeyError> {
        match PublicKey::from_peer_id(text) {
            Ok(key) => Ok(Self(key)),
            Err(_) => text.parse(),
        }
    }
}

impl From<PublicKey> for NodeId {
    fn from(key: PublicKey) -> Self {
        Self(key)
    }
}

impl From<NodeId> for PublicKey {
    fn from(id: NodeId) -> Self {
        id.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({self})")
    }
}

impl FromStr for NodeId {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        text.parse().map(Self)
    }
}
