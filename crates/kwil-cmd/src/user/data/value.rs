//! Values as people type them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kwil_types::{Array, DataType, Decimal, Scalar, TypeKind, Value};

/// A type by its name in SQL, `numeric(10,2)[]`.
pub(super) fn parse_type(text: &str) -> Result<DataType, String> {
    match kwil_lang::parse_type(text.trim()) {
        Ok(known) => Ok(known.data_type),
        Err(_) if text.trim().eq_ignore_ascii_case("null") => Ok(DataType::scalar(TypeKind::Null)),
        Err(_) => Err(format!(
            "unknown data type {text:?}; the types are text, int8, bool, bytea, uuid, numeric(p,s), and arrays such as int8[]"
        )),
    }
}

/// A value of a type. `null` is NULL; arrays are `[a, "b c", null]` with or without the brackets.
pub(super) fn parse_value(text: &str, data_type: DataType) -> Result<Value, String> {
    if text == "null" {
        return Ok(Value::Null(data_type));
    }
    if !data_type.is_array() {
        return scalar(text, data_type.kind()).map(Value::Scalar);
    }
    let item = |item: Option<String>| item.map(|item| element(&item, data_type.kind())).transpose();
    let items = split_array(text)?.into_iter().map(item).collect::<Result<Vec<_>, _>>()?;
    Array::new(data_type.kind(), items).map(Value::Array).map_err(|error| error.to_string())
}

fn scalar(text: &str, kind: TypeKind) -> Result<Scalar, String> {
    if text.is_empty() {
        return Err(
            "empty string is not a valid value for a scalar type. use \"null\" to represent a null value"
                .to_owned(),
        );
    }
    if kind == TypeKind::Text {
        return Ok(Scalar::Text(unquoted(text).to_owned()));
    }
    element(text, kind)
}

/// Quotes of an array's elements are gone already.
fn element(text: &str, kind: TypeKind) -> Result<Scalar, String> {
    Ok(match kind {
        TypeKind::Text => Scalar::Text(text.to_owned()),
        TypeKind::Int8 => {
            Scalar::Int8(text.parse().map_err(|_| format!("{text:?} is no integer of 64 bits"))?)
        }
        TypeKind::Bool => Scalar::Bool(match text {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => true,
            "0" | "f" | "F" | "false" | "FALSE" | "False" => false,
            _ => return Err(format!("{text:?} is neither true nor false")),
        }),
        TypeKind::Bytea => Scalar::Bytea(bytes(text)?.into()),
        TypeKind::Uuid => Scalar::Uuid(
            uuid::Uuid::try_parse(text).map_err(|error| format!("{text:?} is no UUID: {error}"))?,
        ),
        TypeKind::Numeric { precision, scale } => Scalar::Numeric(
            Decimal::parse(text, precision, scale)
                .map_err(|error| format!("{text:?} is no {kind}: {error}"))?,
        ),
        TypeKind::Null => return Err(format!("{text:?} has no type; only null has type null")),
    })
}

/// Hex with the suffix `;hex`, base64 with `;base64`, `;b64` or none.
fn bytes(text: &str) -> Result<Vec<u8>, String> {
    let (digits, form) = text.rsplit_once(';').unwrap_or((text, "base64"));
    match form {
        "hex" => decode_hex(digits).ok_or_else(|| format!("{digits:?} is not hexadecimal")),
        "base64" | "b64" => STANDARD
            .decode(digits)
            .map_err(|error| format!("{digits:?} is not base64: {error}; for hex append ;hex")),
        _ => Err(format!("unknown encoding {form:?} of bytes; the encodings are hex and base64")),
    }
}

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    if !digits.len().is_multiple_of(2) || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let pair = |at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    (0..digits.len()).step_by(2).map(pair).collect()
}

/// Without a pair of quotes around all of it.
fn unquoted(text: &str) -> &str {
    let inside = |quote| text.strip_prefix(quote)?.strip_suffix(quote);
    inside('"').or_else(|| inside('\'')).unwrap_or(text)
}

/// One element while it is read.
#[derive(Default)]
struct Element {
    text: String,
    is_quoted: bool,
}

impl Element {
    /// An unquoted blank or `null` is NULL.
    fn take(&mut self) -> Option<String> {
        let Self { text, is_quoted } = std::mem::take(self);
        if is_quoted {
            return Some(text);
        }
        let text = text.trim();
        (!text.is_empty() && text != "null").then(|| text.to_owned())
    }
}

