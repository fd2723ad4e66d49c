//! What the analysis accepts, the server runs: random statements, and the deepest ones.

use std::collections::BTreeMap;

use kwil_engine::{
    Engine, EngineError, Extensions, FailureClass, Invocation, Limits, ReadLimits, Results,
    Session, Terms,
};
use kwil_lang::testing::{Random, SAMPLE_SCHEMA, SAMPLE_VARIABLES};
use kwil_lang::{ErrorClass, parse_type};
use kwil_state::testing::{TestDatabase, genesis_with_language, reads_of, write_session};
use kwil_state::{Database, NodeFault, ReadBounds, ReadError, Writer};
use kwil_types::{Array, Decimal, Scalar, TypeKind, Value};
use sqlx::AssertSqlSafe;
use tokio_util::sync::CancellationToken;

use crate::fixture::{commit, identity, next};

const SEEDS: u64 = 1_500;
const READ: ReadLimits = ReadLimits { rows: 100_000, bytes: 64 << 20 };

fn engine() -> Engine {
    Engine::new(Extensions::new())
}

fn invocation() -> Invocation {
    Invocation { caller: "owner".into(), ..Invocation::default() }
}

async fn genesis() -> (TestDatabase, Writer) {
    let database = TestDatabase::create().await;
    let mut writer = Writer::open(database.endpoint().clone(), Some(identity())).await.unwrap();
    let mut block = writer.begin(0, CancellationToken::new()).await.unwrap();
    genesis_with_language(&mut block, &identity(), "owner").await.unwrap();
    commit(&mut writer).await;
    (database, writer)
}

type Ran = Result<(), EngineError<NodeFault>>;

async fn run<S: Session<Fault = NodeFault>>(
    session: &mut S,
    source: &str,
    parameters: BTreeMap<String, Value>,
) -> Ran {
    let invocation = invocation();
    let terms = Terms { invocation: &invocation, limits: &Limits::NETWORK };
    let results = Results::Collect(READ);
    engine().run_script(session, terms, source, parameters, results).await.result.map(drop)
}

/// Values for the variables of the statements.
fn variables(random: &mut Random) -> BTreeMap<String, Value> {
    let value = |(name, of): &(&str, &str)| {
        let data_type = parse_type(of).unwrap().data_type;
        let value = match (random.below(6), *of) {
            (0, _) => Value::Null(data_type),
            (_, "int8") => Value::from(i64::try_from(random.below(5)).unwrap() - 1),
            (_, "text") => Value::from("B"),
            (_, "bool") => Value::from(random.below(2) == 0),
            (_, "numeric(10,2)") => {
                Value::Scalar(Scalar::Numeric(Decimal::parse("3.25", 10, 2).unwrap()))
            }
            _ => {
                Value::Array(Array::new(TypeKind::Int8, vec![Some(Scalar::Int8(3)), None]).unwrap())
            }
        };
        ((*name).to_owned(), value)
    };
    SAMPLE_VARIABLES.iter().map(value).collect()
}

/// A failure must be one of the data: the server understood the statement and found its types in order.
fn check(source: &str, ran: Ran) -> bool {
    match ran {
        Ok(()) => true,
        Err(EngineError::Failed(failure)) => {
            if let FailureClass::Sql(state) = &failure.class {
                let of_data = ["21", "22", "23", "54"].iter().any(|class| state.starts_with(class));
                assert!(of_data, "{source}\n{failure}");
            }
            false
        }
        Err(EngineError::Fault(fault)) => panic!("{source}\n{fault}"),
    }
}

#[tokio::test]
async fn the_server_runs_what_the_analysis_accepts() {
    let (database, mut writer) = genesis().await;
    let mut block = next(&mut writer).await;
    run(&mut write_session(&mut block).unwrap(), SAMPLE_SCHEMA, BTreeMap::new()).await.unwrap();
    let rows = "INSERT INTO acct VALUES
            (1, 'a', 1.50::numeric(10,2), true, 0x01, 'a247cac1-d817-4949-bac7-dc4b1dc41d09'::uuid, ARRAY['a',NULL], ARRAY[1,2]),
            (2, 'B', NULL, NULL, NULL, NULL, NULL, NULL), (3, '\u{e9}', -7.25::numeric(10,2), false, 0x02, NULL, ARRAY['12'], NULL);
        INSERT INTO item VALUES (1, 1, 'a', 1.50::numeric(10,2), true), (1, 2, NULL, NULL, NULL), (2, 1, 'B', NULL, false);";
    run(&mut write_session(&mut block).unwrap(), rows, BTreeMap::new()).await.unwrap();
    let (mut ok, mut analysed) = (0, 0);
    for seed in 0..SEEDS {
        let mut random = Random::new(seed);
        let (source, variables) = (random.typed_statement(), variables(&mut random));
        block.savepoint().await.unwrap();
        let ran = run(&mut write_session(&mut block).unwrap(), &source, variables).await;
        analysed += usize::from(!matches!(&ran, Err(EngineError::Failed(failure))
            if matches!(failure.class, FailureClass::Lang(_))));
        ok += usize::from(check(&source, ran));
        block.rollback().await.unwrap();
    }
    commit(&mut writer).await;
    assert!(analysed > 1_000 && ok > 400, "{analysed} passed the analysis, {ok} ran");

    // The same for clients, whose statements are not rewritten.
    let reads = reads_of(&writer, engine(), &Database::new(database.endpoint().clone(), 10));
    let mut ok = 0;
    for seed in 0..SEEDS / 3 {
        let mut random = Random::new(seed);
        let (source, variables) = (random.typed_statement(), variables(&mut random));
        if !source.starts_with("SELECT") {
            continue;
        }
        let read = reads.query(&source, variables, invocation(), ReadBounds::default()).await;
        ok += usize::from(check(
            &source,
            match read {
                Ok(_) => Ok(()),
                Err(ReadError::Failed(failure)) => Err(EngineError::Failed(failure)),
                Err(ReadError::Node(fault)) => Err(EngineError::Fault(fault)),
                Err(error) => panic!("{source}\n{error}"),
            },
        ));
    }
    assert!(ok > 60, "{ok} queries ran");
}

