//! Log levels, one for all and some for single subsystems.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::setting::Word;

/// How much a log line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// For the person who looks for a fault.
    Debug,
    /// What an operator reads.
    Info,
    /// Something is wrong and the node goes on.
    Warn,
    /// Something is broken.
    Error,
}

impl LogLevel {
    /// The word in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// The word is not a level.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown log level: {0}")]
pub struct LogLevelError(String);

impl FromStr for LogLevel {
    type Err = LogLevelError;

    fn from_str(text: &str) -> Result<Self, LogLevelError> {
        match text.to_ascii_lowercase().as_str() {
            "debug" => Ok(Self::Debug),
            "info" => Ok(Self::Info),
            "warn" => Ok(Self::Warn),
            "error" => Ok(Self::Error),
            _ => Err(LogLevelError(text.to_owned())),
        }
    }
}

/// The level of every subsystem: `info`, or `info,CONS=debug,P2P=warn`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLevels {
    /// For subsystems that are not named.
    pub default: LogLevel,
    /// By subsystem tag, in upper case as typed by the operator.
    pub subsystems: BTreeMap<String, LogLevel>,
}

impl LogLevels {
    /// One level for all.
    #[must_use]
    pub const fn all(level: LogLevel) -> Self {
        Self { default: level, subsystems: BTreeMap::new() }
    }

    /// The level of one subsystem; its tag is compared without regard to case.
    #[must_use]
    pub fn of(&self, subsystem: &str) -> LogLevel {
        self.subsystems
            .iter()
            .find_map(|(tag, level)| tag.eq_ignore_ascii_case(subsystem).then_some(*level))
            .unwrap_or(self.default)
    }

    /// The lowest level of all: what passes this nowhere need not be formatted.
    #[must_use]
    pub fn lowest(&self) -> LogLevel {
        self.subsystems
            .values()
            .copied()
            .min()
            .map_or(self.default, |level| level.min(self.default))
    }
}

impl Default for LogLevels {
    fn default() -> Self {
        Self::all(LogLevel::Info)
    }
}

impl FromStr for LogLevels {
    type Err = LogLevelError;

    fn from_str(text: &str) -> Result<Self, LogLevelError> {
        let mut levels = Self::default();
        for (index, part) in text.split(',').enumerate() {
            match part.split_once('=') {
                Some((tag, level)) if !tag.trim().is_empty() => {
                    levels.subsystems.insert(tag.trim().to_owned(), level.trim().parse()?);
                }
                None if index == 0 => levels.default = part.trim().parse()?,
                Some(_) | None => return Err(LogLevelError(part.trim().to_owned())),
            }
        }
        Ok(levels)
    }
}

impl fmt::Display for LogLevels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.default.as_str())?;
        for (tag, level) in &self.subsystems {
            write!(f, ",{tag}={}", level.as_str())?;
        }
        Ok(())
    }
}

impl Word for LogLevels {
    const WHAT: &'static str = "a level like 'info' or 'info,CONS=debug'";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: LogLevelError| error.to_string())
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subsystems_have_their_own_level() {
        let levels: LogLevels = "WARN,CONS=debug, P2P = error".parse().unwrap();
        assert_eq!(levels.of("cons"), LogLevel::Debug);
        assert_eq!(levels.of("P2P"), LogLevel::Error);
        assert_eq!(levels.of("RPC"), LogLevel::Warn);
        assert_eq!(levels.lowest(), LogLevel::Debug);
        assert_eq!(levels.to_string(), "warn,CONS=debug,P2P=error");
    }

    #[test]
    fn unknown_words_are_named() {
        for text in ["", "loud", "info,debug", "info,=debug", "info,CONS=loud"] {
            let error = text.parse::<LogLevels>().unwrap_err().to_string();
            assert!(error.starts_with("unknown log level: "), "{error}");
        }
    }
}
