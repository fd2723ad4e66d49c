//! The running server: its process, its log, its end.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::process::{ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal};
use tokio::sync::{Notify, oneshot, watch};

/// Longest line of the server's log that is kept.
const LINE_BYTES: u64 = 8 * 1024;
/// Lines kept for error messages.
const KEPT_LINES: usize = 20;

/// A server that was started by us. Its parent is a thread that lives as long as it does.
#[derive(Debug)]
pub(crate) struct Server {
    pid: u32,
    handle: OwnedFd,
    ended: watch::Receiver<Option<ExitStatus>>,
    log: Arc<Log>,
}

/// The last lines of the server's log.
#[derive(Debug, Default)]
pub(crate) struct Log {
    lines: Mutex<VecDeque<String>>,
    written: Notify,
}

impl Log {
    fn push(&self, line: String) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
        drop(lines);
        self.written.notify_waiters();
    }

    /// The kept lines in one string.
    pub(crate) fn tail(&self) -> String {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(String::as_str).collect::<Vec<_>>().join("; ")
    }

    /// Returns when the next line was written.
    pub(crate) async fn written(&self) {
        self.written.notified().await;
    }
}

impl Server {
    /// Starts `command` from a thread of its own: the parent-death signal is tied to the thread that spawned the child,
    /// so a worker of the runtime would take the server with it.
    pub(crate) async fn start(mut command: Command) -> std::io::Result<Self> {
        let log = Arc::new(Log::default());
        let (started, start) = oneshot::channel();
        let (end, ended) = watch::channel(None);
        let lines = Arc::clone(&log);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        std::thread::Builder::new().name("pg-parent".into()).spawn(move || {
            let spawned = command.spawn().and_then(|mut child| {
                let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
                let pid = pid.ok_or(std::io::ErrorKind::InvalidData)?;
                let handle = rustix::process::pidfd_open(pid, PidfdFlags::empty())?;
                Ok((child.id(), handle, child.stderr.take(), child))
            });
            let (mut child, stderr) = match spawned {
                Ok((pid, handle, stderr, child)) => {
                    // A caller that went away drops its end; the server is then stopped by its own drop.
                    drop(started.send(Ok((pid, handle))));
                    (child, stderr)
                }
                Err(error) => {
                    drop(started.send(Err(error)));
                    return;
                }
            };
            if let Some(stderr) = stderr {
                copy_log(stderr, &lines);
            }
            match child.wait() {
                Ok(status) => drop(end.send(Some(status))),
                Err(error) => tracing::error!(target: "PG", %error, "cannot wait for the server"),
            }
        })?;
        let (pid, handle) = start.await.map_err(|_| std::io::ErrorKind::BrokenPipe)??;
        Ok(Self { pid, handle, ended, log })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    pub(crate) fn signal(&self, signal: Signal) {
        // A server that has ended already needs no signal.
        rustix::process::pidfd_send_signal(&self.handle, signal).ok();
    }

    /// Waits for the end. The text says how it ended.
    pub(crate) async fn ended(&self) -> String {
        let mut ended = self.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(status) => status.map_or_else(String::new, |status| status.to_string()),
            Err(_lost) => "unknown exit status".into(),
        }
    }

    /// Waits for the end at most so long.
    pub(crate) async fn ended_within(&self, limit: Duration) -> Option<String> {
        tokio::time::timeout(limit, self.ended()).await.ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.signal(Signal::INT);
    }
}

fn copy_log(stderr: ChildStderr, log: &Log) {
    let mut reader = BufReader::new(stderr);
    let mut line = Vec::new();
    loop {
        line.clear();
        match reader.by_ref().take(LINE_BYTES).read_until(b'\n', &mut line) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(target: "PG", %error, "cannot read the server's log");
                return;
            }
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        report(text);
        log.push(text.to_owned());
    }
}

/// PostgreSQL's severities in ours. What a client did wrong is that client's business, so ERROR is not an error here.
fn report(line: &str) {
    let severity = line.split_once(':').map_or("", |(severity, _)| severity);
    match severity {
        // Somebody asked too early or too late, and asks again.
        "FATAL" if line.ends_with("starting up") || line.ends_with("shutting down") => {
            tracing::debug!(target: "PG", "{line}");
        }
        "PANIC" | "FATAL" => tracing::warn!(target: "PG", "{line}"),
        "WARNING" => tracing::warn!(target: "PG", "{line}"),
        _ => tracing::debug!(target: "PG", "{line}"),
    }
}
