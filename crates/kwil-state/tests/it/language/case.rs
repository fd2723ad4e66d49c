//! What a case says.

use std::collections::BTreeMap;

use kwil_engine::QueryResult;
use kwil_types::{Scalar, Value};
use saphyr::{LoadableYamlNode as _, Yaml};

use super::Got;
use super::notation::value;

/// What a case does.
#[derive(Clone, Debug)]
pub(super) enum Do {
    Parse(String),
    Script(String),
    Call {
        namespace: String,
        action: String,
        arguments: Vec<Value>,
    },
    /// The statement that makes the action `t`, which is called then.
    Body(String),
}

/// A case.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) id: String,
    pub(super) run: Do,
    pub(super) setup: Vec<String>,
    pub(super) caller: String,
    pub(super) height: i64,
    pub(super) timestamp: i64,
    pub(super) txid: String,
    pub(super) readonly: bool,
    pub(super) restart: bool,
    pub(super) parameters: BTreeMap<String, Value>,
    pub(super) check: Option<String>,
    pub(super) expect: Expect,
}

/// What a case expects.
#[derive(Clone, Debug, Default)]
pub(super) struct Expect {
    rows: Option<Vec<Vec<Value>>>,
    columns: Option<Vec<String>>,
    types: Option<Vec<String>>,
    logs: Option<Vec<String>>,
    error: Option<String>,
    contains: Option<String>,
}

/// The fields of a mapping, each taken once; what is left is unknown.
struct Fields<'y> {
    of: String,
    left: BTreeMap<String, &'y Yaml<'y>>,
}

impl<'y> Fields<'y> {
    fn new(of: &str, node: &'y Yaml<'y>) -> Self {
        let entries = node.as_mapping().unwrap_or_else(|| panic!("{of}: not a mapping"));
        let left = entries.iter().map(|(name, node)| (name.as_str().unwrap().to_owned(), node));
        Self { of: of.to_owned(), left: left.collect() }
    }

    fn take(&mut self, name: &str) -> Option<&'y Yaml<'y>> {
        self.left.remove(name)
    }

    fn text(&mut self, name: &str) -> Option<String> {
        let node = self.take(name)?;
        Some(node.as_str().unwrap_or_else(|| panic!("{}: {name} is no text", self.of)).to_owned())
    }

    fn texts(&mut self, name: &str) -> Option<Vec<String>> {
        self.take(name).map(texts)
    }

    fn number(&mut self, name: &str) -> Option<i64> {
        self.take(name).map(|node| node.as_integer().unwrap())
    }

    fn truth(&mut self, name: &str) -> bool {
        self.take(name).is_some_and(|node| node.as_bool().unwrap())
    }

    fn end(self) {
        assert!(self.left.is_empty(), "{}: unknown fields {:?}", self.of, self.left.keys());
    }
}

fn texts(node: &Yaml<'_>) -> Vec<String> {
    node.as_sequence().unwrap().iter().map(|item| item.as_str().unwrap().to_owned()).collect()
}

/// Every case of the file.
pub(super) fn cases() -> Vec<Case> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/language-cases.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let documents = Yaml::load_from_str(&text).unwrap();
    let mut root = Fields::new("file", &documents[0]);
    assert_eq!(root.number("format"), Some(1));
    let fixtures = root.take("fixtures").unwrap();
    let cases = root.take("cases").and_then(Yaml::as_sequence).unwrap();
    let cases = cases.iter().map(|node| case(fixtures, node)).collect();
    root.end();
    cases
}

fn case(fixtures: &Yaml<'_>, node: &Yaml<'_>) -> Case {
    let mut fields = Fields::new("case", node);
    let id = fields.text("id").unwrap();
    fields.of.clone_from(&id);
    for known in ["area", "prio", "note"] {
        fields.text(known);
    }
    fields.truth("ours");
    let mut setup = Vec::new();
    if let Some(name) = fields.text("fixture") {
        let fixture = fixtures.as_mapping_get(&name);
        setup.extend(texts(fixture.unwrap_or_else(|| panic!("{id}: unknown fixture {name}"))));
    }
    setup.extend(fields.texts("setup").unwrap_or_default());
    let (mut height, mut timestamp, mut txid) = (1, 0, String::new());
    if let Some(env) = fields.take("env") {
        let mut env = Fields::new(&id, env);
        height = env.number("height").unwrap_or(height);
        timestamp = env.number("timestamp").unwrap_or(timestamp);
        txid = env.text("txid").unwrap_or(txid);
        env.end();
    }
    let parameters = fields.take("params").and_then(Yaml::as_mapping).into_iter().flatten();
    let parameters =
        parameters.map(|(name, node)| (name.as_str().unwrap().to_owned(), value(node))).collect();
    let case = Case {
        run: what(&id, &mut fields),
        setup,
        caller: fields.text("caller").unwrap_or_else(|| super::OWNER.into()),
        height,
        timestamp,
        txid,
        readonly: fields.truth("readonly"),
        restart: fields.truth("restart"),
        parameters,
        check: fields.text("check"),
        expect: expect(&id, fields.take("expect").unwrap()),
        id,
    };
    fields.end();
    case
}

