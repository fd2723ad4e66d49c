//! Scalars: hex, base64, decimal text, and `null` as the empty value. For `#[serde(with = "…")]`.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serializer};

/// Reads `null` as the default.
pub(super) fn null_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'de, str>, D::Error> {
    Ok(Option::<Cow<'de, str>>::deserialize(deserializer)?.unwrap_or_default())
}

/// Lower-case hex; `0x` and upper case are read too.
pub(super) mod hex_bytes {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        let text = optional(deserializer)?;
        let digits = text.strip_prefix("0x").unwrap_or(&text);
        hex::decode(digits).map_err(|error| D::Error::custom(format!("invalid hex: {error}")))
    }
}

/// Padded standard base64; bits behind the last byte must be zero.
pub(super) mod base64_bytes {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        decode(&optional(deserializer)?).map_err(D::Error::custom)
    }

    pub(crate) fn decode(text: &str) -> Result<Vec<u8>, String> {
        STANDARD.decode(text).map_err(|error| format!("invalid base64: {error}"))
    }
}

/// A list of base64 texts in which `null` is an absent element.
pub(super) mod base64_list {
    use serde::Serialize;

    use super::*;

    pub(crate) fn serialize<S: Serializer>(
        list: &[Option<Vec<u8>>],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let texts: Vec<_> =
            list.iter().map(|item| item.as_ref().map(|bytes| STANDARD.encode(bytes))).collect();
        texts.serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Option<Vec<u8>>>, D::Error> {
        let texts =
            Option::<Vec<Option<Cow<'de, str>>>>::deserialize(deserializer)?.unwrap_or_default();
        let decode =
            |text: Option<Cow<'de, str>>| text.map(|text| base64_bytes::decode(&text)).transpose();
        texts.into_iter().map(decode).collect::<Result<_, _>>().map_err(D::Error::custom)
    }
}
