//! Which client should the block writer use for the statements of actions?
//!
//! The same 4,096 single-row inserts in one transaction, by every way that is open to us, on a table with the capture
//! triggers and on a plain one. Rounds alternate between the ways, the best round of each counts, so that a busy machine
//! slows all of them alike; the CPU time of client and server together is the mean of all rounds. Run with `cargo bench -p kwil-state --bench writer_client`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench ends at the first surprise and prints its table"
)]

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use kwil_state::testing::TestDatabase;
use kwil_state::{Host, Writer};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokio_util::sync::CancellationToken;

const ROWS: i64 = 4096;
const BATCH: i64 = 64;
const ROUNDS: usize = 12;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    SqlxBound,
    SqlxRawExecute,
    SqlxUnnest,
    TokioBound,
    TokioPipelined,
    SqlxBoundSavepoints,
    SqlxRawSavepoints,
    TokioPipelinedSavepoints,
}

const WAYS: [(Way, &str); 8] = [
    (Way::SqlxBound, "sqlx, bound, one message each"),
    (Way::SqlxRawExecute, "sqlx, raw_sql with 64 EXECUTE in a message"),
    (Way::SqlxUnnest, "sqlx, unnest of 64 rows in a statement"),
    (Way::TokioBound, "tokio-postgres, bound, one message each"),
    (Way::TokioPipelined, "tokio-postgres, 64 in a pipeline"),
    (Way::SqlxBoundSavepoints, "sqlx, bound, a savepoint around each"),
    (Way::SqlxRawSavepoints, "sqlx, raw_sql, 64 with savepoints in a message"),
    (Way::TokioPipelinedSavepoints, "tokio-postgres, 64 with savepoints in a pipeline"),
];

struct Clients {
    sqlx: PgConnection,
    tokio: tokio_postgres::Client,
    /// Processes of the server that work for the two clients.
    backends: Vec<i32>,
}

#[derive(Clone, Copy)]
struct Cost {
    best: Duration,
    /// Clock ticks of the processor in all rounds.
    ticks: u64,
}

/// Clock ticks in a second, as the kernel counts them for programs.
const TICKS_PER_SECOND: f64 = 100.0;

/// Clock ticks that this process and the server's sessions have used.
fn ticks(backends: &[i32]) -> u64 {
    let of = |process: &str| -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
        let fields = stat.rsplit(") ").next().unwrap();
        fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
    };
    backends.iter().map(|pid| of(&pid.to_string())).sum::<u64>() + of("self")
}

fn main() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let database = TestDatabase::create().await;
        prepare(&database).await;
        let (tokio, driver) = tokio_client(&database).await;
        let mut sqlx = database.connect().await;
        let first: i32 =
            sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut sqlx).await.unwrap();
        let second: i32 = tokio.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
        let mut clients = Clients { sqlx, tokio, backends: vec![first, second] };
        for table in ["plain", "captured"] {
            let best = measure(&mut clients, table).await;
            print(table, &best);
        }
        drop(clients);
        driver.await.unwrap();
    });
}

/// A plain table, and one with the triggers of a hashed table; the capture table is made in both sessions.
async fn prepare(database: &TestDatabase) {
    let mut writer = Writer::open(database.endpoint().clone(), None).await.unwrap();
    let mut block = writer.begin(0, CancellationToken::new()).await.unwrap();
    block.create_namespace("main", "USER").await.unwrap();
    for table in ["plain", "captured"] {
        block
            .execute(&format!("CREATE TABLE main.{table} (id int8 PRIMARY KEY, name text COLLATE \"C\", amount int8)"))
            .await
            .unwrap();
    }
    for (trigger, event, function) in
        [("i", "INSERT", "cap_ins"), ("u", "UPDATE", "cap_upd"), ("d", "DELETE", "cap_del")]
    {
        block
            .execute(&format!(
                "CREATE TRIGGER kwil_cap_{trigger} AFTER {event} ON main.captured FOR EACH ROW EXECUTE FUNCTION kwild_fn.{function}()"
            ))
            .await
            .unwrap();
    }
    block.finish().await.unwrap();
    writer.seal(kwil_crypto::Hash::ZERO, kwil_crypto::Hash::ZERO, 0).await.unwrap();
    writer.commit().await.unwrap();
    writer.close().await;
}

const SESSION: &str = "SET synchronous_commit = off; SET plan_cache_mode = force_generic_plan; SET jit = off; \
    SET temp_buffers = '32MB'; \
    CREATE TEMPORARY TABLE kwil_capture (rel oid NOT NULL, old bytea, new bytea) ON COMMIT DELETE ROWS";

async fn tokio_client(
    database: &TestDatabase,
) -> (tokio_postgres::Client, tokio::task::JoinHandle<()>) {
    let endpoint = database.endpoint();
    let Host::Socket(folder) = endpoint.host() else { panic!("tests use a Unix socket") };
    let mut config = tokio_postgres::Config::new();
    config
        .host_path(folder)
        .port(endpoint.port())
        .user(endpoint.user())
        .password(endpoint.password().reveal())
        .dbname(endpoint.database());
    let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
    let driver = tokio::spawn(async move { connection.await.unwrap() });
    (client, driver)
}

