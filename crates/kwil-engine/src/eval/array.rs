//! Arrays: literals, elements, slices.

use kwil_lang::ErrorClass;
use kwil_types::{Array, DataType, Scalar, TypeKind, Value};

use super::cast::{cast, cast_scalar};
use super::{Evaluated, build_array, check_elements, integer, type_error};
use crate::{Failure, Limits};

/// `[a, b, …]`. The elements are cast to `of`, the type of a cast behind the literal, or else to the type of the first
/// one that is not NULL.
///
/// # Errors
/// [`ErrorClass::ArrayDimensionality`] for arrays in the array and for an empty literal without cast,
/// [`ErrorClass::Cast`] for elements that have no counterpart in the type and for only NULLs without cast,
/// [`ErrorClass::IndexOutOfBounds`] for too many elements.
pub fn array_literal(
    items: Vec<Value>,
    of: Option<DataType>,
    limits: &Limits,
) -> Result<Value, Failure> {
    check_elements(items.len(), limits)?;
    if let Some(array) = items.iter().map(Value::data_type).find(|one| one.is_array()) {
        let detail = format_args!("arrays have one dimension, got an element of type {array}");
        return Err(Failure::new(ErrorClass::ArrayDimensionality, detail));
    }
    let element = match of {
        Some(of) if of.is_array() => of.kind(),
        Some(of) => {
            return Err(Failure::new(
                ErrorClass::Cast,
                format_args!("cannot cast an array to {of}"),
            ));
        }
        None if items.is_empty() => {
            let detail = "an empty array needs a cast, such as []::int8[]";
            return Err(Failure::new(ErrorClass::ArrayDimensionality, detail));
        }
        None => match items.iter().find(|item| !item.is_null()) {
            Some(first) => first.data_type().kind(),
            None => {
                let detail = "an array of only NULL needs a cast, such as [NULL]::int8[]";
                return Err(Failure::new(ErrorClass::Cast, detail));
            }
        },
    };
    let elements = items.into_iter().map(|item| element_of(item, element));
    build_array(element, elements.collect::<Result<_, _>>()?)
}

/// One element, cast to the type of its array.
pub(super) fn element_of(item: Value, element: TypeKind) -> Evaluated<Option<Scalar>> {
    match item {
        Value::Null(_) => Ok(None),
        Value::Scalar(scalar) if scalar.kind() == element => Ok(Some(scalar)),
        Value::Scalar(scalar) => cast_scalar(&scalar, element).map(Some),
        Value::Array(array) => {
            let got = DataType::array(array.element());
            let detail = format_args!("arrays have one dimension, got an element of type {got}");
            Err(Failure::new(ErrorClass::ArrayDimensionality, detail))
        }
    }
}

/// An array; `None` for a NULL one of a known type.
fn expect_array(value: &Value) -> Evaluated<Option<&Array>> {
    match value {
        Value::Array(array) => Ok(Some(array)),
        Value::Null(data_type) if data_type.is_array() => Ok(None),
        Value::Null(data_type) if data_type.kind() == TypeKind::Null => {
            Err(Failure::new(ErrorClass::InvalidNull, "an untyped NULL has no elements"))
        }
        Value::Null(_) | Value::Scalar(_) => Err(type_error("an array", value.data_type())),
    }
}

/// `array[index]`, counted from 1. A NULL array, a NULL index and an index outside the array give NULL.
///
/// # Errors
/// [`ErrorClass::Type`] for what is no array and an index that is no int8, [`ErrorClass::InvalidNull`] for an untyped
/// NULL.
pub fn index(array: &Value, index: &Value) -> Result<Value, Failure> {
    let items = expect_array(array)?.map(Array::items).unwrap_or_default();
    let position = integer(index, "index")?.and_then(position);
    let item = position.and_then(|position| items.get(position)).and_then(Option::as_ref);
    Ok(match item {
        Some(scalar) => Value::Scalar(scalar.clone()),
        None => Value::Null(DataType::scalar(array.data_type().kind())),
    })
}

/// Counted from 0; `None` before the first.
fn position(index: i64) -> Option<usize> {
    index.checked_sub(1).and_then(|position| usize::try_from(position).ok())
}

/// `array[from:to]`, both included. A missing bound is the end on its side, a NULL bound makes the result NULL; bounds
/// outside the array are moved to its ends.
///
/// # Errors
/// As [`index`].
pub fn slice(array: &Value, from: Option<&Value>, to: Option<&Value>) -> Result<Value, Failure> {
    let found = expect_array(array)?;
    let null = || Ok(Value::Null(array.data_type()));
    let (Some(from), Some(to)) = (bound(from, 1)?, bound(to, i64::MAX)?) else { return null() };
    let Some(found) = found else { return null() };
    let start = position(from.max(1)).unwrap_or(usize::MAX);
    let end = usize::try_from(to.max(0)).unwrap_or(usize::MAX).min(found.items().len());
    let items = found.items().get(start..end).unwrap_or_default();
    build_array(found.element(), items.to_vec())
}

