//! The authenticators of a node, with those of its extensions.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{AuthType, Authenticator};
use crate::SignatureError;

/// Longest name of an authenticator; longer ones cannot occur in a valid transaction.
const MAX_NAME: usize = 64;

/// The authenticators of a node by exact name. The default holds the stock ones.
///
/// All validators of a network must register the same set: it decides which transactions are valid.
#[derive(Debug, Clone)]
pub struct Registry(BTreeMap<String, Arc<dyn Authenticator>>);

/// Why an authenticator cannot be registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The name is empty, too long, or has other characters than `a-z`, `0-9` and `_`.
    #[error("authenticator name {name:?} is not 1 to 64 characters of a-z, 0-9 and _")]
    Name {
        /// The name as given.
        name: String,
    },
    /// Another authenticator has this name.
    #[error("authenticator {name:?} is already registered")]
    Duplicate {
        /// The name as given.
        name: String,
    },
}

impl Default for Registry {
    fn default() -> Self {
        let stock = AuthType::STOCK.into_iter().map(|auth| {
            let shared: Arc<dyn Authenticator> = Arc::new(auth);
            (auth.as_str().to_owned(), shared)
        });
        Self(stock.collect())
    }
}

impl Registry {
    /// Adds an authenticator under its own name.
    ///
    /// # Errors
    /// An unusable name, or a name that is taken.
    pub fn register(&mut self, authenticator: Arc<dyn Authenticator>) -> Result<(), RegistryError> {
        let name = authenticator.name().to_owned();
        let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
        if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(allowed) {
            return Err(RegistryError::Name { name });
        }
        if self.0.contains_key(&name) {
            return Err(RegistryError::Duplicate { name });
        }
        self.0.insert(name, authenticator);
        Ok(())
    }

    /// The authenticator of this exact name.
    ///
    /// # Errors
    /// [`SignatureError::UnknownAuthenticator`].
    pub fn get(&self, name: &str) -> Result<&dyn Authenticator, SignatureError> {
        self.0
            .get(name)
            .map(AsRef::as_ref)
            .ok_or_else(|| SignatureError::UnknownAuthenticator { name: name.to_owned() })
    }

    /// Checks a signature with the authenticator of this name.
    ///
    /// # Errors
    /// Unknown name, or why the signature is not the sender's.
    pub fn verify(
        &self,
        auth_type: &str,
        sender: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        self.get(auth_type)?.verify(sender, message, signature)
    }

    /// Text identity of a sender of the authenticator of this name.
    ///
    /// # Errors
    /// Unknown name, or why the bytes are no sender.
    pub fn identifier(&self, auth_type: &str, sender: &[u8]) -> Result<String, SignatureError> {
        self.get(auth_type)?.identifier(sender)
    }

    /// Names in byte order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}
