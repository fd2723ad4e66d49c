//! The three line formats. Pure: the times come in as text.

use kwil_config::{LogFormat, LogLevel};

use crate::record::{Record, Value};

/// Fields for machines and debugging.
const DETAIL: &str = "detail.";

/// The times of a line.
#[derive(Clone, Debug)]
pub(crate) struct Stamp {
    /// `YYYY-MM-DD HH:MM:SS.mmm` in the zone of the log.
    pub(crate) shown: String,
    /// RFC 3339 UTC with milliseconds.
    pub(crate) utc: String,
}

/// How to make a line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    pub(crate) format: LogFormat,
    /// Escape sequences around the level of plain lines.
    pub(crate) colour: bool,
    /// The subsystem logs at debug level, so plain lines show details.
    pub(crate) details: bool,
}

/// The line with its end.
pub(crate) fn line(style: Style, stamp: &Stamp, record: &Record) -> String {
    match style.format {
        LogFormat::Plain => plain(style, stamp, record),
        LogFormat::Text => text(stamp, record),
        LogFormat::Json => json(stamp, record),
    }
}

const fn tag(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Debug => "DBG",
        LogLevel::Info => "INF",
        LogLevel::Warn => "WRN",
        LogLevel::Error => "ERR",
    }
}

const fn colour(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Debug => "\u{1b}[2m",
        LogLevel::Info => "\u{1b}[32m",
        LogLevel::Warn => "\u{1b}[33m",
        LogLevel::Error => "\u{1b}[31m",
    }
}

fn plain(style: Style, stamp: &Stamp, record: &Record) -> String {
    let tag = tag(record.level);
    let tag = if style.colour {
        format!("{}{tag}\u{1b}[0m", colour(record.level))
    } else {
        tag.to_owned()
    };
    let mut line = format!("{} [{tag}] {}: {}", stamp.shown, record.system, record.message);
    let fields: Vec<String> = record
        .fields
        .iter()
        .filter_map(|(name, value)| match name.strip_prefix(DETAIL) {
            None => Some(format!("{name}={value}")),
            Some(detail) => style.details.then(|| format!("{detail}={value}")),
        })
        .collect();
    if !fields.is_empty() {
        line.push_str(" {");
        line.push_str(&fields.join(" "));
        line.push('}');
    }
    line.push('\n');
    line
}

/// Name of a level in text and JSON lines.
fn word(level: LogLevel) -> String {
    level.as_str().to_uppercase()
}

/// Names that the line itself uses get an underscore when a caller uses them too.
fn field_name(name: &str) -> String {
    let name = name.strip_prefix(DETAIL).unwrap_or(name);
    match name {
        "time" | "level" | "msg" | "source" | "system" | "ts" => format!("{name}_"),
        _ => name.to_owned(),
    }
}

