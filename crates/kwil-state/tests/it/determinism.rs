//! The same blocks on two servers that differ in everything an operator can set have the same outcome.

use kwil_genesis::Genesis;
use kwil_lang::testing::{Random, SAMPLE_SCHEMA, SAMPLE_VARIABLES};
use kwil_state::testing::{TestDatabase, connect_to};
use kwil_state::{BlockOutcome, Endpoint, Executor, Extensions, verify_state};
use kwil_types::{
    Array, DataType, Decimal, EncodedValue, Execute, Parameter, Payload, RawStatement, RawTx,
    Scalar, TypeKind, Value,
};
use tokio_util::sync::CancellationToken;

use crate::batches::{self, Dice, shown};
use crate::network::{START, Setup, account_of, next_input, tx, user};
use crate::operator_server::OperatorServer;

const BLOCKS: u64 = 10;
const PAYLOADS: usize = 80;
const USERS: u8 = 4;

/// What tells rows apart by their order, if there were an order that is not the language's.
const OBSERVERS: &str = "
    CREATE ACTION fill($id INT, $name TEXT, $flag BOOL) PUBLIC {
        INSERT INTO acct (id, name, n, flag, tags) VALUES ($id, $name, $id::numeric(10,2), $flag, ARRAY[$name, lower($name)])
            ON CONFLICT DO NOTHING;
        INSERT INTO item VALUES ($id % 7, $id, upper($name), 1.50, $flag) ON CONFLICT DO NOTHING;
    };
    CREATE ACTION observe() PUBLIC {
        FOR $r IN SELECT name, n FROM acct LIMIT 3 { NOTICE(coalesce($r.name || $r.n::text, '-')); }
        FOR $r IN SELECT name FROM acct ORDER BY name DESC LIMIT 5 OFFSET 1 { NOTICE(coalesce($r.name, '-')); }
        FOR $r IN SELECT DISTINCT lower(title) AS t, sold FROM item { NOTICE(coalesce($r.t, '-')); }
        FOR $r IN SELECT flag, max(name) AS m, min(name) AS l, count(*) AS c FROM acct GROUP BY flag {
            NOTICE(coalesce($r.m || $r.l, '-') || $r.c::text);
        }
        FOR $r IN SELECT array_agg(title) AS a FROM item { FOR $t IN ARRAY $r.a { NOTICE(coalesce($t, '-')); } }
        FOR $r IN SELECT name, row_number() OVER (ORDER BY flag) AS w FROM acct { NOTICE(coalesce($r.name, '-') || $r.w::text); }
        FOR $r IN SELECT a.name, i.title FROM acct AS a JOIN item AS i ON a.id % 7 = i.owner LIMIT 4 {
            NOTICE(coalesce($r.name || $r.title, '-'));
        }
        FOR $r IN SELECT count(*) AS c FROM acct WHERE name ILIKE '%\u{e4}%' OR name COLLATE nocase = 'b' { NOTICE($r.c::text); }
    };
    CREATE ACTION entangle($number INT) PUBLIC {
        UPDATE item SET title = a.name, price = a.n FROM acct AS a WHERE a.id % 5 = item.owner + $number;
        DELETE FROM acct WHERE id % 11 = $number AND 10 / id >= 0;
        INSERT INTO item SELECT a.id, i.num, a.name, i.price, i.sold FROM acct AS a JOIN item AS i ON a.id = i.num LIMIT 5
            ON CONFLICT DO NOTHING;
    };
    GRANT UPDATE ON main TO default;
    GRANT DELETE ON main TO default;
    CREATE NAMESPACE shop;
    CREATE NAMESPACE n;
";

const SCHEMAS: [&str; 3] = [
    include_str!("../../../../examples/schemas/social.sql"),
    include_str!("../../../../examples/schemas/token.sql"),
    include_str!("../../../../examples/schemas/timeseries.sql"),
];

/// Settings of the second server's command line.
const SETTINGS: [(&str, &str); 25] = [
    ("TimeZone", "America/St_Johns"),
    ("DateStyle", "SQL, DMY"),
    ("IntervalStyle", "sql_standard"),
    ("extra_float_digits", "-15"),
    ("bytea_output", "escape"),
    ("work_mem", "64kB"),
    ("array_nulls", "off"),
    ("transform_null_equals", "on"),
    ("quote_all_identifiers", "on"),
    ("standard_conforming_strings", "off"),
    ("xmlbinary", "hex"),
    ("jit", "on"),
    ("jit_above_cost", "0"),
    ("max_parallel_workers_per_gather", "4"),
    ("min_parallel_table_scan_size", "0"),
    ("parallel_setup_cost", "0"),
    ("parallel_tuple_cost", "0"),
    ("from_collapse_limit", "1"),
    ("join_collapse_limit", "1"),
    ("geqo_threshold", "2"),
    ("random_page_cost", "90"),
    ("default_statistics_target", "1"),
    ("default_transaction_isolation", "serializable"),
    ("statement_timeout", "20s"),
    ("plan_cache_mode", "force_custom_plan"),
];

