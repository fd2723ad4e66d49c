//! `admin wait-synced`.

use std::time::{Duration, Instant};

use kwil_api::admin::SyncStatus;
use kwil_client::{AdminClient, ClientError};
use kwil_types::GoDuration;
use serde::Serialize;

use crate::context::Context;
use crate::error::CliError;
use crate::progress::{Mark, ProgressLine, line};
use crate::remote::RpcArgs;

/// Between two looks at the node.
const POLL: Duration = Duration::from_secs(1);

/// Wait until the node has caught up with its network; shows how far it is.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  {program} admin wait-synced --timeout 30m && kwil-admin validators join"
)]
pub struct WaitSynced {
    /// Give up after this time; 0s is never
    #[arg(long, default_value = "0s", value_name = "DURATION")]
    timeout: GoDuration,
    /// Blocks that may be missing at the end
    #[arg(long, default_value_t = 2, value_name = "N")]
    lag: u32,
}

#[derive(Serialize)]
struct Synced {
    height: i64,
    target_height: i64,
}

impl WaitSynced {
    /// Looks until the node is live.
    ///
    /// # Errors
    /// The time is over, or what the node or the way to it says.
    pub fn run(self, rpc: &RpcArgs, context: &mut Context) -> Result<(), CliError> {
        let limit = self
            .timeout
            .to_std()
            .map_err(|error| CliError::usage(format!("--timeout: {error}")))?;
        let (sync, done) = rpc.ask(context, async |node| self.watch(node, limit).await)?;
        let synced = Synced { height: sync.best_block_height, target_height: sync.target_height };
        if !done {
            return Err(CliError::failed(format!(
                "not synced after {}: height {} of {}, phase {}",
                self.timeout, synced.height, synced.target_height, sync.phase
            )));
        }
        context.output.emit(&synced, || format!("Synced at height {}", synced.height))
    }

    /// The last status, and whether it is good enough.
    async fn watch(
        &self,
        node: &AdminClient,
        limit: Duration,
    ) -> Result<(SyncStatus, bool), ClientError> {
        let started = Instant::now();
        let mut looks = tokio::time::interval(POLL);
        let mut shown = ProgressLine::on_stderr();
        let mut first = None;
        loop {
            looks.tick().await;
            let sync = node.status().await?.sync;
            if is_synced(&sync, self.lag) {
                return Ok((sync, true));
            }
            if !limit.is_zero() && started.elapsed() >= limit {
                return Ok((sync, false));
            }
            let now = Mark {
                done: u64::try_from(sync.best_block_height).unwrap_or(0),
                total: u64::try_from(sync.target_height).unwrap_or(0),
                elapsed: started.elapsed(),
            };
            shown.show(&line(&sync.phase, "blocks", *first.get_or_insert(now), now));
        }
    }
}

fn is_synced(sync: &SyncStatus, lag: u32) -> bool {
    !sync.syncing && sync.target_height.saturating_sub(sync.best_block_height) <= i64::from(lag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_synced_when_it_says_so_and_little_is_missing() {
        let sync = |syncing, best_block_height, target_height| SyncStatus {
            syncing,
            best_block_height,
            target_height,
            ..SyncStatus::default()
        };
        assert!(is_synced(&sync(false, 98, 100), 2));
        assert!(is_synced(&sync(false, 100, 0), 0));
        assert!(!is_synced(&sync(false, 97, 100), 2));
        assert!(!is_synced(&sync(true, 100, 100), 2));
    }
}
