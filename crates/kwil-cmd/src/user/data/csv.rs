//! Rows of a CSV file as arguments of an action.

use std::collections::BTreeMap;

use kwil_client::Parameters;
use kwil_types::{DataType, TypeKind, Value};

use super::signature::Signature;
use super::value::parse_value;
use crate::error::CliError;

/// A file with a header.
struct Sheet {
    header: Vec<String>,
    /// Each with the line it begins on, from 1.
    records: Vec<(usize, Vec<String>)>,
}

/// Where the columns of a file go, `column:parameter` or `column:position`; without any, to the parameters of the same
/// name.
#[derive(Debug)]
pub(super) struct Mapping<'a>(pub(super) &'a [String]);

/// The arguments of one call for each record. `fixed` are the same in every call.
pub(super) fn rows(
    text: &str,
    mapping: &Mapping<'_>,
    signature: &Signature,
    fixed: &Parameters,
) -> Result<Vec<Vec<Value>>, CliError> {
    let sheet = Sheet::parse(text);
    if sheet.records.is_empty() {
        return Err(CliError::usage("no records found in CSV file"));
    }
    let columns = mapping.places(&sheet.header, signature)?;
    let template = signature.arrange(fixed)?;
    let row = |(line, record): &(usize, Vec<String>)| {
        let mut arguments = template.clone();
        for (place, column) in &columns {
            let cell = record.get(*column).map_or("", String::as_str);
            let wrong = |problem: String| {
                let name = sheet.header.get(*column).map_or("", String::as_str);
                CliError::usage(format!("CSV line {line}, column {name}: {problem}"))
            };
            let data_type = signature.types.get(*place).copied();
            let data_type = data_type.ok_or_else(|| wrong("no such parameter".to_owned()))?;
            let value = cell_value(cell, data_type).map_err(wrong)?;
            if arguments.len() <= *place {
                arguments.resize(place.saturating_add(1), Value::NULL);
            }
            if let Some(argument) = arguments.get_mut(*place) {
                *argument = value;
            }
        }
        Ok(arguments)
    };
    sheet.records.iter().map(row).collect()
}

/// Text is taken as it stands in the file, quotes and all.
fn cell_value(cell: &str, data_type: DataType) -> Result<Value, String> {
    let is_text = data_type == DataType::scalar(TypeKind::Text);
    if is_text && !cell.is_empty() && cell != "null" {
        return Ok(cell.into());
    }
    parse_value(cell, data_type)
}

impl Mapping<'_> {
    /// Column of the file by place of the argument, both from 0.
    fn places(
        &self,
        header: &[String],
        signature: &Signature,
    ) -> Result<BTreeMap<usize, usize>, CliError> {
        if self.0.is_empty() {
            return named_alike(header, signature);
        }
        let mut pairs = Vec::new();
        for entry in self.0 {
            let invalid = || CliError::usage(format!("invalid mapping: {entry}"));
            let (column, target) = entry.rsplit_once(':').ok_or_else(invalid)?;
            let at = header.iter().position(|name| name == column.trim());
            let at = at.ok_or_else(|| {
                CliError::usage(format!("column {} not found in CSV file", column.trim()))
                    .hint(format!("its columns are {}", header.join(", ")))
            })?;
            pairs.push((at, target.trim()));
        }
        let from_zero = pairs.iter().any(|(_, target)| *target == "0");
        let mut places = BTreeMap::new();
        for (column, target) in pairs {
            let place = match target.parse::<usize>() {
                Ok(position) if from_zero => position,
                Ok(position) => position.saturating_sub(1),
                Err(_) => signature.place(target)?,
            };
            if place >= signature.names.len() {
                let count = signature.names.len();
                return Err(CliError::usage(format!(
                    "invalid mapping: position {target}, but the action has {count} parameters"
                )));
            }
            if places.insert(place, column).is_some() {
                let text = format!("invalid mapping: two columns for parameter {target}");
                return Err(CliError::usage(text));
            }
        }
        Ok(places)
    }
}

fn named_alike(
    header: &[String],
    signature: &Signature,
) -> Result<BTreeMap<usize, usize>, CliError> {
    let mut places = BTreeMap::new();
    for (column, name) in header.iter().enumerate() {
        places.insert(signature.place(name)?, column);
    }
    Ok(places)
}

impl Sheet {
    /// Quotes may stand anywhere: one that opens no cell, and one that closes none, is a character.
    fn parse(text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut records = Vec::new();
        let mut reader = Cells { rest: text, line: 1 };
        while let Some(record) = reader.record() {
            records.push(record);
        }
        let mut records = records.into_iter();
        let tidy = |name: String| name.trim().trim_matches('"').trim().to_owned();
        let header = records.next().map(|(_, names)| names.into_iter().map(tidy).collect());
        Self { header: header.unwrap_or_default(), records: records.collect() }
    }
}

