//! Payloads: what a transaction asks for, one file per type.
//!
//! Every payload starts with `u16` version 0; integers are little-endian. Decoding is strict and bounded: each length
//! is compared with the bytes that are left before anything is allocated, and no byte may be left over.

mod action_call;
mod approve_resolution;
mod create_resolution;
mod delete_resolution;
mod error;
mod event;
mod execute;
mod maa_exec;
mod payload_type;
mod raw_statement;
mod transfer;
mod validator_approve;
mod validator_join;
mod validator_leave;
mod validator_remove;
mod validator_vote_bodies;
mod validator_vote_ids;

pub use action_call::ActionCall;
pub use approve_resolution::ApproveResolution;
pub use create_resolution::CreateResolution;
pub use delete_resolution::DeleteResolution;
pub use error::PayloadError;
pub use event::VotableEvent;
pub use execute::Execute;
pub use maa_exec::MaaExec;
pub use payload_type::PayloadType;
pub use raw_statement::{Parameter, RawStatement};
pub use transfer::Transfer;
pub use validator_approve::ValidatorApprove;
pub use validator_join::ValidatorJoin;
pub use validator_leave::ValidatorLeave;
pub use validator_remove::ValidatorRemove;
pub use validator_vote_bodies::ValidatorVoteBodies;
pub use validator_vote_ids::ValidatorVoteIds;

use bytes::Bytes;
use kwil_crypto::{KeyType, PublicKey};

use crate::EncodedValue;
use crate::wire::{LengthOverflow, Reader, Writer};

const VERSION: u16 = 0;
/// Longest name of a namespace, action, parameter or event type in bytes.
pub const MAX_NAME: usize = 256;
/// Most arguments of all calls of a payload, and most parameters of a statement.
pub const MAX_VALUES: usize = 65_535;
/// The smallest encoded value with its length: an untyped NULL without element.
const VALUE_MIN: usize = 27;

/// A decoded payload of any type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// SQL text with parameters.
    RawStatement(RawStatement),
    /// Calls of one action.
    Execute(Execute),
    /// Tokens to another account.
    Transfer(Transfer),
    /// A node asks to become a validator.
    ValidatorJoin(ValidatorJoin),
    /// A validator leaves.
    ValidatorLeave(ValidatorLeave),
    /// A validator approves a join request.
    ValidatorApprove(ValidatorApprove),
    /// A validator votes to remove another.
    ValidatorRemove(ValidatorRemove),
    /// Votes for resolutions by id.
    ValidatorVoteIds(ValidatorVoteIds),
    /// Events that become resolutions.
    ValidatorVoteBodies(ValidatorVoteBodies),
    /// A proposal of an operator.
    CreateResolution(CreateResolution),
    /// A vote for a proposal.
    ApproveResolution(ApproveResolution),
    /// Withdrawal of a proposal; nothing executes it.
    DeleteResolution(DeleteResolution),
    /// An action run through a multi-agent account.
    MaaExec(MaaExec),
}

impl Payload {
    /// Decodes a payload whose type is known by name.
    ///
    /// # Errors
    /// [`PayloadError::UnknownType`] for a name without a payload, otherwise what is wrong with the bytes.
    pub fn decode(payload_type: &str, bytes: &Bytes) -> Result<Self, PayloadError> {
        Ok(match PayloadType::from_name(payload_type)? {
            PayloadType::RawStatement => Self::RawStatement(RawStatement::decode(bytes)?),
            PayloadType::Execute => Self::Execute(Execute::decode(bytes)?),
            PayloadType::Transfer => Self::Transfer(Transfer::decode(bytes)?),
            PayloadType::ValidatorJoin => Self::ValidatorJoin(ValidatorJoin::decode(bytes)?),
            PayloadType::ValidatorLeave => Self::ValidatorLeave(ValidatorLeave::decode(bytes)?),
            PayloadType::ValidatorApprove => {
                Self::ValidatorApprove(ValidatorApprove::decode(bytes)?)
            }
            PayloadType::ValidatorRemove => Self::ValidatorRemove(ValidatorRemove::decode(bytes)?),
            PayloadType::ValidatorVoteIds => {
                Self::ValidatorVoteIds(ValidatorVoteIds::decode(bytes)?)
            }
            PayloadType::ValidatorVoteBodies => {
                Self::ValidatorVoteBodies(ValidatorVoteBodies::decode(bytes)?)
            }
            PayloadType::CreateResolution => {
                Self::CreateResolution(CreateResolution::decode(bytes)?)
            }
            PayloadType::ApproveResolution => {
                Self::ApproveResolution(ApproveResolution::decode(bytes)?)
            }
            PayloadType::DeleteResolution => {
                Self::DeleteResolution(DeleteResolution::decode(bytes)?)
            }
            PayloadType::MaaExec => Self::MaaExec(MaaExec::decode(bytes)?),
        })
    }

