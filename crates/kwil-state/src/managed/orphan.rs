//! A server that an earlier run of the node left behind.

use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::error::ManagedError;

/// How long an immediate shutdown may take.
const IMMEDIATE: Duration = Duration::from_secs(10);

/// Stops a server that still runs on `data`. It is not taken over: its log and its death signal belong to a process that
/// is gone.
///
/// # Errors
/// [`ManagedError::Orphan`] when it does not stop, [`ManagedError::Io`] when it cannot be watched.
pub(crate) async fn stop_orphan(data: &Path, fast: Duration) -> Result<(), ManagedError> {
    let Some(pid) = running_on(data) else { return Ok(()) };
    let failed =
        |error: std::io::Error| ManagedError::io("cannot watch the server of", data, error);
    let handle = match rustix::process::pidfd_open(pid, PidfdFlags::NONBLOCK) {
        Ok(handle) => handle,
        Err(rustix::io::Errno::SRCH) => return Ok(()),
        Err(error) => return Err(failed(error.into())),
    };
    let handle = AsyncFd::with_interest(handle, Interest::READABLE).map_err(failed)?;
    let pid = pid.as_raw_nonzero().get().unsigned_abs();
    tracing::warn!(target: "PG", pid, "a server of an earlier run still works; it is stopped first");
    for (signal, limit) in [(Signal::INT, fast), (Signal::QUIT, IMMEDIATE)] {
        // A process that has just ended needs no signal.
        rustix::process::pidfd_send_signal(handle.get_ref(), signal).ok();
        if let Ok(ended) = tokio::time::timeout(limit, handle.readable()).await {
            ended.map_err(failed)?.retain_ready();
            return Ok(());
        }
    }
    Err(ManagedError::Orphan { folder: data.to_path_buf(), pid })
}

/// The process that `postmaster.pid` names, if it is alive and works in `data`.
fn running_on(data: &Path) -> Option<Pid> {
    let text = std::fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let pid = Pid::from_raw(text.lines().next()?.trim().parse().ok()?)?;
    let works_in = std::fs::read_link(format!("/proc/{}/cwd", pid.as_raw_nonzero())).ok()?;
    (works_in == std::fs::canonicalize(data).ok()?).then_some(pid)
}