/// Elements between commas; quotes hold commas, blanks and `\`-escaped characters.
fn split_array(text: &str) -> Result<Vec<Option<String>>, String> {
    let text = text.trim();
    let text =
        text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text).trim();
    let (mut items, mut current) = (Vec::new(), Element::default());
    if text.is_empty() {
        return Ok(items);
    }
    let mut quote = None;
    let mut characters = text.chars().enumerate();
    while let Some((at, character)) = characters.next() {
        let misplaced =
            || Err(format!("invalid partial quote usage near index {at} (char '{character}')"));
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (Some(_), '\\') => current.text.extend(characters.next().map(|(_, escaped)| escaped)),
            (Some(_), _) => current.text.push(character),
            (None, ',') => items.push(current.take()),
            (None, '"' | '\'') if current.is_quoted || !current.text.trim().is_empty() => {
                return misplaced();
            }
            (None, '"' | '\'') => {
                current = Element { text: String::new(), is_quoted: true };
                quote = Some(character);
            }
            (None, ' ' | '\t') if current.is_quoted => {}
            (None, _) if current.is_quoted => return misplaced(),
            (None, _) => current.text.push(character),
        }
    }
    if quote.is_some() {
        return Err("unclosed quote in array inputs".to_owned());
    }
    items.push(current.take());
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(of: &str, text: &str) -> Result<String, String> {
        let value = parse_value(text, parse_type(of)?)?;
        Ok(kwil_types::json::value_to_json(&value).to_string())
    }

    #[test]
    fn scalars_as_typed() {
        for (of, text, want) in [
            ("text", "a b", "\"a b\""),
            ("text", "\"quoted\"", "\"quoted\""),
            ("text", "''", "\"\""),
            ("text", "\"", "\"\\\"\""),
            ("text", "null", "null"),
            ("text", "\"null\"", "\"null\""),
            ("int", "-9223372036854775808", "\"-9223372036854775808\""),
            ("bool", "T", "true"),
            ("bytea", "AP8=", "\"AP8=\""),
            ("bytea", "0x00ff;hex", "\"AP8=\""),
            ("bytea", "AP8=;b64", "\"AP8=\""),
            (
                "uuid",
                "39A12A4E-0000-0000-0000-000000000000",
                "\"39a12a4e-0000-0000-0000-000000000000\"",
            ),
            ("numeric(5,2)", "1.005", "\"1.01\""),
            ("null", "null", "null"),
        ] {
            assert_eq!(value(of, text).as_deref(), Ok(want), "{of} {text}");
        }
    }

    #[test]
    fn arrays_as_typed() {
        for (of, text, want) in [
            ("text[]", "", "[]"),
            ("text[]", "[]", "[]"),
            ("int[]", "[1, null ,3,]", "[\"1\",null,\"3\",null]"),
            (
                "text[]",
                "a,'b, \\'c\\'' , \"null\", \"\", null",
                "[\"a\",\"b, 'c'\",\"null\",\"\",null]",
            ),
            ("text[]", "null", "null"),
            ("bool[]", "true,false", "[true,false]"),
            ("numeric(3,1)[]", "1,2.25", "[\"1.0\",\"2.3\"]"),
        ] {
            assert_eq!(value(of, text).as_deref(), Ok(want), "{of} {text}");
        }
    }

    #[test]
    fn what_is_no_value_is_named() {
        for (of, text, says) in [
            ("text", "", "empty string is not a valid value for a scalar type"),
            ("int8", "1.5", "\"1.5\" is no integer of 64 bits"),
            ("int8", "9223372036854775808", "is no integer"),
            ("bool", "yes", "\"yes\" is neither true nor false"),
            ("bytea", "zz", "\"zz\" is not base64"),
            ("bytea", "abc;hex", "\"abc\" is not hexadecimal"),
            ("bytea", "a;rot13", "unknown encoding \"rot13\""),
            ("uuid", "12", "\"12\" is no UUID"),
            ("numeric(3,1)", "100", "\"100\" is no numeric(3,1)"),
            ("null", "x", "only null has type null"),
            ("text[]", "a\"b\"", "invalid partial quote usage near index 1 (char '\"')"),
            ("text[]", "\"a\"b", "invalid partial quote usage near index 3 (char 'b')"),
            ("text[]", "\"a", "unclosed quote in array inputs"),
            ("int[]", "1,x", "\"x\" is no integer"),
            ("float", "1", "unknown data type \"float\""),
            ("numeric", "1", "unknown data type \"numeric\""),
        ] {
            let error = value(of, text).unwrap_err();
            assert!(error.contains(says), "{of} {text}: {error}");
        }
    }
}
