//! Aggregates and window functions.

use kwil_types::{DataType, MAX_PRECISION, TypeKind};

use super::{Function, FunctionKind, Mismatch, count, first, mismatch, signature};
use crate::analyze::{INT8, NULL, TEXT, fits};

pub(super) static TABLE: &[Function] = &[
    aggregate("count", |args| count(args, 0, 1).map(|()| INT8)),
    aggregate("sum", sum),
    aggregate("min", extreme),
    aggregate("max", extreme),
    aggregate("avg", average),
    aggregate("array_agg", array_agg),
    aggregate("string_agg", |args| signature(args, 2, &[TEXT, TEXT]).map(|()| TEXT)),
    window("row_number", |args| count(args, 0, 0).map(|()| INT8), &[]),
    window("lag", shifted, &[1]),
    window("lead", shifted, &[1]),
    window("first_value", |args| count(args, 1, 1).map(|()| first(args)), &[]),
    window("last_value", |args| count(args, 1, 1).map(|()| first(args)), &[]),
    window("nth_value", nth_value, &[1]),
];

const fn aggregate(
    name: &'static str,
    result: fn(&[DataType]) -> Result<DataType, Mismatch>,
) -> Function {
    let forms = &[];
    Function { name, kind: FunctionKind::Aggregate, result, int4: &[], forms }
}

const fn window(
    name: &'static str,
    result: fn(&[DataType]) -> Result<DataType, Mismatch>,
    int4: &'static [usize],
) -> Function {
    let forms = &[];
    Function { name, kind: FunctionKind::Window, result, int4, forms }
}

fn one(
    args: &[DataType],
    expected: &str,
    accept: fn(TypeKind) -> bool,
) -> Result<DataType, Mismatch> {
    count(args, 1, 1)?;
    let got = first(args);
    if !got.is_array() && (got == NULL || accept(got.kind())) {
        return Ok(got);
    }
    Err(mismatch(0, expected, got))
}

fn sum(args: &[DataType]) -> Result<DataType, Mismatch> {
    let got = one(args, "int8 or numeric", |kind| {
        matches!(kind, TypeKind::Int8 | TypeKind::Numeric { .. })
    })?;
    let [_, scale] = got.kind().metadata();
    Ok(DataType::scalar(TypeKind::Numeric { precision: MAX_PRECISION, scale }))
}

fn extreme(args: &[DataType]) -> Result<DataType, Mismatch> {
    one(args, "int8, numeric or text", |kind| {
        matches!(kind, TypeKind::Int8 | TypeKind::Numeric { .. } | TypeKind::Text)
    })
}

fn average(args: &[DataType]) -> Result<DataType, Mismatch> {
    one(args, "numeric", |kind| matches!(kind, TypeKind::Numeric { .. }))
}

fn array_agg(args: &[DataType]) -> Result<DataType, Mismatch> {
    one(args, "a scalar", |_| true).map(|got| DataType::array(got.kind()))
}

fn shifted(args: &[DataType]) -> Result<DataType, Mismatch> {
    count(args, 1, 3)?;
    let value = first(args);
    if let Some(offset) = args.get(1).filter(|offset| !fits(**offset, INT8)) {
        return Err(mismatch(1, INT8, *offset));
    }
    match args.get(2) {
        Some(default) if !fits(*default, value) => Err(mismatch(2, value, *default)),
        _ => Ok(value),
    }
}

fn nth_value(args: &[DataType]) -> Result<DataType, Mismatch> {
    count(args, 2, 2)?;
    match args.get(1) {
        Some(number) if !fits(*number, INT8) => Err(mismatch(1, INT8, *number)),
        _ => Ok(first(args)),
    }
}
