//! Blocks that change tables while somebody reads them.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use kwil_engine::Invocation;
use kwil_state::{Database, QueryAnswer, ReadBounds, ReadError, Reads};
use kwil_types::{Payload, RawStatement, RawTx, Value};
use sqlx::{Connection as _, PgConnection};
use tokio::sync::mpsc;
use tracing::field::{Field, Visit};

use crate::network::{Net, Setup, tx, user};

const NOTES: &str = "CREATE TABLE notes (id INT PRIMARY KEY, body TEXT)";
const FILL: &str = "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 2000) \
     INSERT INTO notes (id, body) SELECT n, 'x' FROM r";
/// Takes for ever while the table is full, and no time when it has one row.
const COUNT: &str = "SELECT count(*) FROM notes AS a JOIN notes AS b ON a.body = b.body \
     JOIN notes AS c ON b.body = c.body JOIN notes AS d ON c.body = d.body";

fn sql(nonce: u64, statement: &str) -> RawTx {
    let payload = RawStatement { statement: statement.into(), parameters: Vec::new() };
    tx(&user(1), nonce, 0, &Payload::RawStatement(payload))
}

async fn start(statements: &[&str]) -> (Net, Reads) {
    let mut net = Setup { owner: user(1).identifier(), ..Setup::free(&[1]) }.start().await;
    let txs = (1..).zip(statements).map(|(nonce, statement)| sql(nonce, statement));
    let outcome = net.block(txs.collect()).await;
    assert!(outcome.results.iter().all(|result| result.code.is_ok()), "{:?}", outcome.results);
    let reads = net.executor.reads(&net.database);
    (net, reads)
}

fn bounds(seconds: u64) -> ReadBounds {
    ReadBounds { time: Duration::from_secs(seconds), ..ReadBounds::default() }
}

async fn read(reads: &Reads, query: &str, seconds: u64) -> Result<QueryAnswer, ReadError> {
    reads.query(query, BTreeMap::new(), Invocation::default(), bounds(seconds)).await
}

