//! How cases write values.

use kwil_lang::parse_type;
use kwil_types::{Array, DataType, Decimal, Scalar, TypeKind, Value};
use saphyr::Yaml;

/// The value that a node stands for.
pub(super) fn value(node: &Yaml<'_>) -> Value {
    if node.is_null() {
        return Value::NULL;
    }
    if let Some(items) = node.as_sequence() {
        return array(items);
    }
    if node.as_mapping_get("a").is_some() {
        let of = node.as_mapping_get("of").and_then(Yaml::as_str).unwrap();
        return Value::Array(
            Array::new(parse_type(of).unwrap().data_type.kind(), Vec::new()).unwrap(),
        );
    }
    Value::Scalar(scalar(node))
}

fn array(items: &[Yaml<'_>]) -> Value {
    let items: Vec<Option<Scalar>> =
        items.iter().map(|item| (!item.is_null()).then(|| scalar(item))).collect();
    let kind = items.iter().flatten().map(Scalar::kind).next().unwrap_or(TypeKind::Null);
    if let TypeKind::Numeric { .. } = kind {
        let numbers = items.into_iter().map(|item| match item {
            Some(Scalar::Numeric(number)) => Some(number),
            _ => None,
        });
        return Value::Array(Array::widest(numbers.collect()).unwrap());
    }
    if kind == TypeKind::Null && items.is_empty() {
        return Value::Array(Array::new(TypeKind::Null, items).unwrap());
    }
    Value::Array(Array::new(kind, items).unwrap())
}

fn scalar(node: &Yaml<'_>) -> Scalar {
    if let Some(truth) = node.as_bool() {
        return Scalar::Bool(truth);
    }
    if let Some(number) = node.as_integer() {
        return Scalar::Int8(number);
    }
    if let Some(text) = node.as_str() {
        return Scalar::Text(text.to_owned());
    }
    let field = |name: &str| node.as_mapping_get(name);
    let text = |name: &str| field(name).and_then(Yaml::as_str);
    let entries = node.as_mapping().unwrap_or_else(|| panic!("no value: {node:?}"));
    let known = ["n", "p", "s", "b", "u"];
    assert!(
        entries.keys().all(|key| key.as_str().is_some_and(|key| known.contains(&key))),
        "{node:?}"
    );
    if let Some(number) = text("n") {
        let digits = |name: &str| {
            field(name).and_then(Yaml::as_integer).map(|digits| u16::try_from(digits).unwrap())
        };
        let number = match (digits("p"), digits("s")) {
            (Some(p), Some(s)) => Decimal::parse(number, p, s).unwrap(),
            _ => Decimal::parse_literal(number).unwrap(),
        };
        return Scalar::Numeric(number);
    }
    if let Some(bytes) = text("b") {
        return Scalar::Bytea(hex::decode(bytes).unwrap().into());
    }
    let uuid = text("u").unwrap_or_else(|| panic!("no value: {node:?}"));
    Scalar::Uuid(uuid::Uuid::try_parse(uuid).unwrap())
}

/// The notation itself.
#[test]
fn values_are_read_as_they_are_written() {
    use saphyr::LoadableYamlNode as _;
    let text = r#"[1, a, true, null, {n: "1.50"}, {b: "00ff"}, [1, null], {a: [], of: int8}]"#;
    let documents = Yaml::load_from_str(text).unwrap();
    let values: Vec<_> = documents[0].as_sequence().unwrap().iter().map(value).collect();
    let types: Vec<_> = values.iter().map(|value| value.data_type().to_string()).collect();
    let wanted = ["int8", "text", "bool", "null", "numeric(3,2)", "bytea", "int8[]", "int8[]"];
    assert_eq!(types, wanted);
    assert_eq!(values[3], Value::Null(DataType::scalar(TypeKind::Null)));
}
