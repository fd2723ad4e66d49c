//! Rows of a result as a table.

use kwil_api::read::QueryResult;
use kwil_types::Value;
use kwil_types::json::value_to_json;
use serde_json::Value as Json;

use crate::table::{Table, TableArgs};

/// The table of a result.
pub(super) fn table(result: &QueryResult, args: TableArgs) -> String {
    let mut table = Table::new(result.columns.iter().map(|column| column.name.as_str()));
    for row in &result.rows {
        table.row(row.iter().map(cell));
    }
    table.render(args)
}

/// NULL is `null`, arrays are JSON, everything else its text.
fn cell(value: &Value) -> String {
    match value_to_json(value) {
        Json::String(text) => text,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use kwil_api::read::Column;
    use kwil_types::{Array, Scalar, TypeKind};

    use super::*;

    #[test]
    fn cells_are_as_documented() {
        let row = vec![
            Value::NULL,
            Value::from(25),
            Value::from(true),
            Value::from("a b"),
            Scalar::Bytea(vec![0, 255].into()).into(),
            Value::Array(Array::new(TypeKind::Int8, vec![Some(Scalar::Int8(1)), None]).unwrap()),
        ];
        let column = |value: &Value| Column { name: "c".to_owned(), data_type: value.data_type() };
        let columns = row.iter().map(column).collect();
        let result = QueryResult { columns, rows: vec![row], height: 0 };
        insta::assert_snapshot!(table(&result, TableArgs::default()), @r#"
        |   c  |  c |   c  |  c  |   c  |      c     |
        +------+----+------+-----+------+------------+
        | null | 25 | true | a b | AP8= | ["1",null] |
        "#);
    }
}
