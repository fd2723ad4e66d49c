//! The conformance cases that need no rows: bodies, and calls of actions.

use kwil_types::{Scalar, Value};
use saphyr::{LoadableYamlNode, Yaml};

use super::{Call, Ran};
use crate::context::Invocation;
use crate::testing::Recorder;

fn cases() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/language-cases.yaml");
    std::fs::read_to_string(path).unwrap()
}

/// A value as both sides can be written.
fn written(value: &Value) -> String {
    let scalar = |scalar: &Scalar| match scalar {
        Scalar::Text(text) => format!("'{text}'"),
        Scalar::Int8(number) => number.to_string(),
        Scalar::Bool(truth) => truth.to_string(),
        Scalar::Bytea(bytes) => {
            bytes.iter().fold("b:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
        }
        Scalar::Uuid(uuid) => format!("'{uuid}'"),
        Scalar::Numeric(number) => format!("n:{number}"),
    };
    match value {
        Value::Null(_) => "null".into(),
        Value::Scalar(value) => scalar(value),
        Value::Array(array) => {
            let items = array.items().iter();
            let items = items.map(|item| item.as_ref().map_or("null".into(), scalar));
            format!("[{}]", items.collect::<Vec<_>>().join(", "))
        }
    }
}

fn expected(node: &Yaml<'_>) -> String {
    if let Some(number) = node.as_integer() {
        return number.to_string();
    }
    if let Some(truth) = node.as_bool() {
        return truth.to_string();
    }
    if let Some(items) = node.as_sequence() {
        return format!("[{}]", items.iter().map(expected).collect::<Vec<_>>().join(", "));
    }
    if let Some(bytes) = node.as_mapping_get("b").and_then(Yaml::as_str) {
        return format!("b:{bytes}");
    }
    if let Some(number) = node.as_mapping_get("n").and_then(Yaml::as_str) {
        return format!("n:{number}");
    }
    node.as_str().map_or("null".into(), |text| format!("'{text}'"))
}

fn argument(node: &Yaml<'_>) -> Option<Value> {
    if let Some(number) = node.as_integer() {
        return Some(Value::from(number));
    }
    if let Some(truth) = node.as_bool() {
        return Some(Value::from(truth));
    }
    node.as_str().map(Value::from)
}

fn texts(node: Option<&Yaml<'_>>) -> Vec<String> {
    let items = node.and_then(Yaml::as_sequence).into_iter().flatten();
    items.map(|item| item.as_str().unwrap().to_owned()).collect()
}

/// Runs a case; `None` when it needs more than actions.
fn run(case: &Yaml<'_>) -> Option<Ran> {
    let field = |name: &str| case.as_mapping_get(name);
    let text = |name: &str| field(name).and_then(Yaml::as_str);
    let setup = texts(field("setup"));
    let is_actions = setup.iter().all(|text| text.contains("CREATE") && text.contains("ACTION"));
    if !is_actions || field("fixture").is_some() || field("check").is_some() {
        return None;
    }
    let mut script = setup.join(";\n");
    let (mut namespace, mut action, mut arguments) = ("main", "t", Vec::new());
    match text("do")? {
        "body" => {
            let returns = text("ret").filter(|returns| !returns.is_empty());
            let returns = returns.map(|returns| format!("RETURNS {returns}")).unwrap_or_default();
            script.push_str(if script.is_empty() { "" } else { ";\n" });
            let body = text("body")?;
            script.push_str(&format!("CREATE ACTION t() PUBLIC VIEW {returns} {{ {body} }}"));
        }
        "call" => {
            let call = field("call")?;
            let name = |name: &str| call.as_mapping_get(name).and_then(Yaml::as_str);
            namespace = name("ns").filter(|name| !name.is_empty()).unwrap_or("main");
            action = name("action")?;
            let given = call.as_mapping_get("args").and_then(Yaml::as_sequence);
            for given in given.into_iter().flatten() {
                arguments.push(argument(given)?);
            }
        }
        _ => return None,
    }
    let mut session = Recorder::new();
    if !script.is_empty() {
        // What is refused when the action is made is not for here.
        let statements = kwil_lang::parse_script(&script).ok()?;
        for statement in &statements {
            let kwil_lang::ast::StatementKind::CreateAction(action) = &statement.kind else {
                return None;
            };
            kwil_lang::analyze::check_action(action).ok()?;
        }
        session = session.with_actions(&script);
    }
    if field("readonly").and_then(Yaml::as_bool) == Some(true) {
        session = session.reading();
    }
    let env = |name: &str| field("env").and_then(|env| env.as_mapping_get(name));
    let invocation = Invocation {
        caller: text("caller").unwrap_or("owner").to_owned(),
        height: env("height").and_then(Yaml::as_integer).unwrap_or(1),
        block_timestamp: env("timestamp").and_then(Yaml::as_integer).unwrap_or(0),
        txid: env("txid").and_then(Yaml::as_str).unwrap_or("").to_owned(),
        ..Invocation::default()
    };
    let call = Call { invocation, namespace, ..Call::default() };
    Some(call.run(&mut session, &action.to_ascii_lowercase(), arguments))
}

fn check(case: &Yaml<'_>, ran: &Ran) -> Result<(), String> {
    let expect = case.as_mapping_get("expect").unwrap();
    let wanted = |name: &str| expect.as_mapping_get(name);
    let compare = |what: &str, got: String, wanted: String| {
        if got == wanted { Ok(()) } else { Err(format!("{what}: got {got}, wanted {wanted}")) }
    };
    let class = ran.failure.as_ref().map_or("none", |(class, _)| class);
    let shown = || format!("{:?}", ran.failure);
    let error = wanted("error").and_then(Yaml::as_str).unwrap_or("none");
    compare("failure", class.to_owned(), error.to_owned()).map_err(|text| text + &shown())?;
    let message = ran.failure.as_ref().map_or("", |(_, message)| message);
    let part = wanted("contains").and_then(Yaml::as_str).unwrap_or("");
    if !message.contains(part) {
        return Err(format!("message {message:?} without {part:?}"));
    }
    if let Some(rows) = wanted("rows") {
        let row = |row: &Vec<Value>| {
            format!("[{}]", row.iter().map(written).collect::<Vec<_>>().join(", "))
        };
        let got = ran.rows.iter().map(row).collect::<Vec<_>>().join(", ");
        compare("rows", format!("[{got}]"), expected(rows))?;
    }
    if let Some(columns) = wanted("columns") {
        compare("columns", format!("{:?}", ran.columns), format!("{:?}", texts(Some(columns))))?;
    }
    if let Some(logs) = wanted("logs") {
        let lines = texts(Some(logs)).into_iter().enumerate();
        let lines = lines.map(|(number, line)| format!("{}. {line}", number + 1));
        compare("log", ran.log.clone(), lines.collect::<Vec<_>>().join("\n"))?;
    }
    Ok(())
}

#[test]
fn cases_without_rows_come_out_as_expected() {
    let text = cases();
    let documents = Yaml::load_from_str(&text).unwrap();
    let cases = documents[0].as_mapping_get("cases").and_then(Yaml::as_sequence).unwrap();
    let (mut ran, mut wrong) = (0, Vec::new());
    for case in cases {
        let Some(outcome) = run(case) else { continue };
        ran += 1;
        if let Err(text) = check(case, &outcome) {
            let id = case.as_mapping_get("id").and_then(Yaml::as_str).unwrap();
            wrong.push(format!("{id}: {text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(ran > 70, "only {ran} cases ran");
}