async fn measure(clients: &mut Clients, table: &str) -> Vec<Cost> {
    let insert = format!("INSERT INTO main.{table} (id, name, amount) VALUES ($1, $2, $3)");
    let session = if table == "plain" { SESSION } else { "" };
    sqlx::raw_sql(session).execute(&mut clients.sqlx).await.unwrap();
    clients.tokio.batch_execute(session).await.unwrap();
    let prepare = format!("PREPARE ins_{table} (int8, text, int8) AS {insert}");
    sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut clients.sqlx).await.unwrap();
    let mut costs = vec![Cost { best: Duration::MAX, ticks: 0 }; WAYS.len()];
    for _ in 0..ROUNDS {
        for ((way, _), cost) in WAYS.iter().zip(&mut costs) {
            let before = ticks(&clients.backends);
            cost.best = cost.best.min(round(clients, *way, table, &insert).await);
            cost.ticks += ticks(&clients.backends) - before;
        }
    }
    costs
}

/// One transaction with all rows, undone at the end; the time of the statements alone.
async fn round(clients: &mut Clients, way: Way, table: &str, insert: &str) -> Duration {
    if matches!(way, Way::TokioBound | Way::TokioPipelined | Way::TokioPipelinedSavepoints) {
        return tokio_round(&clients.tokio, way, insert).await;
    }
    let mut tx = clients.sqlx.begin().await.unwrap();
    let start = Instant::now();
    for first in (0..ROWS).step_by(usize::try_from(BATCH).unwrap()) {
        let rows = first..first + BATCH;
        match way {
            Way::SqlxBound | Way::SqlxBoundSavepoints => {
                for id in rows {
                    let around = way == Way::SqlxBoundSavepoints;
                    if around {
                        sqlx::query("SAVEPOINT s").execute(&mut *tx).await.unwrap();
                    }
                    let query = sqlx::query(AssertSqlSafe(insert.to_owned()))
                        .bind(id)
                        .bind(name(id))
                        .bind(id);
                    query.execute(&mut *tx).await.unwrap();
                    if around {
                        sqlx::query("RELEASE SAVEPOINT s").execute(&mut *tx).await.unwrap();
                    }
                }
            }
            Way::SqlxRawExecute | Way::SqlxRawSavepoints => {
                let mut script = String::new();
                for id in rows {
                    let execute = format!("EXECUTE ins_{table}({id},'{}',{id});", name(id));
                    if way == Way::SqlxRawSavepoints {
                        write!(script, "SAVEPOINT s;{execute}RELEASE SAVEPOINT s;").unwrap();
                    } else {
                        script.push_str(&execute);
                    }
                }
                sqlx::raw_sql(AssertSqlSafe(script)).execute(&mut *tx).await.unwrap();
            }
            _ => {
                let sql = format!(
                    "INSERT INTO main.{table} (id, name, amount) SELECT * FROM unnest($1::int8[], $2::text[], $3::int8[])"
                );
                let ids: Vec<i64> = rows.collect();
                let names: Vec<String> = ids.iter().map(|id| name(*id)).collect();
                let query = sqlx::query(AssertSqlSafe(sql)).bind(ids.clone()).bind(names).bind(ids);
                query.execute(&mut *tx).await.unwrap();
            }
        }
    }
    let elapsed = start.elapsed();
    tx.rollback().await.unwrap();
    elapsed
}

async fn tokio_round(client: &tokio_postgres::Client, way: Way, insert: &str) -> Duration {
    let statement = client.prepare(insert).await.unwrap();
    let savepoint = client.prepare("SAVEPOINT s").await.unwrap();
    let release = client.prepare("RELEASE SAVEPOINT s").await.unwrap();
    client.batch_execute("BEGIN").await.unwrap();
    let start = Instant::now();
    for first in (0..ROWS).step_by(usize::try_from(BATCH).unwrap()) {
        let values: Vec<(i64, String)> = (first..first + BATCH).map(|id| (id, name(id))).collect();
        let run = async |(id, name): &(i64, String)| {
            client.execute(&statement, &[id, name, id]).await.map(drop)
        };
        match way {
            Way::TokioBound => {
                for value in &values {
                    run(value).await.unwrap();
                }
            }
            Way::TokioPipelined => {
                try_join_all(values.iter().map(run)).await.unwrap();
            }
            _ => {
                // Requests leave in the order in which they are first polled, which is the order of the list.
                let around = async |value: &(i64, String)| {
                    let parts = (
                        client.execute(&savepoint, &[]),
                        run(value),
                        client.execute(&release, &[]),
                    );
                    let (before, inserted, after) = tokio::join!(biased; parts.0, parts.1, parts.2);
                    before.and(inserted).and(after.map(drop))
                };
                try_join_all(values.iter().map(around)).await.unwrap();
            }
        }
    }
    let elapsed = start.elapsed();
    client.batch_execute("ROLLBACK").await.unwrap();
    elapsed
}

fn name(id: i64) -> String {
    format!("name of row {id}")
}

fn print(table: &str, costs: &[Cost]) {
    let rows = f64::from(u32::try_from(ROWS).unwrap());
    let all_rows = rows * f64::from(u32::try_from(ROUNDS).unwrap());
    let each = |cost: &Cost| {
        (
            cost.best.as_secs_f64() * 1e6 / rows,
            cost.ticks as f64 / TICKS_PER_SECOND * 1e6 / all_rows,
        )
    };
    let (time, cpu) = costs.first().map_or((1.0, 1.0), each);
    println!("\n{ROWS} single-row inserts into a {table} table, best of {ROUNDS} rounds:");
    println!("{:<50} {:>9} {:>7} {:>9} {:>7}", "way", "µs a row", "gain", "CPU-µs", "gain");
    for ((_, label), cost) in WAYS.iter().zip(costs) {
        let (best, used) = each(cost);
        println!("{label:<50} {best:>9.1} {:>6.2}x {used:>9.1} {:>6.2}x", time / best, cpu / used);
    }
}
