//! View calls and authenticated queries.

use serde::{Deserialize, Serialize};

use super::{EncodedValue, text};
use crate::{RawStatement, ValueError};

/// Why a JSON message is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// A key that must be there is not.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A parameter's value.
    #[error("parameter {name:?}: {source}")]
    Value {
        /// Name of the parameter.
        name: String,
        /// What is wrong.
        source: ValueError,
    },
}

/// Parameters of a view call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallMessage {
    /// Must be there.
    #[serde(default)]
    pub body: Option<CallBody>,
    /// Name of the authenticator.
    #[serde(default, deserialize_with = "text::null_default")]
    pub auth_type: String,
    /// Compact id of the caller; empty for an anonymous one.
    #[serde(default, with = "text::hex_bytes")]
    pub sender: Vec<u8>,
    /// Signature; empty in open mode.
    #[serde(default, with = "text::base64_bytes")]
    pub signature: Vec<u8>,
}

/// The call and the node's challenge.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallBody {
    /// Encoded call.
    #[serde(default, with = "text::base64_bytes")]
    pub payload: Vec<u8>,
    /// Challenge; empty in open mode.
    #[serde(default, with = "text::base64_bytes", skip_serializing_if = "Vec::is_empty")]
    pub challenge: Vec<u8>,
}

impl TryFrom<CallMessage> for crate::CallMessage {
    type Error = JsonError;

    fn try_from(json: CallMessage) -> Result<Self, JsonError> {
        let body = json.body.ok_or(JsonError::Missing("body"))?;
        Ok(Self {
            payload: body.payload.into(),
            challenge: body.challenge.into(),
            auth_type: json.auth_type,
            sender: json.sender.into(),
            signature: json.signature.into(),
        })
    }
}

impl From<&crate::CallMessage> for CallMessage {
    fn from(message: &crate::CallMessage) -> Self {
        Self {
            body: Some(CallBody {
                payload: message.payload.to_vec(),
                challenge: message.challenge.to_vec(),
            }),
            auth_type: message.auth_type.clone(),
            sender: message.sender.to_vec(),
            signature: message.signature.to_vec(),
        }
    }
}

/// Parameters of a query with proof of who asks. Existing clients write some keys with a capital letter; both
/// spellings are read, the capital one is written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthenticatedQuery {
    /// Must be there.
    #[serde(default)]
    pub body: Option<AuthenticatedQueryBody>,
    /// The node's challenge.
    #[serde(default, rename = "Challenge", alias = "challenge", with = "text::base64_bytes")]
    pub challenge: Vec<u8>,
    /// Name of the authenticator.
    #[serde(default, deserialize_with = "text::null_default")]
    pub auth_type: String,
    /// Compact id of the caller.
    #[serde(default, with = "text::hex_bytes")]
    pub sender: Vec<u8>,
    /// Signature.
    #[serde(default, with = "text::base64_bytes")]
    pub signature: Vec<u8>,
}

/// Statement and parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthenticatedQueryBody {
    /// SQL text.
    #[serde(rename = "Statement", alias = "statement")]
    pub statement: String,
    /// Parameters in the order of the signed payload.
    #[serde(
        default,
        rename = "Parameters",
        alias = "parameters",
        deserialize_with = "text::null_default"
    )]
    pub parameters: Vec<Parameter>,
}

/// A named value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// Name, with or without `$`.
    #[serde(rename = "Name", alias = "name")]
    pub name: String,
    /// Value.
    #[serde(rename = "Value", alias = "value")]
    pub value: EncodedValue,
}

impl TryFrom<AuthenticatedQuery> for crate::AuthenticatedQuery {
    type Error = JsonError;

    fn try_from(json: AuthenticatedQuery) -> Result<Self, JsonError> {
        let body = json.body.ok_or(JsonError::Missing("body"))?;
        let mut parameters = Vec::with_capacity(body.parameters.len());
        for Parameter { name, value } in body.parameters {
            match (&value).try_into() {
                Ok(value) => parameters.push(crate::Parameter { name, value }),
                Err(source) => return Err(JsonError::Value { name, source }),
            }
        }
        Ok(Self {
            statement: RawStatement { statement: body.statement, parameters },
            challenge: json.challenge.into(),
            auth_type: json.auth_type,
            sender: json.sender.into(),
            signature: json.signature.into(),
        })
    }
}
