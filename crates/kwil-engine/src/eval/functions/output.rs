//! Values as PostgreSQL prints them.

use kwil_types::{Array, Scalar};

/// The text that PostgreSQL's output function gives.
pub(super) fn scalar_text(scalar: &Scalar) -> String {
    match scalar {
        Scalar::Text(text) => text.clone(),
        Scalar::Int8(number) => number.to_string(),
        Scalar::Bool(truth) => if *truth { "t" } else { "f" }.to_owned(),
        Scalar::Bytea(bytes) => format!("\\x{}", hex::encode(bytes)),
        Scalar::Uuid(id) => id.to_string(),
        Scalar::Numeric(number) => number.to_string(),
    }
}

/// `{1,NULL,"a b"}`.
pub(super) fn array_text(array: &Array) -> String {
    let items: Vec<String> = array
        .items()
        .iter()
        .map(|item| {
            item.as_ref().map_or_else(|| "NULL".to_owned(), |item| quoted(scalar_text(item)))
        })
        .collect();
    format!("{{{}}}", items.join(","))
}

fn quoted(text: String) -> String {
    let is_special =
        |character: char| matches!(character, '"' | '\\' | '{' | '}' | ',' | ' ' | '\t'..='\r');
    if !text.is_empty() && !text.eq_ignore_ascii_case("null") && !text.contains(is_special) {
        return text;
    }
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}
