//! What can go wrong when bytes meet the disk.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kwil_crypto::Hash;

/// A failed operation of this crate, with the file it is about.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file system has no room for the bytes. The log that met it takes no more writes until it is opened again.
    #[error("no space left on the device of {}", path.display())]
    DiskFull {
        /// File that could not grow.
        path: PathBuf,
    },
    /// Stored bytes are not what was written. They are never returned to a caller.
    #[error("corrupt data in {} at offset {offset}: {what}", file.display())]
    Corrupt {
        /// Damaged file.
        file: PathBuf,
        /// Byte position of the damaged record in it.
        offset: u64,
        /// Which check failed.
        what: &'static str,
    },
    /// The files were written by a node of another network.
    #[error("{} belongs to chain {got}, this node runs chain {want}", file.display())]
    WrongChain {
        /// File that carries the foreign chain hash.
        file: PathBuf,
        /// Genesis hash of this node's network.
        want: Hash,
        /// Genesis hash found in the file.
        got: Hash,
    },
    /// Another process works on the same root folder.
    #[error("root folder {} is in use by {}", root.display(), holder(*pid))]
    Locked {
        /// The contested folder.
        root: PathBuf,
        /// Process that holds it, when its lock file says so.
        pid: Option<u32>,
    },
    /// A block was offered that is not the next one.
    #[error("block log expects height {want}, got {got}")]
    WrongHeight {
        /// The only height that may be appended now.
        want: u64,
        /// The height that was offered.
        got: u64,
    },
    /// A record is larger than any valid block, so it was not written.
    #[error("record of {bytes} bytes exceeds the limit of {limit} bytes")]
    TooLarge {
        /// Size that was offered.
        bytes: u64,
        /// Largest accepted size.
        limit: u64,
    },
    /// A base can be set only while the log holds no block.
    #[error("block log already holds blocks up to height {tip}")]
    NotEmpty {
        /// Newest stored height.
        tip: u64,
    },
    /// A system call failed.
    #[error("cannot {operation} {}", path.display())]
    Io {
        /// What was attempted, as a verb.
        operation: &'static str,
        /// File or folder it was attempted on.
        path: PathBuf,
        /// Answer of the operating system.
        #[source]
        source: Arc<io::Error>,
    },
    /// The index database refused an operation. The index can be deleted: it is rebuilt from the block log.
    #[error("block index {} failed", path.display())]
    Index {
        /// File of the index.
        path: PathBuf,
        /// Answer of the database library.
        #[source]
        source: Arc<redb::Error>,
    },
    /// An earlier write or fsync failed; nothing more is written until the file is read again by a restart.
    #[error("{} is closed after a failed write", path.display())]
    Failed {
        /// File whose contents are now uncertain.
        path: PathBuf,
    },
    /// The task that owns the file has ended.
    #[error("the store is stopped")]
    Stopped,
}

impl StoreError {
    /// Whether the error concerns only the request that got it, so that the log goes on serving others.
    #[must_use]
    pub fn is_callers_fault(&self) -> bool {
        matches!(self, Self::WrongHeight { .. } | Self::TooLarge { .. } | Self::NotEmpty { .. })
    }

    pub(crate) fn io(operation: &'static str, path: &Path, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::StorageFull
            || source.kind() == io::ErrorKind::QuotaExceeded
        {
            return Self::DiskFull { path: path.to_owned() };
        }
        Self::Io { operation, path: path.to_owned(), source: Arc::new(source) }
    }

    pub(crate) fn corrupt(file: &Path, offset: u64, what: &'static str) -> Self {
        Self::Corrupt { file: file.to_owned(), offset, what }
    }

    pub(crate) fn index(path: &Path, source: impl Into<redb::Error>) -> Self {
        match source.into() {
            redb::Error::Io(error) => Self::io("use", path, error),
            source => Self::Index { path: path.to_owned(), source: Arc::new(source) },
        }
    }
}

fn holder(pid: Option<u32>) -> String {
    match pid {
        Some(pid) => format!("process {pid}"),
        None => "another process".to_owned(),
    }
}
