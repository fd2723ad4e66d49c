//! Requests and answers of reads: queries and view calls.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value as Json;
use uuid::Uuid;

use kwil_types::{Array, DataType, Decimal, Scalar, TypeKind, Value, json};

pub use kwil_types::json::{
    AuthenticatedQuery, AuthenticatedQueryBody, CallBody, CallMessage, EncodedValue, Parameter,
};

use crate::text;

/// Parameters of `user.query`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryRequest {
    /// One or more statements that read.
    #[serde(default, deserialize_with = "text::null_default")]
    pub query: String,
    /// Values by name, with or without `$`.
    #[serde(default, deserialize_with = "text::null_default")]
    pub params: BTreeMap<String, EncodedValue>,
}

/// A column of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Type of its values.
    pub data_type: DataType,
}

/// Rows with the names and types of their columns.
///
/// In JSON `{"column_names": […], "column_types": […], "values": [[…], …]}`: integers, UUIDs and numbers are texts, bytes
/// are base64, NULL is `null`. Without rows the columns are there all the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueryResult {
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows, each with a value for every column.
    pub rows: Vec<Vec<Value>>,
    /// Height of the state that was read; 0 when it is not told. JSON-RPC tells it in the header `X-Kwil-Height`.
    pub height: i64,
}

/// Answer of `user.call`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallResult {
    /// What the action returned.
    pub query_result: QueryResult,
    /// Notices: `1. first`, a line break, `2. second`, …
    #[serde(default, deserialize_with = "text::null_default")]
    pub logs: String,
    /// What the action said with `ERROR()`, or an error of its data.
    #[serde(default)]
    pub error: Option<String>,
}

/// The result as it is written; borrows, because a result may be large.
#[derive(Serialize)]
struct Written<'a> {
    column_names: Vec<&'a str>,
    column_types: Vec<json::DataType>,
    values: Rows<'a>,
}

struct Rows<'a>(&'a [Vec<Value>]);

struct Row<'a>(&'a [Value]);

struct Cell<'a>(&'a Value);

struct Item<'a>(&'a Scalar);

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|row| Row(row)))
    }
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Cell))
    }
}

impl Serialize for Cell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Null(_) => serializer.serialize_unit(),
            Value::Scalar(scalar) => Item(scalar).serialize(serializer),
            Value::Array(array) => {
                serializer.collect_seq(array.items().iter().map(|item| item.as_ref().map(Item)))
            }
        }
    }
}

impl Serialize for Item<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Scalar::Text(text) => serializer.serialize_str(text),
            Scalar::Int8(number) => serializer.collect_str(number),
            Scalar::Bool(truth) => serializer.serialize_bool(*truth),
            Scalar::Bytea(bytes) => serializer.serialize_str(&STANDARD.encode(bytes)),
            Scalar::Uuid(uuid) => serializer.collect_str(uuid),
            Scalar::Numeric(number) => serializer.collect_str(number),
        }
    }
}

