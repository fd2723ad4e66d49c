//! What can go wrong with the managed server, and what to do next.

use std::path::PathBuf;

use thiserror::Error;

use super::binaries::{NEWEST_MAJOR, OLDEST_MAJOR};
use crate::connect::ConnectError;

/// Why the managed server is not there.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ManagedError {
    /// No folder with `postgres` and `initdb` was found.
    #[error(
        "PostgreSQL is not installed: no folder with postgres and initdb among {}",
        list(searched)
    )]
    NotFound {
        /// Where it was looked for, in order.
        searched: Vec<PathBuf>,
    },
    /// `db.pg_bin` points to a folder without the programs.
    #[error("db.pg_bin = {} has no {program}", folder.display())]
    BadBinFolder {
        /// The configured folder.
        folder: PathBuf,
        /// The program that is missing or does not run.
        program: &'static str,
    },
    /// Only versions outside of the supported range were found.
    #[error("PostgreSQL {found} in {} is not supported: need {OLDEST_MAJOR} to {NEWEST_MAJOR}", folder.display())]
    UnsupportedVersion {
        /// Version text of the program.
        found: String,
        /// Where it is.
        folder: PathBuf,
    },
    /// The cluster was made by a major version that is not installed.
    #[error("the data in {} belongs to PostgreSQL {data}, but only {} is installed", folder.display(), majors(installed))]
    DataVersion {
        /// The data folder.
        folder: PathBuf,
        /// Content of `PG_VERSION`.
        data: String,
        /// Installed majors.
        installed: Vec<u32>,
    },
    /// PostgreSQL refuses to run as root and no other user was found.
    #[error("PostgreSQL does not run as root and there is no user {user}")]
    NoOsUser {
        /// The name that was looked up.
        user: String,
    },
    /// Another process uses the cluster's folder.
    #[error("{} is in use by another kwild{}", folder.display(), pid.map_or(String::new(), |pid| format!(" (pid {pid})")))]
    InUse {
        /// The folder.
        folder: PathBuf,
        /// The other process, if it wrote its id.
        pid: Option<u32>,
    },
    /// A server that an earlier run left behind does not stop.
    #[error("a PostgreSQL server (pid {pid}) still runs on {} and does not stop", folder.display())]
    Orphan {
        /// The data folder.
        folder: PathBuf,
        /// The server's process.
        pid: u32,
    },
    /// The folder for the socket exists and belongs to somebody else.
    #[error("socket folder {} is not ours: {problem}", folder.display())]
    SocketFolder {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A program could not be run at all.
    #[error("cannot run {}", program.display())]
    Spawn {
        /// The program.
        program: PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// `initdb` failed.
    #[error("initdb failed ({status}): {output}")]
    Initdb {
        /// How it ended.
        status: String,
        /// What it printed last.
        output: String,
    },
    /// The server ended while it was starting.
    #[error("the PostgreSQL server did not start ({status}): {output}")]
    Exited {
        /// How it ended.
        status: String,
        /// The last lines of its log.
        output: String,
    },
    /// The server does not accept connections in time.
    #[error("the PostgreSQL server is not ready after {seconds} s: {output}")]
    NotReady {
        /// How long was waited.
        seconds: u64,
        /// The last lines of its log.
        output: String,
    },
    /// The server accepts no connection of ours although it runs.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A statement of the bootstrap failed.
    #[error("cannot set up roles and database: {what}")]
    Bootstrap {
        /// The step.
        what: &'static str,
        /// The server's answer.
        #[source]
        source: sqlx::Error,
    },
    /// The disk with the cluster is full.
    #[error("no space left on the disk of {}", folder.display())]
    DiskFull {
        /// The cluster's folder.
        folder: PathBuf,
    },
    /// A file operation failed.
    #[error("{what} {}", path.display())]
    Io {
        /// What was tried: "cannot create", "cannot read" …
        what: &'static str,
        /// The path.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// `kwil-pg.json` or a secret file has unexpected content.
    #[error("{} is damaged: {problem}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The server died too often and is not started again.
    #[error("the PostgreSQL server died {times} times in a row, the last time with: {output}")]
    GaveUp {
        /// Failed restarts.
        times: u32,
        /// The last lines of its log.
        output: String,
    },
}

impl ManagedError {
    /// What the operator can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound { .. } | Self::UnsupportedVersion { .. } => Some(
                "install it (Debian, Ubuntu: apt install postgresql; Fedora, RHEL: dnf install postgresql-server; macOS: brew \
                 install postgresql@16), or set db.pg_bin to its bin folder, or set db.host to use a server of yours"
                    .into(),
            ),
            Self::BadBinFolder { .. } => Some("set db.pg_bin to the folder that holds postgres and initdb".into()),
            Self::DataVersion { data, .. } => Some(format!("install PostgreSQL {data} beside the other one (apt install postgresql-{data})")),
            Self::NoOsUser { .. } => Some(
                "start kwild as an ordinary user, or create one (useradd --system kwild) and set db.os_user to it".into(),
            ),
            Self::InUse { .. } => Some("one root folder serves one node: stop the other one or choose another --root".into()),
            Self::Orphan { pid, .. } => Some(format!("stop it by hand: kill -INT {pid}")),
            Self::SocketFolder { folder, .. } => Some(format!("remove {} or choose a shorter --root", folder.display())),
            Self::DiskFull { folder } => Some(format!("free space on the disk of {} and start again", folder.display())),
            Self::Exited { output, .. } if output.contains("No space left") => Some("free disk space and start again".into()),
            Self::Exited { output, .. } if output.contains("shared memory") => {
                Some("lower shared_buffers in the cluster's postgresql.conf or give the machine more memory".into())
            }
            Self::Connect(error) => error.hint(),
            Self::Damaged { path, .. } => Some(format!("restore {} from a backup", path.display())),
            Self::Spawn { .. }
            | Self::Initdb { .. }
            | Self::Exited { .. }
            | Self::NotReady { .. }
            | Self::Bootstrap { .. }
            | Self::Io { .. }
            | Self::GaveUp { .. } => None,
        }
    }

    pub(crate) fn io(what: &'static str, path: &std::path::Path, source: std::io::Error) -> Self {
        if source.kind() == std::io::ErrorKind::StorageFull {
            return Self::DiskFull { folder: path.to_path_buf() };
        }
        Self::Io { what, path: path.to_path_buf(), source }
    }
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn majors(majors: &[u32]) -> String {
    if majors.is_empty() {
        return "no supported version".into();
    }
    majors.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}
