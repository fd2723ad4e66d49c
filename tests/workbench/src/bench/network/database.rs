//! SQL and actions through the services of a node.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use kwil_client::{Caller, Parameters, UserClient};
use kwil_types::Value;
use tokio::task::JoinSet;

use super::percentile;
use crate::bench::load::{self, Sender, Work};
use crate::bench::workload::{SCHEMA, WORKLOADS};

/// Rows that a workload inserts, at least; those of one row for each transaction.
const ROWS: u64 = 10_000;
/// Rows of the others.
const MANY_ROWS: u64 = 50_000;
/// Rounds of a workload; the median counts.
const ROUNDS: usize = 5;
/// Readers at a time.
const READERS: usize = 4;
/// Calls of the view action.
const CALLS: usize = 10_000;
/// Selects of 1,000 rows.
const SELECTS: usize = 400;

/// One workload.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) txs_per_s: f64,
    pub(crate) rows_per_s: f64,
    /// Single-row statements that do the same.
    pub(crate) statements_per_s: f64,
}

/// What one network does.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    pub(crate) lines: Vec<Line>,
    pub(crate) calls_per_s: f64,
    pub(crate) call_p50: Duration,
    pub(crate) call_p99: Duration,
    pub(crate) selects_per_s: f64,
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Line { name, txs_per_s, rows_per_s, .. } in &self.lines {
            writeln!(f, "  {name}: {txs_per_s:.0} transactions/s, {rows_per_s:.0} rows/s")?;
        }
        write!(
            f,
            "  view action by key: {:.0}/s, p50 {:.2} ms, p99 {:.2} ms; selects of 1,000 rows: {:.0}/s",
            self.calls_per_s,
            self.call_p50.as_secs_f64() * 1e3,
            self.call_p99.as_secs_f64() * 1e3,
            self.selects_per_s
        )
    }
}

pub(super) async fn measure(senders: &mut [Sender], provider: &str) -> Result<Database> {
    let client = load::client(provider)?;
    senders.first_mut().context("no sender")?.run(&client, SCHEMA).await?;
    let (mut lines, mut expected) = (Vec::new(), 0_u64);
    for workload in WORKLOADS {
        let rows = u64::try_from(workload.rows)?;
        let count = if rows == 1 { ROWS } else { MANY_ROWS / rows };
        let senders_at_work = u64::from(load::SENDERS);
        let count = count.div_ceil(senders_at_work).saturating_mul(senders_at_work);
        let mut rounds = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            let work = Work::Database(workload);
            rounds.push(load::throughput(senders, provider, work, count).await?);
            expected = expected.saturating_add(count.saturating_mul(rows));
        }
        rounds.sort_unstable_by(f64::total_cmp);
        let txs_per_s = rounds.get(ROUNDS / 2).copied().unwrap_or_default();
        lines.push(Line {
            name: workload.name,
            txs_per_s,
            rows_per_s: txs_per_s * f64::from(u32::try_from(rows)?),
            statements_per_s: txs_per_s * f64::from(u32::try_from(workload.statements)?),
        });
    }
    let counted = client.query("SELECT count(*) FROM notes", &Parameters::new()).await?;
    let counted = counted.rows.first().and_then(|row| row.first());
    ensure!(
        counted == Some(&Value::from(i64::try_from(expected)?)),
        "{counted:?} rows where {expected} were inserted: a transaction failed"
    );
    let client = Arc::new(client);
    let (mut times, seconds) = reads(&client, CALLS, call).await?;
    times.sort_unstable();
    let (selects, select_seconds) = reads(&client, SELECTS, select).await?;
    let per_s = |count: usize, seconds: f64| -> Result<f64> {
        Ok(f64::from(u32::try_from(count)?) / seconds)
    };
    Ok(Database {
        lines,
        calls_per_s: per_s(times.len(), seconds)?,
        call_p50: percentile(&times, 50)?,
        call_p99: percentile(&times, 99)?,
        selects_per_s: per_s(selects.len(), select_seconds)?,
    })
}

async fn call(client: Arc<UserClient>, number: usize) -> Result<()> {
    // Of the rows that the first sender inserted first.
    let key = 1_000_000_000_i64.saturating_add(i64::try_from(number % 100)?);
    let answer = client.call_action("main", "get_note", &[key.into()], Caller::Anonymous).await?;
    ensure!(answer.query_result.rows.len() == 1, "row {key} is missing");
    Ok(())
}

async fn select(client: Arc<UserClient>, _: usize) -> Result<()> {
    let sql = "SELECT id, author, body FROM notes ORDER BY id LIMIT 1000";
    let answer = client.query(sql, &Parameters::new()).await?;
    ensure!(answer.rows.len() == 1_000, "rows are missing");
    Ok(())
}

/// Times of all reads, and seconds for all of them together.
async fn reads<F, R>(
    client: &Arc<UserClient>,
    count: usize,
    read: F,
) -> Result<(Vec<Duration>, f64)>
where
    F: Fn(Arc<UserClient>, usize) -> R + Copy + Send + 'static,
    R: Future<Output = Result<()>> + Send,
{
    let started = Instant::now();
    let mut readers = JoinSet::new();
    for reader in 0..READERS {
        let client = Arc::clone(client);
        readers.spawn(async move {
            let mut times = Vec::with_capacity(count / READERS);
            for number in 0..count / READERS {
                let asked = Instant::now();
                read(Arc::clone(&client), number.wrapping_mul(READERS).wrapping_add(reader))
                    .await?;
                times.push(asked.elapsed());
            }
            anyhow::Ok(times)
        });
    }
    let mut all = Vec::with_capacity(count);
    while let Some(times) = readers.join_next().await {
        all.extend(times??);
    }
    Ok((all, started.elapsed().as_secs_f64()))
}
