//! What the machine's PostgreSQL does without us: single-row updates, one round trip each and pipelined.

use std::fmt;
use std::time::Instant;

use anyhow::{Context, Result};
use kwil_state::testing::TestDatabase;
use kwil_state::{Endpoint, Host};
use tokio_postgres::{Client, NoTls};

const ROWS: i64 = 32;
const UPDATES: i64 = 10_000;

/// Updates per second.
#[derive(Debug, Clone)]
pub(super) struct Baseline {
    pub(super) round_trip: f64,
    pub(super) pipelined: f64,
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.0} single-row updates/s with a round trip each, {:.0}/s pipelined",
            self.round_trip, self.pipelined
        )
    }
}

pub(super) async fn measure() -> Result<Baseline> {
    let database = TestDatabase::create().await;
    let (client, connection) = options(database.endpoint())?.connect(NoTls).await?;
    let driver = tokio::spawn(connection);
    let measured = updates(&client).await;
    drop(client);
    driver.await??;
    measured
}

/// How `tokio-postgres` reaches the database.
pub(super) fn options(endpoint: &Endpoint) -> Result<tokio_postgres::Config> {
    let mut options = tokio_postgres::Config::new();
    match endpoint.host() {
        Host::Socket(folder) => options.host_path(folder),
        Host::Tcp(host) => options.host(host),
    };
    options.port(endpoint.port()).user(endpoint.user()).dbname(endpoint.database());
    options.password(endpoint.password().reveal());
    Ok(options)
}

async fn updates(client: &Client) -> Result<Baseline> {
    client
        .batch_execute(
            "CREATE TABLE t (id int8 PRIMARY KEY, v int8 NOT NULL); SET synchronous_commit = off",
        )
        .await?;
    client
        .execute("INSERT INTO t SELECT g, 0 FROM generate_series(0, $1::int8 - 1) g", &[&ROWS])
        .await?;
    let update = client.prepare("UPDATE t SET v = v + 1 WHERE id = $1").await?;
    let row = |number: i64| number.checked_rem(ROWS).unwrap_or_default();

    let started = Instant::now();
    client.batch_execute("BEGIN").await?;
    for number in 0..UPDATES {
        client.execute(&update, &[&row(number)]).await?;
    }
    client.batch_execute("COMMIT").await?;
    let round_trip = rate(started);

    let started = Instant::now();
    client.batch_execute("BEGIN").await?;
    let rows: Vec<i64> = (0..UPDATES).map(row).collect();
    let (client, update) = (client, &update);
    for batch in rows.chunks(256) {
        // Futures that are polled together share round trips: that is how this driver pipelines.
        let mut sent = Vec::with_capacity(batch.len());
        for row in batch {
            sent.push(Box::pin(async move { client.execute(update, &[row]).await }));
        }
        for done in together(sent).await {
            done.context("pipelined update")?;
        }
    }
    client.batch_execute("COMMIT").await?;
    Ok(Baseline { round_trip, pipelined: rate(started) })
}

fn rate(started: Instant) -> f64 {
    let updates = u32::try_from(UPDATES).unwrap_or(u32::MAX);
    f64::from(updates) / started.elapsed().as_secs_f64()
}

/// Polls all futures until each is done; results in order.
pub(super) async fn together<F: Future + Unpin>(mut futures: Vec<F>) -> Vec<F::Output> {
    let mut results: Vec<Option<F::Output>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, slot) in futures.iter_mut().zip(results.iter_mut()) {
            if slot.is_none()
                && let std::task::Poll::Ready(done) = std::pin::Pin::new(future).poll(context)
            {
                *slot = Some(done);
            }
        }
        if results.iter().all(Option::is_some) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    results.into_iter().flatten().collect()
}
