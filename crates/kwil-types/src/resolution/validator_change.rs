//! `validator_join` and `validator_remove`: made by the transactions of these names, never by an operator directly.

use kwil_crypto::{KeyType, PublicKey};

use super::{start, text};
use crate::wire::{LengthOverflow, Writer};

/// A validator and the power it gets; 0 removes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorChange {
    /// Key of the validator.
    pub key: PublicKey,
    /// New power.
    pub power: u64,
}

impl ValidatorChange {
    /// Layout: `u16` 0, key with `svarint` length, key type name with `uvarint` length, `i64` power.
    pub(super) fn decode(body: &[u8]) -> Result<Self, String> {
        let mut reader = start(body)?;
        let key = reader.cbytes().map_err(text)?.ok_or("public key is missing")?;
        let key_type: KeyType =
            reader.cstr().map_err(text)?.parse().map_err(|error| format!("{error}"))?;
        let power = reader.i64_le().map_err(text)?;
        reader.finish().map_err(text)?;
        let key = PublicKey::from_bytes(key_type, key).map_err(|error| error.to_string())?;
        let power = u64::try_from(power).map_err(|_| format!("negative power {power}"))?;
        Ok(Self { key, power })
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, LengthOverflow> {
        let mut writer = Writer::new();
        writer
            .u16_le(0)
            .cbytes(self.key.as_bytes())
            .cstr(self.key.key_type().name())
            .u64_le(self.power);
        writer.finish()
    }
}