impl Serialize for QueryResult {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Written {
            column_names: self.columns.iter().map(|column| column.name.as_str()).collect(),
            column_types: self.columns.iter().map(|column| column.data_type.into()).collect(),
            values: Rows(&self.rows),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for QueryResult {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// The three lists as they come; a node without rows may leave them out.
        #[derive(Deserialize)]
        struct Read {
            #[serde(default, deserialize_with = "text::null_default")]
            column_names: Vec<String>,
            #[serde(default, deserialize_with = "text::null_default")]
            column_types: Vec<json::DataType>,
            #[serde(default, deserialize_with = "text::null_default")]
            values: Vec<Vec<Json>>,
        }

        let Read { column_names, column_types, values } = Read::deserialize(deserializer)?;
        if column_names.len() != column_types.len() {
            let (names, types) = (column_names.len(), column_types.len());
            return Err(D::Error::custom(format!("{names} column names and {types} types")));
        }
        let mut columns = Vec::with_capacity(column_names.len());
        for (name, data_type) in column_names.into_iter().zip(&column_types) {
            let data_type = data_type.try_into().map_err(D::Error::custom)?;
            columns.push(Column { name, data_type });
        }
        let mut rows = Vec::with_capacity(values.len());
        for row in values {
            rows.push(row_of(row, &columns).map_err(D::Error::custom)?);
        }
        Ok(Self { columns, rows, height: 0 })
    }
}

fn row_of(row: Vec<Json>, columns: &[Column]) -> Result<Vec<Value>, String> {
    if row.len() != columns.len() {
        return Err(format!("{} values in a row of {} columns", row.len(), columns.len()));
    }
    let mut values = Vec::with_capacity(row.len());
    for (cell, column) in row.into_iter().zip(columns) {
        let named = |problem: String| format!("column {:?}: {problem}", column.name);
        values.push(cell_of(cell, column.data_type).map_err(named)?);
    }
    Ok(values)
}

fn cell_of(cell: Json, data_type: DataType) -> Result<Value, String> {
    match cell {
        Json::Null => Ok(Value::Null(data_type)),
        Json::Array(items) if data_type.is_array() => {
            let item = |item| match item {
                Json::Null => Ok(None),
                item => item_of(item, data_type.kind()).map(Some),
            };
            let items = items.into_iter().map(item).collect::<Result<_, String>>()?;
            let array = Array::new(data_type.kind(), items).map_err(|error| error.to_string())?;
            Ok(Value::Array(array))
        }
        cell if data_type.is_array() => Err(format!("{cell} is no {data_type}")),
        cell => item_of(cell, data_type.kind()).map(Value::Scalar),
    }
}

fn item_of(item: Json, kind: TypeKind) -> Result<Scalar, String> {
    let text = match (item, kind) {
        (Json::Bool(truth), TypeKind::Bool) => return Ok(Scalar::Bool(truth)),
        (Json::String(text), _) => text,
        (other, _) => return Err(format!("{other} is no {kind}")),
    };
    let wrong = |problem: String| format!("{text:?} is no {kind}: {problem}");
    Ok(match kind {
        TypeKind::Text => Scalar::Text(text),
        TypeKind::Int8 => Scalar::Int8(text.parse().map_err(|error| wrong(format!("{error}")))?),
        TypeKind::Bytea => Scalar::Bytea(Bytes::from(
            STANDARD.decode(&text).map_err(|error| wrong(error.to_string()))?,
        )),
        TypeKind::Uuid => {
            Scalar::Uuid(Uuid::try_parse(&text).map_err(|error| wrong(error.to_string()))?)
        }
        TypeKind::Numeric { precision, scale } => Scalar::Numeric(
            Decimal::parse(&text, precision, scale).map_err(|error| wrong(error.to_string()))?,
        ),
        TypeKind::Bool | TypeKind::Null => return Err(wrong("a text".to_owned())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_type() -> QueryResult {
        let numeric = TypeKind::numeric(6, 2).unwrap();
        let cells = [
            Value::from("a\"b"),
            Value::from(i64::MIN),
            Value::from(true),
            Scalar::Bytea(Bytes::from_static(&[0, 255])).into(),
            Scalar::Uuid(Uuid::from_bytes([7; 16])).into(),
            Scalar::Numeric(Decimal::parse("-1.5", 6, 2).unwrap()).into(),
            Value::Array(Array::new(TypeKind::Int8, vec![Some(Scalar::Int8(1)), None]).unwrap()),
            Value::Array(Array::new(numeric, Vec::new()).unwrap()),
        ];
        let column = |at: usize, data_type| Column { name: format!("c{at}"), data_type };
        let types: Vec<DataType> = cells.iter().map(Value::data_type).collect();
        QueryResult {
            columns: types.iter().enumerate().map(|(at, of)| column(at, *of)).collect(),
            rows: vec![cells.to_vec(), types.into_iter().map(Value::Null).collect()],
            height: 0,
        }
    }

    #[test]
    fn results_read_as_clients_know_them() {
        let result = every_type();
        let text = serde_json::to_string(&result).unwrap();
        let values = text.split_once("\"values\":").unwrap().1;
        insta::assert_snapshot!(values, @r#"[["a\"b","-9223372036854775808",true,"AP8=","07070707-0707-0707-0707-070707070707","-1.50",["1",null],[]],[null,null,null,null,null,null,null,null]]}"#);
        assert!(text.contains(r#"{"name":"numeric","is_array":true,"metadata":[6,2]}"#), "{text}");
        assert_eq!(serde_json::from_str::<QueryResult>(&text).unwrap(), result);
    }

    #[test]
    fn a_result_without_rows_may_lack_everything() {
        for text in ["{}", r#"{"column_names":null,"column_types":null,"values":null}"#] {
            assert_eq!(serde_json::from_str::<QueryResult>(text).unwrap(), QueryResult::default());
        }
    }

    #[test]
    fn results_that_contradict_themselves_are_refused() {
        let of = |kind: &str, value: &str| {
            format!(
                r#"{{"column_names":["a"],"column_types":[{{"name":"{kind}","metadata":[3,1]}}],"values":[[{value}]]}}"#
            )
        };
        for (kind, value, says) in [
            ("int8", "1", "column \"a\": 1 is no int8"),
            ("int8", "\"1.5\"", "is no int8: invalid digit"),
            ("int8", "[]", "[] is no int8"),
            ("bool", "\"true\"", "is no bool"),
            ("bytea", "\"?\"", "is no bytea"),
            ("uuid", "\"1\"", "is no uuid"),
            ("numeric", "\"1000\"", "is no numeric(3,1)"),
            ("null", "\"x\"", "is no null"),
            ("text", "\"a\",\"b\"", "2 values in a row of 1 columns"),
            ("float", "null", "unknown data type"),
        ] {
            let error = serde_json::from_str::<QueryResult>(&of(kind, value)).unwrap_err();
            assert!(error.to_string().contains(says), "{error}");
        }
        let uneven = r#"{"column_names":["a"],"column_types":[],"values":[]}"#;
        let error = serde_json::from_str::<QueryResult>(uneven).unwrap_err();
        assert!(error.to_string().contains("1 column names and 0 types"), "{error}");
    }
}
