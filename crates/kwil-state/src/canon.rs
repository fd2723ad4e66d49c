//! The canonical bytes of a row, the same on every PostgreSQL version.
//!
//! A row is: table id, then for each column that is not NULL, in the order of column ids: column id, type tag (1 byte),
//! length, value. Integers are big-endian, ids and lengths have 4 bytes. Values: int8 8 bytes; int4 4 bytes; bool 1 byte; text, bytea
//! and uuid their bytes; numeric its decimal text with exactly the declared scale; an array its element count and for
//! each element a presence byte and, when present, length and value.
//!
//! The bytes come from PostgreSQL's binary forms (`record_send`, `COPY … BINARY`) or from values of ours ([`Cell`]).
//! PostgreSQL's own bytes are never hashed: arrays and numerics have several that mean the same.

mod numeric;

use thiserror::Error;

use crate::table::{Column, ColumnType, Scalar, Table};

/// Largest canonical row in bytes. The functions that capture rows refuse every row that could be larger.
pub const MAX_ROW_BYTES: usize = 36 * 1024 * 1024;

/// A value of a table that only our code writes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    /// NULL.
    Null,
    /// int8.
    Int8(i64),
    /// bool.
    Bool(bool),
    /// text.
    Text(String),
    /// bytea.
    Bytea(Vec<u8>),
}

/// A row that cannot be encoded: an invariant of the state is broken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CanonError {
    /// The image ends too early or has bytes left.
    #[error("row image of table {table} is malformed")]
    Malformed {
        /// Table name.
        table: String,
    },
    /// The image has another number of columns than the catalog.
    #[error("row image of table {table} has {got} columns, the catalog has {want}")]
    ColumnCount {
        /// Table name.
        table: String,
        /// Columns in the catalog.
        want: usize,
        /// Columns in the image.
        got: usize,
    },
    /// A value has another type than the catalog says.
    #[error("column {column} of table {table} has PostgreSQL type {got}, the catalog says {want}")]
    WrongType {
        /// Table name.
        table: String,
        /// Column name.
        column: String,
        /// OID in the catalog.
        want: u32,
        /// OID in the image.
        got: u32,
    },
    /// NaN, infinity, a wrong scale, a nested array, an array that does not start at 1, a value of the wrong length.
    #[error("column {column} of table {table} holds a value that must not exist: {problem}")]
    ForbiddenValue {
        /// Table name.
        table: String,
        /// Column name.
        column: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// The canonical row is larger than [`MAX_ROW_BYTES`].
    #[error("row of table {table} is too large")]
    TooLarge {
        /// Table name.
        table: String,
    },
}

