//! `execute`: one action, called once per row of arguments.

use bytes::Bytes;

use super::{MAX_VALUES, PayloadError, arguments, begin, name, start, write_arguments};
use crate::EncodedValue;
use crate::wire::LengthOverflow;

/// Calls of one action. No call at all means one call without arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execute {
    namespace: String,
    action: String,
    // All arguments in one list and where each call's end: a list per call would cost a multiple of the input.
    arguments: Vec<EncodedValue>,
    ends: Vec<u32>,
}

impl Execute {
    /// Calls `action` of `namespace` once per row.
    ///
    /// # Errors
    /// [`PayloadError::TooManyValues`] when rows and arguments together leave the bounds of the format.
    pub fn new(
        namespace: impl Into<String>,
        action: impl Into<String>,
        rows: Vec<Vec<EncodedValue>>,
    ) -> Result<Self, PayloadError> {
        let mut ends = Vec::with_capacity(rows.len());
        let mut arguments = Vec::new();
        for row in rows {
            arguments.extend(row);
            ends.push(u32::try_from(arguments.len()).map_err(|_| PayloadError::TooManyValues)?);
        }
        if arguments.len() > MAX_VALUES || ends.len() > MAX_VALUES {
            return Err(PayloadError::TooManyValues);
        }
        Ok(Self { namespace: namespace.into(), action: action.into(), arguments, ends })
    }

    /// Namespace as the client sent it; empty means the main one.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Action as the client sent it.
    #[must_use]
    pub fn action(&self) -> &str {
        &self.action
    }

    /// The arguments of each call, in order.
    pub fn calls(&self) -> impl ExactSizeIterator<Item = &[EncodedValue]> {
        let mut from = 0;
        self.ends.iter().map(move |end| {
            let to = usize::try_from(*end).unwrap_or(usize::MAX);
            let call = self.arguments.get(from..to).unwrap_or_default();
            from = to;
            call
        })
    }

    /// Layout: namespace and action with `u32` lengths, `u16` calls, per call `u16` count and values with `u32` length.
    ///
    /// # Errors
    /// [`PayloadError`] for anything but the exact layout.
    pub fn decode(bytes: &Bytes) -> Result<Self, PayloadError> {
        let mut reader = start(bytes)?;
        let namespace = name(&mut reader, "namespace")?;
        let action = name(&mut reader, "action")?;
        let count = reader.u16_le()?;
        let count = reader.count(u64::from(count), 2)?;
        let mut ends = Vec::with_capacity(count);
        let mut values = Vec::new();
        for _ in 0..count {
            arguments(&mut reader, bytes, &mut values)?;
            ends.push(u32::try_from(values.len()).map_err(|_| PayloadError::TooManyValues)?);
        }
        reader.finish()?;
        Ok(Self { namespace, action, arguments: values, ends })
    }

    /// The payload bytes.
    ///
    /// # Errors
    /// More than 65,535 calls, or arguments of one call.
    pub fn encode(&self) -> Result<Vec<u8>, LengthOverflow> {
        let mut writer = begin();
        writer.str32(&self.namespace).str32(&self.action).count_u16_le(self.ends.len());
        for call in self.calls() {
            write_arguments(&mut writer, call);
        }
        writer.finish()
    }
}
