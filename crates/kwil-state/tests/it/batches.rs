//! Payloads that travel together give what payloads one by one give.

use std::time::Duration;

use kwil_state::{BlockOutcome, ExecuteError, verify_state};
use kwil_types::{
    Array, DataType, Decimal, EncodedValue, Execute, Payload, RawStatement, RawTx, Scalar,
    Transfer, TypeKind, Value,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::network::{Net, Setup, account_of, tx, user};

pub(crate) const SCHEMA: &str = "
    CREATE TABLE notes (id INT PRIMARY KEY, author TEXT NOT NULL, size INT CHECK (size < 90));
    CREATE TABLE counters (name TEXT PRIMARY KEY, value INT NOT NULL);
    CREATE TABLE replies (id INT PRIMARY KEY, note INT NOT NULL REFERENCES notes(id) ON DELETE CASCADE);
    GRANT INSERT ON main TO default;
    CREATE ACTION add($id INT, $size INT) PUBLIC {
        NOTICE('adding ' || $id::text);
        INSERT INTO notes (id, author, size) VALUES ($id, @caller, $size);
        NOTICE('added ' || $id::text);
        INSERT INTO counters (name, value) VALUES (@caller, 1)
            ON CONFLICT (name) DO UPDATE SET value = counters.value + 1;
        NOTICE('counted');
    };
    CREATE ACTION add_even($id INT) PUBLIC {
        INSERT INTO notes (id, author, size) VALUES ($id, 'even', 1);
        IF $id % 2 = 1 { ERROR('odd: ' || $id::text); }
        NOTICE('even');
    };
    CREATE ACTION divide($id INT, $by INT) PUBLIC {
        INSERT INTO notes (id, author, size) VALUES ($id, 'divided', 80 / $by);
    };
    CREATE ACTION counted() PUBLIC {
        FOR $row IN SELECT value FROM counters WHERE name = @caller {
            NOTICE('counted ' || $row.value::text);
            UPDATE counters SET value = $row.value * 2 % 1000 WHERE name = @caller;
        }
    };
    CREATE ACTION bump($name TEXT, $n INT) PUBLIC {
        FOR $row IN SELECT value FROM counters WHERE name = $name {
            IF $n % 13 = 0 { ERROR('before anything: ' || $row.value::text); }
        }
        INSERT INTO counters (name, value) VALUES ($name, 1)
            ON CONFLICT (name) DO UPDATE SET value = counters.value + 1;
        FOR $row IN SELECT value FROM counters WHERE name = $name {
            NOTICE('bumped to ' || $row.value::text);
            IF $n % 17 = 0 { ERROR('after all: ' || $row.value::text); }
            UPDATE counters SET value = value + 1000 / ($n % 19) WHERE name = $name;
        }
    };
    CREATE ACTION reply($id INT, $note INT) PUBLIC { INSERT INTO replies VALUES ($id, $note); };
    CREATE ACTION forget($id INT) PUBLIC { DELETE FROM notes WHERE id = $id; };
    CREATE TABLE nodes (id INT PRIMARY KEY, parent INT REFERENCES nodes(id));
    CREATE ACTION grow($id INT, $parent INT) PUBLIC { INSERT INTO nodes VALUES ($id, $parent); };
    CREATE TABLE kinds (id INT PRIMARY KEY, t TEXT, b BYTEA, u UUID, n NUMERIC(20,4), f BOOL, a TEXT[]);
    CREATE ACTION keep($id INT, $t TEXT, $b BYTEA, $u UUID, $n NUMERIC(20,4), $f BOOL) PUBLIC {
        INSERT INTO kinds (id, t, b, u, n, f) VALUES ($id, $t || '!', $b, $u, $n * 2::NUMERIC(20,4), NOT $f);
    };
    CREATE ACTION keep_list($id INT, $a TEXT[]) PUBLIC { INSERT INTO kinds (id, a) VALUES ($id, $a); };
    CREATE ACTION many($ids INT[]) PUBLIC {
        FOR $id IN ARRAY $ids { INSERT INTO notes (id, author, size) VALUES ($id, 'many', $id); }
    };
";

/// A small generator: the same numbers for the same seed.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn number(&mut self, sides: u64) -> Value {
        i64::try_from(self.roll(sides)).unwrap().into()
    }
}

fn call(action: &str, lists: Vec<Vec<Value>>) -> Payload {
    let encode = |list: Vec<Value>| {
        list.iter().map(|value| EncodedValue::from_value(value).unwrap()).collect()
    };
    let rows = lists.into_iter().map(encode).collect();
    Payload::Execute(Execute::new("main", action, rows).unwrap())
}

