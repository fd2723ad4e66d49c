//! Equality, order and `IS`.

use std::cmp::Ordering;

use kwil_lang::ErrorClass;
use kwil_lang::ast::BinaryOp;
use kwil_types::{Scalar, Value};

use super::operator::different;
use super::{BOOL, Evaluated, is_alike, type_error};
use crate::Failure;

/// What stands behind `IS`; the caller turns the answer around for `IS NOT`.
#[derive(Clone, Copy, Debug)]
pub enum Test<'v> {
    /// `NULL`.
    Null,
    /// `TRUE`.
    True,
    /// `FALSE`.
    False,
    /// `DISTINCT FROM x`.
    DistinctFrom(&'v Value),
}

/// Answers `value IS …`: never NULL.
///
/// # Errors
/// [`ErrorClass::Type`]: `TRUE` and `FALSE` are asked of bools, `DISTINCT FROM` of two values of one type.
pub fn is(test: Test<'_>, value: &Value) -> Result<bool, Failure> {
    match (test, value) {
        (Test::Null, _) => Ok(value.is_null()),
        (Test::True | Test::False, Value::Null(_)) => Ok(false),
        (Test::True, Value::Scalar(Scalar::Bool(truth))) => Ok(*truth),
        (Test::False, Value::Scalar(Scalar::Bool(truth))) => Ok(!*truth),
        (Test::True | Test::False, Value::Scalar(_) | Value::Array(_)) => {
            Err(type_error("bool before IS", value.data_type()))
        }
        (Test::DistinctFrom(other), _) if value.is_null() || other.is_null() => {
            Ok(value.is_null() != other.is_null())
        }
        (Test::DistinctFrom(other), _) => match equal(value, other) {
            Some(is_equal) => Ok(!is_equal),
            None => Err(different(BinaryOp::Equal, value.data_type(), other.data_type())),
        },
    }
}

pub(super) fn compare(op: BinaryOp, left: &Value, right: &Value) -> Evaluated {
    if left.is_null() || right.is_null() {
        return Ok(Value::Null(BOOL));
    }
    let types = (left.data_type(), right.data_type());
    let is_met = match op {
        BinaryOp::Equal | BinaryOp::NotEqual => {
            equal(left, right).map(|is_equal| is_equal == (op == BinaryOp::Equal))
        }
        _ if !is_alike(types.0, types.1) => None,
        _ => Some(is_ordered(op, order(left, right)?)),
    };
    is_met.map(Value::from).ok_or_else(|| different(op, types.0, types.1))
}

fn is_ordered(op: BinaryOp, order: Ordering) -> bool {
    match op {
        BinaryOp::Less => order.is_lt(),
        BinaryOp::LessEqual => order.is_le(),
        BinaryOp::Greater => order.is_gt(),
        _ => order.is_ge(),
    }
}

fn order(left: &Value, right: &Value) -> Evaluated<Ordering> {
    match (left, right) {
        (Value::Scalar(Scalar::Int8(left)), Value::Scalar(Scalar::Int8(right))) => {
            Ok(left.cmp(right))
        }
        (Value::Scalar(Scalar::Text(left)), Value::Scalar(Scalar::Text(right))) => {
            Ok(left.as_bytes().cmp(right.as_bytes()))
        }
        (Value::Scalar(Scalar::Bool(left)), Value::Scalar(Scalar::Bool(right))) => {
            Ok(left.cmp(right))
        }
        (Value::Scalar(Scalar::Numeric(left)), Value::Scalar(Scalar::Numeric(right))) => {
            Ok(left.cmp_value(right))
        }
        (left, _) => {
            let detail = format_args!("values of {} have no order", left.data_type());
            Err(Failure::new(ErrorClass::Comparison, detail))
        }
    }
}

/// Whether two values that are not NULL are equal; `None` for different types. Elements that are NULL equal each other.
pub(super) fn equal(left: &Value, right: &Value) -> Option<bool> {
    match (left, right) {
        (Value::Scalar(left), Value::Scalar(right)) => equal_scalars(left, right),
        (Value::Array(one), Value::Array(other))
            if is_alike(left.data_type(), right.data_type()) =>
        {
            let is_equal = |(one, other): (&Option<Scalar>, &Option<Scalar>)| match (one, other) {
                (Some(one), Some(other)) => equal_scalars(one, other) == Some(true),
                (one, other) => one.is_none() && other.is_none(),
            };
            let (one, other) = (one.items(), other.items());
            Some(one.len() == other.len() && one.iter().zip(other).all(is_equal))
        }
        _ => None,
    }
}

/// `None` for different types.
pub(super) fn equal_scalars(left: &Scalar, right: &Scalar) -> Option<bool> {
    match (left, right) {
        (Scalar::Numeric(left), Scalar::Numeric(right)) => Some(left.cmp_value(right).is_eq()),
        (left, right) => (left.kind() == right.kind()).then(|| left == right),
    }
}

/// The order of two numbers; `None` for everything else.
pub(super) fn order_numbers(left: &Scalar, right: &Scalar) -> Option<Ordering> {
    match (left, right) {
        (Scalar::Int8(left), Scalar::Int8(right)) => Some(left.cmp(right)),
        (Scalar::Numeric(left), Scalar::Numeric(right)) => Some(left.cmp_value(right)),
        _ => None,
    }
}
