//! Operators between two values and in front of one.

use kwil_lang::ErrorClass;
use kwil_lang::ast::{BinaryOp, UnaryOp};
use kwil_types::{DataType, Decimal, DecimalError, Scalar, TypeKind, Value};

use super::compare::compare;
use super::{BOOL, Evaluated, check_bytes, is_alike, type_error};
use crate::{Failure, Limits};

/// An operator between two values. Both operands are evaluated by the caller, always: `AND` and `OR` too.
///
/// Any NULL operand makes the result NULL: of the operand's type for arithmetic and `||`, else of type bool.
///
/// # Errors
/// [`ErrorClass::Type`] for operands of different types and for arrays, [`ErrorClass::Comparison`] for types without
/// order, [`ErrorClass::Arithmetic`] for overflow, division by zero and types that the operator does not know,
/// [`ErrorClass::Other`] for a text or bytea longer than the limit.
pub fn binary(
    op: BinaryOp,
    left: &Value,
    right: &Value,
    limits: &Limits,
) -> Result<Value, Failure> {
    if matches!(op, BinaryOp::And | BinaryOp::Or) {
        return logic(op, left, right);
    }
    if op.is_comparison() {
        return compare(op, left, right);
    }
    let (left, right) = match (left, right) {
        (Value::Null(data_type), _) | (_, Value::Null(data_type)) => {
            return Ok(Value::Null(*data_type));
        }
        (Value::Scalar(left), Value::Scalar(right)) => (left, right),
        (Value::Array(_), _) | (_, Value::Array(_)) => {
            let array = if left.data_type().is_array() { left } else { right };
            return Err(type_error(
                format_args!("a scalar on both sides of {}", op.text()),
                array.data_type(),
            ));
        }
    };
    match (left, right) {
        (Scalar::Int8(left), Scalar::Int8(right)) => {
            integers(op, *left, *right).map(|number| Value::Scalar(Scalar::Int8(number)))
        }
        (Scalar::Numeric(left), Scalar::Numeric(right)) => {
            decimals(op, left, right).map(|number| Value::Scalar(Scalar::Numeric(number)))
        }
        (left, right) if left.kind().name() != right.kind().name() => {
            Err(different(op, DataType::scalar(left.kind()), DataType::scalar(right.kind())))
        }
        (Scalar::Text(left), Scalar::Text(right)) if op == BinaryOp::Concat => {
            check_bytes(left.len().checked_add(right.len()), limits)?;
            Ok(Value::Scalar(Scalar::Text([left.as_str(), right.as_str()].concat())))
        }
        (Scalar::Bytea(left), Scalar::Bytea(right)) if op == BinaryOp::Concat => {
            check_bytes(left.len().checked_add(right.len()), limits)?;
            Ok(Value::Scalar(Scalar::Bytea([left.as_ref(), right.as_ref()].concat().into())))
        }
        (left, _) => Err(unknown(op, left.kind())),
    }
}

pub(super) fn different(op: BinaryOp, left: DataType, right: DataType) -> Failure {
    let detail = format_args!("operator {} needs equal types, got {left} and {right}", op.text());
    Failure::new(ErrorClass::Type, detail)
}

fn unknown(op: BinaryOp, kind: TypeKind) -> Failure {
    let detail = format_args!("operator {} does not exist for {kind}", op.text());
    Failure::new(ErrorClass::Arithmetic, detail)
}

fn logic(op: BinaryOp, left: &Value, right: &Value) -> Evaluated {
    let truth = |value: &Value| match value {
        Value::Scalar(Scalar::Bool(truth)) => Ok(Some(*truth)),
        Value::Null(data_type) if is_alike(*data_type, BOOL) => Ok(None),
        Value::Null(_) | Value::Scalar(_) | Value::Array(_) => {
            Err(type_error(format_args!("bool on both sides of {}", op.text()), value.data_type()))
        }
    };
    Ok(match (truth(left)?, truth(right)?) {
        (Some(left), Some(right)) if op == BinaryOp::And => Value::from(left && right),
        (Some(left), Some(right)) => Value::from(left || right),
        (None, _) | (_, None) => Value::Null(BOOL),
    })
}