/// Bytes of a row image in one of PostgreSQL's forms.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Image<'a> {
    /// What `record_send` returns.
    Record(&'a [u8]),
    /// One tuple of `COPY … (FORMAT binary)`, after its column count.
    Tuple(&'a [u8]),
}

/// Writes the canonical row of an image into `out`, which is cleared first.
pub(crate) fn encode_image(
    table: &Table,
    image: Image<'_>,
    out: &mut Vec<u8>,
) -> Result<(), CanonError> {
    let malformed = || CanonError::Malformed { table: table.display_name() };
    let (mut bytes, typed) = match image {
        Image::Record(bytes) => {
            let (count, rest) = take_u32(bytes).ok_or_else(malformed)?;
            check_count(table, count as usize)?;
            (rest, true)
        }
        Image::Tuple(bytes) => (bytes, false),
    };
    start(table, out);
    for column in &table.columns {
        if typed {
            let (oid, rest) = take_u32(bytes).ok_or_else(malformed)?;
            bytes = rest;
            check_type(table, column, oid)?;
        }
        let (value, rest) = take_field(bytes).ok_or_else(malformed)?;
        bytes = rest;
        let Some(value) = value else { continue };
        encode_column(column, out, |out| encode_binary(column.ty, value, out))
            .map_err(|problem| forbidden(table, column, problem))?;
        check_size(table, out)?;
    }
    if bytes.is_empty() { Ok(()) } else { Err(malformed()) }
}

/// Writes the canonical row of values into `out`, which is cleared first.
pub(crate) fn encode_cells(
    table: &Table,
    cells: &[Cell],
    out: &mut Vec<u8>,
) -> Result<(), CanonError> {
    check_count(table, cells.len())?;
    start(table, out);
    for (column, cell) in table.columns.iter().zip(cells) {
        if *cell == Cell::Null {
            continue;
        }
        encode_column(column, out, |out| encode_cell(column.ty, cell, out))
            .map_err(|problem| forbidden(table, column, problem))?;
        check_size(table, out)?;
    }
    Ok(())
}

fn start(table: &Table, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(&table.id.0.to_be_bytes());
}

fn check_count(table: &Table, got: usize) -> Result<(), CanonError> {
    let want = table.columns.len();
    if got == want {
        Ok(())
    } else {
        Err(CanonError::ColumnCount { table: table.display_name(), want, got })
    }
}

fn check_type(table: &Table, column: &Column, got: u32) -> Result<(), CanonError> {
    let want = column.ty.oid();
    if got == want {
        return Ok(());
    }
    Err(CanonError::WrongType {
        table: table.display_name(),
        column: column.name.clone(),
        want,
        got,
    })
}

fn check_size(table: &Table, out: &[u8]) -> Result<(), CanonError> {
    if out.len() <= MAX_ROW_BYTES {
        Ok(())
    } else {
        Err(CanonError::TooLarge { table: table.display_name() })
    }
}

fn forbidden(table: &Table, column: &Column, problem: &'static str) -> CanonError {
    CanonError::ForbiddenValue { table: table.display_name(), column: column.name.clone(), problem }
}

type Encoded = Result<(), &'static str>;

fn encode_column(
    column: &Column,
    out: &mut Vec<u8>,
    value: impl FnOnce(&mut Vec<u8>) -> Encoded,
) -> Encoded {
    out.extend_from_slice(&column.id.0.to_be_bytes());
    out.push(column.ty.tag());
    with_length(out, value)
}

/// Writes a length and what `value` writes.
fn with_length(out: &mut Vec<u8>, value: impl FnOnce(&mut Vec<u8>) -> Encoded) -> Encoded {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    value(out)?;
    let length = out.len().saturating_sub(at).saturating_sub(4);
    let length = u32::try_from(length).map_err(|_| "too long")?;
    let slot = out.get_mut(at..at.saturating_add(4)).ok_or("too long")?;
    slot.copy_from_slice(&length.to_be_bytes());
    Ok(())
}

fn encode_cell(ty: ColumnType, cell: &Cell, out: &mut Vec<u8>) -> Encoded {
    match (ty, cell) {
        (ColumnType::Scalar(Scalar::Int8), Cell::Int8(value)) => {
            out.extend_from_slice(&value.to_be_bytes())
        }
        (ColumnType::Scalar(Scalar::Bool), Cell::Bool(value)) => out.push(u8::from(*value)),
        (ColumnType::Scalar(Scalar::Text), Cell::Text(value)) => {
            out.extend_from_slice(value.as_bytes())
        }
        (ColumnType::Scalar(Scalar::Bytea), Cell::Bytea(value)) => out.extend_from_slice(value),
        (ColumnType::Scalar(_) | ColumnType::Array(_), _) => return Err("a value of another type"),
    }
    Ok(())
}

fn encode_binary(ty: ColumnType, value: &[u8], out: &mut Vec<u8>) -> Encoded {
    match ty {
        ColumnType::Scalar(scalar) => encode_scalar(scalar, value, out),
        ColumnType::Array(scalar) => encode_array(scalar, value, out),
    }
}

fn encode_scalar(scalar: Scalar, value: &[u8], out: &mut Vec<u8>) -> Encoded {
    match scalar {
        Scalar::Int8 => fixed(value, 8, out),
        Scalar::Int4 => fixed(value, 4, out),
        Scalar::Uuid => fixed(value, 16, out),
        Scalar::Bool => match value {
            [0 | 1] => fixed(value, 1, out),
            _ => Err("not a truth value"),
        },
        Scalar::Text | Scalar::Bytea => {
            out.extend_from_slice(value);
            Ok(())
        }
        Scalar::Numeric { scale, .. } => numeric::encode(value, scale, out),
    }
}

fn fixed(value: &[u8], length: usize, out: &mut Vec<u8>) -> Encoded {
    if value.len() != length {
        return Err("a value of another length");
    }
    out.extend_from_slice(value);
    Ok(())
}

/// PostgreSQL's binary array: dimensions, a flag that means nothing, element type, per dimension size and first index,
/// then the elements.
fn encode_array(scalar: Scalar, value: &[u8], out: &mut Vec<u8>) -> Encoded {
    const MALFORMED: &str = "a malformed array";
    let (dimensions, rest) = take_u32(value).ok_or(MALFORMED)?;
    let (_has_null, rest) = take_u32(rest).ok_or(MALFORMED)?;
    let (element, mut rest) = take_u32(rest).ok_or(MALFORMED)?;
    if element != scalar.oids().0 {
        return Err("an array of another type");
    }
    let count = match dimensions {
        0 => 0,
        1 => {
            let (count, after) = take_u32(rest).ok_or(MALFORMED)?;
            let (first, after) = take_u32(after).ok_or(MALFORMED)?;
            if first != 1 {
                return Err("an array that does not start at 1");
            }
            rest = after;
            count
        }
        _ => return Err("an array with several dimensions"),
    };
    out.extend_from_slice(&count.to_be_bytes());
    for _ in 0..count {
        let (element, after) = take_field(rest).ok_or(MALFORMED)?;
        rest = after;
        match element {
            None => out.push(0),
            Some(element) => {
                out.push(1);
                with_length(out, |out| encode_scalar(scalar, element, out))?;
            }
        }
    }
    if rest.is_empty() { Ok(()) } else { Err(MALFORMED) }
}

pub(crate) fn take_u32(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*head), rest))
}

