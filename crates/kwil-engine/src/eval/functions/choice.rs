//! Functions that give one of their arguments.

use std::cmp::Ordering;

use kwil_types::{Scalar, Value};

use super::super::assignable;
use super::super::compare::{equal, order_numbers};
use super::{Call, Evaluated};

pub(super) fn call(call: &Call<'_>) -> Evaluated {
    let chosen = match call.name {
        "coalesce" => call.args.iter().find(|arg| !arg.is_null()),
        "nullif" => unless_equal(call.arg(0), call.arg(1)),
        "greatest" => extreme(call.args, Ordering::Greater),
        _ => extreme(call.args, Ordering::Less),
    };
    match chosen {
        Some(value) => assignable(value.clone(), call.result),
        None => Ok(call.null()),
    }
}

fn unless_equal<'v>(value: &'v Value, other: &Value) -> Option<&'v Value> {
    (equal(value, other) != Some(true)).then_some(value)
}

/// The first of the numbers to which no other one stands in the given order; NULLs do not count.
fn extreme(args: &[Value], wanted: Ordering) -> Option<&Value> {
    let mut found: Option<(&Value, &Scalar)> = None;
    for arg in args {
        let Value::Scalar(candidate) = arg else { continue };
        let is_better = match found {
            Some((_, best)) => order_numbers(candidate, best) == Some(wanted),
            None => true,
        };
        if is_better {
            found = Some((arg, candidate));
        }
    }
    found.map(|(value, _)| value)
}
