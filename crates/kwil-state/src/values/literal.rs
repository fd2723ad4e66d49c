//! Values as literals of SQL: the only place that writes them.

use std::fmt::Write as _;

use kwil_types::{DataType, Scalar, TypeKind, Value};

use super::array::push_quoted_element;

/// A value that cannot travel to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LiteralError {
    /// PostgreSQL's texts have no NUL.
    #[error("a text with a NUL character")]
    Nul,
    /// Arrays have one dimension.
    #[error("an array in an array")]
    Nested,
}

/// Writes a value as an untyped literal: the statement that takes it says the type. Inside quotes only quotes are doubled,
/// because sessions have `standard_conforming_strings` on.
pub(crate) fn push_literal(value: &Value, out: &mut String) -> Result<(), LiteralError> {
    match value {
        Value::Null(_) => out.push_str("NULL"),
        Value::Scalar(Scalar::Text(text)) => push_quoted(text, out)?,
        Value::Scalar(scalar) => {
            out.push('\'');
            push_text(scalar, out);
            out.push('\'');
        }
        Value::Array(array) => push_items(array.items().iter().map(Option::as_ref), out)?,
    }
    Ok(())
}

/// Writes the literal of an array that has the values, which are scalars or NULL, as its elements.
pub(crate) fn push_array<'v>(
    values: impl Iterator<Item = &'v Value>,
    out: &mut String,
) -> Result<(), LiteralError> {
    let mut nested = false;
    let items = values.map(|value| match value {
        Value::Null(_) => None,
        Value::Scalar(scalar) => Some(scalar),
        Value::Array(_) => {
            nested = true;
            None
        }
    });
    push_items(items, out)?;
    if nested { Err(LiteralError::Nested) } else { Ok(()) }
}

fn push_items<'v>(
    items: impl Iterator<Item = Option<&'v Scalar>>,
    out: &mut String,
) -> Result<(), LiteralError> {
    let mut text = String::from("{");
    for (number, item) in items.enumerate() {
        if number > 0 {
            text.push(',');
        }
        match item {
            None => text.push_str("NULL"),
            Some(Scalar::Text(item)) => push_quoted_element(item, &mut text),
            // Nothing in them needs quotes.
            Some(Scalar::Int8(_) | Scalar::Bool(_) | Scalar::Uuid(_) | Scalar::Numeric(_)) => {
                item.into_iter().for_each(|item| push_text(item, &mut text));
            }
            Some(Scalar::Bytea(bytes)) => {
                push_quoted_element(&format!("\\x{}", hex::encode(bytes)), &mut text);
            }
        }
    }
    text.push('}');
    push_quoted(&text, out)
}

fn push_quoted(text: &str, out: &mut String) -> Result<(), LiteralError> {
    if text.contains('\0') {
        return Err(LiteralError::Nul);
    }
    out.push('\'');
    for (number, part) in text.split('\'').enumerate() {
        out.push_str(if number > 0 { "''" } else { "" });
        out.push_str(part);
    }
    out.push('\'');
    Ok(())
}

/// The text that PostgreSQL reads as this value.
fn push_text(scalar: &Scalar, out: &mut String) {
    // Writing to a string cannot fail.
    let _ = match scalar {
        Scalar::Text(text) => out.write_str(text),
        Scalar::Int8(number) => write!(out, "{number}"),
        Scalar::Bool(truth) => out.write_str(if *truth { "t" } else { "f" }),
        Scalar::Bytea(bytes) => write!(out, "\\x{}", hex::encode(bytes)),
        Scalar::Uuid(uuid) => write!(out, "{uuid}"),
        Scalar::Numeric(number) => write!(out, "{number}"),
    };
}

/// PostgreSQL's name of the type of a parameter.
pub(crate) fn parameter_type(of: DataType) -> &'static str {
    match (of.kind(), of.is_array()) {
        // The place where it stands gives the type.
        (TypeKind::Null, _) => "unknown",
        (TypeKind::Text, true) => "text[]",
        (TypeKind::Text, false) => "text",
        (TypeKind::Int8, false) => "int8",
        (TypeKind::Int8, true) => "int8[]",
        (TypeKind::Bool, false) => "bool",
        (TypeKind::Bool, true) => "bool[]",
        (TypeKind::Bytea, false) => "bytea",
        (TypeKind::Bytea, true) => "bytea[]",
        (TypeKind::Uuid, false) => "uuid",
        (TypeKind::Uuid, true) => "uuid[]",
        (TypeKind::Numeric { .. }, false) => "numeric",
        (TypeKind::Numeric { .. }, true) => "numeric[]",
    }
}

/// PostgreSQL's name of the type of an array of such values.
pub(crate) fn array_type(of: DataType) -> &'static str {
    parameter_type(DataType::array(of.kind()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_value_ends_its_literal() {
        for (value, want) in [
            (Value::from("'); DROP TABLE t; --"), "'''); DROP TABLE t; --'"),
            (Value::from("\\'"), "'\\'''"),
            (Value::from(""), "''"),
            (Value::from(-5), "'-5'"),
            (Value::from(true), "'t'"),
            (Value::NULL, "NULL"),
        ] {
            let mut out = String::new();
            push_literal(&value, &mut out).unwrap();
            assert_eq!(out, want);
        }
        let mut out = String::new();
        assert_eq!(push_literal(&Value::from("a\0b"), &mut out), Err(LiteralError::Nul));
    }
}
