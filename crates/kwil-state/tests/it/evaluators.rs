//! Nested expressions mean the same in an action and in SQL, wherever the language says that they do.
//!
//! Left out is what it lets differ: NULL beside AND and OR, casts with a table of their own in actions, arrays of no
//! elements, indexes that PostgreSQL's integers have no room for, and numbers that are rounded after each step in an action but once in SQL (each step has a cast here).
//! Actions evaluate everything, SQL need not: where something is lazy, SQL may succeed alone.

use std::collections::BTreeMap;

use kwil_engine::{Call, Engine, EngineError, Extensions, Invocation, Limits, Outcome};
use kwil_engine::{QueryResult, ReadLimits, Results, Terms};
use kwil_lang::testing::Random;
use kwil_state::testing::{TestDatabase, genesis_with_language, write_session};
use kwil_state::{Block, NodeFault, Writer};
use kwil_types::{Array, DataType, Decimal, Scalar, TypeKind, Value};
use tokio_util::sync::CancellationToken;

use crate::fixture::identity;

const EXPRESSIONS: u64 = 2_000;
const NUMBER: &str = "numeric(10,2)";
const TYPES: [&str; 8] = ["int8", "text", "bool", NUMBER, "bytea", "uuid", "int8[]", "text[]"];
const PARAMETERS: &str =
    "$i INT8, $s TEXT, $n NUMERIC(10,2), $b BOOL, $l INT8[], $t TEXT[], $u UUID, $x BYTEA";
const NAMES: [&str; 8] = ["$i", "$s", "$n", "$b", "$l", "$t", "$u", "$x"];

/// Writes one expression.
struct Maker<'r> {
    random: &'r mut Random,
    /// SQL may leave out a part of it.
    is_lazy: bool,
}