fn bound(value: Option<&Value>, missing: i64) -> Evaluated<Option<i64>> {
    value.map_or(Ok(Some(missing)), |value| integer(value, "bound"))
}

/// The array that an assignment changes; a NULL one starts empty.
fn target(array: &mut Value) -> Evaluated<&mut Array> {
    if expect_array(array)?.is_none() {
        *array = build_array(array.data_type().kind(), Vec::new())?;
    }
    match array {
        Value::Array(array) => Ok(array),
        Value::Null(_) | Value::Scalar(_) => Err(type_error("an array", array.data_type())),
    }
}

fn not_null(value: Option<i64>) -> Evaluated<i64> {
    value.ok_or_else(|| Failure::new(ErrorClass::InvalidNull, "an array index cannot be NULL"))
}

fn out_of_bounds(detail: impl std::fmt::Display) -> Failure {
    Failure::new(ErrorClass::IndexOutOfBounds, detail)
}

fn put(array: &mut Array, position: usize, item: Option<Scalar>) -> Evaluated<()> {
    array.set(position, item).map_err(|error| Failure::new(ErrorClass::Type, error))
}

/// `array[index] := value`. The value is cast to the type of the elements; behind its end the array is filled with
/// NULL; a NULL array of a known type counts as empty. After a failure the array is as before.
///
/// # Errors
/// [`ErrorClass::IndexOutOfBounds`] for an index below 1 or beyond the limit, [`ErrorClass::InvalidNull`] for a NULL
/// index, [`ErrorClass::Cast`], [`ErrorClass::ArrayDimensionality`] for an array as value, [`ErrorClass::Type`].
pub fn set_element(
    array: &mut Value,
    index: &Value,
    value: Value,
    limits: &Limits,
) -> Result<(), Failure> {
    let element = expect_array(array).map(|_| array.data_type().kind())?;
    let index = not_null(integer(index, "index")?)?;
    let position =
        position(index).ok_or_else(|| out_of_bounds(format_args!("index {index} is below 1")))?;
    check_elements(position.saturating_add(1), limits)?;
    let item = element_of(value, element)?;
    put(target(array)?, position, item)
}

/// `array[from:to] := values`. Missing bounds are 1 and the length; more values than the range has are left out.
/// After a failure the array is as before.
///
/// # Errors
/// [`ErrorClass::IndexOutOfBounds`] for bounds below 1, in the wrong order or beyond the limit,
/// [`ErrorClass::ArrayTooSmall`] for fewer values than the range has, [`ErrorClass::InvalidNull`] for a NULL bound or
/// NULL values, [`ErrorClass::Cast`], [`ErrorClass::Type`].
pub fn set_slice(
    array: &mut Value,
    from: Option<&Value>,
    to: Option<&Value>,
    values: &Value,
    limits: &Limits,
) -> Result<(), Failure> {
    let length = expect_array(array)?.map_or(0, |array| array.items().len());
    let from = not_null(bound(from, 1)?)?;
    let to = not_null(bound(to, i64::try_from(length).unwrap_or(i64::MAX))?)?;
    let bounds = format_args!("bounds {from}:{to}").to_string();
    let (Some(start), Some(last)) = (position(from), position(to)) else {
        return Err(out_of_bounds(format_args!("{bounds} are below 1")));
    };
    let Some(beyond) = last.checked_sub(start) else {
        return Err(out_of_bounds(format_args!("{bounds} are in the wrong order")));
    };
    check_elements(last.saturating_add(1), limits)?;
    let count = beyond.saturating_add(1);
    let Some(source) = expect_array(values)? else {
        return Err(Failure::new(ErrorClass::InvalidNull, "a slice cannot be set to NULL"));
    };
    let Some(source_items) = source.items().get(..count) else {
        let got = source.items().len();
        let detail = format_args!("{bounds} need {count} elements, got {got}");
        return Err(Failure::new(ErrorClass::ArrayTooSmall, detail));
    };
    let wanted = array.data_type();
    let items = build_array(source.element(), source_items.to_vec())?;
    let Value::Array(items) = cast(&items, wanted)? else {
        return Err(type_error(wanted, values.data_type()));
    };
    let array = target(array)?;
    for (offset, item) in items.into_items().into_iter().enumerate() {
        put(array, start.saturating_add(offset), item)?;
    }
    Ok(())
}