    /// The type.
    #[must_use]
    pub fn payload_type(&self) -> PayloadType {
        match self {
            Self::RawStatement(_) => PayloadType::RawStatement,
            Self::Execute(_) => PayloadType::Execute,
            Self::Transfer(_) => PayloadType::Transfer,
            Self::ValidatorJoin(_) => PayloadType::ValidatorJoin,
            Self::ValidatorLeave(_) => PayloadType::ValidatorLeave,
            Self::ValidatorApprove(_) => PayloadType::ValidatorApprove,
            Self::ValidatorRemove(_) => PayloadType::ValidatorRemove,
            Self::ValidatorVoteIds(_) => PayloadType::ValidatorVoteIds,
            Self::ValidatorVoteBodies(_) => PayloadType::ValidatorVoteBodies,
            Self::CreateResolution(_) => PayloadType::CreateResolution,
            Self::ApproveResolution(_) => PayloadType::ApproveResolution,
            Self::DeleteResolution(_) => PayloadType::DeleteResolution,
            Self::MaaExec(_) => PayloadType::MaaExec,
        }
    }

    /// The bytes that go into a transaction.
    ///
    /// # Errors
    /// A list is longer than its count field can say.
    pub fn encode(&self) -> Result<Vec<u8>, LengthOverflow> {
        match self {
            Self::RawStatement(payload) => payload.encode(),
            Self::Execute(payload) => payload.encode(),
            Self::Transfer(payload) => payload.encode(),
            Self::ValidatorJoin(payload) => payload.encode(),
            Self::ValidatorLeave(payload) => payload.encode(),
            Self::ValidatorApprove(payload) => payload.encode(),
            Self::ValidatorRemove(payload) => payload.encode(),
            Self::ValidatorVoteIds(payload) => payload.encode(),
            Self::ValidatorVoteBodies(payload) => payload.encode(),
            Self::CreateResolution(payload) => payload.encode(),
            Self::ApproveResolution(payload) => payload.encode(),
            Self::DeleteResolution(payload) => payload.encode(),
            Self::MaaExec(payload) => payload.encode(),
        }
    }
}

/// A reader behind the version field.
fn start(bytes: &[u8]) -> Result<Reader<'_>, PayloadError> {
    let mut reader = Reader::new(bytes);
    match reader.u16_le()? {
        VERSION => Ok(reader),
        version => Err(PayloadError::Version(version)),
    }
}

/// A writer behind the version field.
fn begin() -> Writer {
    let mut writer = Writer::new();
    writer.u16_le(VERSION);
    writer
}

fn text(reader: &mut Reader<'_>, what: &'static str) -> Result<String, PayloadError> {
    let text = reader.str32()?;
    if text.contains('\0') {
        return Err(PayloadError::Nul { what });
    }
    Ok(text.to_owned())
}

fn name(reader: &mut Reader<'_>, what: &'static str) -> Result<String, PayloadError> {
    let name = text(reader, what)?;
    if name.len() > MAX_NAME {
        return Err(PayloadError::NameTooLong { what, got: name.len() });
    }
    Ok(name)
}

/// One encoded value that shares the memory of `payload`.
fn value(reader: &mut Reader<'_>, payload: &Bytes) -> Result<EncodedValue, PayloadError> {
    let raw = reader.bytes32()?.ok_or(PayloadError::Missing("value"))?;
    Ok(EncodedValue::decode(payload.slice_ref(raw))?)
}

/// `u16` count and that many encoded values, appended to `values`.
fn arguments(
    reader: &mut Reader<'_>,
    payload: &Bytes,
    values: &mut Vec<EncodedValue>,
) -> Result<(), PayloadError> {
    let count = reader.u16_le()?;
    let count = reader.count(u64::from(count), VALUE_MIN)?;
    values.reserve(count);
    if values.len().saturating_add(count) > MAX_VALUES {
        return Err(PayloadError::TooManyValues);
    }
    for _ in 0..count {
        values.push(value(reader, payload)?);
    }
    Ok(())
}

fn write_arguments(writer: &mut Writer, values: &[EncodedValue]) {
    writer.count_u16_le(values.len());
    for value in values {
        writer.bytes32(Some(value.as_bytes()));
    }
}

/// A public key with `u32` length in front of its `u32` key type id.
fn public_key(reader: &mut Reader<'_>) -> Result<PublicKey, PayloadError> {
    let bytes = reader.bytes32()?.ok_or(PayloadError::Missing("public key"))?;
    let key_type = KeyType::from_id(reader.u32_le()?)?;
    Ok(PublicKey::from_bytes(key_type, bytes)?)
}

fn write_public_key(writer: &mut Writer, key: &PublicKey) {
    writer.bytes32(Some(key.as_bytes())).u32_le(key.key_type().id());
}
