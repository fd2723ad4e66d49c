//! `x::type`.

use kwil_lang::ErrorClass;
use kwil_types::{DataType, Decimal, Scalar, TypeKind, Value};
use uuid::Uuid;

use super::{Evaluated, build_array};
use crate::Failure;

/// Longest text that an error repeats.
const SHOWN: usize = 40;

/// Casts a value. NULL casts to NULL of any type; arrays cast element by element, except bytea[] to int8[]; a scalar
/// never becomes an array, nor the other way round.
///
/// Other than in SQL, a number with a fraction is no int8, bytea and text are the same UTF-8 bytes, 0 and 1 are truth
/// values, and a uuid is its 16 bytes.
///
/// # Errors
/// [`ErrorClass::Cast`].
pub fn cast(value: &Value, to: DataType) -> Result<Value, Failure> {
    let from = value.data_type();
    match value {
        Value::Null(_) => Ok(Value::Null(to)),
        _ if from == to => Ok(value.clone()),
        Value::Scalar(scalar) if !to.is_array() => {
            cast_scalar(scalar, to.kind()).map(Value::Scalar)
        }
        Value::Array(array)
            if to.is_array() && (from.kind(), to.kind()) != (TypeKind::Bytea, TypeKind::Int8) =>
        {
            let cast_item = |item: &Option<Scalar>| match item {
                Some(scalar) => cast_scalar(scalar, to.kind()).map(Some),
                None => Ok(None),
            };
            let items = array.items().iter().map(cast_item).collect::<Result<Vec<_>, _>>()?;
            build_array(to.kind(), items)
        }
        Value::Scalar(_) | Value::Array(_) => Err(impossible(from, to)),
    }
}

fn impossible(from: DataType, to: DataType) -> Failure {
    Failure::new(ErrorClass::Cast, format_args!("cannot cast {from} to {to}"))
}

pub(super) fn cast_scalar(scalar: &Scalar, to: TypeKind) -> Evaluated<Scalar> {
    if scalar.kind() == to {
        return Ok(scalar.clone());
    }
    let result = match to {
        TypeKind::Int8 => to_int8(scalar),
        TypeKind::Text => to_text(scalar),
        TypeKind::Bool => to_bool(scalar),
        TypeKind::Numeric { precision, scale } => to_numeric(scalar, precision, scale),
        TypeKind::Uuid => to_uuid(scalar),
        TypeKind::Bytea => to_bytea(scalar),
        TypeKind::Null => None,
    };
    let (from, to) = (DataType::scalar(scalar.kind()), DataType::scalar(to));
    result.ok_or_else(|| impossible(from, to))?.map_err(|shown| {
        let shown: String = shown.chars().take(SHOWN).collect();
        Failure::new(ErrorClass::Cast, format_args!("{from} {shown:?} is not a valid {to}"))
    })
}

/// `None` where the types have no cast, a shown value where this one has no counterpart.
type Attempt = Option<Result<Scalar, String>>;

fn to_int8(scalar: &Scalar) -> Attempt {
    let read = |text: &str| text.parse().map(Scalar::Int8).map_err(|_| text.to_owned());
    Some(match scalar {
        Scalar::Text(text) => read(text),
        Scalar::Bytea(bytes) => read(&String::from_utf8_lossy(bytes)),
        Scalar::Bool(truth) => Ok(Scalar::Int8(i64::from(*truth))),
        Scalar::Numeric(number) => {
            number.to_i64().map(Scalar::Int8).ok_or_else(|| number.to_string())
        }
        Scalar::Int8(_) | Scalar::Uuid(_) => return None,
    })
}

fn to_text(scalar: &Scalar) -> Attempt {
    Some(Ok(Scalar::Text(match scalar {
        Scalar::Int8(number) => number.to_string(),
        Scalar::Bool(truth) => truth.to_string(),
        Scalar::Numeric(number) => number.to_string(),
        Scalar::Uuid(id) => id.to_string(),
        Scalar::Bytea(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) if !text.contains('\0') => text.to_owned(),
            Ok(_) | Err(_) => return Some(Err(String::from_utf8_lossy(bytes).into_owned())),
        },
        Scalar::Text(_) => return None,
    })))
}

fn to_bool(scalar: &Scalar) -> Attempt {
    match scalar {
        Scalar::Int8(number) => Some(Ok(Scalar::Bool(*number != 0))),
        Scalar::Text(text) => Some(match text.as_str() {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(Scalar::Bool(true)),
            "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(Scalar::Bool(false)),
            other => Err(other.to_owned()),
        }),
        Scalar::Bool(_) | Scalar::Bytea(_) | Scalar::Uuid(_) | Scalar::Numeric(_) => None,
    }
}

fn to_numeric(scalar: &Scalar, precision: u16, scale: u16) -> Attempt {
    let (number, shown) = match scalar {
        Scalar::Numeric(number) => (number.rescale(precision, scale), number.to_string()),
        Scalar::Int8(number) => {
            (Decimal::from_unscaled(&(*number).into(), 19, 0), number.to_string())
        }
        Scalar::Text(text) if is_number_text(text) => {
            (Decimal::parse(text, precision, scale), text.clone())
        }
        Scalar::Text(text) => return Some(Err(text.clone())),
        Scalar::Bool(_) | Scalar::Bytea(_) | Scalar::Uuid(_) => return None,
    };
    let number = number.and_then(|number| number.rescale(precision, scale));
    Some(number.map(Scalar::Numeric).map_err(|_| shown))
}

/// Digits stand on both sides of a point.
fn is_number_text(text: &str) -> bool {
    let number = text.split(['e', 'E']).next().unwrap_or_default();
    let number = number.strip_prefix(['+', '-']).unwrap_or(number);
    number.split('.').all(|part| !part.is_empty())
}

fn to_uuid(scalar: &Scalar) -> Attempt {
    match scalar {
        Scalar::Text(text) => {
            Some(Uuid::parse_str(text).map(Scalar::Uuid).map_err(|_| text.clone()))
        }
        Scalar::Int8(_)
        | Scalar::Bool(_)
        | Scalar::Bytea(_)
        | Scalar::Uuid(_)
        | Scalar::Numeric(_) => None,
    }
}

fn to_bytea(scalar: &Scalar) -> Attempt {
    match scalar {
        Scalar::Text(text) => Some(Ok(Scalar::Bytea(text.clone().into()))),
        Scalar::Uuid(id) => Some(Ok(Scalar::Bytea(id.as_bytes().to_vec().into()))),
        Scalar::Int8(_) | Scalar::Bool(_) | Scalar::Bytea(_) | Scalar::Numeric(_) => None,
    }
}
