//! How much a transaction and a block may change: the same answer whatever the database held before and however payloads
//! travel.

use kwil_lang::testing::Random;
use kwil_state::{BlockOutcome, CaptureLimits, verify_state};
use kwil_types::{EncodedValue, Execute, Payload, RawStatement, RawTx, Value};

use crate::network::{Net, Setup, tx, user};

const SMALL: CaptureLimits =
    CaptureLimits { waiting: 16 << 10, transaction: 64 << 10, block: 200 << 10 };
/// Bytes of the image of a row of `notes` beside its text.
const FRAME: i64 = 28;

const SCHEMA: &str = "
    CREATE TABLE notes (id INT PRIMARY KEY, body TEXT);
    CREATE TABLE replies (id INT PRIMARY KEY, note INT REFERENCES notes(id) ON DELETE CASCADE, body TEXT);
    CREATE ACTION put($id INT, $size INT) PUBLIC { INSERT INTO notes VALUES ($id, lpad('x', $size)); };
    CREATE ACTION reply($id INT, $note INT, $size INT) PUBLIC { INSERT INTO replies VALUES ($id, $note, lpad('y', $size)); };
    CREATE ACTION fail($id INT, $size INT) PUBLIC {
        INSERT INTO notes VALUES ($id, lpad('x', $size));
        NOTICE('wrote');
        ERROR('on purpose');
    };
    CREATE ACTION loud($id INT, $size INT) PUBLIC {
        FOR $row IN SELECT count(*) AS n FROM notes { NOTICE($row.n::text); }
        FOR $i IN 0..3 {
            INSERT INTO notes VALUES ($id + $i, lpad('z', $size));
            NOTICE('wrote ' || $i::text);
            FOR $row IN SELECT count(*) AS n FROM notes WHERE id = $id { NOTICE($row.n::text); }
        }
    };
    CREATE ACTION touch($below INT) PUBLIC { UPDATE notes SET body = body || 'u' WHERE id < $below; };
    CREATE ACTION same($below INT) PUBLIC { UPDATE notes SET body = body WHERE id < $below; };
    CREATE ACTION forget($below INT) PUBLIC { DELETE FROM notes WHERE id < $below; };
";
const PASSED: &str = "ERROR: execution limit exceeded: captured bytes";

fn call(action: &str, arguments: &[i64]) -> Payload {
    let list =
        arguments.iter().map(|n| EncodedValue::from_value(&Value::from(*n)).unwrap()).collect();
    Payload::Execute(Execute::new("main", action, vec![list]).unwrap())
}

fn raw(statement: &str) -> Payload {
    Payload::RawStatement(RawStatement { statement: statement.into(), parameters: Vec::new() })
}

/// A network whose owner signs everything.
struct Owned {
    net: Net,
    nonce: u64,
}

impl Owned {
    async fn start(limits: CaptureLimits, together: bool) -> Self {
        let setup = Setup { owner: user(1).identifier(), ..Setup::free(&[1]) };
        let mut net = setup.start().await;
        net.executor = net.executor.with_capture_limits(limits);
        if !together {
            net.executor = net.executor.one_by_one();
        }
        let mut owned = Self { net, nonce: 0 };
        let schema = owned.block(&[raw(SCHEMA)]).await;
        assert_eq!(schema.results[0].log, "");
        owned
    }

    async fn block(&mut self, payloads: &[Payload]) -> BlockOutcome {
        let first = self.nonce + 1;
        self.nonce += payloads.len() as u64;
        let sign = |(nonce, payload): (u64, &Payload)| tx(&user(1), nonce, 0, payload);
        let txs: Vec<RawTx> = (first..).zip(payloads).map(sign).collect();
        self.net.block(txs).await
    }

    async fn logs(&mut self, payloads: &[Payload]) -> Vec<String> {
        let results = self.block(payloads).await.results;
        assert!(results.iter().all(|result| result.code.is_ok() != result.log.contains("ERROR")));
        results.into_iter().map(|result| result.log).collect()
    }

    async fn assert_verified(&self) {
        let report = verify_state(self.net.test.endpoint(), None).await.unwrap();
        assert!(report.holds(), "{report:#?}");
    }
}

#[tokio::test]
async fn a_transaction_may_capture_its_limit_and_not_a_byte_more() {
    let most = i64::try_from(SMALL.transaction).unwrap() - FRAME;
    for together in [true, false] {
        let mut net = Owned::start(SMALL, together).await;
        let blocks = [
            vec![call("put", &[1, most]), call("put", &[2, most + 1]), call("put", &[3, 9])],
            // What others changed before does not count, whether it was kept or not.
            vec![call("put", &[4, 50_000]), call("fail", &[5, 60_000]), call("put", &[6, most])],
            vec![call("put", &[7, 50_000]), call("put", &[8, most + 1]), call("put", &[8, most])],
            // A row that is as it was counts too: the node does not look at it before.
            vec![call("same", &[2]), call("forget", &[2]), call("put", &[1, most - 100])],
        ];
        let wanted = [
            ["", PASSED, ""],
            ["", "1. wrote\nERROR: on purpose", ""],
            ["", PASSED, ""],
            [PASSED, "", ""],
        ];
        for (payloads, wanted) in blocks.iter().zip(wanted) {
            assert_eq!(net.logs(payloads).await, wanted, "together: {together}");
        }
        net.assert_verified().await;
    }
}

