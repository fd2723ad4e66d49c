//! Functions on arrays.

use kwil_types::{Array, Scalar, Value};

use super::super::array::element_of;
use super::super::compare::equal_scalars;
use super::super::{build_array, check_elements, integer};
use super::{Call, Evaluated, count_value};

pub(super) fn call(call: &Call<'_>) -> Evaluated {
    match call.name {
        "array_append" => insert(call, call.arg(0), call.arg(1), false),
        "array_prepend" => insert(call, call.arg(1), call.arg(0), true),
        "array_cat" => concatenate(call),
        "array_length" => length(call),
        _ => remove(call),
    }
}

fn array_of(value: &Value) -> Option<&Array> {
    match value {
        Value::Array(array) => Some(array),
        Value::Null(_) | Value::Scalar(_) => None,
    }
}

fn items_of(value: &Value) -> &[Option<Scalar>] {
    array_of(value).map_or(&[], Array::items)
}

fn insert(call: &Call<'_>, array: &Value, item: &Value, is_first: bool) -> Evaluated {
    let element = call.result.kind();
    let existing = items_of(array);
    let count = existing.len().saturating_add(1);
    check_elements(count, call.limits)?;
    let item = element_of(item.clone(), element)?;
    let mut items = Vec::with_capacity(count);
    if is_first {
        items.push(item);
        items.extend_from_slice(existing);
    } else {
        items.extend_from_slice(existing);
        items.push(item);
    }
    build_array(element, items)
}

fn concatenate(call: &Call<'_>) -> Evaluated {
    let (left, right) = (call.arg(0), call.arg(1));
    if left.is_null() && right.is_null() {
        return Ok(call.null());
    }
    let count = items_of(left).len().saturating_add(items_of(right).len());
    check_elements(count, call.limits)?;
    build_array(call.result.kind(), [items_of(left), items_of(right)].concat())
}

/// Arrays have one dimension: every other one has no length.
fn length(call: &Call<'_>) -> Evaluated {
    let dimension = match call.args.get(1) {
        Some(dimension) => integer(dimension, "dimension")?,
        None => Some(1),
    };
    match array_of(call.arg(0)) {
        Some(array) if dimension == Some(1) => count_value(array.items().len()),
        Some(_) | None => Ok(call.null()),
    }
}

fn remove(call: &Call<'_>) -> Evaluated {
    let element = call.result.kind();
    let Some(array) = array_of(call.arg(0)) else { return Ok(call.null()) };
    let Some(unwanted) = element_of(call.arg(1).clone(), element)? else {
        return build_array(element, array.items().to_vec());
    };
    let is_kept = |item: &&Option<Scalar>| match item {
        Some(scalar) => equal_scalars(scalar, &unwanted) != Some(true),
        None => true,
    };
    build_array(element, array.items().iter().filter(is_kept).cloned().collect())
}
