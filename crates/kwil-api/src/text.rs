//! How scalars look in JSON: what is written is one form, what is read is what existing clients send.
//!
//! Each submodule fits `#[serde(with = "…")]`. `null` and an absent key mean the empty value everywhere.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use kwil_crypto::Hash;

/// Reads `null` as the default value.
pub(crate) fn null_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

fn optional_text<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Cow<'de, str>>, D::Error> {
    Option::<Cow<'de, str>>::deserialize(deserializer)
}

fn strip_0x(text: &str) -> &str {
    text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text)
}

/// A hash from 64 hex digits, `0x` and 64 hex digits, or base64 of 32 bytes.
pub(crate) fn parse_hash(text: &str) -> Result<Hash, String> {
    let digits = strip_0x(text);
    let mut bytes = [0; 32];
    if hex::decode_to_slice(digits, &mut bytes).is_ok() {
        return Ok(Hash(bytes));
    }
    let decoded = if text.len() == 44 { STANDARD.decode(text).ok() } else { None };
    match decoded.and_then(|decoded| <[u8; 32]>::try_from(decoded).ok()) {
        Some(bytes) => Ok(Hash(bytes)),
        None => Err(format!("a hash has 64 hex digits, got {} characters", text.chars().count())),
    }
}

/// A hash that must be there.
pub(crate) mod hash {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(hash: &Hash, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(hash)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Hash, D::Error> {
        parse_hash(&Cow::<'de, str>::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// A hash that may be missing: absent, `null`, empty or 64 zeros. Written as 64 zeros, because strict clients
/// refuse anything else.
pub(crate) mod zero_hash {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(
        hash: &Option<Hash>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&hash.unwrap_or_default())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Hash>, D::Error> {
        let Some(text) = optional_text(deserializer)?.filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let hash = parse_hash(&text).map_err(D::Error::custom)?;
        Ok((!hash.is_zero()).then_some(hash))
    }
}

/// A hash whose key is left out when it is missing.
pub(crate) mod opt_hash {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(
        hash: &Option<Hash>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match hash {
            Some(hash) => serializer.collect_str(hash),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) use super::zero_hash::deserialize;
}

/// A list of hashes.
pub(crate) mod hashes {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(
        hashes: &[Hash],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(hashes.iter().map(Hash::to_string))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Hash>, D::Error> {
        let texts = Option::<Vec<String>>::deserialize(deserializer)?.unwrap_or_default();
        texts
            .iter()
            .map(|text| parse_hash(text))
            .collect::<Result<_, _>>()
            .map_err(D::Error::custom)
    }
}

/// Bytes as lower-case hex; `0x` and upper case are read too.
pub(crate) mod hex_bytes {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        let Some(text) = optional_text(deserializer)? else { return Ok(Vec::new()) };
        hex::decode(strip_0x(&text))
            .map_err(|error| D::Error::custom(format!("encoding/hex: {error}")))
    }
}

/// Bytes as padded standard base64.
pub(crate) mod base64_bytes {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        let Some(text) = optional_text(deserializer)? else { return Ok(Vec::new()) };
        STANDARD
            .decode(&*text)
            .map_err(|error| D::Error::custom(format!("illegal base64 data: {error}")))
    }
}

/// Big whole numbers as decimal text; empty and `null` are 0.
pub(crate) mod decimal {
    use kwil_types::Amount;

    use super::*;

    pub(crate) fn parse(text: &str) -> Result<Amount, String> {
        if text.is_empty() {
            return Ok(Amount::ZERO);
        }
        text.parse().map_err(|error| format!("{error}"))
    }

    pub(crate) fn serialize<S: Serializer>(
        value: &Amount,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Amount, D::Error> {
        let text = optional_text(deserializer)?.unwrap_or_default();
        parse(&text).map_err(D::Error::custom)
    }
}

/// Ids of resolutions: 36 characters are written, 32 digits are read too.
pub(crate) mod uuid {
    use ::uuid::Uuid;

    use super::*;

    pub(crate) fn parse(text: &str) -> Result<Uuid, String> {
        if !matches!(text.len(), 32 | 36) {
            return Err(format!("invalid UUID length: {}", text.len()));
        }
        Uuid::try_parse(text).map_err(|error| error.to_string())
    }

    pub(crate) fn serialize<S: Serializer>(id: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Uuid, D::Error> {
        parse(&Cow::<'de, str>::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// As [`uuid`]; absent, `null` and empty are no id.
pub(crate) mod opt_uuid {
    use ::uuid::Uuid;

    use super::*;

    pub(crate) fn serialize<S: Serializer>(
        id: &Option<Uuid>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        id.map(|id| id.to_string()).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Uuid>, D::Error> {
        let Some(text) = optional_text(deserializer)?.filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        uuid::parse(&text).map(Some).map_err(D::Error::custom)
    }
}

/// Times as RFC 3339 with the fraction trimmed; in memory Unix milliseconds.
pub(crate) mod rfc3339 {
    use jiff::Timestamp;

    use super::*;

    pub(crate) fn format(unix_ms: i64) -> String {
        Timestamp::from_millisecond(unix_ms)
            .unwrap_or(if unix_ms < 0 { Timestamp::MIN } else { Timestamp::MAX })
            .to_string()
    }

    pub(crate) fn serialize<S: Serializer>(
        unix_ms: &i64,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format(*unix_ms))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse::<Timestamp>().map(Timestamp::as_millisecond).map_err(D::Error::custom)
    }
}

/// As [`rfc3339`], left out when there is no time.
pub(crate) mod opt_rfc3339 {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(
        unix_ms: &Option<i64>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        unix_ms.map(rfc3339::format).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<i64>, D::Error> {
        let Some(text) = optional_text(deserializer)?.filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let time = text.parse::<jiff::Timestamp>().map_err(D::Error::custom)?;
        Ok(Some(time.as_millisecond()))
    }
}

/// Lengths of time in the text form of Go, `24h0m0s`.
pub(crate) mod duration {
    use kwil_types::GoDuration;

    use super::*;

    pub(crate) fn serialize<S: Serializer>(
        duration: &GoDuration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(duration)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<GoDuration, D::Error> {
        let text = optional_text(deserializer)?.unwrap_or_default();
        if text.is_empty() {
            return Ok(GoDuration::ZERO);
        }
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_of_a_hash_are_the_same_hash() {
        let hash = Hash([0x5f; 32]);
        let text = hash.to_string();
        assert_eq!(parse_hash(&text), Ok(hash));
        assert_eq!(parse_hash(&format!("0x{}", text.to_uppercase())), Ok(hash));
        assert_eq!(parse_hash(&STANDARD.encode(hash.0)), Ok(hash));
    }

    #[test]
    fn other_lengths_are_no_hash() {
        for text in ["", "5f", &"5f".repeat(33), &"zz".repeat(32), &STANDARD.encode([1; 31])] {
            assert!(parse_hash(text).is_err(), "{text}");
        }
    }

    #[test]
    fn amounts_are_bounded_decimal_text() {
        assert_eq!(decimal::parse("1000000").unwrap().to_string(), "1000000");
        assert_eq!(decimal::parse("").unwrap().to_string(), "0");
        for text in ["-1", "+1", "1e9", " 1", &"9".repeat(79)] {
            assert!(decimal::parse(text).is_err(), "{text}");
        }
    }
}