fn raw(statement: String) -> Payload {
    Payload::RawStatement(RawStatement { statement, parameters: Vec::new() })
}

/// Payloads that succeed, that fail at once, that fail late, that read, and that are no business of the engine.
pub(crate) fn payload(dice: &mut Dice) -> Payload {
    match dice.roll(18) {
        14 | 15 => {
            let (id, parent) = (dice.number(60), dice.number(60));
            // The first refers to the second, which comes later: it has to fail.
            let null = Value::Null(DataType::scalar(TypeKind::Int8));
            let parents =
                if dice.roll(3) == 0 { [null, id.clone()] } else { [parent.clone(), null] };
            let [first, second] = parents;
            call("grow", vec![vec![id, first], vec![parent, second]])
        }
        16 => call("keep", vec![kinds(dice)]),
        17 => {
            let items = ["a,b", "{}"].map(|item| Some(Scalar::Text(item.into()))).into();
            let list = Value::Array(Array::new(TypeKind::Text, items).unwrap());
            call("keep_list", vec![vec![dice.number(200), list]])
        }
        0..=3 => call("add", vec![vec![dice.number(400), dice.number(100)]]),
        4 => call("add", vec![vec![dice.number(400), 1.into()], vec![dice.number(400), 2.into()]]),
        5 => call("add_even", vec![vec![dice.number(400)]]),
        6 => call("divide", vec![vec![dice.number(400), dice.number(4)]]),
        7 => call("counted", Vec::new()),
        8 => call("reply", vec![vec![dice.number(400), dice.number(400)]]),
        9 => call("forget", vec![vec![dice.number(400)]]),
        10 => {
            let ids = (0..dice.roll(5))
                .map(|_| Some(Scalar::Int8(i64::try_from(dice.roll(120)).unwrap())));
            let ids = Value::Array(Array::new(TypeKind::Int8, ids.collect()).unwrap());
            call("many", vec![vec![ids]])
        }
        11 => raw(format!("INSERT INTO notes VALUES ({}, 'raw', 5)", dice.roll(400))),
        12 => match dice.roll(4) {
            0 => call("nothing", Vec::new()),
            1 => call("add", vec![vec!["text".into(), 1.into()]]),
            2 => raw("UPDATE notes SET size = 1 WHERE id = 1".into()),
            _ => raw(format!("CREATE TABLE t{} (id INT PRIMARY KEY)", dice.roll(10_000))),
        },
        _ => Payload::Transfer(Transfer { to: account_of(&user(9)), amount: 1_u64.into() }),
    }
}

/// Arguments of `keep`: every kind of scalar, NULLs, and texts that try to get out of their quotes.
fn kinds(dice: &mut Dice) -> Vec<Value> {
    let texts = ["", "NULL", "it's {\"quoted\", \\'}", "'); DROP TABLE kinds; --", "zwölf\n"];
    let text = texts[usize::try_from(dice.roll(5)).unwrap()];
    let number = format!("-{}.{:04}", dice.roll(100_000), dice.roll(10_000));
    let scalars = [
        Scalar::Text(text.into()),
        Scalar::Bytea(text.as_bytes().to_vec().into()),
        Scalar::Uuid(Uuid::from_u128(u128::from(dice.roll(1 << 20)))),
        Scalar::Numeric(Decimal::parse(&number, 20, 4).unwrap()),
        Scalar::Bool(dice.roll(2) == 0),
    ];
    let mut arguments = vec![dice.number(200)];
    arguments.extend(scalars.map(|scalar| match dice.roll(4) {
        0 => Value::Null(Value::from(scalar).data_type()),
        _ => scalar.into(),
    }));
    arguments
}

/// Payloads that ask the database while they run, and a few of the others between them.
fn asking(dice: &mut Dice) -> Payload {
    match dice.roll(60) {
        0 => payload(dice),
        1 => raw(format!("CREATE TABLE t{} (id INT PRIMARY KEY)", dice.roll(10_000))),
        _ => {
            let name = ["hot", "warm", "cold"][usize::try_from(dice.roll(3)).unwrap()];
            call("bump", vec![vec![name.into(), dice.number(1_000)]])
        }
    }
}

