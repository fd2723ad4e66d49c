//! The binary form of updates inside `param_updates` resolutions that existing tools create: little-endian, `u16`
//! version and counts.

use kwil_crypto::PublicKey;

use super::updates::{non_negative, status};
use super::{ParamError, ParamName, ParamUpdates, ParamValue};
use crate::GoDuration;
use crate::wire::{LengthOverflow, Reader, WireError, Writer};

impl ParamUpdates {
    /// `u16` 0, `u16` count, then per entry `u16` name length, name and value, names ascending.
    ///
    /// # Errors
    /// Never for values of today; [`LengthOverflow`] guards the 16-bit lengths.
    pub fn encode_reference(&self) -> Result<Vec<u8>, LengthOverflow> {
        let mut writer = Writer::new();
        writer.u16_le(0).count_u16_le(self.len());
        for value in self.iter() {
            let name = value.name().as_str();
            writer.count_u16_le(name.len()).raw(name.as_bytes());
            match value {
                ParamValue::Leader(key) => {
                    let wire = key.to_wire_bytes();
                    writer.count_u16_le(wire.len()).raw(&wire)
                }
                ParamValue::MaxBlockSize(number)
                | ParamValue::MaxVotesPerTx(number)
                | ParamValue::MaaActivationHeight(number) => writer.u64_le(*number),
                ParamValue::JoinExpiry(expiry) => writer.i64_le(expiry.as_nanos()),
                ParamValue::DisabledGasCosts(disabled) => writer.flag(*disabled),
                ParamValue::MigrationStatus(status) => {
                    writer.count_u16_le(status.as_str().len()).raw(status.as_str().as_bytes())
                }
            };
        }
        writer.finish()
    }

    /// Reads the form of [`ParamUpdates::encode_reference`], exactly.
    ///
    /// # Errors
    /// [`ParamError::UnknownName`], [`ParamError::Key`], or what is wrong with the layout.
    pub fn decode_reference(bytes: &[u8]) -> Result<Self, ParamError> {
        let mut reader = Reader::new(bytes);
        match reader.u16_le()? {
            0 => {}
            got => return Err(WireError::Version { want: 0, got: u64::from(got) }.into()),
        }
        let count = reader.u16_le()?;
        let mut list = Self::new();
        for _ in 0..count {
            let value = entry(&mut reader)?;
            list.push_ascending(value)?;
        }
        reader.finish()?;
        Ok(list)
    }
}

fn entry(reader: &mut Reader<'_>) -> Result<ParamValue, ParamError> {
    let name = short(reader)?;
    let name: ParamName = std::str::from_utf8(name)
        .map_err(|_| WireError::Utf8 { at: reader.position() })?
        .parse()?;
    Ok(match name {
        ParamName::Leader => ParamValue::Leader(PublicKey::from_wire_bytes(short(reader)?)?),
        ParamName::MaxBlockSize => ParamValue::MaxBlockSize(non_negative(reader.i64_le()?)?),
        ParamName::MaxVotesPerTx => ParamValue::MaxVotesPerTx(non_negative(reader.i64_le()?)?),
        ParamName::MaaActivationHeight => {
            ParamValue::MaaActivationHeight(non_negative(reader.i64_le()?)?)
        }
        ParamName::JoinExpiry => ParamValue::JoinExpiry(GoDuration::from_nanos(reader.i64_le()?)),
        ParamName::DisabledGasCosts => ParamValue::DisabledGasCosts(reader.flag()?),
        ParamName::MigrationStatus => ParamValue::MigrationStatus(status(short(reader)?)?),
    })
}

fn short<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], WireError> {
    let length = reader.u16_le()?;
    reader.take(usize::from(length))
}
