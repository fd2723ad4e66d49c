//! The payload of a view call: like [`super::Execute`] with one row, but no transaction.

use bytes::Bytes;

use super::{PayloadError, arguments, begin, name, start, write_arguments};
use crate::EncodedValue;
use crate::wire::LengthOverflow;

/// A view call of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionCall {
    /// Namespace as the client sent it; empty means the main one.
    pub namespace: String,
    /// Action as the client sent it; in private mode its case is part of the signed text.
    pub action: String,
    /// Arguments in order.
    pub arguments: Vec<EncodedValue>,
}

impl ActionCall {
    /// Layout: namespace and action with `u32` lengths, `u16` count, values with `u32` length.
    ///
    /// # Errors
    /// [`PayloadError`] for anything but the exact layout.
    pub fn decode(bytes: &Bytes) -> Result<Self, PayloadError> {
        let mut reader = start(bytes)?;
        let namespace = name(&mut reader, "namespace")?;
        let action = name(&mut reader, "action")?;
        let mut values = Vec::new();
        arguments(&mut reader, bytes, &mut values)?;
        reader.finish()?;
        Ok(Self { namespace, action, arguments: values })
    }

    /// The payload bytes.
    ///
    /// # Errors
    /// More than 65,535 arguments.
    pub fn encode(&self) -> Result<Vec<u8>, LengthOverflow> {
        let mut writer = begin();
        writer.str32(&self.namespace).str32(&self.action);
        write_arguments(&mut writer, &self.arguments);
        writer.finish()
    }
}
