//! Transactions.

use serde::{Deserialize, Serialize};

use super::text;
use crate::{Amount, TxError};

/// A transaction as clients send it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// Must be there, even when nobody signed yet.
    #[serde(default)]
    pub signature: Option<Signature>,
    /// Must be there.
    #[serde(default)]
    pub body: Option<TxBody>,
    /// `concat` or `direct`.
    #[serde(default, deserialize_with = "text::null_default")]
    pub serialization: String,
    /// Compact id of the signer.
    #[serde(default, with = "text::hex_bytes")]
    pub sender: Vec<u8>,
}

/// `{"sig": base64 or null, "type": name}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// Signature bytes.
    #[serde(default, with = "text::base64_bytes")]
    pub sig: Vec<u8>,
    /// Name of the authenticator.
    #[serde(default, deserialize_with = "text::null_default")]
    pub r#type: String,
}

/// The signed part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TxBody {
    /// Description.
    #[serde(default, deserialize_with = "text::null_default")]
    pub desc: String,
    /// Payload bytes.
    #[serde(default, with = "text::base64_bytes")]
    pub payload: Vec<u8>,
    /// Payload type.
    #[serde(default, deserialize_with = "text::null_default")]
    pub r#type: String,
    /// Fee as decimal text; a JSON number is refused, empty is zero.
    #[serde(default, deserialize_with = "text::null_default")]
    pub fee: String,
    /// Nonce.
    #[serde(default, deserialize_with = "text::null_default")]
    pub nonce: u64,
    /// Network.
    #[serde(default, deserialize_with = "text::null_default")]
    pub chain_id: String,
}

impl TryFrom<Transaction> for crate::Transaction {
    type Error = TxError;

    /// Names the missing part. Whether somebody signed and whether the limits hold is checked when it is encoded.
    fn try_from(json: Transaction) -> Result<Self, TxError> {
        let signature = json.signature.ok_or(TxError::Missing("signature"))?;
        let body = json.body.ok_or(TxError::Missing("body"))?;
        let fee = if body.fee.is_empty() {
            Amount::ZERO
        } else {
            body.fee.parse().map_err(TxError::Fee)?
        };
        Ok(Self {
            signature: crate::Signature {
                bytes: signature.sig.into(),
                auth_type: signature.r#type,
            },
            body: crate::TxBody {
                description: body.desc,
                payload: body.payload.into(),
                payload_type: body.r#type,
                fee,
                nonce: body.nonce,
                chain_id: body.chain_id,
            },
            serialization: json.serialization.parse()?,
            sender: json.sender.into(),
        })
    }
}

impl From<&crate::Transaction> for Transaction {
    fn from(transaction: &crate::Transaction) -> Self {
        let crate::Transaction { signature, body, serialization, sender } = transaction;
        Self {
            signature: Some(Signature {
                sig: signature.bytes.to_vec(),
                r#type: signature.auth_type.clone(),
            }),
            body: Some(TxBody {
                desc: body.description.clone(),
                payload: body.payload.to_vec(),
                r#type: body.payload_type.clone(),
                fee: body.fee.to_string(),
                nonce: body.nonce,
                chain_id: body.chain_id.clone(),
            }),
            serialization: serialization.name().to_owned(),
            sender: sender.to_vec(),
        }
    }
}