/// Statements that grow: the parts before, repeated, between and behind.
const SHAPES: [(&str, &str, &str, &str, &str); 23] = [
    ("sums", "SELECT ", "1 + ", "1", ""),
    ("decimals", "SELECT ", "1.0 * ", "1.0", ""),
    ("texts", "SELECT ", "'a' || ", "'a'", ""),
    ("conditions", "SELECT ", "true AND ", "false", ""),
    ("other conditions", "SELECT id FROM t WHERE ", "id = 1 OR ", "id = 2", ""),
    ("fallible conditions", "SELECT id FROM t WHERE ", "10 / id = 1 AND ", "id = 2", ""),
    ("comparisons", "SELECT ", "true = ", "true", ""),
    ("negations", "SELECT ", "NOT ", "true", ""),
    ("signs", "SELECT ", "- ", "1::int8", ""),
    ("brackets", "SELECT ", "(", "1", ")"),
    ("left sums", "SELECT ", "(", "1", " + 1)"),
    ("right sums", "SELECT ", "(1 + ", "1", ")"),
    ("casts", "SELECT ", "", "1", "::text::int8"),
    ("calls", "SELECT ", "abs(", "1", ")"),
    ("texts in calls", "SELECT ", "lower(", "'a'", ")"),
    ("cases", "SELECT ", "CASE WHEN true THEN 1 ELSE ", "2", " END"),
    ("subqueries", "SELECT ", "(SELECT ", "1", ")"),
    ("relations", "SELECT x FROM ", "(SELECT x FROM ", "(SELECT 1 AS x) AS a", ") AS a"),
    ("existence", "SELECT ", "EXISTS (SELECT 1 FROM t WHERE ", "true", ")"),
    ("lists", "SELECT 1 IN (", "1, ", "2", ")"),
    ("branches", "SELECT 1", " UNION ALL SELECT 1", "", ""),
    ("joins", "SELECT a.id FROM t AS a", " JOIN t AS b ON a.id = 1", "", ""),
    ("elements", "SELECT ", "array_append(", "ARRAY[1]", ", 1)"),
];

fn grown(
    (_, head, before, middle, behind): (&str, &str, &str, &str, &str),
    times: usize,
) -> String {
    let behind = match head {
        "SELECT 1 IN (" => behind.to_owned(),
        _ => behind.repeat(times),
    };
    let repeated = if before.contains(" AS b ") {
        (0..times).map(|number| before.replace(" b ", &format!(" b{number} "))).collect()
    } else {
        before.repeat(times)
    };
    format!("{head}{repeated}{middle}{behind}")
}

/// How often a part may be repeated before the statement is refused as too deep or too large; at most `most`.
async fn largest<S: Session<Fault = NodeFault>>(
    session: &mut S,
    shape: (&str, &str, &str, &str, &str),
    most: usize,
) -> usize {
    let (mut fits, mut refused) = (0, most + 1);
    while fits + 1 < refused {
        let middle = usize::midpoint(fits, refused);
        let ran = run(session, &grown(shape, middle), BTreeMap::new()).await;
        match ran {
            Ok(()) => fits = middle,
            Err(EngineError::Failed(failure)) => {
                let is_limit = match &failure.class {
                    FailureClass::Lang(class) => {
                        *class == ErrorClass::Syntax || failure.message.contains("at most")
                    }
                    _ => false,
                };
                assert!(is_limit, "{} {middle} times: {failure}", shape.0);
                refused = middle;
            }
            Err(EngineError::Fault(fault)) => panic!("{} {middle} times: {fault}", shape.0),
        }
    }
    fits
}

#[tokio::test]
async fn the_deepest_statement_needs_no_more_than_the_default_stack() {
    let (database, mut writer) = genesis().await;
    let name = database.endpoint().database().to_owned();
    let mut root = database.connect_superuser().await;
    let sql = format!("ALTER DATABASE {name} SET max_stack_depth = '2MB'");
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut root).await.unwrap();
    writer.close().await;
    writer = Writer::open(database.endpoint().clone(), Some(identity())).await.unwrap();
    let mut block = next(&mut writer).await;
    let depth = block.query("SELECT pg_catalog.current_setting('max_stack_depth')").await.unwrap();
    assert_eq!(sqlx::Row::get::<String, _>(&depth[0], 0), "2MB");
    let mut session = write_session(&mut block).unwrap();
    let table = "CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1)";
    run(&mut session, table, BTreeMap::new()).await.unwrap();
    let mut found = Vec::new();
    for shape in SHAPES {
        found.push((shape.0, largest(&mut session, shape, 3_000).await));
    }
    let least = |name: &str| found.iter().find(|(shape, _)| *shape == name).unwrap().1;
    assert!(least("sums") >= 1_000 && least("brackets") >= 250, "{found:?}");
    assert!(least("conditions") == 3_000 && least("texts") == 3_000, "{found:?}");
}
