//! Watching what no event tells: free disk space. And one line a minute about how the node is.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kwil_consensus::Event;
use kwil_state::{DiskLevel, DiskSpace};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::driver::DriverHandle;
use crate::error::NodeError;
use crate::executor::ChainTip;

const LOOK_EVERY: Duration = Duration::from_secs(5);
const TELL_EVERY: Duration = Duration::from_secs(60);

/// Runs until `stop`.
pub(crate) async fn run(
    root: PathBuf,
    driver: DriverHandle,
    tip: watch::Receiver<ChainTip>,
    stop: CancellationToken,
) -> Result<(), NodeError> {
    let (mut look, mut tell) =
        (tokio::time::interval(LOOK_EVERY), tokio::time::interval(TELL_EVERY));
    let mut level = DiskLevel::Enough;
    tell.tick().await;
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            _ = look.tick() => level = look_at_disk(&root, level, &driver).await,
            _ = tell.tick() => {
                let status = driver.status();
                tracing::info!(target: "NODE", height = tip.borrow().height, role = status.role(), syncing = status.syncing, "Status");
            }
        }
    }
}

async fn look_at_disk(root: &Path, level: DiskLevel, driver: &DriverHandle) -> DiskLevel {
    let space = match DiskSpace::of(root) {
        Ok(space) => space,
        Err(error) => {
            tracing::warn!(target: "KWILD", root = %root.display(), %error, "Cannot tell the free disk space");
            return level;
        }
    };
    let next = level.next(space);
    if next == level {
        return level;
    }
    match next {
        DiskLevel::Enough => {
            tracing::info!(target: "KWILD", free = space.free, "Disk space is enough again")
        }
        DiskLevel::Low => tracing::warn!(target: "KWILD", free = space.free, "Disk space is low"),
        DiskLevel::Full => {
            tracing::error!(target: "KWILD", free = space.free, "Disk is almost full: this node stops voting")
        }
    }
    driver.event(Event::Disk { low: next == DiskLevel::Full }).await;
    next
}
