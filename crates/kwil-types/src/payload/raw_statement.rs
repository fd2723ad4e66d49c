//! `raw_statement`: SQL text with named parameters.

use bytes::Bytes;

use super::{PayloadError, VALUE_MIN, begin, name, start, text, value};
use crate::EncodedValue;
use crate::wire::LengthOverflow;

/// SQL text to run in a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawStatement {
    /// One or more statements.
    pub statement: String,
    /// Values of the parameters in the text.
    pub parameters: Vec<Parameter>,
}

/// A named value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Name, with or without `$` as the client sent it.
    pub name: String,
    /// Value.
    pub value: EncodedValue,
}

impl RawStatement {
    /// Layout: statement, `u16` count, per parameter name and value, each with `u32` length.
    ///
    /// # Errors
    /// [`PayloadError`] for anything but the exact layout.
    pub fn decode(bytes: &Bytes) -> Result<Self, PayloadError> {
        let mut reader = start(bytes)?;
        let statement = text(&mut reader, "statement")?;
        let count = reader.u16_le()?;
        let count = reader.count(u64::from(count), VALUE_MIN)?;
        let mut parameters = Vec::with_capacity(count);
        for _ in 0..count {
            let name = name(&mut reader, "parameter name")?;
            let value = value(&mut reader, bytes)?;
            parameters.push(Parameter { name, value });
        }
        reader.finish()?;
        Ok(Self { statement, parameters })
    }

    /// The payload bytes.
    ///
    /// # Errors
    /// More than 65,535 parameters.
    pub fn encode(&self) -> Result<Vec<u8>, LengthOverflow> {
        let mut writer = begin();
        writer.str32(&self.statement).count_u16_le(self.parameters.len());
        for Parameter { name, value } in &self.parameters {
            writer.str32(name).bytes32(Some(value.as_bytes()));
        }
        writer.finish()
    }
}