/// A length (-1 for NULL) and so many bytes.
pub(crate) fn take_field(bytes: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let (length, rest) = take_u32(bytes)?;
    if length == u32::MAX {
        return Some((None, rest));
    }
    let (value, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    Some((Some(value), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{ColumnId, TableId};

    fn table(types: &[&str]) -> Table {
        let columns = types.iter().zip(1..).map(|(ty, id)| Column {
            id: ColumnId(id),
            name: format!("c{id}"),
            ty: ColumnType::parse(ty).unwrap(),
            not_null: false,
        });
        Table {
            id: TableId(1000),
            schema: "main".into(),
            name: "t".into(),
            columns: columns.collect(),
        }
    }

    fn record(fields: &[(u32, Option<&[u8]>)]) -> Vec<u8> {
        let mut bytes = u32::try_from(fields.len()).unwrap().to_be_bytes().to_vec();
        for (oid, value) in fields {
            bytes.extend_from_slice(&oid.to_be_bytes());
            match value {
                None => bytes.extend_from_slice(&u32::MAX.to_be_bytes()),
                Some(value) => {
                    bytes.extend_from_slice(&u32::try_from(value.len()).unwrap().to_be_bytes());
                    bytes.extend_from_slice(value);
                }
            }
        }
        bytes
    }

    fn encode(types: &[&str], image: &[u8]) -> Result<String, CanonError> {
        let mut out = Vec::new();
        encode_image(&table(types), Image::Record(image), &mut out)?;
        Ok(hex::encode(out))
    }

    #[test]
    fn a_row_is_its_ids_tags_lengths_and_values_and_null_is_absent() {
        let image = record(&[(20, Some(&7_i64.to_be_bytes())), (25, None), (25, Some(b"ab"))]);
        let expected = "000003e8 00000001 01 00000008 0000000000000007 00000003 03 00000002 6162";
        assert_eq!(encode(&["int8", "text", "text"], &image).unwrap(), expected.replace(' ', ""));
    }

    #[test]
    fn cells_and_images_of_equal_rows_have_equal_bytes() {
        let table = table(&["int8", "bool", "text", "bytea", "text"]);
        let cells = [
            Cell::Int8(-2),
            Cell::Bool(true),
            Cell::Text("é".into()),
            Cell::Bytea(vec![0, 255]),
            Cell::Null,
        ];
        let image = record(&[
            (20, Some(&(-2_i64).to_be_bytes())),
            (16, Some(&[1])),
            (25, Some("é".as_bytes())),
            (17, Some(&[0, 255])),
            (25, None),
        ]);
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        encode_cells(&table, &cells, &mut ours).unwrap();
        encode_image(&table, Image::Record(&image), &mut theirs).unwrap();
        assert_eq!(ours, theirs);
    }

    #[test]
    fn a_length_separates_neighbours() {
        let one = record(&[(25, Some(b"ab")), (25, Some(b"c"))]);
        let other = record(&[(25, Some(b"a")), (25, Some(b"bc"))]);
        assert_ne!(encode(&["text", "text"], &one), encode(&["text", "text"], &other));
    }

    #[test]
    fn the_flag_for_nulls_in_an_array_makes_no_difference() {
        let array = |flag: u32| {
            let mut bytes = Vec::new();
            for part in [1, flag, 20, 1, 1, 8] {
                bytes.extend_from_slice(&part.to_be_bytes());
            }
            bytes.extend_from_slice(&5_i64.to_be_bytes());
            record(&[(1016, Some(&bytes))])
        };
        assert_eq!(
            encode(&["int8[]"], &array(0)).unwrap(),
            encode(&["int8[]"], &array(1)).unwrap()
        );
    }

    #[test]
    fn arrays_with_other_bounds_or_dimensions_are_refused() {
        let array = |parts: &[u32]| {
            record(&[(1016, Some(&parts.iter().flat_map(|p| p.to_be_bytes()).collect::<Vec<_>>()))])
        };
        for parts in [
            &[1, 0, 20, 0, 0][..],
            &[2, 0, 20, 1, 1, 1, 1],
            &[1, 0, 25, 0, 1],
            &[1, 0, 20, 9, 1],
            &[0, 0, 20, 1],
        ] {
            assert!(
                matches!(
                    encode(&["int8[]"], &array(parts)),
                    Err(CanonError::ForbiddenValue { .. })
                ),
                "{parts:?}"
            );
        }
    }

    #[test]
    fn every_prefix_and_every_extra_byte_is_refused() {
        let image = record(&[(20, Some(&7_i64.to_be_bytes())), (25, Some(b"abc"))]);
        for length in 0..image.len() {
            assert!(encode(&["int8", "text"], &image[..length]).is_err(), "{length}");
        }
        let longer: Vec<u8> = image.iter().copied().chain([0]).collect();
        assert!(encode(&["int8", "text"], &longer).is_err());
    }

    #[test]
    fn another_type_or_column_count_is_an_error_with_both_values() {
        let image = record(&[(25, Some(b"abc"))]);
        assert!(matches!(
            encode(&["int8"], &image),
            Err(CanonError::WrongType { want: 20, got: 25, .. })
        ));
        assert!(matches!(
            encode(&["text", "text"], &image),
            Err(CanonError::ColumnCount { want: 2, got: 1, .. })
        ));
    }
}
