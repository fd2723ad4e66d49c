//! What PostgreSQL does without us: the ceilings.

use std::fmt;
use std::time::Instant;

use anyhow::{Context, Result};
use kwil_state::testing::TestDatabase;
use serde_json::{Value, json};
use tokio_postgres::{Client, NoTls};

use crate::bench::baseline::{options, together};

const ROWS: i64 = 10_000;
/// Runs of the first two measurements; the one in the middle counts.
const RUNS: i64 = 5;
/// Updates of one row.
const UPDATES: i64 = 5_000;
/// Transactions of the third measurement, each with a commit.
const COMMITS: i64 = 2_000;

/// Inserts and transactions per second.
pub(super) struct Raw {
    pub(super) round_trip: f64,
    pub(super) pipelined: f64,
    pub(super) pgbench: f64,
    /// Updates of one row in one transaction.
    pub(super) one_row: f64,
}

impl Raw {
    pub(super) fn json(&self) -> Value {
        json!({
            "round_trip_inserts_per_s": self.round_trip,
            "pipelined_inserts_per_s": self.pipelined,
            "pgbench_transactions_per_s": self.pgbench,
            "updates_of_one_row_per_s": self.one_row,
        })
    }
}

impl fmt::Display for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { round_trip, pipelined, pgbench, one_row } = self;
        write!(
            f,
            "{round_trip:.0} single-row inserts/s with a round trip each, {pipelined:.0}/s pipelined, \
             {pgbench:.0} small transactions/s, {one_row:.0} updates/s of one row in a transaction of {UPDATES}"
        )
    }
}

pub(super) async fn measure() -> Result<Raw> {
    let database = TestDatabase::create().await;
    let (client, connection) = options(database.endpoint())?.connect(NoTls).await?;
    let driver = tokio::spawn(connection);
    let measured = inserts(&client).await;
    drop(client);
    driver.await??;
    measured
}

async fn inserts(client: &Client) -> Result<Raw> {
    let schema = "SET synchronous_commit = off; \
        CREATE TABLE notes (id int8 PRIMARY KEY, author text NOT NULL, body text NOT NULL); \
        CREATE TABLE balances (id int8 PRIMARY KEY, amount int8 NOT NULL); \
        INSERT INTO balances SELECT g, 0 FROM generate_series(0, 999) g";
    client.batch_execute(schema).await?;
    let insert = client.prepare("INSERT INTO notes (id, author, body) VALUES ($1, $2, $3)").await?;
    let (author, body) =
        ("0x1a642f0E3c3aF545E7AcBD38b07251B3990914F1", "forty bytes of a note that says nothing.");

    let (mut round_trip, mut pipelined) = (Vec::new(), Vec::new());
    for run in 0..RUNS {
        let first = run.saturating_mul(2).saturating_mul(ROWS);
        let started = Instant::now();
        client.batch_execute("BEGIN").await?;
        for id in first..first.saturating_add(ROWS) {
            client.execute(&insert, &[&id, &author, &body]).await?;
        }
        client.batch_execute("COMMIT").await?;
        round_trip.push(rate(ROWS, started)?);

        let started = Instant::now();
        client.batch_execute("BEGIN").await?;
        let first = first.saturating_add(ROWS);
        let ids: Vec<i64> = (first..first.saturating_add(ROWS)).collect();
        let insert = &insert;
        for batch in ids.chunks(256) {
            let mut sent = Vec::with_capacity(batch.len());
            for id in batch {
                let arguments = async move { client.execute(insert, &[id, &author, &body]).await };
                sent.push(Box::pin(arguments));
            }
            for done in together(sent).await {
                done.context("pipelined insert")?;
            }
        }
        client.batch_execute("COMMIT").await?;
        pipelined.push(rate(ROWS, started)?);
    }
    let (round_trip, pipelined) = (median(round_trip)?, median(pipelined)?);
    let one_row = one_row(client).await?;
    Ok(Raw { round_trip, pipelined, pgbench: small_transactions(client).await?, one_row })
}

/// Updates of one row in one transaction: each sees all versions that the ones before left.
async fn one_row(client: &Client) -> Result<f64> {
    let update = client.prepare("UPDATE balances SET amount = amount + 1 WHERE id = $1").await?;
    let started = Instant::now();
    client.batch_execute("BEGIN").await?;
    for _ in 0..UPDATES {
        client.execute(&update, &[&0_i64]).await?;
    }
    client.batch_execute("COMMIT").await?;
    rate(UPDATES, started)
}

fn median(mut values: Vec<f64>) -> Result<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().context("nothing was measured")
}

/// Update, select and insert in a transaction of their own, one after another.
async fn small_transactions(client: &Client) -> Result<f64> {
    let update = client.prepare("UPDATE balances SET amount = amount + 1 WHERE id = $1").await?;
    let select = client.prepare("SELECT amount FROM balances WHERE id = $1").await?;
    let insert =
        client.prepare("INSERT INTO notes (id, author, body) VALUES ($1, 'a', 'b')").await?;
    let started = Instant::now();
    for number in 0..COMMITS {
        let row = number.checked_rem(1_000).unwrap_or_default();
        client.batch_execute("BEGIN").await?;
        client.execute(&update, &[&row]).await?;
        client.query_one(&select, &[&row]).await?;
        client
            .execute(
                &insert,
                &[&RUNS.saturating_mul(2).saturating_mul(ROWS).saturating_add(number)],
            )
            .await?;
        client.batch_execute("COMMIT").await?;
    }
    rate(COMMITS, started)
}

fn rate(count: i64, started: Instant) -> Result<f64> {
    Ok(f64::from(u32::try_from(count)?) / started.elapsed().as_secs_f64())
}