/// Waits until a session of this kind holds a lock on the table, or waits for one.
async fn lock_on_notes(root: &mut PgConnection, application: &str, granted: bool) {
    let query = "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
         JOIN pg_class c ON c.oid = l.relation \
         WHERE c.relname = 'notes' AND a.application_name = $1 AND l.granted = $2 \
         AND a.datname = current_database()";
    loop {
        let query = sqlx::query_scalar(query).bind(application).bind(granted);
        let locks: i64 = query.fetch_one(&mut *root).await.unwrap();
        if locks > 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_read_in_the_way_of_a_block_is_answered_after_it() {
    let (mut net, reads) = start(&[NOTES, FILL]).await;
    let mut root = net.test.connect_superuser().await;
    let height = net.executor.chain().height;
    let changing = async {
        lock_on_notes(&mut root, "kwild reader", true).await;
        let statements =
            ["DELETE FROM notes WHERE id > 1", "ALTER TABLE notes ADD COLUMN more TEXT"];
        net.block((3..).zip(statements).map(|(nonce, it)| sql(nonce, it)).collect()).await
    };
    let (answer, outcome) = tokio::join!(read(&reads, COUNT, 600), changing);
    assert!(outcome.results.iter().all(|result| result.code.is_ok()), "{:?}", outcome.results);
    let answer = answer.unwrap();
    assert_eq!((answer.height, answer.result.rows), (height + 1, vec![vec![Value::from(1)]]));
}

#[tokio::test]
async fn a_read_of_a_table_that_a_block_drops_is_told_so() {
    let (mut net, reads) = start(&[NOTES, FILL]).await;
    let mut root = net.test.connect_superuser().await;
    let changing = async {
        lock_on_notes(&mut root, "kwild reader", true).await;
        net.block(vec![sql(3, "DROP TABLE notes")]).await
    };
    let (answer, outcome) = tokio::join!(read(&reads, COUNT, 600), changing);
    assert!(outcome.results[0].code.is_ok(), "{:?}", outcome.results);
    assert!(matches!(answer, Err(ReadError::Failed(_))), "{answer:?}");
    net.no_reader_runs().await;
}

#[tokio::test]
async fn a_read_that_is_too_slow_again_ends_with_its_own_time() {
    let (mut net, reads) = start(&[NOTES, FILL]).await;
    let mut root = net.test.connect_superuser().await;
    let changing = async {
        lock_on_notes(&mut root, "kwild reader", true).await;
        net.block(vec![sql(3, "ALTER TABLE notes ADD COLUMN more TEXT")]).await
    };
    let (answer, outcome) = tokio::join!(read(&reads, COUNT, 3), changing);
    assert!(outcome.results[0].code.is_ok(), "{:?}", outcome.results);
    assert!(matches!(answer, Err(ReadError::Timeout)), "{answer:?}");
    net.no_reader_runs().await;
}

#[tokio::test]
async fn an_action_that_reads_for_ever_makes_way_between_its_statements() {
    // Each statement is short; what the block waits for is the transaction around them.
    let many = "CREATE ACTION many() PUBLIC VIEW RETURNS (n INT) {
        for $i in 1..100000000 { $n INT; for $row in SELECT count(*) AS n FROM notes { $n := $row.n; }
            if $n == 1 { RETURN $n; } }
        RETURN 0; }";
    let (mut net, reads) = start(&[NOTES, FILL, many]).await;
    let mut root = net.test.connect_superuser().await;
    let changing = async {
        lock_on_notes(&mut root, "kwild reader", true).await;
        let statements =
            ["DELETE FROM notes WHERE id > 1", "ALTER TABLE notes ADD COLUMN more TEXT"];
        net.block((4..).zip(statements).map(|(nonce, it)| sql(nonce, it)).collect()).await
    };
    let call = reads.call("", "many", vec![], Invocation::default(), bounds(600));
    let (answer, outcome) = tokio::join!(call, changing);
    assert!(outcome.results.iter().all(|result| result.code.is_ok()), "{:?}", outcome.results);
    assert_eq!(answer.unwrap().result.rows, [[Value::from(1)]]);
}

#[tokio::test]
async fn a_read_behind_a_change_of_its_table_sees_whole_blocks() {
    let again = ["DROP TABLE notes", NOTES, "INSERT INTO notes VALUES (7, 'new')"];
    let (mut net, reads) = start(&[NOTES, FILL]).await;
    let mut root = net.test.connect_superuser().await;
    let input = net.input((3..).zip(again).map(|(nonce, it)| sql(nonce, it)).collect());
    let cancel = tokio_util::sync::CancellationToken::new();
    net.executor.execute(&input, cancel).await.unwrap();
    // The block is not committed, so what is read now is the old table, behind the lock of the new one.
    let committing = async {
        lock_on_notes(&mut root, "kwild reader", false).await;
        net.executor.commit().await.unwrap()
    };
    let query = "SELECT id FROM notes WHERE id > 6 ORDER BY id LIMIT 2";
    let (answer, chain) = tokio::join!(read(&reads, query, 600), committing);
    let answer = answer.unwrap();
    assert_eq!((answer.height, answer.result.rows), (chain.height, vec![vec![Value::from(7)]]));
}

/// Sends the process that a warning names.
struct Warnings(Mutex<mpsc::UnboundedSender<i64>>);

struct Pid(Option<i64>);

impl Visit for Pid {
    fn record_i64(&mut self, field: &Field, value: i64) {
        if field.name() == "pid" {
            self.0 = Some(value);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "kwil_state::blockers" && *metadata.level() == tracing::Level::WARN
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut pid = Pid(None);
        event.record(&mut pid);
        if let Some(pid) = pid.0 {
            self.0.lock().unwrap().send(pid).ok();
        }
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test]
async fn a_foreign_session_in_the_way_is_named_and_left_alone() {
    let (mut net, _reads) = start(&[NOTES, FILL]).await;
    let (sender, mut warned) = mpsc::unbounded_channel();
    let _subscriber = tracing::subscriber::set_default(Warnings(Mutex::new(sender)));
    let mut foreign = net.test.connect().await;
    let mut open = foreign.begin().await.unwrap();
    let query = "SELECT pg_backend_pid() FROM main.notes LIMIT 1";
    let pid: i32 = sqlx::query_scalar(query).fetch_one(&mut *open).await.unwrap();
    let letting_go = async {
        assert_eq!(warned.recv().await, Some(i64::from(pid)));
        let sum: i64 = sqlx::query_scalar("SELECT count(*) FROM main.notes")
            .fetch_one(&mut *open)
            .await
            .unwrap();
        open.commit().await.unwrap();
        sum
    };
    let changing = net.block(vec![sql(3, "ALTER TABLE notes ADD COLUMN more TEXT")]);
    let (outcome, sum) = tokio::join!(changing, letting_go);
    assert_eq!(sum, 2000);
    assert!(outcome.results[0].code.is_ok(), "{:?}", outcome.results);
    assert!(warned.try_recv().is_err(), "named twice");
}

#[tokio::test]
async fn a_client_that_fills_its_share_stops_itself_only() {
    let (net, _) = start(&[NOTES, FILL]).await;
    // Four connections for readers, so one for each client.
    let database = Database::new(net.test.endpoint().clone(), 10);
    let database = database.with_client_wait(Duration::from_millis(50));
    let reads = net.executor.reads(&database);
    let by = |last: Option<u8>| ReadBounds {
        client: last.map(|last| [10, 0, 0, last].into()),
        ..bounds(600)
    };
    let short = "SELECT count(*) FROM notes";
    let asking = |query: &'static str, client| {
        reads.query(query, BTreeMap::new(), Invocation::default(), by(client))
    };
    let mut root = net.test.connect_superuser().await;
    let others = async {
        lock_on_notes(&mut root, "kwild reader", true).await;
        for _ in 0..3 {
            let same = asking(short, Some(1)).await;
            assert!(matches!(same, Err(ReadError::Busy)), "{same:?}");
            for other in [Some(2), None] {
                let answer = asking(short, other).await.unwrap();
                assert_eq!(answer.result.rows, [[Value::from(2000)]]);
            }
        }
    };
    tokio::select! {
        endless = asking(COUNT, Some(1)) => panic!("{endless:?}"),
        () = others => {}
    }
    // The read was dropped, and its place is free again.
    assert!(asking(short, Some(1)).await.is_ok());
    net.no_reader_runs().await;
}
