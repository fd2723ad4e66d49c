//! The key that signs this node's messages.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use kwil_crypto::PrivateKey;

/// The node's key; machines compare by its public half.
#[derive(Clone)]
pub(crate) struct Signer(pub(crate) Arc<PrivateKey>);

impl PartialEq for Signer {
    fn eq(&self, other: &Self) -> bool {
        self.0.public_key() == other.0.public_key()
    }
}

impl Eq for Signer {}

impl Hash for Signer {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.public_key().hash(state);
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
