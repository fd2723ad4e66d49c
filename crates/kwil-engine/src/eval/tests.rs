//! Expressions as they are written, and what they give.

mod casts;
mod functions;
mod operators;

use kwil_lang::ast::{Expr, ExprKind, IsTest, StepKind};
use kwil_lang::parse_action;
use kwil_types::{Array, Scalar, Value};

use super::functions::{Native, call};
use super::{Test, array_literal, assignable, binary, cast, index, is, literal, slice, unary};
use crate::{Failure, Limits};

/// Evaluates an expression that has no variables.
fn evaluate(expression: &str) -> Result<Value, Failure> {
    let source = format!("CREATE ACTION t() PUBLIC {{ RETURN {expression}; }}");
    let action =
        parse_action(&source).unwrap_or_else(|error| panic!("{expression}: {}", error.report()));
    match &action.body[0].kind {
        StepKind::Return(values) => value_of(&values[0], &Limits::NETWORK),
        other => panic!("{expression} is {other:?}"),
    }
}

fn value_of(expr: &Expr, limits: &Limits) -> Result<Value, Failure> {
    let value = |expr: &Expr| value_of(expr, limits);
    let items = |items: &[Expr]| items.iter().map(value).collect::<Result<Vec<_>, _>>();
    match &expr.kind {
        ExprKind::Literal(constant) => Ok(literal(constant)),
        ExprKind::Array(list) => array_literal(items(list)?, None, limits),
        ExprKind::Cast(inner, to) => match &inner.kind {
            ExprKind::Array(list) => array_literal(items(list)?, Some(to.data_type), limits),
            _ => cast(&value(inner)?, to.data_type),
        },
        ExprKind::Index(array, position) => index(&value(array)?, &value(position)?),
        ExprKind::Slice(parts) => {
            let bound = |bound: &Option<Expr>| bound.as_ref().map(value).transpose();
            let (from, to) = (bound(&parts.from)?, bound(&parts.to)?);
            slice(&value(&parts.array)?, from.as_ref(), to.as_ref())
        }
        ExprKind::Unary(op, operand) => unary(*op, &value(operand)?),
        ExprKind::Binary(op, operands) => {
            binary(*op, &value(&operands.0)?, &value(&operands.1)?, limits)
        }
        ExprKind::Is(asked) => {
            let operand = value(&asked.value)?;
            let answer = match &asked.test {
                IsTest::Null => is(Test::Null, &operand),
                IsTest::True => is(Test::True, &operand),
                IsTest::False => is(Test::False, &operand),
                IsTest::DistinctFrom(other) => is(Test::DistinctFrom(&value(other)?), &operand),
            };
            answer.map(|answer| Value::from(answer != asked.not))
        }
        ExprKind::Call(found) => match call(found.name.as_str(), &items(&found.args)?, limits)? {
            Native::Value(value) => Ok(value),
            Native::Database(name) => Ok(Value::from(&*format!("asks the database for {name}"))),
        },
        other => panic!("not in these tests: {other:?}"),
    }
}

/// `value type`, or the class of the failure.
fn shown(result: &Result<Value, Failure>) -> String {
    match result {
        Ok(value) => format!("{} {}", value_text(value), value.data_type()),
        Err(failure) => failure.class_name(),
    }
}

fn value_text(value: &Value) -> String {
    match value {
        Value::Null(_) => "NULL".into(),
        Value::Scalar(scalar) => scalar_text(scalar),
        Value::Array(array) => array_text(array),
    }
}

fn array_text(array: &Array) -> String {
    let item = |item: &Option<Scalar>| item.as_ref().map_or_else(|| "NULL".into(), scalar_text);
    format!("[{}]", array.items().iter().map(item).collect::<Vec<_>>().join(","))
}

fn scalar_text(scalar: &Scalar) -> String {
    match scalar {
        Scalar::Text(text) => format!("'{text}'"),
        Scalar::Int8(number) => number.to_string(),
        Scalar::Bool(truth) => truth.to_string(),
        Scalar::Bytea(bytes) => format!("0x{}", hex::encode(bytes)),
        Scalar::Uuid(id) => id.to_string(),
        Scalar::Numeric(number) => number.to_string(),
    }
}

fn check(cases: &[(&str, &str)]) {
    for (expression, want) in cases {
        assert_eq!(shown(&evaluate(expression)), *want, "{expression}");
    }
}

/// One constant of every type.
const OPERANDS: [&str; 7] =
    ["2", "'a'", "true", "1.5", "0x01", "'6ba7b810-9dad-11d1-80b4-00c04fd430c8'::uuid", "[1]"];

/// What an operator does to each type, in the order of [`OPERANDS`].
fn check_row(expression: impl Fn(&str) -> String, want: [&str; 7]) {
    for (operand, want) in OPERANDS.iter().zip(want) {
        let expression = expression(operand);
        assert_eq!(shown(&evaluate(&expression)), want, "{expression}");
    }
}

#[test]
fn values_take_the_type_of_their_place_only_when_nothing_changes() {
    let place = |value: &str, to: &str| {
        let to = kwil_lang::parse_type(to).unwrap().data_type;
        shown(&evaluate(value).and_then(|value| assignable(value, to)))
    };
    for (value, to, want) in [
        ("1", "int8", "1 int8"),
        ("1.50", "numeric(3,2)", "1.50 numeric(3,2)"),
        ("1.5", "numeric(6,2)", "Type"),
        ("1", "numeric(1,0)", "Type"),
        ("'a'", "int8", "Type"),
        ("NULL", "int8", "NULL int8"),
        ("NULL", "int8[]", "NULL int8[]"),
        ("NULL::text", "int8", "NULL int8"),
        ("[1]", "int8[]", "[1] int8[]"),
        ("[1]", "text[]", "Type"),
        ("[1]", "int8", "Type"),
        ("1", "int8[]", "Type"),
    ] {
        assert_eq!(place(value, to), want, "{value} to {to}");
    }
}
