//! Scalar functions.

use kwil_types::{DataType, TypeKind};

use super::{
    ANY, Function, FunctionKind, Mismatch, alike, count, first, is_number, mismatch, number,
    signature,
};
use crate::analyze::{INT8, NULL, TEXT, fits, scalar};

type Rule = fn(&[DataType]) -> Result<DataType, Mismatch>;
type Forms = &'static [(usize, &'static str)];

const BYTEA: DataType = scalar(TypeKind::Bytea);
const UUID: DataType = scalar(TypeKind::Uuid);
const TIMESTAMP: DataType = scalar(TypeKind::Numeric { precision: 16, scale: 6 });

const fn plain(name: &'static str, result: Rule, forms: Forms) -> Function {
    Function { name, kind: FunctionKind::Scalar, result, int4: &[], forms }
}

const fn with_int4(
    name: &'static str,
    result: Rule,
    int4: &'static [usize],
    forms: Forms,
) -> Function {
    Function { name, kind: FunctionKind::Scalar, result, int4, forms }
}

pub(super) static TABLE: &[Function] = &[
    plain("abs", number, &[]),
    plain("error", text_to_text, &[(ANY, "{internal}.error({})")]),
    plain("notice", text_to_text, &[]),
    plain(
        "parse_unix_timestamp",
        |args| signature(args, 2, &[TEXT, TEXT]).map(|()| TIMESTAMP),
        &[(ANY, "{internal}.parse_unix_timestamp({})")],
    ),
    plain(
        "format_unix_timestamp",
        |args| signature(args, 2, &[TIMESTAMP, TEXT]).map(|()| TEXT),
        &[(ANY, "{internal}.format_unix_timestamp({})")],
    ),
    plain(
        "uuid_generate_v5",
        |args| signature(args, 2, &[UUID, TEXT]).map(|()| UUID),
        &[(ANY, "{internal}.uuid_generate_v5({})")],
    ),
    plain(
        "uuid_generate_kwil",
        |args| signature(args, 1, &[TEXT]).map(|()| UUID),
        &[(ANY, "{internal}.uuid_generate_v5('a247cac1-d817-4949-bac7-dc4b1dc41d09'::uuid, {1})")],
    ),
    plain("encode", |args| signature(args, 2, &[BYTEA, TEXT]).map(|()| TEXT), &[]),
    plain("decode", |args| signature(args, 2, &[TEXT, TEXT]).map(|()| BYTEA), &[]),
    plain("digest", digest, &[(ANY, "{internal}.digest({})")]),
    plain("array_append", |args| array_and_element(args, 0, 1), &[]),
    plain("array_prepend", |args| array_and_element(args, 1, 0), &[]),
    plain("array_cat", array_cat, &[]),
    with_int4(
        "array_length",
        array_length,
        &[1],
        &[
            (1, "pg_catalog.array_length({1}, 1)::INT8"),
            (2, "pg_catalog.array_length({1}, {2})::INT8"),
        ],
    ),
    plain("array_remove", |args| array_and_element(args, 0, 1), &[]),
    plain("bit_length", text_to_int8, &[(ANY, "pg_catalog.bit_length({})::INT8")]),
    plain("octet_length", text_to_int8, &[(ANY, "pg_catalog.octet_length({})::INT8")]),
    plain("char_length", text_to_int8, &[(ANY, "pg_catalog.length({})::INT8")]),
    plain("character_length", text_to_int8, &[(ANY, "pg_catalog.length({})::INT8")]),
    plain("length", text_to_int8, &[(ANY, "pg_catalog.length({})::INT8")]),
    plain("lower", text_to_text, &[(ANY, "{internal}.lower({})")]),
    plain("upper", text_to_text, &[(ANY, "{internal}.upper({})")]),
    with_int4("lpad", pad, &[1], &[(ANY, "pg_catalog.lpad({})")]),
    with_int4("rpad", pad, &[1], &[(ANY, "pg_catalog.rpad({})")]),
    plain("ltrim", trim, &[]),
    plain("rtrim", trim, &[]),
    plain("trim", trim, &[(ANY, "pg_catalog.btrim({})")]),
    with_int4(
        "overlay",
        |args| signature(args, 3, &[TEXT, TEXT, INT8, INT8]).map(|()| TEXT),
        &[2, 3],
        &[
            (3, "overlay({1} placing {2} from {3})"),
            (4, "overlay({1} placing {2} from {3} for {4})"),
        ],
    ),
    plain(
        "position",
        |args| signature(args, 2, &[TEXT, TEXT]).map(|()| INT8),
        &[(ANY, "pg_catalog.strpos({2}, {1})::INT8")],
    ),
    with_int4(
        "substring",
        |args| signature(args, 2, &[TEXT, INT8, INT8]).map(|()| TEXT),
        &[1, 2],
        &[(2, "substring({1} from {2})"), (3, "substring({1} from {2} for {3})")],
    ),
    plain("format", format_text, &[]),
    plain("coalesce", |args| count(args, 1, ANY).and_then(|()| alike(args)), &[]),
    plain("greatest", extreme, &[]),
    plain("least", extreme, &[]),
    plain("nullif", nullif, &[]),
];

