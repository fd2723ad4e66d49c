//! Where lines go.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use kwil_config::LogConfig;

use crate::error::LogError;
use crate::rolling::{Limits, RollingFile};

#[derive(Debug)]
pub(crate) enum Sink {
    Stdout,
    Stderr,
    File(RollingFile),
}

impl Sink {
    /// Opens everything that `log.output` names; file paths are relative to `folder`.
    pub(crate) fn open_all(config: &LogConfig, folder: &Path) -> Result<Vec<Self>, LogError> {
        let limits = Limits {
            bytes: u64::try_from(config.file_roll_size).unwrap_or(u64::MAX).saturating_mul(1000),
            keep: u64::try_from(config.retain_max_rolls).unwrap_or(0),
        };
        config
            .output
            .iter()
            .filter(|name| !name.is_empty())
            .map(|name| match name.as_str() {
                "stdout" => Ok(Self::Stdout),
                "stderr" => Ok(Self::Stderr),
                path => RollingFile::open(&folder.join(path), limits).map(Self::File),
            })
            .collect()
    }

    /// True when a person looks at it.
    pub(crate) fn is_terminal(&self) -> bool {
        match self {
            Self::Stdout => io::stdout().is_terminal(),
            Self::Stderr => io::stderr().is_terminal(),
            Self::File(_) => false,
        }
    }

    pub(crate) fn write(&mut self, line: &str) -> io::Result<()> {
        match self {
            Self::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(line.as_bytes())?;
                out.flush()
            }
            Self::Stderr => io::stderr().lock().write_all(line.as_bytes()),
            Self::File(file) => file.write(line.as_bytes()),
        }
    }

    pub(crate) fn reopen(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout | Self::Stderr => Ok(()),
            Self::File(file) => file.reopen(),
        }
    }
}