/// What the planner may not use, block by block.
const SWITCHES: [&[&str]; 6] = [
    &["hashjoin", "hashagg"],
    &["mergejoin", "sort"],
    &["nestloop", "material", "memoize"],
    &["seqscan", "hashjoin", "mergejoin"],
    &["indexscan", "indexonlyscan", "bitmapscan"],
    &["nestloop", "mergejoin", "incremental_sort"],
];

/// One node: its database, and the executor on it.
struct Node {
    endpoint: Endpoint,
    executor: Option<Executor>,
}

impl Node {
    async fn open(endpoint: Endpoint, genesis: &Genesis) -> Self {
        let mut node = Self { endpoint, executor: None };
        node.reopen(genesis).await;
        node
    }

    /// A new session: with it new settings take effect.
    async fn reopen(&mut self, genesis: &Genesis) {
        if let Some(executor) = self.executor.take() {
            executor.close().await;
        }
        let endpoint = self.endpoint.clone();
        let opened = Executor::open(endpoint, genesis, Extensions::default()).await;
        self.executor = Some(opened.unwrap());
    }

    async fn block(&mut self, genesis: &Genesis, time: u64, txs: Vec<RawTx>) -> BlockOutcome {
        let executor = self.executor.as_mut().unwrap();
        let input = next_input(executor, genesis, time, txs);
        let outcome = executor.execute(&input, CancellationToken::new()).await.unwrap();
        executor.commit().await.unwrap();
        outcome
    }
}

fn raw(statement: String) -> Payload {
    Payload::RawStatement(RawStatement { statement, parameters: Vec::new() })
}

fn call(namespace: &str, action: &str, arguments: Vec<Value>) -> Payload {
    let list = arguments.iter().map(|value| EncodedValue::from_value(value).unwrap()).collect();
    Payload::Execute(Execute::new(namespace, action, vec![list]).unwrap())
}

/// A statement on the sample tables, with values for the variables it may use.
fn typed(random: &mut Random) -> Payload {
    let value = |(name, of): &(&str, &str)| {
        let value = match *of {
            "int8" => Value::from(2),
            "text" => Value::from("B"),
            "bool" => Value::from(true),
            "numeric(10,2)" => decimal("3.25", 10, 2),
            _ => list(TypeKind::Int8, vec![Scalar::Int8(3), Scalar::Int8(1)]),
        };
        Parameter { name: (*name).into(), value: EncodedValue::from_value(&value).unwrap() }
    };
    let parameters = SAMPLE_VARIABLES.iter().map(value).collect();
    Payload::RawStatement(RawStatement { statement: random.typed_statement(), parameters })
}

fn decimal(text: &str, precision: u16, scale: u16) -> Value {
    Value::Scalar(Scalar::Numeric(Decimal::parse(text, precision, scale).unwrap()))
}

fn list(element: TypeKind, items: Vec<Scalar>) -> Value {
    Value::Array(Array::new(element, items.into_iter().map(Some).collect()).unwrap())
}

fn texts(texts: &[&str]) -> Value {
    list(TypeKind::Text, texts.iter().map(|text| Scalar::Text((*text).into())).collect())
}

/// Makes payloads; knows who and what there is.
struct Source {
    random: Random,
    dice: Dice,
    posts: Vec<String>,
}

impl Source {
    fn name(&mut self) -> String {
        user(u8::try_from(self.random.below(usize::from(USERS))).unwrap() + 1).identifier()
    }

    fn number(&mut self, below: usize) -> i64 {
        i64::try_from(self.random.below(below)).unwrap()
    }

