//! Queries and view calls.

use std::collections::BTreeMap;

use bytes::Bytes;
use kwil_proto::rpc::v1 as pb;
use kwil_types::{Array, DataType, Decimal, Scalar, TypeKind, Value, json};
use uuid::Uuid;

use super::shared::{all, all_out};
use super::{Wire, WireError};
use crate::read::{
    AuthenticatedQuery, AuthenticatedQueryBody, CallBody, CallMessage, CallResult, Column,
    EncodedValue, Parameter, QueryRequest, QueryResult,
};

impl Wire<pb::DataType> for json::DataType {
    fn into_wire(self) -> pb::DataType {
        let [precision, scale] = self.metadata.map(u32::from);
        pb::DataType { name: self.name, is_array: self.is_array, precision, scale }
    }

    fn from_wire(wire: pb::DataType) -> Result<Self, WireError> {
        let small = |field, number: u32| {
            u16::try_from(number).map_err(|_big| WireError::new(field, "more than 65,535"))
        };
        let metadata = [small("precision", wire.precision)?, small("scale", wire.scale)?];
        Ok(Self { name: wire.name, is_array: wire.is_array, metadata })
    }
}

impl Wire<pb::EncodedValue> for EncodedValue {
    fn into_wire(self) -> pb::EncodedValue {
        let data = self.data.into_iter().map(|element| element.unwrap_or_default().into());
        pb::EncodedValue { r#type: Some(self.r#type.into_wire()), data: data.collect() }
    }

    fn from_wire(wire: pb::EncodedValue) -> Result<Self, WireError> {
        let r#type = wire.r#type.ok_or_else(|| WireError::missing("type"))?;
        let element = |bytes: Bytes| (!bytes.is_empty()).then(|| bytes.into());
        Ok(Self {
            r#type: json::DataType::from_wire(r#type)?,
            data: wire.data.into_iter().map(element).collect(),
        })
    }
}

impl Wire<pb::NamedValue> for Parameter {
    fn into_wire(self) -> pb::NamedValue {
        pb::NamedValue { name: self.name, value: Some(self.value.into_wire()) }
    }

    fn from_wire(wire: pb::NamedValue) -> Result<Self, WireError> {
        let value = wire.value.ok_or_else(|| WireError::missing("value"))?;
        Ok(Self { name: wire.name, value: EncodedValue::from_wire(value)? })
    }
}

impl Wire<pb::QueryRequest> for QueryRequest {
    fn into_wire(self) -> pb::QueryRequest {
        let named = |(name, value)| Parameter { name, value }.into_wire();
        pb::QueryRequest {
            statement: self.query,
            parameters: self.params.into_iter().map(named).collect(),
        }
    }

    fn from_wire(wire: pb::QueryRequest) -> Result<Self, WireError> {
        let mut params = BTreeMap::new();
        for parameter in wire.parameters {
            let Parameter { name, value } = Parameter::from_wire(parameter)?;
            if let Some(_earlier) = params.insert(name.clone(), value) {
                return Err(WireError::new("parameters", format!("two with the name {name:?}")));
            }
        }
        Ok(Self { query: wire.statement, params })
    }
}

/// Who asks and the proof, without the request itself.
struct Auth {
    auth_type: String,
    sender: Vec<u8>,
    challenge: Vec<u8>,
    signature: Vec<u8>,
}

impl Auth {
    fn into_wire(self) -> pb::CallAuth {
        pb::CallAuth {
            auth_type: self.auth_type,
            sender: self.sender.into(),
            challenge: self.challenge.into(),
            signature: self.signature.into(),
        }
    }

    fn from_wire(wire: Option<pb::CallAuth>) -> Self {
        let wire = wire.unwrap_or_default();
        Self {
            auth_type: wire.auth_type,
            sender: wire.sender.into(),
            challenge: wire.challenge.into(),
            signature: wire.signature.into(),
        }
    }
}

impl Wire<pb::AuthenticatedQueryRequest> for AuthenticatedQuery {
    fn into_wire(self) -> pb::AuthenticatedQueryRequest {
        let body = self.body.unwrap_or_default();
        let Self { auth_type, sender, challenge, signature, .. } = self;
        pb::AuthenticatedQueryRequest {
            statement: body.statement,
            parameters: all_out(body.parameters),
            auth: Some(Auth { auth_type, sender, challenge, signature }.into_wire()),
        }
    }

    fn from_wire(wire: pb::AuthenticatedQueryRequest) -> Result<Self, WireError> {
        let Auth { auth_type, sender, challenge, signature } = Auth::from_wire(wire.auth);
        let parameters = all(wire.parameters)?;
        let body = Some(AuthenticatedQueryBody { statement: wire.statement, parameters });
        Ok(Self { body, challenge, auth_type, sender, signature })
    }
}

impl Wire<pb::CallRequest> for CallMessage {
    fn into_wire(self) -> pb::CallRequest {
        let CallBody { payload, challenge } = self.body.unwrap_or_default();
        let Self { auth_type, sender, signature, .. } = self;
        pb::CallRequest {
            payload: payload.into(),
            auth: Some(Auth { auth_type, sender, challenge, signature }.into_wire()),
        }
    }

