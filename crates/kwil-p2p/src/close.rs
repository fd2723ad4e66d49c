//! Codes and reasons with which a connection is closed.

use std::fmt;

use bytes::Bytes;
use quinn::{ConnectionError, VarInt};

/// Longest reason text, bytes.
const MAX_REASON: usize = 128;

/// Why a connection is closed, as told to the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum CloseCode {
    /// Nothing is wrong.
    Done,
    /// The node dialled itself.
    OwnIdentity,
    /// Another chain.
    Chain,
    /// Another MAJOR.MINOR version.
    Version,
    /// Another connection between the same nodes stays.
    Duplicate,
    /// No free slot.
    Full,
    /// Private mode, or blacklisted.
    NotAllowed,
    /// Banned for what the peer did.
    Banned,
    /// A message broke the protocol.
    Protocol,
    /// More than allowed.
    Limit,
    /// Too slow.
    Timeout,
    /// The node stops.
    Shutdown,
    /// The dialer only wanted to know whether somebody is there.
    Probe,
}

impl CloseCode {
    const ALL: [Self; 13] = [
        Self::Done,
        Self::OwnIdentity,
        Self::Chain,
        Self::Version,
        Self::Duplicate,
        Self::Full,
        Self::NotAllowed,
        Self::Banned,
        Self::Protocol,
        Self::Limit,
        Self::Timeout,
        Self::Shutdown,
        Self::Probe,
    ];

    /// Number on the wire.
    #[must_use]
    pub const fn code(self) -> u32 {
        match self {
            Self::Done => 0,
            Self::OwnIdentity => 1,
            Self::Chain => 2,
            Self::Version => 3,
            Self::Duplicate => 4,
            Self::Full => 5,
            Self::NotAllowed => 6,
            Self::Banned => 7,
            Self::Protocol => 8,
            Self::Limit => 9,
            Self::Timeout => 10,
            Self::Shutdown => 11,
            Self::Probe => 12,
        }
    }

    /// Name in logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "DONE",
            Self::OwnIdentity => "SELF",
            Self::Chain => "CHAIN",
            Self::Version => "VERSION",
            Self::Duplicate => "DUPLICATE",
            Self::Full => "FULL",
            Self::NotAllowed => "NOT_ALLOWED",
            Self::Banned => "BANNED",
            Self::Protocol => "PROTOCOL",
            Self::Limit => "LIMIT",
            Self::Timeout => "TIMEOUT",
            Self::Shutdown => "SHUTDOWN",
            Self::Probe => "PROBE",
        }
    }

    fn from_code(code: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|known| u64::from(known.code()) == code)
    }
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// The code, when one of the two sides gave one.
    pub code: Option<CloseCode>,
    /// Whether the other side closed.
    pub by_peer: bool,
    /// For people; what a peer wrote is escaped.
    pub reason: String,
}

impl Closed {
    pub(crate) fn here(code: CloseCode, reason: impl Into<String>) -> Self {
        Self { code: Some(code), by_peer: false, reason: reason.into() }
    }

    /// Closes the connection with this code and reason.
    pub(crate) fn apply(&self, connection: &quinn::Connection) {
        let code = self.code.unwrap_or(CloseCode::Done);
        connection.close(VarInt::from_u32(code.code()), &cut(&self.reason));
    }

    pub(crate) fn from_error(error: &ConnectionError) -> Self {
        match error {
            ConnectionError::ApplicationClosed(close) => Self {
                code: CloseCode::from_code(close.error_code.into_inner()),
                by_peer: true,
                reason: escaped(&close.reason),
            },
            ConnectionError::TimedOut => {
                Self { code: None, by_peer: false, reason: "the peer fell silent".to_owned() }
            }
            ConnectionError::Reset => {
                Self { code: None, by_peer: true, reason: "the peer restarted".to_owned() }
            }
            ConnectionError::LocallyClosed => Self {
                code: Some(CloseCode::Done),
                by_peer: false,
                reason: "closed here".to_owned(),
            },
            ConnectionError::VersionMismatch
            | ConnectionError::TransportError(_)
            | ConnectionError::ConnectionClosed(_)
            | ConnectionError::CidsExhausted => {
                Self { code: None, by_peer: false, reason: escaped(error.to_string().as_bytes()) }
            }
        }
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = if self.by_peer { "peer: " } else { "" };
        match self.code {
            Some(code) if self.reason.is_empty() => write!(f, "{side}{}", code.name()),
            Some(code) => write!(f, "{side}{} ({})", self.reason, code.name()),
            None => write!(f, "{side}{}", self.reason),
        }
    }
}

/// At most [`MAX_REASON`] bytes, cut at a character.
fn cut(text: &str) -> Bytes {
    let end = text.floor_char_boundary(MAX_REASON);
    Bytes::copy_from_slice(text.get(..end).unwrap_or_default().as_bytes())
}

/// A peer's text made safe for logs and terminals.
pub(crate) fn escaped(bytes: &[u8]) -> String {
    let short = bytes.get(..MAX_REASON).unwrap_or(bytes);
    String::from_utf8_lossy(short).escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_the_positions_and_names_are_unique() {
        for (position, code) in CloseCode::ALL.into_iter().enumerate() {
            assert_eq!(code.code() as usize, position);
            assert_eq!(CloseCode::from_code(position as u64), Some(code));
        }
        assert_eq!(CloseCode::from_code(13), None);
    }

    #[test]
    fn reasons_are_cut_at_a_character() {
        let text = "é".repeat(100);
        assert_eq!(cut(&text).len(), 128);
        assert!(cut("short") == "short");
    }

    #[test]
    fn a_peers_text_cannot_steer_a_terminal() {
        assert_eq!(escaped(b"\x1b[2Jhi\n"), "\\u{1b}[2Jhi\\n");
    }
}
