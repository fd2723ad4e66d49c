//! A running program whose output is collected line by line and can be waited for.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

#[derive(Debug, Default)]
struct Output {
    lines: Vec<String>,
    open_pipes: usize,
}

type Shared = Arc<(Mutex<Output>, Condvar)>;

/// A started program; it is killed when dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    output: Shared,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    pub(crate) fn spawn(name: &str, mut command: Command) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("starting {name}"))?;
        let output = Shared::default();
        lock(&output).open_pipes = 2;
        let stdout = child.stdout.take().context("stdout is piped")?;
        let stderr = child.stderr.take().context("stderr is piped")?;
        let readers =
            vec![collect(stdout, Arc::clone(&output)), collect(stderr, Arc::clone(&output))];
        Ok(Self { name: name.to_owned(), child, output, readers })
    }

    /// Process id of the program itself.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Number of lines printed so far; a position for [`Process::wait_after`].
    #[must_use]
    pub fn position(&self) -> usize {
        lock(&self.output).lines.len()
    }

    /// Everything printed so far.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        lock(&self.output).lines.clone()
    }

    /// Waits for a line that contains `text`, from the first line on.
    ///
    /// # Errors
    /// When it does not come in time or the program ends without it; the error holds the last lines.
    pub fn wait_for(&self, text: &str, deadline: Duration) -> Result<String> {
        self.wait_after(0, text, deadline)
    }

    /// Waits for a line at or after `position` that contains `text`.
    ///
    /// # Errors
    /// As [`Process::wait_for`].
    pub fn wait_after(&self, position: usize, text: &str, deadline: Duration) -> Result<String> {
        self.wait_until(position, deadline, |line| line.contains(text))
            .with_context(|| format!("waiting for {text:?}"))
    }

    /// Waits for a line at or after `position` that satisfies `wanted`.
    ///
    /// # Errors
    /// As [`Process::wait_for`].
    pub fn wait_until(
        &self,
        position: usize,
        deadline: Duration,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<String> {
        let end = Instant::now().checked_add(deadline).context("deadline is too far away")?;
        let (_, changed) = &*self.output;
        let mut output = lock(&self.output);
        let mut next = position;
        loop {
            let fresh = output.lines.get(next..).unwrap_or_default();
            if let Some(line) = fresh.iter().find(|line| wanted(line)) {
                return Ok(line.clone());
            }
            next = output.lines.len().max(position);
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || output.open_pipes == 0 {
                let why = if left.is_zero() { "no such line in time" } else { "it ended" };
                let tail = tail(&output);
                bail!("{}: {why}; its last lines:\n{tail}", self.name);
            }
            output = changed.wait_timeout(output, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Sends a signal to the program.
    ///
    /// # Errors
    /// When the program is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).with_context(|| format!("signalling {}", self.name))
    }

    /// Sends SIGTERM and waits for the end.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn stop(mut self, deadline: Duration) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.wait(deadline)
    }

    /// Stops the program with SIGTERM and checks that it ends with code 0.
    ///
    /// # Errors
    /// When it does not; the error holds its last lines.
    pub fn stop_cleanly(mut self, deadline: Duration) -> Result<()> {
        self.signal(Signal::TERM)?;
        let status = self.wait(deadline)?;
        if !status.success() {
            bail!(
                "{} ended with {status}; its last lines:\n{}",
                self.name,
                tail(&lock(&self.output))
            );
        }
        Ok(())
    }

    /// Kills it at once (SIGKILL) and waits for the end.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn kill(mut self) -> Result<ExitStatus> {
        self.child.kill()?;
        Ok(self.child.wait()?)
    }

    /// Lets the program run on after this value is gone; its further output is not read.
    pub fn leave(self) {
        std::mem::forget(self);
    }

    /// Waits for the end of a program that ends by itself.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn wait(&mut self, deadline: Duration) -> Result<ExitStatus> {
        let end = Instant::now().checked_add(deadline).context("deadline is too far away")?;
        let (_, changed) = &*self.output;
        let mut output = lock(&self.output);
        while output.open_pipes > 0 {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let tail = tail(&output);
                bail!(
                    "{} did not end within {} s; its last lines:\n{tail}",
                    self.name,
                    deadline.as_secs()
                );
            }
            output = changed.wait_timeout(output, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(output);
        Ok(self.child.wait()?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when the program has already ended.
        self.child.kill().unwrap_or_default();
        self.child.wait().map(drop).unwrap_or_default();
        for reader in self.readers.drain(..) {
            if reader.is_finished() {
                reader.join().unwrap_or_default();
            }
        }
    }
}

/// The last lines, for an error.
fn tail(output: &Output) -> String {
    let from = output.lines.len().saturating_sub(25);
    output.lines.get(from..).unwrap_or_default().join("\n")
}

fn collect(pipe: impl Read + Send + 'static, output: Shared) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut reader = BufReader::new(pipe);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            lock(&output).lines.push(text);
            output.1.notify_all();
            line.clear();
        }
        let mut guard = lock(&output);
        guard.open_pipes = guard.open_pipes.saturating_sub(1);
        drop(guard);
        output.1.notify_all();
    })
}

fn lock(output: &Shared) -> std::sync::MutexGuard<'_, Output> {
    output.0.lock().unwrap_or_else(PoisonError::into_inner)
}
