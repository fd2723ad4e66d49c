//! The listening side: connections, and their lanes.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use kwil_crypto::NodeId;
use rustls::pki_types::CertificateDer;

use super::io::QuicIo;
use super::transport::{CLOSE_FORBIDDEN, CLOSE_SHUTDOWN, server_transport};
use crate::{
    BindError, ClientAuth, ConfigError, GRPC_ALPN, HANDSHAKE_TIMEOUT, Identity, bind_udp,
    certificate_node_id, endpoint, negotiated_alpn, peer_certificate, server_config, server_tls,
};

/// Connections beyond which new clients must prove their address first.
const UNVALIDATED_MAX: usize = 256;

/// Why the listener does not listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The port is in use or not ours.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The identity does not make a TLS configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The socket is refused by the runtime.
    #[error("cannot use udp socket {address}")]
    Socket {
        /// Where it is bound.
        address: SocketAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

/// A UDP port that speaks gRPC over QUIC. Stays recognisable after a restart, so that clients come back within a
/// second.
#[derive(Debug)]
pub struct GrpcListener {
    endpoint: quinn::Endpoint,
    address: SocketAddr,
}

impl GrpcListener {
    /// Listens on a UDP port as this node. `name` tells the listeners of a node apart.
    ///
    /// # Errors
    /// When the port is in use.
    pub fn bind(
        address: SocketAddr,
        name: &str,
        identity: &Identity,
        auth: ClientAuth,
    ) -> Result<Self, ListenError> {
        let tls = server_tls(identity, &[GRPC_ALPN], auth)?;
        let config = server_config(tls, server_transport())?;
        let socket = bind_udp(address)?.socket;
        let in_use = |source| ListenError::Socket { address, source };
        let address = socket.local_addr().map_err(in_use)?;
        let endpoint =
            endpoint(socket, &identity.stable_keys(name), Some(config)).map_err(in_use)?;
        Ok(Self { endpoint, address })
    }

    /// Where it listens.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The next client, before any work for it. `None` when the listener is closed. While many connections are open,
    /// new clients have to prove their address first, which costs forgers more than it costs us.
    pub async fn accept(&self) -> Option<quinn::Incoming> {
        loop {
            let incoming = self.endpoint.accept().await?;
            let busy = self.endpoint.open_connections() > UNVALIDATED_MAX;
            if !busy || incoming.remote_address_validated() || !incoming.may_retry() {
                return Some(incoming);
            }
            // The client comes back with a token; until then nothing is kept for it.
            if incoming.retry().is_err() {
                tracing::debug!("a client cannot be asked to prove its address");
            }
        }
    }

    /// Refuses new clients; those that are connected stay.
    pub fn stop_accepting(&self) {
        self.endpoint.set_server_config(None);
    }

    /// Ends all connections and waits until the clients know, at most `limit`.
    pub async fn close(self, limit: Duration) {
        self.endpoint.close(CLOSE_SHUTDOWN, b"node is shutting down");
        if tokio::time::timeout(limit, self.endpoint.wait_idle()).await.is_err() {
            tracing::debug!("clients did not hear of the shutdown in time");
        }
    }
}

/// A client whose handshake is done.
#[derive(Debug)]
pub struct GrpcConnection {
    connection: quinn::Connection,
}

impl GrpcConnection {
    /// Completes the handshake, within five seconds.
    ///
    /// # Errors
    /// When it fails, takes too long, or the client speaks another protocol.
    pub async fn establish(incoming: quinn::Incoming) -> io::Result<Self> {
        let connection = tokio::time::timeout(HANDSHAKE_TIMEOUT, incoming.into_future()).await??;
        if negotiated_alpn(&connection).as_deref() != Some(GRPC_ALPN) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the client speaks no gRPC"));
        }
        Ok(Self { connection })
    }

    /// Where the client is now; clients may change networks.
    #[must_use]
    pub fn remote_address(&self) -> SocketAddr {
        self.connection.remote_address()
    }

    /// The certificate that the client showed.
    #[must_use]
    pub fn certificate(&self) -> Option<CertificateDer<'static>> {
        peer_certificate(&self.connection)
    }

    /// The node that the client is, if it showed an identity.
    #[must_use]
    pub fn node_id(&self) -> Option<NodeId> {
        self.certificate().and_then(|certificate| certificate_node_id(&certificate).ok())
    }

    /// Sends the client away with a reason that it can read.
    pub fn forbid(&self, reason: &str) {
        self.connection.close(CLOSE_FORBIDDEN, reason.as_bytes());
    }

    /// The next lane; `None` when the client is gone.
    pub async fn lane(&self) -> Option<QuicIo> {
        let stream = self.connection.accept_bi().await.ok()?;
        Some(QuicIo::new(stream, self.connection.clone()))
    }
}
