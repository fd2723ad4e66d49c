//! A private PostgreSQL server under the node's root folder: found, initialised, started, watched, restarted, stopped.
//!
//! The server listens on a Unix socket only and never touches another cluster of the machine. Started by root it runs
//! as an unprivileged user; the root folder stays closed to that user, because the server reaches its own folder
//! through a descriptor that it inherits.

mod binaries;
mod cluster;
mod error;
mod exec;
mod folder;
mod launch;
mod orphan;
mod process;
mod settings;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use binaries::{Binaries, NEWEST_MAJOR, OLDEST_MAJOR};
pub use error::ManagedError;
pub use exec::{PG_EXEC_SUBCOMMAND, pg_exec_main};
pub use launch::Launcher;

use cluster::Cluster;
use process::Server;

use crate::endpoint::Endpoint;

/// Role that owns the database, and name of the database.
pub const OWNER: &str = "kwild";
/// Role that readers switch to.
pub const READER: &str = "kwild_read";

/// Restarts in a row before the server is given up.
const RESTARTS: u32 = 5;
/// Longest pause before a restart.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A server that ran so long resets the count of restarts.
const STABLE_AFTER: Duration = Duration::from_secs(120);

/// What the managed server needs to know.
#[derive(Clone, Debug)]
pub struct ManagedConfig {
    /// The cluster's folder, `<root>/pg`.
    pub folder: PathBuf,
    /// How programs are started.
    pub launcher: Launcher,
    /// Folder of the PostgreSQL programs (`db.pg_bin`); found when not given.
    pub bin_folder: Option<PathBuf>,
    /// `PATH` of the node, searched before the usual install folders.
    pub search_path: Option<OsString>,
    /// `XDG_RUNTIME_DIR` of the node, for a socket whose path would be too long.
    pub runtime_dir: Option<PathBuf>,
    /// User for the server when the node runs as root (`db.os_user`); `postgres` when not given.
    pub os_user: Option<String>,
    /// Connections that the node opens at most (`db.max_connections`); ten more are configured.
    pub max_connections: u32,
    /// Memory in bytes that a new cluster is sized for; that of the machine or container when not given.
    pub memory: Option<u64>,
    /// How long a silent server may take until it accepts connections; every line of its log starts the time anew.
    pub start_timeout: Duration,
    /// How long a fast shutdown may take before an immediate one.
    pub stop_timeout: Duration,
}

impl ManagedConfig {
    /// The defaults for a cluster in `folder`.
    #[must_use]
    pub fn new(folder: PathBuf, launcher: Launcher) -> Self {
        Self {
            folder,
            launcher,
            bin_folder: None,
            search_path: None,
            runtime_dir: None,
            os_user: None,
            max_connections: 70,
            memory: None,
            start_timeout: Duration::from_secs(60),
            stop_timeout: Duration::from_secs(60),
        }
    }
}

/// What the server does.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ServerStatus {
    /// It accepts connections. The number grows with every restart.
    Running {
        /// 1 after the first start.
        generation: u64,
    },
    /// It died and is being started again.
    Restarting {
        /// 1 for the first try.
        attempt: u32,
    },
    /// It died too often; the node cannot work until it is started anew.
    Failed(Arc<ManagedError>),
    /// It was stopped by [`Managed::stop`].
    Stopped,
}

/// How the server was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stopped {
    /// With a checkpoint.
    Fast,
    /// Without one; the next start recovers from the log.
    Immediate,
    /// It did not react and was killed; the next start recovers from the log.
    Killed,
    /// It was not running.
    WasDown,
}

/// A running managed server. Dropping it without [`Managed::stop`] asks the server to stop and does not wait.
#[derive(Debug)]
pub struct Managed {
    endpoint: Endpoint,
    superuser: Endpoint,
    binaries: Binaries,
    pid: watch::Receiver<u32>,
    status: watch::Receiver<ServerStatus>,
    stop: CancellationToken,
    task: JoinHandle<Stopped>,
}

impl Managed {
    /// Finds, initialises and starts the server and makes roles and database. Takes seconds the first time.
    ///
    /// # Errors
    /// [`ManagedError`]; nothing keeps running then.
    pub async fn start(config: ManagedConfig) -> Result<Self, ManagedError> {
        let cluster = Cluster::open(config).await?;
        let server = cluster.start().await?;
        cluster.bootstrap().await?;
        let (endpoint, superuser) = (cluster.endpoint(), cluster.superuser(OWNER));
        let binaries = cluster.binaries().clone();
        let (pids, pid) = watch::channel(server.pid());
        let (statuses, status) = watch::channel(ServerStatus::Running { generation: 1 });
        let stop = CancellationToken::new();
        let supervisor = Supervisor { cluster, statuses, pids, stop: stop.clone(), generation: 1 };
        let task = tokio::spawn(supervisor.run(server));
        Ok(Self { endpoint, superuser, binaries, pid, status, stop, task })
    }

