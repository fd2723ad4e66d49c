//! Endpoint texts: what operators and users write, and what is dialled.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use kwil_crypto::{KeyType, NodeId, PublicKey};

/// Port of the user service.
pub const USER_PORT: u16 = 8484;
/// Port of the admin service.
pub const ADMIN_PORT: u16 = 8584;

/// Where a node is and how to talk to it.
///
/// ```
/// use kwil_client::Provider;
///
/// let provider: Provider = "http://98.76.54.32:8484".parse()?;
/// assert_eq!(provider.to_string(), "http://98.76.54.32:8484");
/// assert_eq!(Provider::admin("localhost")?.to_string(), "http://localhost:8584");
/// assert_eq!(Provider::admin("/tmp/kwild.socket")?.to_string(), "/tmp/kwild.socket");
/// # Ok::<(), kwil_client::ProviderError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider(pub(crate) Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Unix(PathBuf),
    Http { host: Host, tls: bool, path: String },
    Grpc { host: Host, tls: bool },
    Quic { host: Host, node: Option<NodeId> },
}

/// Name or address, and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) port: u16,
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.contains(':') {
            write!(f, "[{}]:{}", self.name, self.port)
        } else {
            write!(f, "{}:{}", self.name, self.port)
        }
    }
}

/// Why a text is not an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// Nothing was given.
    #[error("rpc provider url is required")]
    Empty,
    /// A scheme that is not spoken.
    #[error("invalid scheme {0:?} (must be http, https, grpc, grpcs or quic)")]
    Scheme(String),
    /// A scheme that the admin service does not speak.
    #[error("invalid scheme {0:?} (must be http or https)")]
    AdminScheme(String),
    /// TLS inside a socket file.
    #[error("https with a unix socket not allowed")]
    TlsOverUnix,
    /// The host or port is not one.
    #[error("invalid host {0:?}")]
    Host(String),
    /// The node id before `@` is not one.
    #[error("invalid node id {0:?}")]
    NodeId(String),
}

impl Provider {
    /// The endpoint of a user command: `http://`, `https://`, `grpc://`, `grpcs://`, `quic://[id@]`, a socket path, or
    /// `host:port` for `http://`. Port 8484 unless given.
    ///
    /// # Errors
    /// [`ProviderError`] for anything else.
    pub fn user(text: &str) -> Result<Self, ProviderError> {
        parse(text.trim(), USER_PORT, ProviderError::Scheme)
    }

    /// The endpoint of an operator's command: a socket path, `unix://`, `http://`, `https://`, `quic://`, or
    /// `host[:port]` for `http://`. Port 8584 unless given.
    ///
    /// # Errors
    /// [`ProviderError`] for anything else.
    pub fn admin(text: &str) -> Result<Self, ProviderError> {
        parse(text.trim(), ADMIN_PORT, ProviderError::AdminScheme)
    }

    /// Whether the transport is encrypted.
    #[must_use]
    pub const fn is_tls(&self) -> bool {
        match &self.0 {
            Kind::Unix(_) => false,
            Kind::Http { tls, .. } | Kind::Grpc { tls, .. } => *tls,
            Kind::Quic { .. } => true,
        }
    }

    /// The same endpoint with TLS; socket files stay as they are.
    #[must_use]
    pub fn with_tls(mut self) -> Self {
        match &mut self.0 {
            Kind::Http { tls, .. } | Kind::Grpc { tls, .. } => *tls = true,
            Kind::Unix(_) | Kind::Quic { .. } => {}
        }
        self
    }

    /// Whether it is on this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match &self.0 {
            Kind::Unix(_) => true,
            Kind::Http { host, .. } | Kind::Grpc { host, .. } | Kind::Quic { host, .. } => {
                host.name == "localhost"
                    || host
                        .name
                        .parse::<std::net::IpAddr>()
                        .is_ok_and(|address| address.is_loopback())
            }
        }
    }

    /// The socket file, if it is one.
    #[must_use]
    pub fn socket(&self) -> Option<&Path> {
        match &self.0 {
            Kind::Unix(path) => Some(path),
            Kind::Http { .. } | Kind::Grpc { .. } | Kind::Quic { .. } => None,
        }
    }

    /// The endpoint with this node pinned; only QUIC has node identities.
    #[must_use]
    pub fn pin(mut self, id: NodeId) -> Self {
        if let Kind::Quic { node, .. } = &mut self.0 {
            *node = Some(id);
        }
        self
    }
}

impl FromStr for Provider {
    type Err = ProviderError;

    fn from_str(text: &str) -> Result<Self, ProviderError> {
        Self::user(text)
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Unix(path) => write!(f, "{}", path.display()),
            Kind::Http { host, tls, path } => {
                write!(f, "{}://{host}{path}", if *tls { "https" } else { "http" })
            }
            Kind::Grpc { host, tls } => {
                write!(f, "{}://{host}", if *tls { "grpcs" } else { "grpc" })
            }
            Kind::Quic { host, node: Some(node) } => write!(f, "quic://{node}@{host}"),
            Kind::Quic { host, node: None } => write!(f, "quic://{host}"),
        }
    }
}

