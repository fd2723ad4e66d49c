//! The JSON form of updates: an object of names and values, as operators pass it and as answers show it.

use std::fmt;

use kwil_crypto::{KeyType, PublicKey};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value, json};

use super::{ParamError, ParamName, ParamUpdates, ParamValue};
use crate::GoDuration;

impl ParamUpdates {
    /// Reads an object such as `{"max_block_size": 8388608, "join_expiry": "48h0m0s"}`.
    ///
    /// `leader` is `{"type", "key"}` or a node id text; `join_expiry` a duration text or nanoseconds. Ranges are not
    /// checked here.
    ///
    /// # Errors
    /// Not such an object, an unknown or repeated name, a null, or a value of another type.
    pub fn from_json(text: &str) -> Result<Self, ParamError> {
        let Entries(entries) = serde_json::from_str(text)
            .map_err(|error| ParamError::Json { reason: error.to_string() })?;
        let mut updates = Self::new();
        for (name, value) in entries {
            let name: ParamName = name.parse()?;
            if updates.get(name).is_some() {
                return Err(ParamError::Value { name, expected: "given once" });
            }
            updates.set(read(name, &value)?);
        }
        Ok(updates)
    }

    /// The object that [`ParamUpdates::from_json`] reads, names ascending.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let entries = self.iter().map(|value| (value.name().as_str().to_owned(), write(value)));
        Value::Object(entries.collect::<Map<_, _>>())
    }
}

fn read(name: ParamName, value: &Value) -> Result<ParamValue, ParamError> {
    if value.is_null() {
        return Err(ParamError::Null { name });
    }
    let wrong = |expected| ParamError::Value { name, expected };
    // All of these are 63-bit in the binary form.
    let integer = || {
        value
            .as_i64()
            .and_then(|number| u64::try_from(number).ok())
            .ok_or(wrong("a non-negative integer"))
    };
    Ok(match name {
        ParamName::Leader => ParamValue::Leader(leader(value)?),
        ParamName::MaxBlockSize => ParamValue::MaxBlockSize(integer()?),
        ParamName::MaxVotesPerTx => ParamValue::MaxVotesPerTx(integer()?),
        ParamName::MaaActivationHeight => ParamValue::MaaActivationHeight(integer()?),
        ParamName::DisabledGasCosts => {
            ParamValue::DisabledGasCosts(value.as_bool().ok_or(wrong("true or false"))?)
        }
        ParamName::JoinExpiry => {
            let text = value.as_str().and_then(|text| text.parse().ok());
            let expiry = text.or_else(|| value.as_i64().map(GoDuration::from_nanos));
            ParamValue::JoinExpiry(expiry.ok_or(wrong("a duration like 24h0m0s, or nanoseconds"))?)
        }
        ParamName::MigrationStatus => {
            ParamValue::MigrationStatus(value.as_str().ok_or(wrong("a string"))?.parse()?)
        }
    })
}

fn leader(value: &Value) -> Result<PublicKey, ParamError> {
    const EXPECTED: ParamError = ParamError::Value {
        name: ParamName::Leader,
        expected: "an object with type and key, or <key>#<type>",
    };
    match value {
        Value::String(text) => Ok(text.parse()?),
        Value::Object(members) if members.len() == 2 => {
            let text = |key: &str| members.get(key).and_then(Value::as_str).ok_or(EXPECTED);
            let key_type: KeyType = text("type")?.parse()?;
            Ok(PublicKey::from_hex(key_type, text("key")?)?)
        }
        _ => Err(EXPECTED),
    }
}

fn write(value: &ParamValue) -> Value {
    match value {
        ParamValue::Leader(key) => json!({"type": key.key_type().name(), "key": key.to_hex()}),
        ParamValue::MaxBlockSize(number)
        | ParamValue::MaxVotesPerTx(number)
        | ParamValue::MaaActivationHeight(number) => json!(number),
        ParamValue::JoinExpiry(expiry) => json!(expiry.to_string()),
        ParamValue::DisabledGasCosts(disabled) => json!(disabled),
        ParamValue::MigrationStatus(status) => json!(status.as_str()),
    }
}

/// The members of an object in their order, repeated ones included.
struct Entries(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of parameter names and values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(Members)
    }
}
