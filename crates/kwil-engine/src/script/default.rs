//! Values of `DEFAULT` as text: what the database is told, and what `info.columns` shows.

use kwil_types::{Scalar, TypeKind, Value};

use crate::catalog::TableColumn;
use crate::catalog::value_text::write_scalar;

/// The value as PostgreSQL reads it.
///
/// Text has no cast: like a literal that a program writes, it takes the type of its column.
pub(super) fn default_text(value: &Value) -> String {
    match value {
        Value::Null(_) => "NULL".to_owned(),
        Value::Scalar(scalar) => scalar_text(scalar),
        Value::Array(array) => {
            let items = array.items().iter().map(|item| match item {
                None => "NULL".to_owned(),
                Some(scalar) => scalar_text(scalar),
            });
            let items = items.collect::<Vec<_>>().join(", ");
            let shown = match array.element() {
                TypeKind::Null => "text[]".to_owned(),
                TypeKind::Text
                | TypeKind::Int8
                | TypeKind::Bool
                | TypeKind::Bytea
                | TypeKind::Uuid
                | TypeKind::Numeric { .. } => TableColumn::default().shown_type(value.data_type()),
            };
            format!("ARRAY[{items}]::{shown}")
        }
    }
}

fn scalar_text(scalar: &Scalar) -> String {
    let text = write_scalar(scalar);
    match scalar {
        Scalar::Text(_) => format!("'{}'", text.replace('\'', "''")),
        Scalar::Int8(_) | Scalar::Bool(_) | Scalar::Numeric(_) => text,
        Scalar::Bytea(_) => format!("'{text}'::bytea"),
        Scalar::Uuid(_) => format!("'{text}'::uuid"),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use kwil_types::Array;

    use super::*;

    #[test]
    fn defaults_are_written_once_and_for_all() {
        let ints = vec![Some(Scalar::Int8(1)), None];
        for (value, text) in [
            (Value::from(-5), "-5"),
            (Value::from("it's"), "'it''s'"),
            (Value::from(true), "true"),
            (Value::NULL, "NULL"),
            (Scalar::Bytea(Bytes::from_static(&[1, 255])).into(), "'\\x01ff'::bytea"),
            (Value::Array(Array::new(TypeKind::Int8, ints).unwrap()), "ARRAY[1, NULL]::bigint[]"),
            (Value::Array(Array::new(TypeKind::Text, Vec::new()).unwrap()), "ARRAY[]::text[]"),
        ] {
            assert_eq!(default_text(&value), text);
        }
    }
}
