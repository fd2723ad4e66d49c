//! Accounts.

use serde::{Deserialize, Serialize};

use super::text;
use crate::AccountError;

/// `{"identifier": hex, "key_type": name}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountId {
    /// Identifier bytes.
    #[serde(default, with = "text::hex_bytes")]
    pub identifier: Vec<u8>,
    /// Name of the key type; absent means `secp256k1`.
    #[serde(default, deserialize_with = "text::null_default")]
    pub key_type: String,
}

impl TryFrom<&AccountId> for crate::AccountId {
    type Error = AccountError;

    fn try_from(json: &AccountId) -> Result<Self, AccountError> {
        let key_type = match json.key_type.as_str() {
            "" => kwil_crypto::KeyType::Secp256k1,
            name => name.parse()?,
        };
        Self::new(key_type, &json.identifier)
    }
}

impl From<&crate::AccountId> for AccountId {
    fn from(id: &crate::AccountId) -> Self {
        Self { identifier: id.identifier().to_vec(), key_type: id.key_type().name().to_owned() }
    }
}

/// `{"id": …, "balance": "<decimal>", "nonce": n}`; without `id` for an account that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Which account; absent when nothing is known of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<AccountId>,
    /// Balance as decimal text.
    pub balance: String,
    /// Nonce of its last transaction.
    pub nonce: u64,
}