impl Maker<'_> {
    fn one(&mut self, from: &[&'static str]) -> &'static str {
        self.random.choose::<&'static str>(from)
    }

    fn leaf(&mut self, of: &str) -> String {
        let leaves: &[&'static str] = match of {
            "int8" => &[
                "0",
                "1",
                "2",
                "-3",
                "7",
                "9223372036854775807",
                "$i",
                "$i",
                "NULL::int8",
                "'+12'::int8",
            ],
            "text" => {
                &["''", "'a'", "'B'", "'\u{e9}b'", "'it''s'", "'12'", "$s", "$s", "NULL::text"]
            }
            "bool" => &["true", "false", "$b", "$b", "NULL::bool", "'t'::bool"],
            NUMBER => &[
                "1.50::numeric(10,2)",
                "-7.255::numeric(10,2)",
                "'99999999.99'::numeric(10,2)",
                "$n",
                "$n",
                "NULL::numeric(10,2)",
                "0::numeric(10,2)",
            ],
            "bytea" => &["0x01", "0x00ff", "$x", "NULL::bytea"],
            "uuid" => &["'a247cac1-d817-4949-bac7-dc4b1dc41d09'::uuid", "$u", "NULL::uuid"],
            "int8[]" => &["ARRAY[3,1,NULL]", "$l", "$l", "NULL::int8[]"],
            _ => &["ARRAY['a',NULL,'B']", "$t", "$t", "NULL::text[]"],
        };
        self.one(leaves).to_owned()
    }

    fn expr(&mut self, of: &'static str, depth: usize) -> String {
        let Some(depth) = depth.checked_sub(1) else { return self.leaf(of) };
        match self.random.below(9) {
            0 => self.leaf(of),
            1 => {
                self.is_lazy = true;
                format!("coalesce({}, {})", self.expr(of, depth), self.expr(of, depth))
            }
            2 if of != "int8[]" && of != "text[]" => {
                format!("nullif({}, {})", self.expr(of, depth), self.expr(of, depth))
            }
            _ => match of {
                "int8" => self.integer(depth),
                "text" => self.text(depth),
                "bool" => self.truth(depth),
                NUMBER => self.decimal(depth),
                "bytea" => match self.random.below(2) {
                    0 => format!("digest({}, 'sha256')", self.expr("text", depth)),
                    _ => {
                        format!("({} || {})", self.expr("bytea", depth), self.expr("bytea", depth))
                    }
                },
                "uuid" => match self.random.below(3) {
                    0 => format!("uuid_generate_kwil({})", self.expr("text", depth)),
                    1 => format!("(({})::text)::uuid", self.expr("uuid", depth)),
                    _ => format!(
                        "uuid_generate_v5({}, {})",
                        self.expr("uuid", depth),
                        self.expr("text", depth)
                    ),
                },
                "int8[]" => self.array("int8", "int8[]", depth),
                _ => self.array("text", "text[]", depth),
            },
        }
    }

    fn integer(&mut self, depth: usize) -> String {
        let a = self.expr("int8", depth);
        match self.random.below(10) {
            0 => format!("length({})", self.expr("text", depth)),
            1 => format!("octet_length({})", self.expr("text", depth)),
            2 => format!("position({}, {})", self.expr("text", depth), self.expr("text", depth)),
            3 => format!("(({a})::text)::int8"),
            4 => format!("({})[{a} % 9]", self.expr("int8[]", depth)),
            5 => format!("abs({a})"),
            6 => format!("greatest({a}, {})", self.expr("int8", depth)),
            7 => format!("(- {a})"),
            _ => format!(
                "({a} {} {})",
                self.one(&["+", "-", "*", "/", "%"]),
                self.expr("int8", depth)
            ),
        }
    }

    fn decimal(&mut self, depth: usize) -> String {
        let a = self.expr(NUMBER, depth);
        match self.random.below(6) {
            0 => format!("({})::numeric(10,2)", self.expr("int8", depth)),
            1 => format!("(({a})::text)::numeric(10,2)"),
            2 => format!("least({a}, {})", self.expr(NUMBER, depth)),
            3 => format!("(- {a})"),
            _ => {
                let op = self.one(&["+", "-", "*", "/", "%"]);
                format!("({a} {op} {})::numeric(10,2)", self.expr(NUMBER, depth))
            }
        }
    }

    fn text(&mut self, depth: usize) -> String {
        let a = self.expr("text", depth);
        match self.random.below(14) {
            0 => format!("lower({a})"),
            1 => format!("upper({a})"),
            2 => format!("({})::text", self.expr("int8", depth)),
            3 => format!("({})::text", self.expr(NUMBER, depth)),
            4 => format!("({})::text", self.expr("bool", depth)),
            5 => format!("({})::text", self.expr("uuid", depth)),
            6 => format!("substring({a}, {}, 2)", self.expr("int8", depth)),
            7 => format!("lpad({a}, 5, {})", self.expr("text", depth)),
            8 => format!("overlay({a}, {}, 2)", self.expr("text", depth)),
            9 => format!("trim({a}, {})", self.expr("text", depth)),
            10 => format!("format('%s-%5s', {a}, {})", self.expr("bool", depth)),
            11 => format!("({})[{} % 9]", self.expr("text[]", depth), self.expr("int8", 0)),
            12 => format!("encode({}, 'hex')", self.expr("bytea", depth)),
            _ => format!("({a} || {})", self.expr("text", depth)),
        }
    }

    fn truth(&mut self, depth: usize) -> String {
        let of = self.one(&TYPES);
        let (a, b) = (self.expr(of, depth), self.expr(of, depth));
        let has_order = matches!(of, "int8" | "text" | "bool" | NUMBER);
        match self.random.below(8) {
            0 => format!("(({a}) IS NULL)"),
            1 => format!("(({a}) IS DISTINCT FROM {b})"),
            2 => format!("(NOT {})", self.expr("bool", depth)),
            3 | 4 => {
                self.is_lazy = true;
                let op = self.one(&["AND", "OR"]);
                let (left, right) = (self.expr("bool", depth), self.expr("bool", depth));
                format!("(coalesce({left}, false) {op} coalesce({right}, true))")
            }
            5 if has_order => format!("({a} {} {b})", self.one(&["<", "<=", ">", ">="])),
            _ => format!("({a} {} {b})", self.one(&["=", "!="])),
        }
    }

    fn array(&mut self, element: &'static str, of: &'static str, depth: usize) -> String {
        let a = self.expr(of, depth);
        match self.random.below(6) {
            0 => {
                format!("ARRAY[{}, {}]::{of}", self.expr(element, depth), self.expr(element, depth))
            }
            1 => format!("array_append({a}, {})", self.expr(element, depth)),
            2 => {
                let (item, or) =
                    (self.expr(element, depth), if element == "int8" { "1" } else { "'a'" });
                self.is_lazy = true;
                format!("array_remove({a}, coalesce({item}, {or}))")
            }
            3 => format!("({a})[1:{} % 9]", self.expr("int8", depth)),
            4 => format!("({a})[2:]"),
            _ => format!("array_cat({a}, {})", self.expr(of, depth)),
        }
    }
}

fn arguments(random: &mut Random) -> Vec<Value> {
    let number = |text| Value::Scalar(Scalar::Numeric(Decimal::parse(text, 10, 2).unwrap()));
    let all = [
        Value::from(*random.choose(&[0, 1, -1, 5, i64::MIN, i64::MAX])),
        Value::from(*random.choose(&["", "a", "Ab\u{e9}", "17", "  "])),
        number(*random.choose(&["0", "1.50", "-3.33", "12345678.90"])),
        Value::from(random.below(2) == 0),
        Value::Array(
            Array::new(TypeKind::Int8, vec![Some(Scalar::Int8(1)), None, Some(Scalar::Int8(1))])
                .unwrap(),
        ),
        Value::Array(
            Array::new(TypeKind::Text, vec![Some(Scalar::Text("a".into())), None]).unwrap(),
        ),
        Value::Scalar(Scalar::Uuid(uuid::Uuid::from_u128(7))),
        Value::Scalar(Scalar::Bytea(vec![0, 0xff].into())),
    ];
    let typed = |value: Value| match random.below(6) {
        0 => Value::Null(value.data_type()),
        _ => value,
    };
    all.into_iter().map(typed).collect()
}

/// The value, or what failed.
fn value(outcome: Outcome<NodeFault>, of: DataType) -> Result<Value, String> {
    match outcome.result {
        Ok(QueryResult { rows, .. }) => {
            let value = rows[0][0].clone();
            assert_eq!(value.data_type(), of);
            Ok(value)
        }
        Err(EngineError::Failed(failure)) => Err(format!("{}: {failure}", failure.class_name())),
        Err(EngineError::Fault(fault)) => panic!("{fault}"),
    }
}

struct Both<'b, 'w> {
    engine: Engine,
    block: &'b mut Block<'w>,
}

impl Both<'_, '_> {
    /// What an action makes of an expression, and what SQL makes of it.
    async fn evaluate(
        &mut self,
        (of, expression): (&str, &str),
        arguments: &[Value],
    ) -> [Result<Value, String>; 2] {
        let invocation = Invocation { caller: "owner".into(), ..Invocation::default() };
        let terms = Terms { invocation: &invocation, limits: &Limits::NETWORK };
        let results = Results::Collect(ReadLimits { rows: 10, bytes: 1 << 24 });
        let data_type = kwil_lang::parse_type(of).unwrap().data_type;
        let create = format!(
            "CREATE OR REPLACE ACTION e({PARAMETERS}) PUBLIC VIEW RETURNS (v {of}) {{ RETURN {expression}; }}"
        );
        let mut session = write_session(self.block).unwrap();
        let made = self
            .engine
            .run_script(&mut session, terms, &create, BTreeMap::new(), Results::Discard)
            .await;
        made.result.unwrap_or_else(|error| panic!("{expression}\n{error:?}"));
        drop(session);
        self.block.savepoint().await.unwrap();
        let mut session = write_session(self.block).unwrap();
        let call = Call { namespace: "main", action: "e", arguments: arguments.to_vec() };
        let ours = value(self.engine.call(&mut session, terms, call, results).await, data_type);
        drop(session);
        self.block.rollback().await.unwrap();
        self.block.savepoint().await.unwrap();
        let mut session = write_session(self.block).unwrap();
        let parameters =
            NAMES.iter().map(|name| (*name).to_owned()).zip(arguments.iter().cloned()).collect();
        let query = format!("SELECT {expression} AS v");
        let outcome =
            self.engine.run_script(&mut session, terms, &query, parameters, results).await;
        let theirs = value(outcome, data_type);
        drop(session);
        self.block.rollback().await.unwrap();
        [ours, theirs]
    }
}

#[tokio::test]
async fn nested_expressions_agree() {
    let database = TestDatabase::create().await;
    let mut writer = Writer::open(database.endpoint().clone(), Some(identity())).await.unwrap();
    let mut block = writer.begin(0, CancellationToken::new()).await.unwrap();
    genesis_with_language(&mut block, &identity(), "owner").await.unwrap();
    let mut both = Both { engine: Engine::new(Extensions::new()), block: &mut block };
    let (mut equal, mut failed, mut wrong) = (0, 0, Vec::new());
    for seed in 0..EXPRESSIONS {
        let mut random = Random::new(seed);
        let of = *random.choose(&TYPES);
        let mut maker = Maker { random: &mut random, is_lazy: false };
        let expression = maker.expr(of, 4);
        // PostgreSQL computes nothing of an operation whose one operand is a constant NULL.
        let is_lazy = maker.is_lazy || expression.contains("NULL");
        let arguments = arguments(&mut random);
        let [ours, theirs] = both.evaluate((of, &expression), &arguments).await;
        match (&ours, &theirs) {
            (Ok(ours), Ok(theirs)) if ours == theirs => equal += 1,
            (Err(_), Err(_)) => failed += 1,
            (Err(_), Ok(_)) if is_lazy => {}
            _ => wrong.push(format!(
                "{expression}\n  with {arguments:?}\n  action: {ours:?}\n  sql:    {theirs:?}"
            )),
        }
    }
    writer.abort().await;
    let count = wrong.len();
    wrong.sort_by_key(String::len);
    wrong.truncate(12);
    assert!(count == 0, "{count} differ:\n{}", wrong.join("\n"));
    assert!(equal > 1_000 && failed > 100, "{equal} equal, {failed} failed");
}