fn quoted(value: &str) -> String {
    let plain = !value.is_empty()
        && !value.chars().any(|c| c == ' ' || c == '"' || c == '=' || c.is_control());
    if plain {
        return value.to_owned();
    }
    let mut out = String::from("\"");
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn text(stamp: &Stamp, record: &Record) -> String {
    let mut line = format!(
        "time=\"{}\" level={} msg={} system={}",
        stamp.shown,
        word(record.level),
        quoted(&record.message),
        quoted(&record.system)
    );
    for (name, value) in &record.fields {
        line.push_str(&format!(" {}={}", field_name(name), quoted(&value.to_string())));
    }
    line.push_str(&format!(" ts={}\n", stamp.utc));
    line
}

fn json(stamp: &Stamp, record: &Record) -> String {
    // Written by hand: a map would lose the order of the fields, and a repeated name must not lose a value.
    let mut line = String::from("{");
    let mut pair = |name: &str, value: &str| {
        if line.len() > 1 {
            line.push(',');
        }
        line.push_str(&serde_json::Value::from(name).to_string());
        line.push(':');
        line.push_str(value);
    };
    let text = |value: &str| serde_json::Value::from(value).to_string();
    pair("time", &text(&stamp.shown));
    pair("level", &text(&word(record.level)));
    pair("msg", &text(&record.message));
    pair("system", &text(&record.system));
    for (name, value) in &record.fields {
        let shown = match value {
            Value::Bool(_) | Value::Signed(_) | Value::Unsigned(_) => value.to_string(),
            Value::Float(number) if number.is_finite() => value.to_string(),
            Value::Float(_) | Value::Text(_) => text(&value.to_string()),
        };
        pair(&field_name(name), &shown);
    }
    pair("ts", &text(&stamp.utc));
    line.push_str("}\n");
    line
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stamp() -> Stamp {
        Stamp {
            shown: "2025-01-27 18:45:00.199".to_owned(),
            utc: "2025-01-28T00:45:00.199Z".to_owned(),
        }
    }

    fn committed() -> Record {
        Record {
            level: LogLevel::Info,
            system: "CONS".to_owned(),
            message: "Committed Block".to_owned(),
            fields: vec![
                ("height", Value::Unsigned(1)),
                ("hash", Value::Text("ab".repeat(4))),
                ("appHash", Value::Text("cd".repeat(4))),
                ("updates", Value::Text("null".to_owned())),
                ("detail.num_txs", Value::Unsigned(2)),
            ],
        }
    }

    fn style(format: LogFormat) -> Style {
        Style { format, colour: false, details: false }
    }

    #[test]
    fn the_three_formats_of_one_event() {
        let lines: Vec<String> = LogFormat::ALL
            .iter()
            .map(|format| line(style(*format), &stamp(), &committed()))
            .collect();
        insta::assert_snapshot!(lines.concat(), @r#"
        2025-01-27 18:45:00.199 [INF] CONS: Committed Block {height=1 hash=abababab appHash=cdcdcdcd updates=null}
        time="2025-01-27 18:45:00.199" level=INFO msg="Committed Block" system=CONS height=1 hash=abababab appHash=cdcdcdcd updates=null num_txs=2 ts=2025-01-28T00:45:00.199Z
        {"time":"2025-01-27 18:45:00.199","level":"INFO","msg":"Committed Block","system":"CONS","height":1,"hash":"abababab","appHash":"cdcdcdcd","updates":"null","num_txs":2,"ts":"2025-01-28T00:45:00.199Z"}
        "#);
    }

    #[test]
    fn details_show_in_plain_lines_at_debug_level() {
        let shown =
            line(Style { details: true, ..style(LogFormat::Plain) }, &stamp(), &committed());
        assert!(shown.ends_with("updates=null num_txs=2}\n"), "{shown}");
    }

    #[test]
    fn a_line_without_fields_has_no_braces_and_percent_signs_stay() {
        let record = Record { message: "100%s done".to_owned(), fields: vec![], ..committed() };
        assert_eq!(
            line(style(LogFormat::Plain), &stamp(), &record),
            "2025-01-27 18:45:00.199 [INF] CONS: 100%s done\n"
        );
    }

    #[test]
    fn names_of_the_line_itself_are_kept_apart() {
        let record = Record {
            fields: vec![("level", Value::Float(f64::NAN)), ("on", Value::Bool(true))],
            ..committed()
        };
        let shown = line(style(LogFormat::Json), &stamp(), &record);
        let value: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(
            (&value["level"], &value["level_"], &value["on"]),
            (&"INFO".into(), &"NaN".into(), &true.into())
        );
    }

    proptest! {
        #[test]
        fn json_lines_parse_and_text_lines_stay_one_line(message in ".*", value in ".*") {
            let record = Record { message: message.clone(), fields: vec![("key", Value::Text(value.clone()))], ..committed() };
            let json: serde_json::Value = serde_json::from_str(&line(style(LogFormat::Json), &stamp(), &record)).unwrap();
            prop_assert_eq!(json["msg"].as_str(), Some(message.as_str()));
            prop_assert_eq!(json["key"].as_str(), Some(value.as_str()));
            let text = line(style(LogFormat::Text), &stamp(), &record);
            prop_assert_eq!(text.matches('\n').count(), 1);
        }
    }
}