#[tokio::test]
async fn a_block_may_capture_its_limit_and_not_a_byte_more() {
    let half = 40 << 10;
    let rest = i64::try_from(SMALL.block).unwrap() - 4 * (half + FRAME) - FRAME;
    for together in [true, false] {
        let mut net = Owned::start(SMALL, together).await;
        let mut payloads: Vec<Payload> = (0..4).map(|id| call("put", &[id, half])).collect();
        payloads.extend([call("fail", &[9, 30_000]), call("put", &[4, rest + 1])]);
        payloads.extend([call("put", &[4, rest]), call("put", &[5, 0]), call("put", &[6, 0])]);
        let wanted = ["", "", "", "", "1. wrote\nERROR: on purpose", PASSED, "", PASSED, PASSED];
        assert_eq!(net.logs(&payloads).await, wanted, "together: {together}");
        assert_eq!(net.logs(&[call("put", &[5, 0])]).await, [""], "the next block has its own");
        net.assert_verified().await;
    }
}

#[tokio::test]
async fn a_loop_ends_where_it_passes_the_limit() {
    let mut net = Owned::start(SMALL, true).await;
    let log = net.logs(&[call("put", &[1, 5_000]), call("loud", &[10, 30_000])]).await.remove(1);
    assert!(
        log.starts_with("1. 1\n2. wrote 0\n3. 1\n4. wrote 1\n5. 1\n") && log.ends_with(PASSED),
        "{log}"
    );
    assert!(!log.contains("wrote 3"), "{log}");
    net.assert_verified().await;
}

fn random_payload(random: &mut Random) -> Payload {
    let number = |random: &mut Random, below: usize| i64::try_from(random.below(below)).unwrap();
    let id = number(random, 60);
    let size = match random.below(6) {
        0 => number(random, 70_000),
        1 | 2 => number(random, 9_000),
        _ => number(random, 300),
    };
    match random.below(14) {
        0..=4 => call("put", &[id, size]),
        5 | 6 => call("reply", &[id, number(random, 60), size]),
        7 => call("fail", &[id, size]),
        8 | 9 => call("loud", &[id, size / 2]),
        10 => call("touch", &[id]),
        11 => call("same", &[id / 4]),
        12 => call("forget", &[id]),
        _ => raw(&format!("CREATE TABLE t{} (id INT PRIMARY KEY)", random.below(100_000))),
    }
}

#[tokio::test]
async fn the_limits_do_not_depend_on_how_a_node_drains() {
    let (mut passed, mut ok) = (0, 0);
    for seed in 0..1 {
        let eager = CaptureLimits { waiting: 0, ..SMALL };
        let lazy = CaptureLimits { waiting: u64::MAX, ..SMALL };
        let mut nets = [
            Owned::start(SMALL, true).await,
            Owned::start(SMALL, false).await,
            Owned::start(eager, true).await,
            Owned::start(lazy, true).await,
        ];
        let mut random = Random::new(seed);
        for number in 0..5 {
            let count = random.below(90);
            let payloads: Vec<Payload> = (0..count).map(|_| random_payload(&mut random)).collect();
            let mut outcomes = Vec::new();
            for net in &mut nets {
                outcomes.push(net.block(&payloads).await);
            }
            for other in &outcomes[1..] {
                assert_eq!(other.results, outcomes[0].results, "seed {seed}, block {number}");
                assert_eq!(other.app_hash, outcomes[0].app_hash, "seed {seed}, block {number}");
            }
            let results = &outcomes[0].results;
            passed += results.iter().filter(|result| result.log.ends_with(PASSED)).count();
            ok += results.iter().filter(|result| result.code.is_ok()).count();
        }
        for net in &nets {
            net.assert_verified().await;
        }
    }
    assert!(passed > 10 && ok > 50, "{passed} passed a limit, {ok} succeeded");
}

#[tokio::test]
async fn the_limit_of_a_network_is_256_mebibytes() {
    let mut net = Owned::start(CaptureLimits::NETWORK, true).await;
    let rows = "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 45) \
        INSERT INTO notes SELECT i, lpad('x', 6000000) FROM n";
    let got = net.logs(&[call("put", &[100, 9]), raw(rows), call("put", &[1, 9])]).await;
    assert_eq!(got, ["", PASSED, ""]);
}
