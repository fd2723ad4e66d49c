//! A server that an earlier run of the node left behind.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal};

use super::error::ManagedError;

/// How long an immediate shutdown may take.
const IMMEDIATE: Duration = Duration::from_secs(10);
/// Pause between two looks at a process that is not our child; only children report their end.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Stops a server that still runs on `data`. It is not taken over: its log and its death signal belong to a process that
/// is gone.
///
/// # Errors
/// [`ManagedError::Orphan`] when it does not stop.
pub(crate) async fn stop_orphan(data: &Path, fast: Duration) -> Result<(), ManagedError> {
    let Some(pid) = running_on(data) else { return Ok(()) };
    let number = pid.as_raw_nonzero().get().unsigned_abs();
    tracing::warn!(target: "PG", pid = number, "a server of an earlier run still works; it is stopped first");
    for (signal, limit) in [(Signal::INT, fast), (Signal::QUIT, IMMEDIATE)] {
        // A process that has just ended needs no signal.
        rustix::process::kill_process(pid, signal).ok();
        let ended = async {
            while running_on(data) == Some(pid) {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        if tokio::time::timeout(limit, ended).await.is_ok() {
            return Ok(());
        }
    }
    Err(ManagedError::Orphan { folder: data.to_path_buf(), pid: number })
}

/// The process that `postmaster.pid` names, if it is alive and works in `data`.
fn running_on(data: &Path) -> Option<Pid> {
    let text = std::fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let pid = Pid::from_raw(text.lines().next()?.trim().parse().ok()?)?;
    // Not by path: seen from another mount namespace or root folder, the same folder has another one.
    let works_in = std::fs::metadata(format!("/proc/{}/cwd", pid.as_raw_nonzero())).ok()?;
    let folder = std::fs::metadata(data).ok()?;
    (works_in.dev() == folder.dev() && works_in.ino() == folder.ino()).then_some(pid)
}
