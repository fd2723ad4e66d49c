//! The binary form of transactions, version 0, little-endian.
//!
//! ```text
//! tx        = u16 0 ‖ cbytes signature ‖ cbytes body ‖ cstr serialization ‖ cbytes sender
//! signature = uvarint length ‖ bytes ‖ cstr type
//! body      = cstr description ‖ cbytes payload ‖ cstr payload type ‖ bigint fee ‖ u64 nonce ‖ cstr chain id
//! ```

use bytes::Bytes;

use super::{Signature, Transaction, TxBody, limits};
use crate::amount::{AmountError, WireAmount, write_amount};
use crate::wire::{LengthOverflow, Reader, WireError, Writer};
use crate::{Amount, TxCode};

const VERSION: u16 = 0;

/// Why bytes, JSON or parts are not a transaction.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TxError {
    /// The version of the binary form.
    #[error("unsupported transaction version {0}")]
    Version(u16),
    /// The bytes are cut, too long, or hold an impossible marker.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// A length that does not fit its field.
    #[error(transparent)]
    Length(#[from] LengthOverflow),
    /// A field that may not be absent is.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// The description has more than 200 bytes.
    #[error("description is too long")]
    Description,
    /// A control character could imitate lines of the signed text.
    #[error("description contains the control character {0:?}")]
    DescriptionControl(char),
    /// Another field above its limit.
    #[error("{field} of {got} bytes is longer than {limit}")]
    TooLong {
        /// Which field.
        field: &'static str,
        /// Its bytes.
        got: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The fee is not a canonical non-negative number.
    #[error("fee: {0}")]
    Fee(#[source] AmountError),
    /// The serialization is none of `concat` and `direct`.
    #[error("invalid serialization type {0:?}")]
    Serialization(String),
    /// Nobody signed.
    #[error("transaction is not signed")]
    Unsigned,
}

impl TxError {
    /// The result code of a broadcast that is refused for this reason.
    #[must_use]
    pub fn tx_code(&self) -> TxCode {
        match self {
            Self::Unsigned => TxCode::InvalidSignature,
            Self::Version(_)
            | Self::Wire(_)
            | Self::Length(_)
            | Self::Missing(_)
            | Self::Description
            | Self::DescriptionControl(_)
            | Self::TooLong { .. }
            | Self::Fee(_)
            | Self::Serialization(_) => TxCode::EncodingError,
        }
    }
}

impl Transaction {
    /// Decodes strictly: one encoding for one transaction. Long fields share the memory of `raw`.
    pub(super) fn decode(raw: &Bytes) -> Result<Self, TxError> {
        let mut reader = Reader::new(raw);
        let version = reader.u16_le()?;
        if version != VERSION {
            return Err(TxError::Version(version));
        }
        let signature = reader.cbytes()?.ok_or(TxError::Missing("signature"))?;
        let body = reader.cbytes()?.ok_or(TxError::Missing("body"))?;
        let serialization = reader.cstr()?;
        let sender = reader.cbytes()?.ok_or(TxError::Missing("sender"))?;
        reader.finish()?;
        let transaction = Self {
            signature: Signature::decode(raw, signature)?,
            body: TxBody::decode(raw, body)?,
            serialization: serialization.parse()?,
            sender: raw.slice_ref(sender),
        };
        transaction.check()?;
        Ok(transaction)
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, TxError> {
        self.check()?;
        let body = self.body.encode()?;
        let mut writer = Writer::with_capacity(body.len().saturating_add(256));
        writer
            .u16_le(VERSION)
            .cbytes(&self.signature.encode()?)
            .cbytes(&body)
            .cstr(self.serialization.name())
            .cbytes(&self.sender);
        Ok(writer.finish()?)
    }

    fn check(&self) -> Result<(), TxError> {
        if self.signature.bytes.is_empty() || self.signature.auth_type.is_empty() {
            return Err(TxError::Unsigned);
        }
        bounded("signature", self.signature.bytes.len(), limits::SIGNATURE)?;
        bounded("signature type", self.signature.auth_type.len(), limits::NAME)?;
        bounded("sender", self.sender.len(), limits::SENDER)?;
        self.body.check()
    }
}

impl Signature {
    fn decode(raw: &Bytes, part: &[u8]) -> Result<Self, TxError> {
        if part.is_empty() {
            return Err(TxError::Unsigned);
        }
        let mut reader = Reader::new(part);
        let length = reader.uvarint()?;
        let length = reader.count(length, 1)?;
        let bytes = raw.slice_ref(reader.take(length)?);
        let auth_type = reader.cstr()?.to_owned();
        reader.finish()?;
        Ok(Self { bytes, auth_type })
    }

    fn encode(&self) -> Result<Vec<u8>, TxError> {
        let mut writer = Writer::new();
        let length = u64::try_from(self.bytes.len()).unwrap_or(u64::MAX);
        writer.uvarint(length).raw(&self.bytes).cstr(&self.auth_type);
        Ok(writer.finish()?)
    }
}

impl TxBody {
    fn decode(raw: &Bytes, part: &[u8]) -> Result<Self, TxError> {
        let mut reader = Reader::new(part);
        let description = reader.cstr()?;
        let payload = reader.cbytes()?.ok_or(TxError::Missing("payload"))?;
        let payload_type = reader.cstr()?;
        let fee = match WireAmount::read(&mut reader)? {
            WireAmount::Nil => return Err(TxError::Missing("fee")),
            WireAmount::Text(text) => text.parse::<Amount>().map_err(TxError::Fee)?,
        };
        let nonce = reader.u64_le()?;
        let chain_id = reader.cstr()?;
        reader.finish()?;
        Ok(Self {
            description: description.to_owned(),
            payload: raw.slice_ref(payload),
            payload_type: payload_type.to_owned(),
            fee,
            nonce,
            chain_id: chain_id.to_owned(),
        })
    }

    /// The encoded body; its SHA-256 is the message of serialization `direct`.
    ///
    /// # Errors
    /// [`TxError`] when a field breaks its limit.
    pub fn encode(&self) -> Result<Vec<u8>, TxError> {
        self.check()?;
        let mut writer = Writer::with_capacity(self.payload.len().saturating_add(256));
        writer.cstr(&self.description).cbytes(&self.payload).cstr(&self.payload_type);
        write_amount(&mut writer, &self.fee);
        writer.u64_le(self.nonce).cstr(&self.chain_id);
        Ok(writer.finish()?)
    }

    pub(super) fn check(&self) -> Result<(), TxError> {
        if self.description.len() > limits::DESCRIPTION {
            return Err(TxError::Description);
        }
        let control =
            self.description.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t'));
        if let Some(control) = control {
            return Err(TxError::DescriptionControl(control));
        }
        bounded("payload type", self.payload_type.len(), limits::NAME)?;
        bounded("chain id", self.chain_id.len(), limits::CHAIN_ID)
    }
}

fn bounded(field: &'static str, got: usize, limit: usize) -> Result<(), TxError> {
    if got > limit { Err(TxError::TooLong { field, got, limit }) } else { Ok(()) }
}
