//! What the expressions of actions mean: operators, casts, arrays, NULL, and the functions of the language.
//!
//! Pure: a value depends on the operands and the limits alone, so that every node computes the same. Where SQL and
//! actions agree the results are those of PostgreSQL, also in the texts of its errors. They differ on purpose in four
//! points: any NULL operand makes an operator NULL; operators on numbers ignore precision and scale and give the type of
//! the left operand; some casts (see [`cast`]); some array functions (see [`functions`]).
//!
//! What can become large is refused from its length, before it is built.

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

pub mod functions;

mod array;
mod cast;
mod compare;
mod operator;

pub use array::{array_literal, index, set_element, set_slice, slice};
pub use cast::cast;
pub use compare::{Test, is};
pub use operator::{binary, unary};

use bytes::Bytes;
use kwil_lang::ErrorClass;
use kwil_lang::ast::Literal;
use kwil_types::{Array, DataType, Scalar, TypeKind, Value};

use crate::{Failure, Limits};

type Evaluated<T = Value> = Result<T, Failure>;

/// The value of a constant.
#[must_use]
pub fn literal(literal: &Literal) -> Value {
    Value::Scalar(match literal {
        Literal::Null => return Value::NULL,
        Literal::Bool(truth) => Scalar::Bool(*truth),
        Literal::Int(number) => Scalar::Int8(*number),
        Literal::Decimal(number) => Scalar::Numeric(number.clone()),
        Literal::Text(text) => Scalar::Text(text.to_string()),
        Literal::Bytes(bytes) => Scalar::Bytea(Bytes::copy_from_slice(bytes)),
    })
}

/// The value as it is stored where a `to` is declared. Types must be equal, with precision and scale; NULL and arrays of
/// only untyped NULLs take the type.
///
/// # Errors
/// [`ErrorClass::Type`].
pub fn assignable(value: Value, to: DataType) -> Result<Value, Failure> {
    let from = value.data_type();
    if from == to || to.kind() == TypeKind::Null && to.is_array() == from.is_array() {
        return Ok(value);
    }
    match value {
        Value::Null(_) => Ok(Value::Null(to)),
        value if to == NULL => Ok(value),
        Value::Array(array) if array.element() == TypeKind::Null && to.is_array() => {
            build_array(to.kind(), array.into_items())
        }
        Value::Scalar(_) | Value::Array(_) => {
            Err(Failure::new(ErrorClass::Type, format_args!("expected {to}, got {from}")))
        }
    }
}

const NULL: DataType = DataType::scalar(TypeKind::Null);
const INT8: DataType = DataType::scalar(TypeKind::Int8);
const BOOL: DataType = DataType::scalar(TypeKind::Bool);

/// Types that operators take together: precision and scale do not count, untyped NULLs fit everything.
fn is_alike(left: DataType, right: DataType) -> bool {
    let has_one_name = left.kind().name() == right.kind().name()
        || left.kind() == TypeKind::Null
        || right.kind() == TypeKind::Null;
    left == NULL || right == NULL || has_one_name && left.is_array() == right.is_array()
}

fn type_error(expected: impl std::fmt::Display, got: DataType) -> Failure {
    Failure::new(ErrorClass::Type, format_args!("expected {expected}, got {got}"))
}

/// An array of elements that all have the type.
fn build_array(element: TypeKind, items: Vec<Option<Scalar>>) -> Evaluated {
    match Array::new(element, items) {
        Ok(array) => Ok(Value::Array(array)),
        Err(error) => Err(Failure::new(ErrorClass::Type, error)),
    }
}

/// An 8-byte integer, or NULL.
fn integer(value: &Value, what: &str) -> Evaluated<Option<i64>> {
    match value {
        Value::Scalar(Scalar::Int8(number)) => Ok(Some(*number)),
        Value::Null(data_type) if is_alike(*data_type, INT8) => Ok(None),
        Value::Null(_) | Value::Scalar(_) | Value::Array(_) => {
            let got = value.data_type();
            Err(Failure::new(ErrorClass::Type, format_args!("{what} must be int8, got {got}")))
        }
    }
}

/// Refuses a text or bytea of this many bytes; ask before building it.
fn check_bytes(bytes: Option<usize>, limits: &Limits) -> Evaluated<usize> {
    match bytes {
        Some(bytes) if bytes <= limits.value_bytes => Ok(bytes),
        Some(_) | None => Err(Failure::new(ErrorClass::Other, "value too large")),
    }
}

/// Refuses an array of this many elements; ask before building it.
fn check_elements(elements: usize, limits: &Limits) -> Evaluated<()> {
    if elements <= limits.array_elements {
        return Ok(());
    }
    Err(Failure::new(ErrorClass::IndexOutOfBounds, "array too large"))
}

#[cfg(test)]
mod tests;
