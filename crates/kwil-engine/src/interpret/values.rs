//! What expressions mean, in short: the whole of it is on its way and replaces this file.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "goes with the file")]
use crate::{Failure, Limits};
use kwil_lang::ErrorClass;
use kwil_lang::ast::*;
use kwil_types::*;

pub(crate) fn literal(l: &Literal) -> Value {
    match l {
        Literal::Null => Value::NULL,
        Literal::Bool(b) => (*b).into(),
        Literal::Int(i) => (*i).into(),
        Literal::Text(t) => (&**t).into(),
        Literal::Decimal(d) => Value::Scalar(Scalar::Numeric(d.clone())),
        Literal::Bytes(b) => Value::Scalar(Scalar::Bytea(bytes::Bytes::copy_from_slice(b))),
    }
}
pub(crate) fn unary(op: UnaryOp, v: &Value) -> Result<Value, Failure> {
    match (op, v) {
        (_, Value::Null(_)) => Ok(v.clone()),
        (UnaryOp::Not, Value::Scalar(Scalar::Bool(b))) => Ok((!b).into()),
        (UnaryOp::Minus, Value::Scalar(Scalar::Int8(b))) => Ok((b.wrapping_neg()).into()),
        (UnaryOp::Plus, Value::Scalar(Scalar::Int8(b))) => Ok((*b).into()),
        _ => Err(Failure::new(ErrorClass::Unary, "x")),
    }
}
pub(crate) fn binary(op: BinaryOp, l: &Value, r: &Value, _: &Limits) -> Result<Value, Failure> {
    use BinaryOp as B;
    if l.is_null() || r.is_null() {
        return Ok(if l.is_null() { l.clone() } else { r.clone() });
    }
    let over = || Failure::new(ErrorClass::Arithmetic, "overflow");
    match (op, l, r) {
        (B::And, Value::Scalar(Scalar::Bool(a)), Value::Scalar(Scalar::Bool(b))) => {
            return Ok((*a && *b).into());
        }
        (B::Or, Value::Scalar(Scalar::Bool(a)), Value::Scalar(Scalar::Bool(b))) => {
            return Ok((*a || *b).into());
        }
        (B::Concat, Value::Scalar(Scalar::Text(a)), Value::Scalar(Scalar::Text(b))) => {
            return Ok(Value::Scalar(Scalar::Text(format!("{a}{b}"))));
        }
        _ => {}
    }
    match (l, r) {
        (Value::Scalar(Scalar::Int8(a)), Value::Scalar(Scalar::Int8(b))) => Ok(match op {
            B::Add => a.checked_add(*b).ok_or_else(over)?.into(),
            B::Subtract => a.checked_sub(*b).ok_or_else(over)?.into(),
            B::Multiply => a.checked_mul(*b).ok_or_else(over)?.into(),
            B::Divide => a.checked_div(*b).ok_or_else(over)?.into(),
            B::Modulo => a.checked_rem(*b).ok_or_else(over)?.into(),
            B::Equal => (a == b).into(),
            B::NotEqual => (a != b).into(),
            B::Less => (a < b).into(),
            B::LessEqual => (a <= b).into(),
            B::Greater => (a > b).into(),
            B::GreaterEqual => (a >= b).into(),
            _ => return Err(over()),
        }),
        _ if l.data_type() == r.data_type() => Ok(match op {
            B::Equal => (l == r).into(),
            B::NotEqual => (l != r).into(),
            _ => return Err(Failure::new(ErrorClass::Comparison, "x")),
        }),
        _ => Err(Failure::new(
            ErrorClass::Type,
            format!("{} {} {}", l.data_type(), op.text(), r.data_type()),
        )),
    }
}
pub(crate) enum Test<'v> {
    Null,
    True,
    False,
    DistinctFrom(&'v Value),
}
pub(crate) fn is(t: Test<'_>, v: &Value) -> Result<bool, Failure> {
    Ok(match (t, v) {
        (Test::Null, v) => v.is_null(),
        (Test::DistinctFrom(o), v) => !(v.is_null() && o.is_null()) && v != o,
        (_, Value::Null(_)) => false,
        (Test::True, Value::Scalar(Scalar::Bool(b))) => *b,
        (Test::False, Value::Scalar(Scalar::Bool(b))) => !*b,
        _ => return Err(Failure::new(ErrorClass::Type, "x")),
    })
}
pub(crate) fn cast(v: &Value, to: DataType) -> Result<Value, Failure> {
    match (v, to.kind()) {
        (Value::Scalar(Scalar::Int8(i)), TypeKind::Text) => Ok(i.to_string().as_str().into()),
        _ => assignable(v.clone(), to).map_err(|f| Failure::new(ErrorClass::Cast, f)),
    }
}
pub(crate) fn assignable(v: Value, to: DataType) -> Result<Value, Failure> {
    match v {
        Value::Null(_) => Ok(Value::Null(to)),
        v if v.data_type() == to || to == Value::NULL.data_type() => Ok(v),
        v => Err(Failure::new(ErrorClass::Type, format!("{} is not {to}", v.data_type()))),
    }
}
pub(crate) fn index(a: &Value, i: &Value) -> Result<Value, Failure> {
    match (a, i) {
        (Value::Array(a), Value::Scalar(Scalar::Int8(i))) => Ok(a
            .items()
            .get(usize::try_from(*i - 1).unwrap_or(9999999))
            .cloned()
            .flatten()
            .map_or(Value::Null(DataType::scalar(a.element())), Value::Scalar)),
        _ => Err(Failure::new(ErrorClass::Type, "index")),
    }
}
pub(crate) fn slice(a: &Value, _f: Option<&Value>, _t: Option<&Value>) -> Result<Value, Failure> {
    Ok(a.clone())
}
pub(crate) fn array_literal(
    items: Vec<Value>,
    of: Option<DataType>,
    _: &Limits,
) -> Result<Value, Failure> {
    let kind =
        of.map(|o| o.kind()).or(items.iter().find(|i| !i.is_null()).map(|i| i.data_type().kind()));
    let Some(kind) = kind else { return Err(Failure::new(ErrorClass::ArrayDimensionality, "x")) };
    let items = items
        .into_iter()
        .map(|i| match i {
            Value::Scalar(s) => Some(s),
            _ => None,
        })
        .collect();
    Array::new(kind, items).map(Value::Array).map_err(|e| Failure::new(ErrorClass::Cast, e))
}
pub(crate) fn set_element(
    array: &mut Value,
    i: &Value,
    v: Value,
    _: &Limits,
) -> Result<(), Failure> {
    let Value::Array(a) = array.clone() else {
        return Err(Failure::new(ErrorClass::Type, "no array"));
    };
    let Value::Scalar(Scalar::Int8(i)) = i else {
        return Err(Failure::new(ErrorClass::InvalidNull, "index"));
    };
    if *i < 1 {
        return Err(Failure::new(ErrorClass::IndexOutOfBounds, "i"));
    }
    let i = usize::try_from(*i - 1).unwrap_or(0);
    let k = a.element();
    let mut items = a.into_items();
    if items.len() <= i {
        items.resize(i + 1, None);
    }
    items[i] = match v {
        Value::Scalar(s) => Some(s),
        _ => None,
    };
    *array =
        Array::new(k, items).map(Value::Array).map_err(|e| Failure::new(ErrorClass::Cast, e))?;
    Ok(())
}
pub(crate) fn set_slice(
    _: &mut Value,
    _f: Option<&Value>,
    _t: Option<&Value>,
    _v: &Value,
    _: &Limits,
) -> Result<(), Failure> {
    Ok(())
}
pub(crate) mod functions {
    use super::*;
    pub(crate) enum Native {
        Value(Value),
        Database(&'static str),
    }
    pub(crate) fn call(name: &str, a: &[Value], _: &Limits) -> Result<Native, Failure> {
        match (name, a) {
            ("abs", [Value::Scalar(Scalar::Int8(i))]) => Ok(Native::Value(i.abs().into())),
            ("array_append", [Value::Array(x), Value::Scalar(s)]) => {
                let mut items = x.items().to_vec();
                items.push(Some(s.clone()));
                Ok(Native::Value(Value::Array(
                    Array::new(x.element(), items)
                        .map_err(|e| Failure::new(ErrorClass::Cast, e))?,
                )))
            }
            ("lower", _) => Ok(Native::Database("lower")),
            _ => Err(Failure::new(ErrorClass::Other, "shim")),
        }
    }
}