fn text_to_text(args: &[DataType]) -> Result<DataType, Mismatch> {
    signature(args, 1, &[TEXT]).map(|()| TEXT)
}

fn text_to_int8(args: &[DataType]) -> Result<DataType, Mismatch> {
    signature(args, 1, &[TEXT]).map(|()| INT8)
}

fn pad(args: &[DataType]) -> Result<DataType, Mismatch> {
    signature(args, 2, &[TEXT, INT8, TEXT]).map(|()| TEXT)
}

fn trim(args: &[DataType]) -> Result<DataType, Mismatch> {
    signature(args, 1, &[TEXT, TEXT]).map(|()| TEXT)
}

fn digest(args: &[DataType]) -> Result<DataType, Mismatch> {
    let input = if first(args) == BYTEA { BYTEA } else { TEXT };
    signature(args, 2, &[input, TEXT]).map(|()| BYTEA)
}

fn format_text(args: &[DataType]) -> Result<DataType, Mismatch> {
    count(args, 1, ANY)?;
    if fits(first(args), TEXT) { Ok(TEXT) } else { Err(mismatch(0, TEXT, first(args))) }
}

fn extreme(args: &[DataType]) -> Result<DataType, Mismatch> {
    count(args, 2, ANY)?;
    let result = alike(args)?;
    if is_number(result) { Ok(result) } else { Err(mismatch(0, "int8 or numeric", result)) }
}

fn nullif(args: &[DataType]) -> Result<DataType, Mismatch> {
    count(args, 2, 2)?;
    match alike(args)? {
        NULL => Err(Mismatch::Type("one of the arguments needs a type".to_owned())),
        result => Ok(result),
    }
}

/// An array and an element whose type has the same name; precision and scale of numbers may differ.
fn array_and_element(
    args: &[DataType],
    array: usize,
    element: usize,
) -> Result<DataType, Mismatch> {
    count(args, 2, 2)?;
    let at = |position: usize| args.get(position).copied().unwrap_or(NULL);
    let (array_type, element_type) = (at(array), at(element));
    if element_type.is_array() {
        return Err(mismatch(element, "a scalar", element_type));
    }
    if array_type == NULL || array_type == DataType::array(TypeKind::Null) {
        return Ok(DataType::array(element_type.kind()));
    }
    if !array_type.is_array() {
        return Err(mismatch(array, "an array", array_type));
    }
    let is_same = element_type == NULL || element_type.kind().name() == array_type.kind().name();
    if is_same { Ok(array_type) } else { Err(mismatch(element, array_type.kind(), element_type)) }
}

fn array_cat(args: &[DataType]) -> Result<DataType, Mismatch> {
    count(args, 2, 2)?;
    let null_array = DataType::array(TypeKind::Null);
    let typed = args.iter().copied().find(|one| *one != NULL && *one != null_array);
    let result = typed.unwrap_or(null_array);
    for (position, got) in args.iter().enumerate() {
        if !result.is_array() || !fits(*got, result) {
            return Err(mismatch(position, "an array", *got));
        }
    }
    Ok(result)
}

fn array_length(args: &[DataType]) -> Result<DataType, Mismatch> {
    count(args, 1, 2)?;
    let array = first(args);
    if array != NULL && !array.is_array() {
        return Err(mismatch(0, "an array", array));
    }
    match args.get(1) {
        Some(dimension) if !fits(*dimension, INT8) => Err(mismatch(1, INT8, *dimension)),
        _ => Ok(INT8),
    }
}
