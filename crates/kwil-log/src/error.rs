use std::io;
use std::path::PathBuf;

/// Why logging cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// A folder for log files cannot be made.
    #[error("cannot create the log folder {path}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A log file cannot be opened.
    #[error("cannot open the log file {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The process has a log already.
    #[error("logging is set up already in this process")]
    AlreadySet,
}
