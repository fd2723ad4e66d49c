//! Accounts, keys and validators.

use kwil_crypto::{KeyType, PublicKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text;

pub use kwil_types::json::AccountId;

/// The account of a node's own transactions.
#[must_use]
pub fn account_of(key: &PublicKey) -> AccountId {
    AccountId { identifier: key.as_bytes().to_vec(), key_type: key.key_type().name().to_owned() }
}

/// A key type by name; the empty name is secp256k1, the zero value of the reference.
pub(crate) fn parse_key_type(name: &str) -> Result<KeyType, String> {
    if name.is_empty() {
        return Ok(KeyType::Secp256k1);
    }
    name.parse().map_err(|error| format!("{error}"))
}

/// A public key as `{"type": "secp256k1", "key": hex}`.
pub(crate) mod public_key {
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct PublicKeyJson {
        r#type: String,
        #[serde(with = "text::hex_bytes")]
        key: Vec<u8>,
    }

    pub(crate) fn serialize<S: Serializer>(
        key: &PublicKey,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        PublicKeyJson { r#type: key.key_type().name().to_owned(), key: key.as_bytes().to_vec() }
            .serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<PublicKey, D::Error> {
        let PublicKeyJson { r#type, key } = PublicKeyJson::deserialize(deserializer)?;
        parse_key_type(&r#type)
            .and_then(|key_type| {
                PublicKey::from_bytes(key_type, &key).map_err(|error| error.to_string())
            })
            .map_err(serde::de::Error::custom)
    }
}

/// As [`public_key`], left out when there is none.
pub(crate) mod opt_public_key {
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Some_(#[serde(with = "public_key")] PublicKey);

    pub(crate) fn serialize<S: Serializer>(
        key: &Option<PublicKey>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        key.map(Some_).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<PublicKey>, D::Error> {
        Ok(Option::<Some_>::deserialize(deserializer)?.map(|Some_(key)| key))
    }
}

/// A validator and its voting power.
///
/// JSON: `{"pubkey": hex, "type": "secp256k1", "power": 1}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validator {
    /// Identity of the validator.
    pub key: PublicKey,
    /// Voting power; 0 for a node that is not a validator.
    pub power: i64,
}

#[derive(Serialize, Deserialize)]
struct ValidatorJson {
    #[serde(with = "text::hex_bytes")]
    pubkey: Vec<u8>,
    r#type: String,
    power: i64,
}

impl Serialize for Validator {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ValidatorJson {
            pubkey: self.key.as_bytes().to_vec(),
            r#type: self.key.key_type().name().to_owned(),
            power: self.power,
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Validator {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let ValidatorJson { pubkey, r#type, power } = ValidatorJson::deserialize(deserializer)?;
        parse_key_type(&r#type)
            .and_then(|key_type| {
                PublicKey::from_bytes(key_type, &pubkey).map_err(|error| error.to_string())
            })
            .map(|key| Self { key, power })
            .map_err(serde::de::Error::custom)
    }
}