    fn from_wire(wire: pb::CallRequest) -> Result<Self, WireError> {
        let Auth { auth_type, sender, challenge, signature } = Auth::from_wire(wire.auth);
        let body = Some(CallBody { payload: wire.payload.into(), challenge });
        Ok(Self { body, auth_type, sender, signature })
    }
}

fn columns_out(columns: Vec<Column>) -> Vec<pb::Column> {
    let out = |Column { name, data_type }| pb::Column {
        name,
        r#type: Some(json::DataType::from(data_type).into_wire()),
    };
    columns.into_iter().map(out).collect()
}

fn rows_out(rows: Vec<Vec<Value>>) -> Vec<pb::Row> {
    let out = |row: Vec<Value>| pb::Row { values: row.into_iter().map(value_out).collect() };
    rows.into_iter().map(out).collect()
}

fn value_out(value: Value) -> pb::Value {
    let kind = match value {
        Value::Null(_) => null(),
        Value::Scalar(scalar) => scalar_out(scalar),
        Value::Array(array) => {
            let item =
                |item: Option<Scalar>| pb::Value { kind: Some(item.map_or_else(null, scalar_out)) };
            let items = array.into_items().into_iter().map(item).collect();
            pb::value::Kind::Array(pb::ValueList { items })
        }
    };
    pb::Value { kind: Some(kind) }
}

fn null() -> pb::value::Kind {
    pb::value::Kind::Null(pb::NullValue::NullValue.into())
}

fn scalar_out(scalar: Scalar) -> pb::value::Kind {
    use pb::value::Kind;
    match scalar {
        Scalar::Text(text) => Kind::Text(text),
        Scalar::Int8(number) => Kind::Int8(number),
        Scalar::Bool(truth) => Kind::Bool(truth),
        Scalar::Bytea(bytes) => Kind::Bytea(bytes),
        Scalar::Uuid(uuid) => Kind::Uuid(Bytes::copy_from_slice(uuid.as_bytes())),
        Scalar::Numeric(number) => Kind::Numeric(number.to_string()),
    }
}

fn result_in(
    columns: Vec<pb::Column>,
    rows: Vec<pb::Row>,
    height: i64,
) -> Result<QueryResult, WireError> {
    let mut known = Vec::with_capacity(columns.len());
    for column in columns {
        let data_type = column.r#type.ok_or_else(|| WireError::missing("columns.type"))?;
        let data_type = (&json::DataType::from_wire(data_type)?).try_into().map_err(
            |error: kwil_types::TypeError| WireError::new("columns.type", error.to_string()),
        )?;
        known.push(Column { name: column.name, data_type });
    }
    let row = |row: pb::Row| {
        if row.values.len() != known.len() {
            let problem = format!("{} values in {} columns", row.values.len(), known.len());
            return Err(WireError::new("rows", problem));
        }
        let values = row.values.into_iter().zip(&known);
        values.map(|(value, column)| value_in(value, column.data_type)).collect()
    };
    let rows = rows.into_iter().map(row).collect::<Result<_, _>>()?;
    Ok(QueryResult { columns: known, rows, height })
}

fn value_in(value: pb::Value, data_type: DataType) -> Result<Value, WireError> {
    match value.kind {
        None | Some(pb::value::Kind::Null(_)) => Ok(Value::Null(data_type)),
        Some(pb::value::Kind::Array(list)) if data_type.is_array() => {
            let item = |item: pb::Value| match item.kind {
                None | Some(pb::value::Kind::Null(_)) => Ok(None),
                Some(kind) => scalar_in(kind, data_type.kind()).map(Some),
            };
            let items = list.items.into_iter().map(item).collect::<Result<_, _>>()?;
            let array = Array::new(data_type.kind(), items);
            array.map(Value::Array).map_err(|error| WireError::new("rows", error.to_string()))
        }
        Some(_) if data_type.is_array() => {
            Err(WireError::new("rows", format!("a single value in a column of {data_type}")))
        }
        Some(kind) => scalar_in(kind, data_type.kind()).map(Value::Scalar),
    }
}

fn scalar_in(value: pb::value::Kind, kind: TypeKind) -> Result<Scalar, WireError> {
    use pb::value::Kind;
    let wrong = |problem: String| WireError::new("rows", problem);
    Ok(match (value, kind) {
        (Kind::Text(text), TypeKind::Text) => Scalar::Text(text),
        (Kind::Int8(number), TypeKind::Int8) => Scalar::Int8(number),
        (Kind::Bool(truth), TypeKind::Bool) => Scalar::Bool(truth),
        (Kind::Bytea(bytes), TypeKind::Bytea) => Scalar::Bytea(bytes),
        (Kind::Uuid(bytes), TypeKind::Uuid) => {
            Scalar::Uuid(Uuid::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?)
        }
        (Kind::Numeric(text), TypeKind::Numeric { precision, scale }) => Scalar::Numeric(
            Decimal::parse(&text, precision, scale).map_err(|error| wrong(error.to_string()))?,
        ),
        (_, kind) => return Err(wrong(format!("a value of another type in a column of {kind}"))),
    })
}

macro_rules! query_answer {
    ($($proto:ident),+) => {
        $(impl Wire<pb::$proto> for QueryResult {
            fn into_wire(self) -> pb::$proto {
                pb::$proto {
                    columns: columns_out(self.columns),
                    rows: rows_out(self.rows),
                    height: self.height,
                }
            }

            fn from_wire(wire: pb::$proto) -> Result<Self, WireError> {
                result_in(wire.columns, wire.rows, wire.height)
            }
        })+
    };
}

query_answer!(QueryResponse, AuthenticatedQueryResponse);

impl Wire<pb::CallResponse> for CallResult {
    fn into_wire(self) -> pb::CallResponse {
        pb::CallResponse {
            columns: columns_out(self.query_result.columns),
            rows: rows_out(self.query_result.rows),
            height: self.query_result.height,
            logs: self.logs,
            error: self.error,
        }
    }

    fn from_wire(wire: pb::CallResponse) -> Result<Self, WireError> {
        Ok(Self {
            query_result: result_in(wire.columns, wire.rows, wire.height)?,
            logs: wire.logs,
            error: wire.error,
        })
    }
}