struct Cells<'t> {
    rest: &'t str,
    line: usize,
}

impl Cells<'_> {
    /// The next record that is not an empty line.
    fn record(&mut self) -> Option<(usize, Vec<String>)> {
        loop {
            let line = self.line;
            if self.rest.is_empty() {
                return None;
            }
            let mut cells = Vec::new();
            loop {
                let (cell, is_last) = self.cell();
                cells.push(cell);
                if is_last {
                    break;
                }
            }
            if cells.len() > 1 || cells.iter().any(|cell| !cell.is_empty()) {
                return Some((line, cells));
            }
        }
    }

    /// The next cell, and whether it ends its record.
    fn cell(&mut self) -> (String, bool) {
        let quoted = self.rest.strip_prefix('"');
        self.rest = quoted.unwrap_or(self.rest);
        let mut is_quoted = quoted.is_some();
        let mut cell = String::new();
        loop {
            let Some(character) = self.rest.chars().next() else { return (cell, true) };
            let after = self.rest.get(character.len_utf8()..).unwrap_or_default();
            match character {
                '"' if is_quoted && after.starts_with('"') => {
                    cell.push('"');
                    self.rest = after.get(1..).unwrap_or_default();
                    continue;
                }
                '"' if is_quoted && (after.is_empty() || after.starts_with([',', '\n', '\r'])) => {
                    is_quoted = false;
                }
                ',' if !is_quoted => {
                    self.rest = after;
                    return (cell, false);
                }
                '\r' if !is_quoted && after.starts_with('\n') => {}
                '\n' => {
                    self.line = self.line.saturating_add(1);
                    if !is_quoted {
                        self.rest = after;
                        return (cell, true);
                    }
                    cell.push('\n');
                }
                other => cell.push(other),
            }
            self.rest = after;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::value::parse_type;
    use super::*;

    fn signature() -> Signature {
        Signature {
            names: ["id", "name", "tags"].map(str::to_owned).to_vec(),
            types: ["int8", "text", "text[]"].iter().map(|of| parse_type(of).unwrap()).collect(),
        }
    }

    fn table(text: &str, mapping: &[&str], fixed: &Parameters) -> Result<String, String> {
        let mapping: Vec<String> = mapping.iter().map(|entry| (*entry).to_owned()).collect();
        let rows = rows(text, &Mapping(&mapping), &signature(), fixed)
            .map_err(|error| error.to_string())?;
        let json: Vec<Vec<_>> = rows
            .iter()
            .map(|row| row.iter().map(kwil_types::json::value_to_json).collect())
            .collect();
        Ok(serde_json::to_string(&json).unwrap())
    }

    #[test]
    fn columns_go_where_they_are_sent() {
        let text =
            "\u{feff}\"name\", id ,tags\r\n\"a, \"\"b\"\"\",1,\"[x,y]\"\r\n\nit \"is\",2,null\n";
        let want = r#"[["1","a, \"b\"",["x","y"]],["2","it \"is\"",null]]"#;
        for mapping in [
            &[][..],
            &["name:name", "id:$ID", "tags:tags"],
            &["id:1", "name:2", "tags:3"],
            &["id:0", "name:1", "tags:2"],
        ] {
            assert_eq!(table(text, mapping, &Parameters::new()).as_deref(), Ok(want));
        }
        let fixed = Parameters::from([("id".to_owned(), 7.into())]);
        assert_eq!(
            table("name\nx\n\"two\nlines\"", &["name:name"], &fixed).as_deref(),
            Ok(r#"[["7","x"],["7","two\nlines"]]"#)
        );
    }

    #[test]
    fn what_is_wrong_with_a_file_is_named() {
        let none = Parameters::new();
        for (text, mapping, says) in [
            ("", &[][..], "no records found in CSV file"),
            ("id,name\n", &[], "no records found in CSV file"),
            ("id\n1", &["no:id"], "column no not found in CSV file"),
            ("id\n1", &["id"], "invalid mapping: id"),
            ("id\n1", &["id:4"], "invalid mapping: position 4, but the action has 3 parameters"),
            ("id\n1", &["id:who"], "action does not have a parameter named \"who\""),
            ("id,name\n1,2", &["id:1", "name:1"], "invalid mapping: two columns for parameter 1"),
            ("other\n1", &[], "action does not have a parameter named \"other\""),
            ("id\n1\n\nx", &["id:1"], "CSV line 4, column id: \"x\" is no integer of 64 bits"),
            ("id,name\n1", &[], "CSV line 2, column name: empty string is not a valid value"),
        ] {
            let error = table(text, mapping, &none).unwrap_err();
            assert!(error.starts_with(says), "{error}");
        }
    }
}
