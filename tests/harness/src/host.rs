//! One machine of a lab, as far as its programs can see.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::lab::Isolation;
use crate::process::Process;

/// Longest time that a command which is expected to end may take.
const COMMAND_DEADLINE: Duration = Duration::from_secs(120);

/// Enters a host: binds the machine's system folders into its root, then runs the command there. `exec` all the way, so
/// the process id that the caller sees is that of the command itself.
const ENTER: &str = r#"
root=$1; shift
for d in usr bin sbin lib lib64 etc dev proc sys run var; do
  if [ -e "/$d" ]; then mkdir -p "$root/$d" && mount --rbind "/$d" "$root/$d" || exit 125; fi
done
cd "$root" && exec chroot "$root" sh -c 'cd ~ && exec "$@"' sh "$@"
"#;

/// A host of a [`crate::Lab`].
#[derive(Debug, Clone)]
pub struct Host {
    name: String,
    root: PathBuf,
    home: PathBuf,
    isolation: Isolation,
    /// Number of the lab and of the host in it.
    place: (u32, u32),
    environment: Vec<(String, String)>,
}

/// What a command printed and how it ended.
#[derive(Debug)]
pub struct Ran {
    /// The command line as typed.
    pub line: String,
    /// How it ended.
    pub status: ExitStatus,
    /// All of its standard output.
    pub stdout: String,
    /// All of its standard error.
    pub stderr: String,
}

impl Ran {
    /// Standard output of a command that succeeded.
    ///
    /// # Errors
    /// When it did not: the error holds the line and everything printed.
    pub fn ok(self) -> Result<String> {
        if !self.status.success() {
            bail!("`{}` ended with {}\n{}{}", self.line, self.status, self.stdout, self.stderr);
        }
        Ok(self.stdout)
    }
}

impl Host {
    pub(crate) fn new(
        name: String,
        root: PathBuf,
        home: PathBuf,
        isolation: Isolation,
        place: (u32, u32),
    ) -> Self {
        Self { name, root, home, isolation, place, environment: Vec::new() }
    }

    /// Its name in the lab.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The address at which other hosts reach it.
    #[must_use]
    pub fn address(&self) -> String {
        match self.isolation {
            Isolation::Namespaces => {
                format!("10.77.{}.{}", self.place.0, self.place.1.saturating_add(2))
            }
            Isolation::Loopback => "127.0.0.1".to_owned(),
        }
    }

    /// UDP port of its node-to-node listener.
    #[must_use]
    pub fn p2p_port(&self) -> u32 {
        self.port(6600)
    }

    /// Port of its user RPC listener.
    #[must_use]
    pub fn rpc_port(&self) -> u32 {
        self.port(8484)
    }

    /// The name of its network namespace.
    #[must_use]
    pub fn namespace(&self) -> String {
        format!("kw{}-{}", self.place.0, self.place.1)
    }

    /// Where a path of this host lies on the machine; `~` is its home folder.
    #[must_use]
    pub fn path(&self, inside: &str) -> PathBuf {
        match inside.strip_prefix("~") {
            Some(rest) => self.home.join(rest.trim_start_matches('/')),
            None => self.root.join(inside.trim_start_matches('/')),
        }
    }

    /// A path as commands on this host have to name it.
    #[must_use]
    pub fn named(&self, inside: &str) -> String {
        match self.isolation {
            Isolation::Namespaces => inside.to_owned(),
            Isolation::Loopback => self.path(inside).display().to_string(),
        }
    }

    /// Sets a variable for everything started from now on.
    #[must_use]
    pub fn with_environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs a command line (split at blanks; `"` groups) and waits for its end.
    ///
    /// # Errors
    /// When it cannot be started or does not end in time.
    pub fn run(&self, line: &str) -> Result<Ran> {
        let words = words(line);
        let mut command = self.command(&words.iter().map(String::as_str).collect::<Vec<_>>());
        finish(line, command.stdin(Stdio::null()))
    }

    /// Runs a command given by its words, which may hold blanks and quotes, and waits for its end.
    ///
    /// # Errors
    /// As [`Host::run`].
    pub fn run_words(&self, words: &[&str]) -> Result<Ran> {
        finish(&words.join(" "), self.command(words).stdin(Stdio::null()))
    }

    /// Runs a command line of the host's shell, with pipes and `~`, and waits for its end.
    ///
    /// # Errors
    /// As [`Host::run`].
    pub fn shell(&self, line: &str) -> Result<Ran> {
        finish(line, self.command(&["sh", "-c", line]).stdin(Stdio::null()))
    }

    /// Starts a long-running command and collects its output.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&self, words: &[&str]) -> Result<Process> {
        Process::spawn(&format!("{}: {}", self.name, words.join(" ")), self.command(words))
    }

    /// A command as seen from this host.
    #[must_use]
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = match self.isolation {
            Isolation::Namespaces => {
                let mut command = Command::new("ip");
                command.args([
                    "netns",
                    "exec",
                    &self.namespace(),
                    "unshare",
                    "-m",
                    "--propagation",
                    "private",
                    "sh",
                    "-c",
                    ENTER,
                    "sh",
                ]);
                command
                    .arg(&self.root)
                    .args(words)
                    .env("HOME", "/root")
                    .env("PATH", "/kwil/bin:/usr/sbin:/usr/bin:/sbin:/bin");
                command
            }
            Isolation::Loopback => self.loopback_command(words),
        };
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    fn loopback_command(&self, words: &[&str]) -> Command {
        let bin = self.root.join("kwil/bin");
        let program = words.first().copied().unwrap_or_default();
        let own = bin.join(program);
        let mut command = Command::new(if own.is_file() { own } else { PathBuf::from(program) });
        command
            .args(words.get(1..).unwrap_or_default())
            .current_dir(&self.home)
            .env("HOME", &self.home);
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", bin.display()));
        command.env("KWILD_P2P_LISTEN", format!("127.0.0.1:{}", self.p2p_port()));
        command.env("KWILD_RPC_LISTEN", format!("127.0.0.1:{}", self.rpc_port()));
        command.env("KWILD_ADMIN_LISTEN", self.root.join("tmp/kwild.socket"));
        command
    }

    fn port(&self, default: u32) -> u32 {
        match self.isolation {
            Isolation::Namespaces => default,
            Isolation::Loopback => default
                .saturating_add(10_000)
                .saturating_add(self.place.0.saturating_mul(100))
                .saturating_add(self.place.1),
        }
    }

    /// The folder that holds the host's whole file system.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }
}

fn finish(line: &str, command: &mut Command) -> Result<Ran> {
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting `{line}`"))?;
    let pid = rustix::process::Pid::from_child(&child);
    let (ended, end) = std::sync::mpsc::channel::<()>();
    let name = line.to_owned();
    let watch = std::thread::spawn(move || {
        let started = Instant::now();
        let late =
            end.recv_timeout(COMMAND_DEADLINE).is_err() && started.elapsed() >= COMMAND_DEADLINE;
        late && rustix::process::kill_process(pid, rustix::process::Signal::KILL).is_ok()
    });
    let output = child.wait_with_output()?;
    drop(ended);
    if watch.join().unwrap_or(false) {
        bail!("`{name}` did not end within {} s", COMMAND_DEADLINE.as_secs());
    }
    Ok(Ran {
        line: line.to_owned(),
        status: output.status,
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// Splits a command line at blanks; double quotes group.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for letter in line.chars() {
        match letter {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            other => words.last_mut().into_iter().for_each(|word| word.push(other)),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}
