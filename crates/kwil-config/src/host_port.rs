//! `host:port` addresses.

use std::fmt;
use std::str::FromStr;

use crate::setting::Word;

/// A host (IPv4, IPv6, DNS name) and a port. An empty host, `:6600`, means all interfaces and becomes `0.0.0.0`.
/// IPv6 stands in brackets in text, `[::1]:6600`, and without them in [`HostPort::host`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostPort {
    host: String,
    port: u16,
}

/// Why a text is not `host:port`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HostPortError {
    /// No colon, no closing bracket, or a host with characters that no host has.
    #[error("invalid listen address: '{0}' is not host:port")]
    Address(String),
    /// The part after the colon is not a port.
    #[error("invalid listen port: '{port}' in '{text}' is not a number from 0 to 65535")]
    Port {
        /// What stands after the last colon.
        port: String,
        /// The whole text.
        text: String,
    },
}

impl HostPort {
    /// Joins the parts. The host is given without brackets; the empty one means all interfaces.
    #[must_use]
    pub fn new(host: &str, port: u16) -> Self {
        let host = if host.is_empty() { "0.0.0.0" } else { host };
        Self { host: host.to_owned(), port }
    }

    /// The host, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port; 0 lets the system choose.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// True for `0.0.0.0` and `::`.
    #[must_use]
    pub fn is_unspecified(&self) -> bool {
        self.host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_unspecified())
    }

    /// True for `localhost` and loopback addresses.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost"
            || self.host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

impl FromStr for HostPort {
    type Err = HostPortError;

    fn from_str(text: &str) -> Result<Self, HostPortError> {
        let wrong = || HostPortError::Address(text.to_owned());
        let (host, port) = text.trim().rsplit_once(':').ok_or_else(wrong)?;
        let host = match host.strip_prefix('[') {
            Some(inner) => {
                let inner = inner.strip_suffix(']').ok_or_else(wrong)?;
                inner.parse::<std::net::Ipv6Addr>().map_err(|_| wrong())?;
                inner
            }
            None if host
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')) =>
            {
                host
            }
            None => return Err(wrong()),
        };
        let number =
            if port.bytes().all(|b| b.is_ascii_digit()) { port.parse().ok() } else { None };
        let number = number.ok_or_else(|| HostPortError::Port {
            port: port.to_owned(),
            text: text.trim().to_owned(),
        })?;
        Ok(Self::new(host, number))
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl Word for HostPort {
    const WHAT: &'static str = "an address like 'host:port'";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: HostPortError| error.to_string())
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read_and_shown() {
        for (text, want) in [
            ("0.0.0.0:6600", "0.0.0.0:6600"),
            (":6600", "0.0.0.0:6600"),
            ("[::1]:1", "[::1]:1"),
            ("node-1.example.org:65535", "node-1.example.org:65535"),
        ] {
            assert_eq!(text.parse::<HostPort>().unwrap().to_string(), want);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "localhost",
            "1.2.3.4",
            "h:",
            "h:65536",
            "h:+1",
            "::1:80",
            "[::1:80",
            "[x]:80",
            "a b:1",
        ] {
            assert!(text.parse::<HostPort>().is_err(), "{text}");
        }
    }
}