    fn payload(&mut self) -> Payload {
        const NAMES: [&str; 11] =
            ["a", "B", "b", "\u{e4}", "\u{c4}b", "Z", "z", "10", "9", "_x", "\u{df}"];
        match self.random.below(12) {
            0 | 1 => batches::payload(&mut self.dice),
            2 | 3 => typed(&mut self.random),
            4 => {
                let name = *self.random.choose(&NAMES);
                let flag = self.random.below(3);
                let flag = if flag == 2 {
                    Value::Null(DataType::scalar(TypeKind::Bool))
                } else {
                    Value::from(flag == 1)
                };
                call("main", "fill", vec![self.number(90).into(), name.into(), flag])
            }
            5 => call("main", "observe", Vec::new()),
            6 => call("main", "entangle", vec![self.number(6).into()]),
            7 => {
                let namespace = *self.random.choose(&["shop", "n", "main"]);
                let statement = kwil_engine::testing::random_table_statement(&mut self.random);
                raw(format!("{{{namespace}}} {statement}"))
            }
            8 | 9 => self.token(),
            10 => self.social(),
            _ => self.timeseries(),
        }
    }

    fn token(&mut self) -> Payload {
        let amount = |source: &mut Self| decimal(&source.number(400).to_string(), 78, 0);
        let (to, holder) = (Value::from(self.name().as_str()), Value::from(self.name().as_str()));
        let (action, arguments) = match self.random.below(9) {
            0 | 1 => ("mint", vec![to, amount(self)]),
            2 => ("transfer", vec![to, amount(self)]),
            3 => ("burn", vec![amount(self)]),
            4 => ("approve", vec![to, amount(self)]),
            5 => ("transfer_from", vec![holder, to, amount(self)]),
            6 => {
                let people = [self.name(), self.name()];
                let people: Vec<&str> = people.iter().map(String::as_str).collect();
                let kind = TypeKind::numeric(78, 0).unwrap();
                let amounts = (0..2).map(|_| match amount(self) {
                    Value::Scalar(scalar) => scalar,
                    other => panic!("{other:?}"),
                });
                let amounts = list(kind, amounts.collect());
                ("transfer_many", vec![texts(&people), amounts])
            }
            7 => ("audit", Vec::new()),
            _ => ("statement", vec![to]),
        };
        call("token", action, arguments)
    }

    fn post(&mut self) -> Value {
        match self.posts.len() {
            0 => Value::Null(DataType::scalar(TypeKind::Uuid)),
            count => {
                let id = &self.posts[self.random.below(count)];
                Value::Scalar(Scalar::Uuid(id.parse().unwrap()))
            }
        }
    }

    fn social(&mut self) -> Payload {
        let (who, post) = (Value::from(self.name().as_str()), self.post());
        let (action, arguments) = match self.random.below(10) {
            0..=2 => ("register", vec![format!("name {}", self.number(6)).as_str().into()]),
            3..=5 => {
                let body = format!("body {}", self.number(1000));
                ("publish", vec![body.as_str().into(), texts(&[" B", "a", "\u{c4}"]), post])
            }
            6 => ("like_post", vec![post]),
            7 => ("follow", vec![who]),
            8 => ("remove_post", vec![post]),
            _ => ("ban", vec![who]),
        };
        call("social", action, arguments)
    }

    fn timeseries(&mut self) -> Payload {
        let id = |source: &mut Self| format!("s{}", source.number(5));
        let stream = Value::from(id(self).as_str());
        let kind = TypeKind::numeric(36, 18).unwrap();
        let value = |number: i64| match decimal(&format!("{number}.3"), 36, 18) {
            Value::Scalar(scalar) => scalar,
            other => panic!("{other:?}"),
        };
        let (action, arguments) = match self.random.below(9) {
            0 | 1 => ("create_stream", vec![stream, (self.random.below(2) == 0).into()]),
            2..=4 => {
                let at = (0..6).map(|_| Scalar::Int8(self.number(50))).collect();
                let values = (0..6).map(|_| value(self.number(1000))).collect();
                ("insert_points", vec![stream, list(TypeKind::Int8, at), list(kind, values)])
            }
            5 => {
                let children = [id(self), id(self)];
                let children: Vec<&str> = children.iter().map(String::as_str).collect();
                let weights = list(kind, vec![value(1), value(2)]);
                let composed = format!("c{}", self.number(4));
                ("create_composed", vec![composed.as_str().into(), texts(&children), weights])
            }
            6 => ("delete_points", vec![stream, 10.into(), 20.into()]),
            7 => ("share", vec![stream, self.name().as_str().into(), true.into()]),
            _ => ("composed_points", vec!["c1".into(), 0.into(), 99.into()]),
        };
        call("timeseries", action, arguments)
    }
}

