//! Values of the language in PostgreSQL's text form: as literals in a statement, and back from the rows of a result.
//!
//! Both directions use the simple protocol, which carries many statements in one message. Only [`push_literal`] and
//! [`push_array`] write literals; no other code builds SQL from values.

mod array;
mod literal;

use bytes::Bytes;
use kwil_types::{Array, DataType, Decimal, DecimalError, Scalar, TypeKind, Value};
use uuid::Uuid;

pub(crate) use array::{push_quoted_element, split_array};
pub(crate) use literal::{LiteralError, array_type, parameter_type, push_array, push_literal};

/// Why a value of a result cannot be a value of its column.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ValueProblem {
    /// A number with more digits than the column's type has room for. The statement is at fault.
    #[error("value has too many digits for {0}")]
    TooWide(DataType),
    /// Not the text of such a value: the analysis of the statement or the server broke its promise.
    #[error("{0} cannot be read as {1}")]
    Malformed(String, DataType),
}

/// Reads the text of a value. Numbers are rounded half away from zero to the scale of the type.
pub(crate) fn read_value(text: Option<&str>, of: DataType) -> Result<Value, ValueProblem> {
    let Some(text) = text else { return Ok(Value::Null(of)) };
    if !of.is_array() {
        return read_scalar(text, of).map(Value::Scalar);
    }
    let malformed = || malformed(text, of);
    let items = split_array(text).map_err(|_| malformed())?;
    let items = items.into_iter().map(|item| match item {
        None => Ok(None),
        Some(item) => read_scalar(&item, of).map(Some),
    });
    let items = items.collect::<Result<Vec<_>, _>>()?;
    Array::new(of.kind(), items).map(Value::Array).map_err(|_| malformed())
}

fn malformed(text: &str, of: DataType) -> ValueProblem {
    let start: String = text.chars().take(40).collect();
    ValueProblem::Malformed(format!("{start:?}"), of)
}

fn read_scalar(text: &str, of: DataType) -> Result<Scalar, ValueProblem> {
    let malformed = || malformed(text, of);
    match of.kind() {
        TypeKind::Null => Err(malformed()),
        TypeKind::Text => Ok(Scalar::Text(text.to_owned())),
        TypeKind::Int8 => text.parse().map(Scalar::Int8).map_err(|_| malformed()),
        TypeKind::Bool => match text {
            "t" => Ok(Scalar::Bool(true)),
            "f" => Ok(Scalar::Bool(false)),
            _ => Err(malformed()),
        },
        TypeKind::Bytea => {
            let digits = text.strip_prefix("\\x").ok_or_else(malformed)?;
            hex::decode(digits).map(Bytes::from).map(Scalar::Bytea).map_err(|_| malformed())
        }
        TypeKind::Uuid => Uuid::try_parse(text).map(Scalar::Uuid).map_err(|_| malformed()),
        TypeKind::Numeric { precision, scale } => match Decimal::parse(text, precision, scale) {
            Ok(number) => Ok(Scalar::Numeric(number)),
            Err(DecimalError::Overflow { .. } | DecimalError::TooLong) => {
                Err(ValueProblem::TooWide(of))
            }
            // NaN and infinity among them: no statement can make one, so the row should not exist.
            Err(_) => Err(malformed()),
        },
    }
}

/// Bytes of a value as far as they count for the size of an answer.
pub(crate) fn size_of(value: &Value) -> u64 {
    let size = match value {
        Value::Null(_) => 1,
        Value::Scalar(scalar) => scalar_size(scalar),
        Value::Array(array) => array
            .items()
            .iter()
            .fold(1_u64, |sum, item| sum.saturating_add(item.as_ref().map_or(1, scalar_size))),
    };
    size.saturating_add(1)
}

fn scalar_size(scalar: &Scalar) -> u64 {
    match scalar {
        Scalar::Text(text) => text.len() as u64,
        Scalar::Bytea(bytes) => bytes.len() as u64,
        Scalar::Int8(_) => 8,
        Scalar::Bool(_) => 1,
        Scalar::Uuid(_) => 16,
        Scalar::Numeric(number) => u64::from(number.precision()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> DataType {
        kwil_lang::parse_type(text).unwrap().data_type
    }

    #[test]
    fn numbers_are_rounded_to_the_scale_of_their_column() {
        for (text, ty, want) in [
            ("0.125", "numeric(5,2)", Some("0.13")),
            ("-0.125", "numeric(5,2)", Some("-0.13")),
            ("3.3333333333333333", "numeric(20,4)", Some("3.3333")),
            ("7", "numeric(20,4)", Some("7.0000")),
            ("999.995", "numeric(5,2)", None),
        ] {
            let got = read_value(Some(text), of(ty));
            match want {
                Some(want) => {
                    let Ok(Value::Scalar(Scalar::Numeric(number))) = got else { panic!("{got:?}") };
                    assert_eq!(number.to_string(), want);
                }
                None => assert_eq!(got, Err(ValueProblem::TooWide(of(ty)))),
            }
        }
    }

    #[test]
    fn what_is_no_value_of_the_type_is_refused() {
        for (text, ty) in [
            ("NaN", "numeric(5,2)"),
            ("Infinity", "numeric(5,2)"),
            ("1.0", "int8"),
            ("9223372036854775808", "int8"),
            ("true", "bool"),
            ("00ff", "bytea"),
            ("\\x0", "bytea"),
            ("12", "uuid"),
            ("{{1},{2}}", "int8[]"),
            ("1", "int8[]"),
        ] {
            let got = read_value(Some(text), of(ty));
            assert!(matches!(got, Err(ValueProblem::Malformed(..))), "{text}: {got:?}");
        }
        assert!(read_value(Some("x"), DataType::scalar(TypeKind::Null)).is_err());
    }
}
