//! Accounts, keys, transactions, versions.

use bytes::Bytes;
use uuid::Uuid;

use kwil_crypto::{Hash, PublicKey};
use kwil_proto::rpc::v1 as pb;
use kwil_types::{Amount, GoDuration};

use super::{Wire, WireError};
use crate::account::{AccountId, Validator, account_of, parse_key_type};
use crate::text::decimal;
use crate::transaction::{Signature, Transaction, TxBody, TxResult};
use crate::user::Version;

const NANOS_PER_MILLI: i64 = 1_000_000;

pub(super) fn hash_out(hash: Hash) -> Bytes {
    Bytes::copy_from_slice(&hash.0)
}

pub(super) fn hash_in(field: &'static str, bytes: &[u8]) -> Result<Hash, WireError> {
    <[u8; 32]>::try_from(bytes).map(Hash).map_err(|_length| {
        WireError::new(field, format!("a hash has 32 bytes, got {}", bytes.len()))
    })
}

/// Empty or zero is no hash.
pub(super) fn opt_hash_in(field: &'static str, bytes: &[u8]) -> Result<Option<Hash>, WireError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    hash_in(field, bytes).map(|hash| (!hash.is_zero()).then_some(hash))
}

pub(super) fn opt_hash_out(hash: Option<Hash>) -> Bytes {
    hash.map(hash_out).unwrap_or_default()
}

pub(super) fn hashes_in(field: &'static str, hashes: &[Bytes]) -> Result<Vec<Hash>, WireError> {
    hashes.iter().map(|bytes| hash_in(field, bytes)).collect()
}

pub(super) fn amount_in(field: &'static str, text: &str) -> Result<Amount, WireError> {
    decimal::parse(text).map_err(|problem| WireError::new(field, problem))
}

pub(super) fn uuid_in(field: &'static str, bytes: &[u8]) -> Result<Uuid, WireError> {
    Uuid::from_slice(bytes).map_err(|error| WireError::new(field, error.to_string()))
}

pub(super) fn uuid_out(id: Uuid) -> Bytes {
    Bytes::copy_from_slice(id.as_bytes())
}

/// 0 is no value.
pub(super) fn nonzero(value: i64) -> Option<i64> {
    (value != 0).then_some(value)
}

pub(super) fn millis_out(duration: GoDuration) -> i64 {
    duration.as_nanos().checked_div(NANOS_PER_MILLI).unwrap_or_default()
}

pub(super) fn millis_in(field: &'static str, millis: i64) -> Result<GoDuration, WireError> {
    let nanos =
        millis.checked_mul(NANOS_PER_MILLI).ok_or_else(|| WireError::new(field, "too long"))?;
    Ok(GoDuration::from_nanos(nanos))
}

pub(super) fn all<T: Wire<P>, P>(items: Vec<P>) -> Result<Vec<T>, WireError> {
    items.into_iter().map(T::from_wire).collect()
}

pub(super) fn all_out<T: Wire<P>, P>(items: Vec<T>) -> Vec<P> {
    items.into_iter().map(T::into_wire).collect()
}

pub(super) fn required<T: Wire<P>, P>(
    field: &'static str,
    item: Option<P>,
) -> Result<T, WireError> {
    T::from_wire(item.ok_or_else(|| WireError::missing(field))?)
}

impl Wire<pb::AccountId> for AccountId {
    fn into_wire(self) -> pb::AccountId {
        pb::AccountId { identifier: self.identifier.into(), key_type: self.key_type }
    }

    fn from_wire(wire: pb::AccountId) -> Result<Self, WireError> {
        Ok(Self { identifier: wire.identifier.into(), key_type: wire.key_type })
    }
}

impl Wire<pb::PublicKey> for PublicKey {
    fn into_wire(self) -> pb::PublicKey {
        pb::PublicKey {
            key_type: self.key_type().name().to_owned(),
            key: Bytes::copy_from_slice(self.as_bytes()),
        }
    }

    fn from_wire(wire: pb::PublicKey) -> Result<Self, WireError> {
        let key_type = parse_key_type(&wire.key_type)
            .map_err(|problem| WireError::new("key_type", problem))?;
        Self::from_bytes(key_type, &wire.key)
            .map_err(|error| WireError::new("key", error.to_string()))
    }
}

impl Wire<pb::Validator> for Validator {
    fn into_wire(self) -> pb::Validator {
        pb::Validator { id: Some(account_of(&self.key).into_wire()), power: self.power }
    }

    fn from_wire(wire: pb::Validator) -> Result<Self, WireError> {
        let id: AccountId = required("id", wire.id)?;
        let key_type = parse_key_type(&id.key_type)
            .map_err(|problem| WireError::new("id.key_type", problem))?;
        let key = PublicKey::from_bytes(key_type, &id.identifier)
            .map_err(|error| WireError::new("id.identifier", error.to_string()))?;
        Ok(Self { key, power: wire.power })
    }
}

impl Wire<pb::Signature> for Signature {
    fn into_wire(self) -> pb::Signature {
        pb::Signature { data: self.sig.into(), r#type: self.r#type }
    }

    fn from_wire(wire: pb::Signature) -> Result<Self, WireError> {
        Ok(Self { sig: wire.data.into(), r#type: wire.r#type })
    }
}

impl Wire<pb::TxBody> for TxBody {
    fn into_wire(self) -> pb::TxBody {
        pb::TxBody {
            description: self.desc,
            payload: self.payload.into(),
            payload_type: self.r#type,
            fee: self.fee,
            nonce: self.nonce,
            chain_id: self.chain_id,
        }
    }

    fn from_wire(wire: pb::TxBody) -> Result<Self, WireError> {
        Ok(Self {
            desc: wire.description,
            payload: wire.payload.into(),
            r#type: wire.payload_type,
            fee: wire.fee,
            nonce: wire.nonce,
            chain_id: wire.chain_id,
        })
    }
}

impl Wire<pb::Transaction> for Transaction {
    fn into_wire(self) -> pb::Transaction {
        pb::Transaction {
            signature: self.signature.map(Signature::into_wire),
            body: self.body.map(TxBody::into_wire),
            serialization: self.serialization,
            sender: self.sender.into(),
        }
    }

    fn from_wire(wire: pb::Transaction) -> Result<Self, WireError> {
        Ok(Self {
            signature: wire.signature.map(Signature::from_wire).transpose()?,
            body: wire.body.map(TxBody::from_wire).transpose()?,
            serialization: wire.serialization,
            sender: wire.sender.into(),
        })
    }
}

impl Wire<pb::TxResult> for TxResult {
    fn into_wire(self) -> pb::TxResult {
        pb::TxResult { code: self.code, gas: self.gas, log: self.log }
    }

    fn from_wire(wire: pb::TxResult) -> Result<Self, WireError> {
        Ok(Self { code: wire.code, gas: wire.gas, log: wire.log })
    }
}

impl Wire<pb::VersionInfo> for Version {
    fn into_wire(self) -> pb::VersionInfo {
        pb::VersionInfo {
            service: self.service,
            api_version: self.api_ver,
            major: self.major,
            minor: self.minor,
            patch: self.patch,
            node_version: self.kwil_ver,
        }
    }

    fn from_wire(wire: pb::VersionInfo) -> Result<Self, WireError> {
        Ok(Self {
            service: wire.service,
            api_ver: wire.api_version,
            major: wire.major,
            minor: wire.minor,
            patch: wire.patch,
            kwil_ver: wire.node_version,
        })
    }
}
