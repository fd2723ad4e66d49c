//! Values: encoded ones that clients send, plain ones in results.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::text;
use crate::{Scalar, TypeError, TypeKind, Value, ValueError};

/// `{"name": …, "is_array": …, "metadata": [precision, scale]}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataType {
    /// Type name or alias.
    pub name: String,
    /// True for arrays.
    #[serde(default, deserialize_with = "text::null_default")]
    pub is_array: bool,
    /// Precision and scale of numeric types; absent or `null` is zeros.
    #[serde(default, deserialize_with = "text::null_default")]
    pub metadata: [u16; 2],
}

impl TryFrom<&DataType> for crate::DataType {
    type Error = TypeError;

    fn try_from(json: &DataType) -> Result<Self, TypeError> {
        let kind = TypeKind::from_name(&json.name, json.metadata)?;
        Ok(if json.is_array { Self::array(kind) } else { Self::scalar(kind) })
    }
}

impl From<crate::DataType> for DataType {
    fn from(data_type: crate::DataType) -> Self {
        let kind = data_type.kind();
        Self {
            name: kind.name().to_owned(),
            is_array: data_type.is_array(),
            metadata: kind.metadata(),
        }
    }
}

/// `{"type": …, "data": [base64 of element, …]}`; elements carry their presence byte.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncodedValue {
    /// Type.
    pub r#type: DataType,
    /// Elements.
    #[serde(default, with = "text::base64_list")]
    pub data: Vec<Option<Vec<u8>>>,
}

impl TryFrom<&EncodedValue> for crate::EncodedValue {
    type Error = ValueError;

    fn try_from(json: &EncodedValue) -> Result<Self, ValueError> {
        let DataType { name, is_array, metadata } = &json.r#type;
        Self::from_parts(name, *is_array, *metadata, &json.data)
    }
}

impl TryFrom<&crate::EncodedValue> for EncodedValue {
    type Error = ValueError;

    fn try_from(value: &crate::EncodedValue) -> Result<Self, ValueError> {
        Ok(Self { r#type: value.data_type().into(), data: value.to_parts()? })
    }
}

/// A value in a query result: integers, UUIDs and numbers as text, bytes as base64, NULL as `null`.
#[must_use]
pub fn value_to_json(value: &Value) -> Json {
    match value {
        Value::Null(_) => Json::Null,
        Value::Scalar(scalar) => scalar_to_json(scalar),
        Value::Array(array) => Json::Array(
            array
                .items()
                .iter()
                .map(|item| item.as_ref().map_or(Json::Null, scalar_to_json))
                .collect(),
        ),
    }
}

/// A scalar in a query result.
#[must_use]
pub fn scalar_to_json(scalar: &Scalar) -> Json {
    match scalar {
        Scalar::Text(text) => Json::String(text.clone()),
        Scalar::Int8(number) => Json::String(number.to_string()),
        Scalar::Bool(truth) => Json::Bool(*truth),
        Scalar::Bytea(bytes) => Json::String(STANDARD.encode(bytes)),
        Scalar::Uuid(uuid) => Json::String(uuid.to_string()),
        Scalar::Numeric(number) => Json::String(number.to_string()),
    }
}
