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
}

/// Writes a value as an untyped literal: the statement that takes it says the type. Inside quotes only quotes are doubled,
/// because sessions have `standard_conforming_strings` on.
pub(crate) fn push_literal(value: &Value, out: &mut String) -> Result<(), LiteralError> {
    match value {
        Value::Null(_) => out.push_str("NULL"),
        Value::Scalar(scalar) => {
            let mut text = String::new();
            push_text(scalar, &mut text);
            push_quoted(&text, out)?;
        }
        Value::Array(array) => {
            let mut text = String::from("{");
            for (number, item) in array.items().iter().enumerate() {
                if number > 0 {
                    text.push(',');
                }
                match item {
                    None => text.push_str("NULL"),
                    Some(Scalar::Text(item)) => push_quoted_element(item, &mut text),
                    Some(item) => {
                        let mut element = String::new();
                        push_text(item, &mut element);
                        push_quoted_element(&element, &mut text);
                    }
                }
            }
            text.push('}');
            push_quoted(&text, out)?;
        }
    }
    Ok(())
}

fn push_quoted(text: &str, out: &mut String) -> Result<(), LiteralError> {
    if text.contains('\0') {
        return Err(LiteralError::Nul);
    }
    out.push('\'');
    for part in text.split_inclusive('\'') {
        out.push_str(part);
        if part.ends_with('\'') {
            out.push('\'');
        }
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