fn integers(op: BinaryOp, left: i64, right: i64) -> Evaluated<i64> {
    let result = match op {
        BinaryOp::Add => left.checked_add(right),
        BinaryOp::Subtract => left.checked_sub(right),
        BinaryOp::Multiply => left.checked_mul(right),
        BinaryOp::Divide | BinaryOp::Modulo if right == 0 => {
            return Err(Failure::new(ErrorClass::Arithmetic, "division by zero"));
        }
        BinaryOp::Divide => left.checked_div(right),
        // The remainder of MIN / -1 is 0; only the quotient does not fit.
        BinaryOp::Modulo => Some(left.checked_rem(right).unwrap_or(0)),
        BinaryOp::Power => integer_power(left, right)?,
        _ => return Err(unknown(op, TypeKind::Int8)),
    };
    result.ok_or_else(|| {
        let detail = format_args!("{left} {} {right} is out of range for int8", op.text());
        Failure::new(ErrorClass::Arithmetic, detail)
    })
}

fn integer_power(base: i64, exponent: i64) -> Evaluated<Option<i64>> {
    let is_odd = exponent.checked_rem(2) != Some(0);
    Ok(match (base, exponent) {
        (0, ..0) => return Err(Failure::new(ErrorClass::Arithmetic, "division by zero")),
        (_, 0) | (1, _) => Some(1),
        (0, _) => Some(0),
        (-1, _) => Some(if is_odd { -1 } else { 1 }),
        (_, ..0) => Some(0),
        (_, _) => u32::try_from(exponent).ok().and_then(|exponent| base.checked_pow(exponent)),
    })
}

fn decimals(op: BinaryOp, left: &Decimal, right: &Decimal) -> Evaluated<Decimal> {
    let result = match op {
        BinaryOp::Add => left.checked_add(right),
        BinaryOp::Subtract => left.checked_sub(right),
        BinaryOp::Multiply => left.checked_mul(right),
        BinaryOp::Divide => left.checked_div(right),
        BinaryOp::Modulo => left.checked_rem(right),
        BinaryOp::Power => left.checked_pow(right),
        _ => {
            let (precision, scale) = (left.precision(), left.scale());
            return Err(unknown(op, TypeKind::Numeric { precision, scale }));
        }
    };
    result.map_err(|error: DecimalError| Failure::new(ErrorClass::Arithmetic, error))
}

/// An operator in front of a value; NULL stays as it is.
///
/// # Errors
/// [`ErrorClass::Type`] for arrays, [`ErrorClass::Unary`] for other types that the operator does not know,
/// [`ErrorClass::Arithmetic`] for the number that has no counterpart.
pub fn unary(op: UnaryOp, operand: &Value) -> Result<Value, Failure> {
    let scalar = match operand {
        Value::Null(_) => return Ok(operand.clone()),
        Value::Array(_) => return Err(type_error("a scalar", operand.data_type())),
        Value::Scalar(scalar) => scalar,
    };
    Ok(Value::Scalar(match (op, scalar) {
        (UnaryOp::Not, Scalar::Bool(truth)) => Scalar::Bool(!truth),
        (UnaryOp::Plus, Scalar::Int8(_) | Scalar::Numeric(_)) => scalar.clone(),
        (UnaryOp::Minus, Scalar::Numeric(number)) => Scalar::Numeric(number.negated()),
        (UnaryOp::Minus, Scalar::Int8(number)) => match number.checked_neg() {
            Some(number) => Scalar::Int8(number),
            None => {
                let detail = format_args!("-({number}) is out of range for int8");
                return Err(Failure::new(ErrorClass::Arithmetic, detail));
            }
        },
        (UnaryOp::Not | UnaryOp::Plus | UnaryOp::Minus, _) => {
            let sign = match op {
                UnaryOp::Minus => "-",
                UnaryOp::Plus => "+",
                UnaryOp::Not => "NOT",
            };
            let detail = format_args!("operator {sign} does not exist for {}", scalar.kind());
            return Err(Failure::new(ErrorClass::Unary, detail));
        }
    }))
}
