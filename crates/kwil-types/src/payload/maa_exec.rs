//! `maa_exec`: an action run through a multi-agent account. Decoded so that it can be shown; not enabled.

use bytes::Bytes;
use kwil_crypto::EthAddress;

use super::{PayloadError, arguments, begin, name, start, write_arguments};
use crate::EncodedValue;
use crate::wire::LengthOverflow;

/// One call of an allowed action on behalf of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaaExec {
    /// The account that acts.
    pub account: EthAddress,
    /// Namespace as the client sent it.
    pub namespace: String,
    /// Action as the client sent it.
    pub action: String,
    /// Arguments in order.
    pub arguments: Vec<EncodedValue>,
}

impl MaaExec {
    /// Layout: address, namespace and action with `u32` lengths, `u16` count, values with `u32` length.
    ///
    /// # Errors
    /// [`PayloadError`] for anything but the exact layout.
    pub fn decode(bytes: &Bytes) -> Result<Self, PayloadError> {
        let mut reader = start(bytes)?;
        let address = reader.bytes32()?.ok_or(PayloadError::Missing("address"))?;
        let address: [u8; 20] =
            address.try_into().map_err(|_| PayloadError::AddressLength(address.len()))?;
        let namespace = name(&mut reader, "namespace")?;
        let action = name(&mut reader, "action")?;
        let mut values = Vec::new();
        arguments(&mut reader, bytes, &mut values)?;
        reader.finish()?;
        Ok(Self { account: EthAddress(address), namespace, action, arguments: values })
    }

    /// The payload bytes.
    ///
    /// # Errors
    /// More than 65,535 arguments.
    pub fn encode(&self) -> Result<Vec<u8>, LengthOverflow> {
        let mut writer = begin();
        writer.bytes32(Some(self.account.as_bytes())).str32(&self.namespace).str32(&self.action);
        write_arguments(&mut writer, &self.arguments);
        writer.finish()
    }
}