fn parse(
    text: &str,
    port: u16,
    unknown: fn(String) -> ProviderError,
) -> Result<Provider, ProviderError> {
    if text.is_empty() {
        return Err(ProviderError::Empty);
    }
    if text.starts_with('/') {
        return Ok(Provider(Kind::Unix(text.into())));
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return Ok(Provider(Kind::Http {
            host: host(text, port)?,
            tls: false,
            path: String::new(),
        }));
    };
    let kind = match (scheme, rest.starts_with('/')) {
        ("unix" | "http", true) => Kind::Unix(rest.into()),
        ("https", true) => return Err(ProviderError::TlsOverUnix),
        ("http" | "https", false) => http(rest, scheme == "https", port)?,
        ("grpc" | "grpcs", false) => {
            Kind::Grpc { host: host(rest.trim_end_matches('/'), port)?, tls: scheme == "grpcs" }
        }
        ("quic", false) => quic(rest.trim_end_matches('/'), port)?,
        _ => return Err(unknown(scheme.to_owned())),
    };
    Ok(Provider(kind))
}

fn http(rest: &str, tls: bool, port: u16) -> Result<Kind, ProviderError> {
    let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
    Ok(Kind::Http {
        host: host(authority, port)?,
        tls,
        path: path.trim_end_matches('/').to_owned(),
    })
}

fn quic(rest: &str, port: u16) -> Result<Kind, ProviderError> {
    let (node, authority) = match rest.rsplit_once('@') {
        Some((id, authority)) => (Some(node_id(id)?), authority),
        None => (None, rest),
    };
    Ok(Kind::Quic { host: host(authority, port)?, node })
}

/// A node id, or its bare key: 66 hex digits are secp256k1, 64 are ed25519.
fn node_id(text: &str) -> Result<NodeId, ProviderError> {
    let bad = || ProviderError::NodeId(text.to_owned());
    if text.contains('#') {
        return text.parse().map_err(|_error| bad());
    }
    let key_type = if text.len() == 64 { KeyType::Ed25519 } else { KeyType::Secp256k1 };
    PublicKey::from_hex(key_type, text).map(NodeId::new).map_err(|_error| bad())
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`.
fn host(text: &str, default_port: u16) -> Result<Host, ProviderError> {
    let bad = || ProviderError::Host(text.to_owned());
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, after) = rest.split_once(']').ok_or_else(bad)?;
            address.parse::<std::net::Ipv6Addr>().map_err(|_error| bad())?;
            (
                address,
                if after.is_empty() {
                    None
                } else {
                    Some(after.strip_prefix(':').ok_or_else(bad)?)
                },
            )
        }
        None => match text.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (text, None),
        },
    };
    let fits = |character: char| character.is_ascii_alphanumeric() || ".-_:".contains(character);
    if name.is_empty() || !name.chars().all(fits) {
        return Err(bad());
    }
    let port = match port {
        Some(port) => port.parse().map_err(|_error| bad())?,
        None => default_port,
    };
    Ok(Host { name: name.to_owned(), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(text: &str) -> String {
        Provider::user(text)
            .map_or_else(|error| format!("error: {error}"), |provider| provider.to_string())
    }

    fn admin(text: &str) -> String {
        Provider::admin(text)
            .map_or_else(|error| format!("error: {error}"), |provider| provider.to_string())
    }

    #[test]
    fn admin_forms_of_the_reference() {
        assert_eq!(admin("/var/run/kwil.socket"), "/var/run/kwil.socket");
        assert_eq!(admin("unix:///var/run/kwil.socket"), "/var/run/kwil.socket");
        assert_eq!(admin("http:///var/run/kwil.socket"), "/var/run/kwil.socket");
        assert_eq!(admin("https:///path"), "error: https with a unix socket not allowed");
        assert_eq!(admin("127.0.0.1"), "http://127.0.0.1:8584");
        assert_eq!(admin("localhost"), "http://localhost:8584");
        assert_eq!(admin("http://localhost"), "http://localhost:8584");
        assert_eq!(admin("127.0.0.1:6789"), "http://127.0.0.1:6789");
        assert_eq!(admin("https://node.example"), "https://node.example:8584");
        assert_eq!(admin("quic://node.example"), "quic://node.example:8584");
        assert_eq!(admin("tcp://x"), "error: invalid scheme \"tcp\" (must be http or https)");
    }

    #[test]
    fn user_forms() {
        assert_eq!(user("98.76.54.32:8484"), "http://98.76.54.32:8484");
        assert_eq!(user("https://kwil.example/base/"), "https://kwil.example:8484/base");
        assert_eq!(user("grpc://h:1"), "grpc://h:1");
        assert_eq!(user("http://[::1]:9"), "http://[::1]:9");
        assert_eq!(user(""), "error: rpc provider url is required");
        assert_eq!(user("http://a b"), "error: invalid host \"a b\"");
        assert_eq!(user("http://h:99999"), "error: invalid host \"h:99999\"");
    }

    #[test]
    fn a_node_id_may_carry_its_type() {
        let key =
            kwil_crypto::PrivateKey::from_bytes(KeyType::Secp256k1, &[1; 32]).unwrap().public_key();
        let hex = key.to_hex();
        let full = format!("quic://{hex}#secp256k1@h:8484");
        assert_eq!(user(&full), full);
        assert_eq!(user(&format!("quic://{hex}@h")), full);
        assert_eq!(user("quic://zz@h"), "error: invalid node id \"zz\"");
    }
}
