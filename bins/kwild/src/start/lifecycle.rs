//! From the first task of the node to its last: signals, deadlines, exit.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use kwil_cmd::{CliError, Context};
use kwil_config::{FileText, Sources, load};
use kwil_log::LogHandle;
use kwil_types::GoDuration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::node::{self, NodeInputs};

/// Time that the node gets beyond its own deadline before the program gives up on it.
const GRACE: Duration = Duration::from_secs(5);

/// What a signal asks for.
enum Wish {
    /// Stop; exit with this status when asked twice.
    Stop(u8),
    /// Open log files again and read what may change while the node runs.
    Reload,
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.interrupt.recv() => Wish::Stop(130),
            _ = self.terminate.recv() => Wish::Stop(143),
            _ = self.hangup.recv() => Wish::Reload,
        }
    }
}

/// The threads of the node and its ears for signals. Made before anything is read, so that a signal is never met by the
/// system's default.
pub(super) struct Lifecycle {
    runtime: tokio::runtime::Runtime,
    signals: Signals,
}

impl Lifecycle {
    /// Listens for signals from now on.
    pub(super) fn begin() -> Result<Self, CliError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .thread_name("kwild")
            .build()
            .map_err(|error| CliError::because("cannot start", &error))?;
        let signals = {
            let _inside = runtime.enter();
            Signals::listen()
                .map_err(|error| CliError::because("cannot listen for signals", &error))?
        };
        Ok(Self { runtime, signals })
    }

    /// Runs the node until it stops by itself or is stopped.
    pub(super) fn run(
        self,
        inputs: NodeInputs,
        log: &LogHandle,
        context: &mut Context,
    ) -> Result<(), CliError> {
        let Self { runtime, signals } = self;
        let outcome = runtime.block_on(supervise(inputs, signals, log, context));
        // A thread that still computes must not keep the process.
        runtime.shutdown_timeout(Duration::from_secs(1));
        outcome
    }
}

async fn supervise(
    inputs: NodeInputs,
    mut signals: Signals,
    log: &LogHandle,
    context: &mut Context,
) -> Result<(), CliError> {
    let limit = inputs.config.general.shutdown_timeout;
    let root = inputs.root.clone();
    let stop = CancellationToken::new();
    let node = node::run(inputs, stop.clone());
    tokio::pin!(node);
    let mut deadline = None;
    loop {
        tokio::select! {
            biased;
            wish = signals.next() => match wish {
                Wish::Reload => reload(&root, log, context),
                Wish::Stop(_) if deadline.is_none() => {
                    announce("shutdown signal received");
                    deadline = Some(Instant::now() + limit.to_std().unwrap_or_default().saturating_add(GRACE));
                    stop.cancel();
                }
                Wish::Stop(status) => leave(status),
            },
            outcome = &mut node => return outcome,
            () = reached(deadline) => return Err(too_slow(limit)),
        }
    }
}

async fn reached(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

fn too_slow(limit: GoDuration) -> CliError {
    CliError::failed(format!("shutdown took longer than {limit}")).hint(
        "the last 'Closing …' line of the log names what hangs; shutdown_timeout gives it longer",
    )
}

/// A line on stdout that does not go through the log.
fn announce(text: &str) {
    // Nobody may be listening any more, and the node has to stop all the same.
    let _ = writeln!(std::io::stdout(), "{text}");
}

#[expect(clippy::exit, reason = "the second signal means now: no destructor may delay it")]
fn leave(status: u8) -> ! {
    std::process::exit(i32::from(status))
}

/// Levels change while the node runs; what else changed in the file needs a restart.
fn reload(root: &Path, log: &LogHandle, context: &Context) {
    if let Err(error) = log.reopen() {
        tracing::error!(target: "KWILD", %error, "Cannot open the log files again");
    }
    let path = root.join("config.toml");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let shown = path.display().to_string();
    let file = Some(FileText { path: &shown, text: &text });
    match load(Sources { file, flags: &[], env: &context.environment.pairs() }) {
        Ok(loaded) => {
            tracing::info!(target: "KWILD", level = %loaded.config.log.level, "Log files opened again, levels read from the configuration");
            log.set_levels(loaded.config.log.level);
        }
        Err(error) => {
            tracing::error!(target: "KWILD", %error, "The configuration is not read again")
        }
    }
}
