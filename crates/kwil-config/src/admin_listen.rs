//! Where the admin service listens: a UNIX socket or an address.

use std::fmt;

use crate::host_port::HostPort;
use crate::setting::Word;

/// The socket of the admin service when nothing else is configured.
pub const DEFAULT_ADMIN_SOCKET: &str = "/tmp/kwild.socket";
const DEFAULT_PORT: u16 = 8584;

/// The place where the admin service answers. Text forms: `/path`, `unix:///path`, `host`, `host:port`,
/// `http://host[:port]`, `https://host[:port]`; the port is 8584 when absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminListen {
    /// A UNIX socket; never with TLS.
    Unix(String),
    /// A TCP address.
    Tcp {
        /// Host and port.
        address: HostPort,
        /// TLS asked for with `https://`; without it TLS depends on the host and on `admin.notls`.
        https: bool,
    },
}

/// The text names neither a socket path nor an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AdminListenError {
    /// TLS over a local socket makes no sense.
    #[error("https with a unix socket not allowed")]
    HttpsSocket,
    /// A scheme that is not known.
    #[error("invalid scheme \"{0}\" (must be http or https)")]
    Scheme(String),
    /// The address part is wrong.
    #[error("{0}")]
    Address(#[from] crate::host_port::HostPortError),
}

impl AdminListen {
    /// Reads any of the text forms.
    ///
    /// # Errors
    /// [`AdminListenError`] names the part that is wrong.
    pub fn parse(text: &str) -> Result<Self, AdminListenError> {
        let (scheme, rest) = match text.trim().split_once("://") {
            Some((scheme, rest)) => (scheme, rest),
            None => ("", text.trim()),
        };
        match (scheme, rest.starts_with('/')) {
            ("" | "unix" | "http", true) => Ok(Self::Unix(rest.to_owned())),
            ("https", true) => Err(AdminListenError::HttpsSocket),
            ("" | "http" | "https", false) => {
                let has_port = rest
                    .rfind(':')
                    .is_some_and(|colon| !rest.get(colon..).unwrap_or("").contains(']'));
                let bare_v6 = rest.parse::<std::net::Ipv6Addr>().is_ok();
                let address = if bare_v6 {
                    HostPort::new(rest, DEFAULT_PORT)
                } else if has_port {
                    rest.parse()?
                } else {
                    format!("{rest}:{DEFAULT_PORT}").parse()?
                };
                Ok(Self::Tcp { address, https: scheme == "https" })
            }
            (other, _) => Err(AdminListenError::Scheme(other.to_owned())),
        }
    }
}

impl Default for AdminListen {
    fn default() -> Self {
        Self::Unix(DEFAULT_ADMIN_SOCKET.to_owned())
    }
}

impl fmt::Display for AdminListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => f.write_str(path),
            Self::Tcp { address, https: true } => write!(f, "https://{address}"),
            Self::Tcp { address, https: false } => address.fmt(f),
        }
    }
}

impl Word for AdminListen {
    const WHAT: &'static str = "a socket path or an address";

    fn parse(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|error| error.to_string())
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_the_admin_endpoint() {
        let cases = [
            ("/var/run/kwil.socket", "/var/run/kwil.socket"),
            ("unix:///var/run/kwil.socket", "/var/run/kwil.socket"),
            ("http:///var/run/kwil.socket", "/var/run/kwil.socket"),
            ("127.0.0.1", "127.0.0.1:8584"),
            ("localhost", "localhost:8584"),
            ("http://localhost", "localhost:8584"),
            ("127.0.0.1:6789", "127.0.0.1:6789"),
            ("https://h.example", "https://h.example:8584"),
            ("::1", "[::1]:8584"),
            ("[::1]:9", "[::1]:9"),
        ];
        for (text, want) in cases {
            assert_eq!(AdminListen::parse(text).unwrap().to_string(), want, "{text}");
        }
        assert_eq!(AdminListen::parse("https:///x"), Err(AdminListenError::HttpsSocket));
        let error = AdminListen::parse("tcp://h:1").unwrap_err();
        assert_eq!(error.to_string(), "invalid scheme \"tcp\" (must be http or https)");
    }
}