    /// The node's database, as the role that owns it.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The node's database as the cluster's superuser: for repairs and tests, never for the node's work.
    #[must_use]
    pub fn superuser(&self) -> &Endpoint {
        &self.superuser
    }

    /// The programs in use.
    #[must_use]
    pub fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    /// Process id of the server, of the last one while it restarts.
    #[must_use]
    pub fn pid(&self) -> u32 {
        *self.pid.borrow()
    }

    /// Follows what the server does.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<ServerStatus> {
        self.status.clone()
    }

    /// Stops the server: fast, after [`ManagedConfig::stop_timeout`] immediate, then by force. Close connections first.
    pub async fn stop(mut self) -> Stopped {
        self.stop.cancel();
        (&mut self.task).await.unwrap_or(Stopped::WasDown)
    }
}

impl Drop for Managed {
    fn drop(&mut self) {
        self.stop.cancel();
        // Dropping the task drops the server, which is told to stop.
        self.task.abort();
    }
}

/// Owns the server's process.
struct Supervisor {
    cluster: Cluster,
    statuses: watch::Sender<ServerStatus>,
    pids: watch::Sender<u32>,
    stop: CancellationToken,
    generation: u64,
}

impl Supervisor {
    async fn run(mut self, mut server: Server) -> Stopped {
        let mut failures: u32 = 0;
        loop {
            let started = tokio::time::Instant::now();
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return self.shut_down(&server).await,
                how = server.ended() => {
                    tracing::error!(target: "PG", status = %how, "the PostgreSQL server died; it is started again");
                }
            }
            if started.elapsed() >= STABLE_AFTER {
                failures = 0;
            }
            match self.restart(&mut failures).await {
                Some(again) => server = again,
                None => {
                    self.stop.cancelled().await;
                    return Stopped::WasDown;
                }
            }
        }
    }

    /// Starts the server again with growing pauses. `None` when it was stopped meanwhile or given up.
    async fn restart(&mut self, failures: &mut u32) -> Option<Server> {
        loop {
            *failures = failures.saturating_add(1);
            self.statuses.send_replace(ServerStatus::Restarting { attempt: *failures });
            if *failures > 1 {
                let pause = Duration::from_secs(1_u64 << failures.saturating_sub(2).min(5))
                    .min(LONGEST_PAUSE);
                tokio::select! {
                    () = self.stop.cancelled() => return None,
                    () = tokio::time::sleep(pause) => {}
                }
            }
            match self.cluster.start().await {
                Ok(server) => {
                    self.generation = self.generation.saturating_add(1);
                    self.pids.send_replace(server.pid());
                    self.statuses
                        .send_replace(ServerStatus::Running { generation: self.generation });
                    tracing::info!(target: "PG", attempt = *failures, "the PostgreSQL server runs again");
                    return Some(server);
                }
                Err(error) => {
                    tracing::warn!(target: "PG", attempt = *failures, %error, "cannot restart the PostgreSQL server");
                    if *failures >= RESTARTS {
                        let gave_up =
                            ManagedError::GaveUp { times: *failures, output: error.to_string() };
                        self.statuses.send_replace(ServerStatus::Failed(Arc::new(gave_up)));
                        return None;
                    }
                }
            }
        }
    }

    async fn shut_down(&self, server: &Server) -> Stopped {
        let steps = [
            (Signal::INT, self.cluster.stop_timeout(), Stopped::Fast),
            (Signal::QUIT, Duration::from_secs(10), Stopped::Immediate),
            (Signal::KILL, Duration::from_secs(10), Stopped::Killed),
        ];
        let mut how = Stopped::WasDown;
        for (signal, limit, result) in steps {
            server.signal(signal);
            how = result;
            if server.ended_within(limit).await.is_some() {
                break;
            }
            tracing::warn!(target: "PG", ?signal, seconds = limit.as_secs(), "the PostgreSQL server does not stop");
        }
        self.statuses.send_replace(ServerStatus::Stopped);
        how
    }
}
