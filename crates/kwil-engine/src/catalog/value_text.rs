//! Values as text and back: how options of extensions are stored.
//!
//! Scalars are their plain text; arrays are written like PostgreSQL's, with every element but NULL in quotes.

use bytes::Bytes;
use kwil_types::{Array, DataType, Decimal, Scalar, TypeKind, Value};
use uuid::Uuid;

/// The text of a value; `None` is NULL.
pub(super) fn write_value(value: &Value) -> Option<String> {
    match value {
        Value::Null(_) => None,
        Value::Scalar(scalar) => Some(write_scalar(scalar)),
        Value::Array(array) => {
            let items = array.items().iter().map(|item| match item {
                None => "NULL".to_owned(),
                Some(scalar) => {
                    let text = write_scalar(scalar).replace('\\', "\\\\").replace('"', "\\\"");
                    format!("\"{text}\"")
                }
            });
            Some(format!("{{{}}}", items.collect::<Vec<_>>().join(",")))
        }
    }
}

/// The value of a text that [`write_value`] wrote; `None` for any other text.
pub(super) fn read_value(text: Option<&str>, data_type: DataType) -> Option<Value> {
    let Some(text) = text else { return Some(Value::Null(data_type)) };
    if !data_type.is_array() {
        return read_scalar(text, data_type.kind()).map(Value::Scalar);
    }
    let items = read_items(text)?;
    let items = items
        .into_iter()
        .map(|item| match item {
            None => Some(None),
            Some(text) => read_scalar(&text, data_type.kind()).map(Some),
        })
        .collect::<Option<Vec<_>>>()?;
    Array::new(data_type.kind(), items).ok().map(Value::Array)
}

/// The text of one value.
pub(crate) fn write_scalar(scalar: &Scalar) -> String {
    match scalar {
        Scalar::Text(text) => text.clone(),
        Scalar::Int8(number) => number.to_string(),
        Scalar::Bool(truth) => truth.to_string(),
        Scalar::Bytea(bytes) => format!("\\x{}", hex::encode(bytes)),
        Scalar::Uuid(uuid) => uuid.to_string(),
        Scalar::Numeric(number) => number.to_string(),
    }
}

fn read_scalar(text: &str, kind: TypeKind) -> Option<Scalar> {
    match kind {
        TypeKind::Null => None,
        TypeKind::Text => Some(Scalar::Text(text.to_owned())),
        TypeKind::Int8 => text.parse().ok().map(Scalar::Int8),
        TypeKind::Bool => text.parse().ok().map(Scalar::Bool),
        TypeKind::Bytea => read_bytes(text).map(Scalar::Bytea),
        TypeKind::Uuid => Uuid::try_parse(text).ok().map(Scalar::Uuid),
        TypeKind::Numeric { precision, scale } => {
            Decimal::parse(text, precision, scale).ok().map(Scalar::Numeric)
        }
    }
}

fn read_bytes(text: &str) -> Option<Bytes> {
    hex::decode(text.strip_prefix("\\x")?).ok().map(Bytes::from)
}

fn read_items(text: &str) -> Option<Vec<Option<String>>> {
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    let mut items = Vec::new();
    if inner.is_empty() {
        return Some(items);
    }
    let mut chars = inner.chars();
    loop {
        match chars.next()? {
            'N' => {
                chars = chars.as_str().strip_prefix("ULL")?.chars();
                items.push(None);
            }
            '"' => items.push(Some(read_quoted(&mut chars)?)),
            _ => return None,
        }
        match chars.next() {
            None => return Some(items),
            Some(',') => {}
            Some(_) => return None,
        }
    }
}

/// Behind the opening quote, up to the closing one.
fn read_quoted(chars: &mut std::str::Chars<'_>) -> Option<String> {
    let mut text = String::new();
    loop {
        match chars.next()? {
            '"' => return Some(text),
            '\\' => text.push(chars.next()?),
            c => text.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_survives_as_text() {
        let numeric = Decimal::parse("-1.50", 6, 2).unwrap();
        let scalars = [
            Scalar::Text("a\"b\\c,{}NULL".into()),
            Scalar::Text(String::new()),
            Scalar::Int8(i64::MIN),
            Scalar::Bool(true),
            Scalar::Bytea(Bytes::from_static(&[0, 255])),
            Scalar::Uuid(Uuid::from_u128(7)),
            Scalar::Numeric(numeric),
        ];
        for scalar in scalars {
            let kind = scalar.kind();
            let array = Array::new(kind, vec![Some(scalar.clone()), None, Some(scalar.clone())]);
            for value in [
                Value::Scalar(scalar),
                Value::Array(array.unwrap()),
                Value::Array(Array::new(kind, Vec::new()).unwrap()),
                Value::Null(DataType::scalar(kind)),
                Value::Null(DataType::array(kind)),
            ] {
                let text = write_value(&value);
                assert_eq!(read_value(text.as_deref(), value.data_type()), Some(value));
            }
        }
    }

    #[test]
    fn other_texts_are_no_values() {
        let texts = DataType::array(TypeKind::Text);
        for text in ["", "{", "{a}", "{\"a\"", "{\"a\",}", "{NULL\"a\"}", "{NUL}", "\"a\""] {
            assert_eq!(read_value(Some(text), texts), None, "{text}");
        }
        assert_eq!(read_value(Some("\\x0"), DataType::scalar(TypeKind::Bytea)), None);
    }
}