fn blocks(seed: u64, payload: fn(&mut Dice) -> Payload) -> Vec<Vec<RawTx>> {
    let mut dice = Dice(seed);
    let mut nonces = [0_u64; 4];
    let mut sign = |sender: usize, payload: &Payload| {
        nonces[sender] += 1;
        tx(&user(u8::try_from(sender).unwrap() + 1), nonces[sender], 0, payload)
    };
    let mut blocks = vec![vec![sign(0, &raw(SCHEMA.into()))]];
    for _ in 0..4 {
        let size = 100 + dice.roll(100);
        let txs = (0..size).map(|_| {
            let sender = usize::try_from(dice.roll(4)).unwrap();
            let payload = payload(&mut dice);
            sign(sender, &payload)
        });
        blocks.push(txs.collect());
    }
    blocks
}

async fn network(one_by_one: bool) -> Net {
    let owner = user(1).identifier();
    let alloc = (1..=4).map(|number| (account_of(&user(number)), 1_000)).collect();
    let mut net = Setup { owner, alloc, ..Setup::free(&[1]) }.start().await;
    if one_by_one {
        net.executor = net.executor.one_by_one();
    }
    net
}

pub(crate) fn shown(outcome: &BlockOutcome) -> Vec<(u32, i64, &str)> {
    let result = |result: &'_ kwil_types::TxResult| (result.code.code(), result.gas);
    let logs = outcome.results.iter().map(|result| result.log.as_str());
    outcome
        .results
        .iter()
        .map(result)
        .zip(logs)
        .map(|((code, gas), log)| (code, gas, log))
        .collect()
}

#[tokio::test]
async fn random_blocks_have_one_outcome_together_and_one_by_one() {
    let (mut ok, mut failed) = (0, 0);
    for (seed, payload) in [(0, payload as fn(&mut Dice) -> Payload), (1, payload), (2, asking)] {
        let (mut together, mut alone) = (network(false).await, network(true).await);
        for (number, txs) in blocks(seed, payload).into_iter().enumerate() {
            let (left, right) = (together.block(txs.clone()).await, alone.block(txs).await);
            assert_eq!(shown(&left), shown(&right), "seed {seed}, block {number}");
            assert_eq!(left.app_hash, right.app_hash, "seed {seed}, block {number}");
            ok += left.results.iter().filter(|result| result.code.is_ok()).count();
            failed += left.results.iter().filter(|result| !result.code.is_ok()).count();
        }
        for net in [&together, &alone] {
            let report = verify_state(net.test.endpoint(), None).await.unwrap();
            assert!(report.holds(), "seed {seed}: {report:#?}");
        }
    }
    assert!(ok > 100 && failed > 100, "{ok} succeeded, {failed} failed: the mix shows too little");
}

/// Nothing but its end can tell that a statement has one. Its place is known soon, among those that travel with it, and
/// without it the others go on.
#[tokio::test]
async fn an_endless_statement_is_found_among_those_that_travel_with_it() {
    let mut net = network(false).await;
    let owner = user(1);
    net.block(vec![tx(&owner, 1, 0, &raw(SCHEMA.into()))]).await;
    let endless = "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT (n + 1) % 1000 FROM r) \
                   INSERT INTO counters SELECT 'x', n FROM r WHERE n < 0";
    let insert = |id: u64| raw(format!("INSERT INTO notes VALUES ({id}, 'raw', 5)"));
    let txs = |payloads: Vec<Payload>| -> Vec<RawTx> {
        payloads.iter().zip(2..).map(|(payload, nonce)| tx(&owner, nonce, 0, payload)).collect()
    };
    let block = (0..20).map(|id| if id == 7 { raw(endless.into()) } else { insert(id) }).collect();
    let input = net.input(txs(block));
    let (cancel, progress) = (CancellationToken::new(), net.executor.progress());
    let stop = cancel.clone();
    let watching = tokio::spawn(async move {
        // The executor tells nobody what it does; those that want to know look.
        let mut looks = tokio::time::interval(Duration::from_millis(20));
        while !progress.alone().is_some_and(|(place, spent)| place == 7 && spent.as_secs() >= 1) {
            looks.tick().await;
        }
        stop.cancel();
        progress.executed()
    });
    let error = net.executor.execute(&input, cancel).await.unwrap_err();
    assert!(matches!(&error, ExecuteError::Node(fault) if fault.is_cancelled()), "{error}");
    assert_eq!(watching.await.unwrap(), 7);
    let outcome = net.block(txs((0..20).filter(|id| *id != 7).map(insert).collect())).await;
    assert!(outcome.results.iter().all(|result| result.code.is_ok()), "{outcome:#?}");
}