fn what(id: &str, fields: &mut Fields<'_>) -> Do {
    match fields.text("do").unwrap().as_str() {
        "parse" => Do::Parse(fields.text("sql").unwrap()),
        "exec" | "query" => Do::Script(fields.text("sql").unwrap()),
        "call" => {
            let mut call = Fields::new(id, fields.take("call").unwrap());
            let arguments = call.take("args").and_then(Yaml::as_sequence).into_iter().flatten();
            let arguments = arguments.map(value).collect();
            let namespace = call.text("ns").unwrap_or_else(|| "main".into());
            let action = call.text("action").unwrap();
            call.end();
            Do::Call { namespace, action, arguments }
        }
        "body" => {
            let returns = fields.text("ret").filter(|returns| !returns.is_empty());
            let returns = returns.map(|returns| format!("RETURNS {returns} ")).unwrap_or_default();
            let body = fields.text("body").unwrap();
            Do::Body(format!("CREATE ACTION t() PUBLIC VIEW {returns}{{ {body} }}"))
        }
        other => panic!("{id}: unknown kind of case: {other}"),
    }
}

fn expect(id: &str, node: &Yaml<'_>) -> Expect {
    let mut fields = Fields::new(id, node);
    let row = |row: &Yaml<'_>| row.as_sequence().unwrap().iter().map(value).collect();
    let rows = fields.take("rows").and_then(Yaml::as_sequence);
    let ok = fields.truth("ok");
    let expect = Expect {
        rows: rows.map(|rows| rows.iter().map(row).collect()),
        columns: fields.texts("columns"),
        types: fields.texts("types"),
        logs: fields.texts("logs"),
        error: fields.text("error"),
        contains: fields.text("contains"),
    };
    fields.end();
    let says_something = ok || expect.error.is_some() || expect.rows.is_some();
    assert!(says_something || expect.columns.is_some() || expect.types.is_some(), "{id}: empty");
    expect
}

impl Expect {
    /// Compares with what came out; `checked` is the answer to the question afterwards.
    pub(super) fn compare(&self, got: Got, checked: Option<Got>) -> Result<(), String> {
        let Got { result, log } = got;
        if let Some(lines) = &self.logs {
            let lines: Vec<_> = (1..).zip(lines).map(|(n, line)| format!("{n}. {line}")).collect();
            let wanted = lines.join("\n");
            if log != wanted {
                return Err(format!("log is {log:?}, must be {wanted:?}"));
            }
        }
        let own = match (&self.error, result) {
            (None, Ok(result)) => result,
            (None, Err(failure)) => return Err(format!("{}: {failure}", failure.class_name())),
            (Some(wanted), Ok(result)) => {
                return Err(format!("succeeded with {:?}, must be {wanted}", result.rows));
            }
            (Some(wanted), Err(failure)) => {
                let contains = self.contains.as_deref().unwrap_or_default();
                if failure.class_name() != *wanted || !failure.message.contains(contains) {
                    let class = failure.class_name();
                    return Err(format!("{class}: {failure}; must be {wanted} with {contains:?}"));
                }
                QueryResult::default()
            }
        };
        let shown = match checked {
            None => own,
            Some(Got { result: Ok(result), .. }) => result,
            Some(Got { result: Err(failure), .. }) => return Err(format!("check: {failure}")),
        };
        self.compare_rows(&shown)
    }

    fn compare_rows(&self, got: &QueryResult) -> Result<(), String> {
        let differs = |what: &str, got: String, wanted: String| {
            if got == wanted { Ok(()) } else { Err(format!("{what} {got}, must be {wanted}")) }
        };
        if let Some(columns) = &self.columns {
            let names: Vec<_> = got.columns.iter().map(|column| column.name.to_string()).collect();
            differs("columns", format!("{names:?}"), format!("{columns:?}"))?;
        }
        if let Some(types) = &self.types {
            let found: Vec<_> = got.columns.iter().map(|it| it.data_type.to_string()).collect();
            differs("types", format!("{found:?}"), format!("{types:?}"))?;
        }
        let Some(rows) = &self.rows else { return Ok(()) };
        let row_matches = |(got, wanted): (&Vec<Value>, &Vec<Value>)| {
            got.len() == wanted.len() && got.iter().zip(wanted).all(|(got, it)| same(got, it))
        };
        if got.rows.len() == rows.len() && got.rows.iter().zip(rows).all(row_matches) {
            return Ok(());
        }
        Err(format!("rows {:?}, must be {rows:?}", got.rows))
    }
}

/// NULLs of all types are equal; numbers are compared by their digits.
fn same(got: &Value, wanted: &Value) -> bool {
    match (got, wanted) {
        (Value::Null(_), Value::Null(_)) => true,
        (Value::Scalar(got), Value::Scalar(wanted)) => same_scalar(got, wanted),
        (Value::Array(got), Value::Array(wanted)) => {
            got.items().len() == wanted.items().len()
                && got.items().iter().zip(wanted.items()).all(|pair| match pair {
                    (None, None) => true,
                    (Some(got), Some(wanted)) => same_scalar(got, wanted),
                    _ => false,
                })
        }
        _ => false,
    }
}

fn same_scalar(got: &Scalar, wanted: &Scalar) -> bool {
    match (got, wanted) {
        (Scalar::Numeric(got), Scalar::Numeric(wanted)) => got.to_string() == wanted.to_string(),
        (Scalar::Numeric(got), Scalar::Int8(wanted)) => got.to_i64() == Some(*wanted),
        (got, wanted) => got == wanted,
    }
}
