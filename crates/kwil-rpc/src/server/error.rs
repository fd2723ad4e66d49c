//! Why the services do not start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// A listener that cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A TCP port is in use or not ours.
    #[error("cannot listen on tcp {address} ({key}): {}", reason(source))]
    Tcp {
        /// The key of the configuration.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A UDP port is in use or not ours.
    #[error("cannot listen on udp {address} ({key})")]
    Udp {
        /// The key of the configuration.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the QUIC layer says.
        #[source]
        source: kwil_quic::grpc::ListenError,
    },
    /// Another process answers on the socket file.
    #[error("admin socket {} is in use by another process", path.display())]
    SocketInUse {
        /// The file.
        path: PathBuf,
    },
    /// Something that is no socket is in the way.
    #[error("{} exists and is no socket", path.display())]
    NotASocket {
        /// The file.
        path: PathBuf,
    },
    /// The socket file cannot be made.
    #[error("cannot make the admin socket {}: {}", path.display(), reason(source))]
    Socket {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The certificate or its key does not fit.
    #[error("tls of admin.listen: {0}")]
    Tls(String),
    /// The system gives no random bytes.
    #[error("no random bytes: {0}")]
    Entropy(String),
    /// The descriptors of the services are broken.
    #[error("grpc reflection: {0}")]
    Reflection(String),
}

impl StartError {
    pub(super) fn entropy(error: getrandom::Error) -> Self {
        Self::Entropy(error.to_string())
    }

    pub(super) fn reflection(error: tonic_reflection::server::Error) -> Self {
        Self::Reflection(error.to_string())
    }

    /// Whether another process has the port or socket.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        match self {
            Self::SocketInUse { .. } => true,
            Self::Tcp { source, .. } => source.kind() == io::ErrorKind::AddrInUse,
            Self::Udp { source: kwil_quic::grpc::ListenError::Bind(bind), .. } => {
                bind.source.kind() == io::ErrorKind::AddrInUse
            }
            _ => false,
        }
    }
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "the port is in use by another process".to_owned(),
        _ => error.to_string(),
    }
}