fn signed(nonces: &mut [u64], sender: usize, payload: &Payload) -> RawTx {
    nonces[sender] += 1;
    tx(&user(u8::try_from(sender).unwrap() + 1), nonces[sender], 0, payload)
}

/// Between blocks an operator turns the second server over.
async fn turn_over(server: &OperatorServer, number: u64) {
    let switches = SWITCHES[usize::try_from(number).unwrap() % SWITCHES.len()];
    let off = |name: &&str| format!("ALTER ROLE operator SET enable_{name} = off;");
    let off: String = switches.iter().map(off).collect();
    server.run("postgres", &format!("ALTER ROLE operator RESET ALL; {off}")).await;
    server.run("operator", "ANALYZE main.acct, main.item").await;
    for schema in ["main", "social", "token", "timeseries"] {
        match number {
            1 | 4 => server.run("operator", &format!("REINDEX SCHEMA {schema}")).await,
            2 | 5 => vacuum(server, schema).await,
            _ => {}
        }
    }
}

/// Writes every table of a schema anew.
async fn vacuum(server: &OperatorServer, schema: &str) {
    let mut connection = connect_to(&server.endpoint()).await;
    let query = "SELECT pg_catalog.format('%I.%I', schemaname, tablename) FROM pg_catalog.pg_tables WHERE schemaname = $1";
    let tables: Vec<String> =
        sqlx::query_scalar(query).bind(schema).fetch_all(&mut connection).await.unwrap();
    server.run("operator", &format!("VACUUM FULL {}", tables.join(", "))).await;
}

async fn posts(endpoint: &Endpoint) -> Vec<String> {
    let mut connection = connect_to(endpoint).await;
    let query = "SELECT id::text FROM social.posts ORDER BY id";
    sqlx::query_scalar(query).fetch_all(&mut connection).await.unwrap()
}

#[tokio::test]
async fn two_servers_that_differ_in_everything_else_agree() {
    let alloc = (1..=USERS).map(|number| (account_of(&user(number)), 1_000)).collect();
    let setup = Setup { owner: user(1).identifier(), alloc, ..Setup::free(&[1]) };
    let genesis = setup.genesis();
    let locale =
        ["--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=de-u-co-phonebk-ks-level2"];
    let server = OperatorServer::start(&locale, &SETTINGS).await;
    let plain = TestDatabase::create().await;
    let mut plain = Node::open(plain.endpoint().clone(), &genesis).await;
    let mut other = Node::open(server.endpoint(), &genesis).await;

    let mut nonces = [0_u64; USERS as usize];
    let mut scripts = vec![batches::SCHEMA, SAMPLE_SCHEMA, OBSERVERS];
    scripts.extend(SCHEMAS);
    let scripts = scripts.into_iter().map(|script| raw(script.into()));
    let mut txs: Vec<_> = scripts.map(|payload| signed(&mut nonces, 0, &payload)).collect();
    let mut source = Source { random: Random::new(11), dice: Dice(11), posts: Vec::new() };
    let (mut ok, mut failed, mut lines) = (0, 0, 0);
    for number in 0..BLOCKS {
        let (left, right) = (
            plain.block(&genesis, START + number, txs.clone()).await,
            other.block(&genesis, START + number, txs).await,
        );
        if number == 0 {
            assert!(left.results.iter().all(|it| it.code.is_ok()), "{:?}", left.results);
        }
        for (place, (left, right)) in shown(&left).into_iter().zip(shown(&right)).enumerate() {
            assert_eq!(left, right, "block {number}, transaction {place}");
        }
        assert_eq!(left.app_hash, right.app_hash, "block {number}");
        ok += left.results.iter().filter(|it| it.code.is_ok()).count();
        failed += left.results.iter().filter(|it| !it.code.is_ok()).count();
        lines += left.results.iter().map(|it| it.log.lines().count()).sum::<usize>();
        turn_over(&server, number).await;
        other.reopen(&genesis).await;
        source.posts = posts(&plain.endpoint).await;
        let sender = |source: &mut Source| match source.random.below(2) {
            0 => 0,
            _ => source.random.below(usize::from(USERS)),
        };
        let next = (0..PAYLOADS).map(|_| {
            let payload = source.payload();
            signed(&mut nonces, sender(&mut source), &payload)
        });
        txs = next.collect();
    }
    for node in [&plain, &other] {
        let report = verify_state(&node.endpoint, None).await.unwrap();
        assert!(report.holds(), "{report:#?}");
    }
    assert!(ok > 300 && failed > 150 && lines > 400, "{ok} ok, {failed} failed, {lines} lines");
}
