//! Programs that are wrong, each in a real block: class, text and place, and a state that they leave as it was.

mod programs;

use std::collections::{BTreeMap, BTreeSet};

use kwil_crypto::Hash;
use kwil_crypto::auth::Signer;
use kwil_engine::{
    Call, Engine, EngineError, Failure, FailureClass, Invocation, Limits, Results, Terms,
};
use kwil_lang::ErrorClass;
use kwil_state::testing::{TestDatabase, genesis_with_language, write_session};
use kwil_state::{ReadBounds, ReadError, Writer, verify_state};
use kwil_types::{EncodedValue, Execute, Payload, RawStatement, RawTx, TxResult, Value};
use tokio_util::sync::CancellationToken;

use self::programs::{AREAS, SETUP};
use crate::fixture::{assert_verified, commit, identity, next};
use crate::network::{Net, Setup, tx, user};

/// What is executed.
#[derive(Clone, Copy, Debug)]
enum Run {
    /// A script.
    Sql(&'static str),
    /// An action, with arguments that are integers where they look like it.
    Call(&'static str, &'static [&'static str]),
    /// The body of an action without parameters that returns an integer.
    Body(&'static str),
    /// A script with parts of it repeated: head, opening, middle, closing, times.
    Nested(&'static str, &'static str, &'static str, &'static str, usize),
}

/// The class of the failure.
#[derive(Clone, Copy, Debug)]
enum Class {
    Lang(ErrorClass),
    Pg(&'static str),
}

/// A program that must fail.
#[derive(Clone, Copy, Debug)]
struct Bad {
    run: Run,
    class: Class,
    /// What the message says beside the text of its class.
    says: &'static str,
    /// The place in the source, as far as it is told; empty where there is none.
    place: &'static str,
    /// Executed by somebody without any privilege.
    guest: bool,
}

impl Bad {
    /// Name and definition of the action that has the body.
    fn action(&self, number: usize) -> Option<(String, String)> {
        let Run::Body(body) = self.run else { return None };
        let name = format!("bad_{number}");
        let source = format!("CREATE ACTION {name}() PUBLIC RETURNS (INT) {{ {body} }}");
        Some((name, source))
    }

    /// What is wrong with what came out.
    fn fault(&self, result: &TxResult) -> Option<String> {
        let code = match self.class {
            Class::Lang(ErrorClass::NamespaceNotFound) => 110,
            Class::Lang(ErrorClass::NamespaceExists) => 120,
            Class::Lang(_) | Class::Pg(_) => 65535,
        };
        let class = match self.class {
            Class::Lang(class) => class.text().to_owned(),
            Class::Pg(sqlstate) => format!("(SQLSTATE {sqlstate})"),
        };
        let log = &result.log;
        let missing = [class.as_str(), self.says, self.place, "ERROR: "]
            .into_iter()
            .find(|text| !log.contains(text));
        match missing {
            None if result.code.code() == code => None,
            missing => {
                Some(format!("{self:?}: code {}: {log}\n  misses {missing:?}", result.code.code()))
            }
        }
    }
}

/// A network with the tables and actions of the programs, and the nonces of both users.
struct Stage {
    net: Net,
    nonces: BTreeMap<u8, u64>,
}

const OWNER: u8 = 1;
const GUEST: u8 = 2;

impl Stage {
    async fn set() -> Self {
        let owner = user(OWNER).identifier();
        let net = Setup { owner, ..Setup::free(&[1]) }.start().await;
        let mut stage = Self { net, nonces: BTreeMap::new() };
        let payload = script(SETUP);
        let tx = stage.tx(OWNER, &payload);
        stage.net.ok(tx).await;
        stage
    }

    fn tx(&mut self, who: u8, payload: &Payload) -> RawTx {
        let nonce = self.nonces.entry(who).or_insert(0);
        *nonce += 1;
        let signer: Signer = user(who);
        tx(&signer, *nonce, 0, payload)
    }

    async fn block(&mut self, payloads: &[(u8, Payload)]) -> Vec<TxResult> {
        let txs = payloads.iter().map(|(who, payload)| self.tx(*who, payload)).collect();
        self.net.block(txs).await.results
    }

    /// Every hashed table but the accounts, whose nonces move, and the catalog.
    async fn state(&self) -> (Hash, BTreeMap<String, Hash>) {
        let report = verify_state(self.net.test.endpoint(), None).await.unwrap();
        assert!(report.holds(), "{report:#?}");
        let tables = report.tables.into_iter().map(|table| (table.table, table.found_digest));
        let tables = tables.filter(|(name, _)| name != "kwild_meta.accounts").collect();
        (report.catalog_hash, tables)
    }
}

fn script(source: &str) -> Payload {
    let (statement, parameters) = (source.to_owned(), Vec::new());
    Payload::RawStatement(RawStatement { statement, parameters })
}

fn execute(action: &str, arguments: &[&str]) -> Payload {
    let value = |text: &&str| match text.parse::<i64>() {
        Ok(number) => Value::from(number),
        Err(_) => Value::from(*text),
    };
    let encode = |text| EncodedValue::from_value(&value(text)).unwrap();
    let calls = vec![arguments.iter().map(encode).collect()];
    Payload::Execute(Execute::new("", action, calls).unwrap())
}

/// The payload of each program. An action that could be made is called; the others fail where they are made.
async fn payloads(stage: &mut Stage, programs: &[Bad]) -> Vec<(u8, Payload)> {
    let mut payloads = Vec::new();
    for (number, bad) in programs.iter().enumerate() {
        let payload = match bad.run {
            Run::Sql(source) => script(source),
            Run::Call(action, arguments) => execute(action, arguments),
            Run::Nested(head, open, middle, close, times) => {
                script(&format!("{head}{}{middle}{}", open.repeat(times), close.repeat(times)))
            }
            Run::Body(_) => {
                let (name, source) = bad.action(number).unwrap();
                let made = stage.block(&[(OWNER, script(&source))]).await;
                if made[0].code.is_ok() { execute(&name, &[]) } else { script(&source) }
            }
        };
        payloads.push((if bad.guest { GUEST } else { OWNER }, payload));
    }
    payloads
}

#[tokio::test]
async fn every_wrong_program_fails_as_promised_and_changes_nothing() {
    let mut faults = Vec::new();
    for (area, programs) in AREAS {
        let mut stage = Stage::set().await;
        let payloads = payloads(&mut stage, programs).await;
        let before = stage.state().await;
        let results = stage.block(&payloads).await;
        assert_eq!(results.len(), programs.len());
        faults.extend(programs.iter().zip(&results).filter_map(|(bad, result)| bad.fault(result)));
        let after = stage.state().await;
        if after.0 != before.0 {
            faults.push(format!("{area}: the catalog was changed"));
        }
        let tables = after.1.iter().filter(|(name, sum)| before.1.get(*name) != Some(*sum));
        faults.extend(tables.map(|(name, _)| format!("{area}: {name} was changed")));
        assert!(before.1.keys().all(|name| after.1.contains_key(name)), "{area}: a table is gone");
        // What was refused has broken nothing either.
        let works = [(OWNER, execute("put", &["50", "after"])), (GUEST, execute("total", &["1"]))];
        let results = stage.block(&works).await;
        assert!(results.iter().all(|result| result.code.is_ok()), "{area}: {results:?}");
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// Each statement of a script by itself may be right: the wrong one at its end undoes them all, one by one and in a block
/// with others that stay.
#[tokio::test]
async fn the_first_wrong_program_takes_nothing_of_its_neighbours() {
    let mut stage = Stage::set().await;
    let mut payloads = Vec::new();
    let wrong: Vec<_> =
        AREAS.iter().filter(|(area, _)| *area == "values" || *area == "server").collect();
    let wrong = wrong.iter().flat_map(|(_, programs)| *programs);
    let wrong = wrong.filter_map(|bad| match bad.run {
        Run::Sql(source) => Some(source),
        Run::Call(..) | Run::Body(_) | Run::Nested(..) => None,
    });
    for (number, source) in (100..).zip(wrong) {
        let good = format!("INSERT INTO acct (id, name) VALUES ({number}, 'good')");
        let spoiled = format!("UPDATE acct SET tag = 'spoiled' WHERE id = 2; {source}");
        payloads.extend([(OWNER, script(&good)), (OWNER, script(&spoiled))]);
    }
    let results = stage.block(&payloads).await;
    for (number, result) in results.iter().enumerate() {
        assert_eq!(result.code.is_ok(), number % 2 == 0, "{:?}: {result:?}", payloads[number]);
    }
    let good: i64 = (100..).zip(payloads.chunks(2)).map(|(number, _)| number).sum();
    for (query, wanted) in [
        ("SELECT sum(id)::int8 FROM acct WHERE id >= 100", Value::from(good)),
        ("SELECT count(*) FROM acct WHERE tag = 'spoiled'", Value::from(0)),
    ] {
        let reads = stage.net.executor.reads(&stage.net.database);
        let read =
            reads.query(query, BTreeMap::new(), Invocation::default(), ReadBounds::default());
        assert_eq!(read.await.unwrap().result.rows, [[wanted]], "{query}");
    }
    stage.state().await;
}

/// What a value says is never read as a program, whatever it is.
#[tokio::test]
async fn values_that_look_like_programs_are_stored_as_they_are() {
    let mut stage = Stage::set().await;
    let texts = [
        "'; DROP TABLE mv; --",
        "\\'; DROP TABLE mv; --",
        "$1",
        "$$; DROP TABLE mv; $$",
        "\"; DELETE FROM acct; --",
        "%s ? :name {shop}",
        "a\u{2028}b\r\n\t\u{7f}",
    ];
    let puts =
        (100..).zip(texts).map(|(id, text)| (OWNER, execute("put", &[&format!("{id}"), text])));
    let quoted = (200..).zip(texts).map(|(id, text)| {
        // A backslash protects the quote behind it, and stays.
        let text = if text.contains('\\') { text.to_owned() } else { text.replace('\'', "''") };
        (OWNER, script(&format!("INSERT INTO acct (id, name) VALUES ({id}, '{text}')")))
    });
    let payloads: Vec<_> = puts.chain(quoted).collect();
    let results = stage.block(&payloads).await;
    assert!(results.iter().all(|result| result.code.is_ok()), "{results:?}");
    let reads = stage.net.executor.reads(&stage.net.database);
    let query = "SELECT name FROM acct WHERE id >= 100 ORDER BY id";
    let read = reads.query(query, BTreeMap::new(), Invocation::default(), ReadBounds::default());
    let wanted: Vec<_> = texts.iter().chain(&texts).map(|text| vec![Value::from(*text)]).collect();
    assert_eq!(read.await.unwrap().result.rows, wanted);
    stage.state().await;
}

/// Reads that are no reads, and reads without what they ask for.
const READS: &[(&str, ErrorClass, &str)] = &[
    ("DELETE FROM mv", ErrorClass::CannotMutateState, ""),
    ("INSERT INTO mv VALUES (7, 1, 1)", ErrorClass::CannotMutateState, ""),
    ("SELECT 1; UPDATE mv SET amt = 0", ErrorClass::CannotMutateState, ""),
    ("CREATE NAMESPACE mine", ErrorClass::CannotMutateState, ""),
    ("DROP NAMESPACE shop", ErrorClass::CannotMutateState, ""),
    ("GRANT clerk TO 'bob'", ErrorClass::CannotMutateState, ""),
    ("SELECT @txid", ErrorClass::InvalidTxCtx, "no transaction"),
];

fn failed<T: std::fmt::Debug>(what: &str, answer: Result<T, ReadError>) -> Failure {
    match answer {
        Err(ReadError::Failed(failure)) => *failure,
        other => panic!("{what}: {other:?}"),
    }
}

#[tokio::test]
async fn a_read_that_writes_is_refused_and_changes_nothing() {
    let stage = Stage::set().await;
    let before = stage.state().await;
    let reads = stage.net.executor.reads(&stage.net.database);
    let owner = || Invocation {
        caller: user(OWNER).identifier(),
        has_transaction: false,
        ..Invocation::default()
    };
    for (source, class, says) in READS {
        let answer = reads.query(source, BTreeMap::new(), owner(), ReadBounds::default()).await;
        let failure = failed(source, answer);
        assert_eq!(failure.class, FailureClass::Lang(*class), "{source}: {failure}");
        assert!(
            failure.message.contains(says) && failure.message.contains(class.text()),
            "{failure}"
        );
    }
    let arguments = vec![Value::from(7), Value::from("n")];
    let answer = reads.call("", "put", arguments, owner(), ReadBounds::default()).await;
    let failure = failed("put", answer);
    assert_eq!(failure.class, FailureClass::Lang(ErrorClass::CannotMutateState), "{failure}");
    assert_eq!(stage.state().await, before);
}

#[test]
fn every_class_has_a_program() {
    let programs = AREAS.iter().flat_map(|(_, programs)| *programs);
    let classes = programs.filter_map(|bad| match bad.class {
        Class::Lang(class) => Some(class),
        Class::Pg(_) => None,
    });
    let classes: BTreeSet<_> = classes.chain(READS.iter().map(|(_, class, _)| *class)).collect();
    let missing: Vec<_> = ErrorClass::ALL.iter().filter(|class| !classes.contains(class)).collect();
    assert!(missing.is_empty(), "no program provokes {missing:?}");
    // A message without a text of its class has to say something else.
    let programs = AREAS.iter().flat_map(|(_, programs)| *programs);
    let silent = programs.filter(|bad| {
        let no_text = matches!(bad.class, Class::Lang(class) if class.text().is_empty());
        no_text && bad.says.is_empty()
    });
    assert_eq!(silent.count(), 0);
}

/// The endless loop with limits that a test reaches soon: what it wrote before it was stopped is gone, and the next call
/// has its steps again.
#[tokio::test]
async fn endless_loops_and_recursion_end_and_leave_nothing() {
    let database = TestDatabase::create().await;
    let mut writer = Writer::open(database.endpoint().clone(), Some(identity())).await.unwrap();
    let mut block = writer.begin(0, CancellationToken::new()).await.unwrap();
    genesis_with_language(&mut block, &identity(), "owner").await.unwrap();
    commit(&mut writer).await;
    let engine = Engine::new(kwil_engine::Extensions::new());
    let invocation = Invocation { caller: "owner".into(), ..Invocation::default() };
    let limits = Limits { steps: 10_000, ..Limits::NETWORK };
    let terms = Terms { invocation: &invocation, limits: &limits };
    let schema = "CREATE TABLE t (id INT PRIMARY KEY);
        CREATE ACTION ranges() PUBLIC { INSERT INTO t VALUES (1); FOR $i IN 1..9223372036854775807 { $x := $i; } };
        CREATE ACTION writes() PUBLIC { FOR $i IN 1..9223372036854775807 { INSERT INTO t VALUES ($i); } };
        CREATE ACTION rows() PUBLIC {
            INSERT INTO t VALUES (1);
            FOR $r IN WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i FROM n { }
        };
        CREATE ACTION deep($n INT) PUBLIC { INSERT INTO t VALUES ($n); deep($n + 1); };
        CREATE ACTION good() PUBLIC { INSERT INTO t VALUES (0); };";
    let mut block = next(&mut writer).await;
    let mut session = write_session(&mut block).unwrap();
    let made = engine.run_script(&mut session, terms, schema, BTreeMap::new(), Results::Discard);
    made.await.result.unwrap();
    drop(session);
    commit(&mut writer).await;
    let mut block = next(&mut writer).await;
    for (action, arguments, says) in [
        ("ranges", vec![], "execution step limit exceeded"),
        ("writes", vec![], "execution step limit exceeded"),
        ("rows", vec![], "execution step limit exceeded"),
        ("deep", vec![Value::from(1)], "maximum call depth exceeded"),
    ] {
        block.savepoint().await.unwrap();
        let mut session = write_session(&mut block).unwrap();
        let call = Call { namespace: "main", action, arguments };
        let result = engine.call(&mut session, terms, call, Results::Discard).await.result;
        drop(session);
        let Err(EngineError::Failed(failure)) = result else { panic!("{action}: {result:?}") };
        assert_eq!(failure.class, FailureClass::Lang(ErrorClass::Other), "{action}: {failure}");
        assert!(failure.message.contains(says), "{action}: {failure}");
        block.rollback().await.unwrap();
    }
    let mut session = write_session(&mut block).unwrap();
    let call = Call { namespace: "main", action: "good", arguments: Vec::new() };
    engine.call(&mut session, terms, call, Results::Discard).await.result.unwrap();
    drop(session);
    let rows = block.query("SELECT id FROM main.t").await.unwrap();
    let ids: Vec<i64> = rows.iter().map(|row| sqlx::Row::get(row, 0)).collect();
    assert_eq!(ids, [0]);
    commit(&mut writer).await;
    assert_verified(&database).await;
}
