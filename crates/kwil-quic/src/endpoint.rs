//! UDP socket, QUIC endpoint, and dialing with an identity check.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use kwil_crypto::NodeId;
use quinn::crypto::rustls::{HandshakeData, QuicClientConfig, QuicServerConfig};
use rustls::pki_types::CertificateDer;
use socket2::{Domain, Protocol, Socket, Type};
use tracing::warn;

use crate::certificate::SERVER_NAME;
use crate::{
    BindError, ClientTls, ConfigError, ConnectError, IdentityError, StableKeys, certificate_node_id,
};

/// UDP buffer size we ask the kernel for, bytes. Smaller buffers lose packets in bursts.
pub const UDP_BUFFER: usize = 4 * 1024 * 1024;

/// A bound UDP socket and what the kernel granted for its buffers.
#[derive(Debug)]
pub struct UdpListener {
    /// The socket.
    pub socket: UdpSocket,
    /// Receive buffer, bytes.
    pub receive_buffer: usize,
    /// Send buffer, bytes.
    pub send_buffer: usize,
}

/// Binds a UDP socket with large buffers; warns when the kernel grants less than [`UDP_BUFFER`]. An unspecified IPv6
/// address listens for IPv4 too.
///
/// # Errors
/// When the address is in use or not ours.
pub fn bind_udp(address: SocketAddr) -> Result<UdpListener, BindError> {
    bind(address).map_err(|source| BindError { address, source })
}

fn bind(address: SocketAddr) -> io::Result<UdpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    // Asking is best effort: the answer is read back below.
    for set in [Socket::set_recv_buffer_size, Socket::set_send_buffer_size] {
        if let Err(error) = set(&socket, UDP_BUFFER) {
            warn!(%error, "cannot set the size of a UDP buffer");
        }
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    let receive_buffer = granted(socket.recv_buffer_size()?);
    let send_buffer = granted(socket.send_buffer_size()?);
    if receive_buffer < UDP_BUFFER || send_buffer < UDP_BUFFER {
        warn!(
            wanted = UDP_BUFFER,
            receive_buffer,
            send_buffer,
            "UDP buffers are smaller than wanted, packets may be lost in bursts; raise net.core.rmem_max and net.core.wmem_max"
        );
    }
    Ok(UdpListener { socket: socket.into(), receive_buffer, send_buffer })
}

/// Linux reports twice the usable size.
fn granted(reported: usize) -> usize {
    if cfg!(target_os = "linux") { reported / 2 } else { reported }
}

/// Makes a QUIC endpoint on `socket` that stays recognisable after a restart. Without `server` it only dials.
/// Needs a tokio runtime.
///
/// # Errors
/// When the socket cannot be used.
pub fn endpoint(
    socket: UdpSocket,
    keys: &StableKeys,
    server: Option<quinn::ServerConfig>,
) -> io::Result<quinn::Endpoint> {
    quinn::Endpoint::new(keys.endpoint_config(), server, socket, Arc::new(quinn::TokioRuntime))
}

/// The QUIC form of a listening side's TLS.
///
/// # Errors
/// When the TLS configuration does not fit QUIC.
pub fn server_config(
    tls: rustls::ServerConfig,
    transport: Arc<quinn::TransportConfig>,
) -> Result<quinn::ServerConfig, ConfigError> {
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    config.transport_config(transport);
    Ok(config)
}

/// The QUIC form of a dialing side's TLS.
///
/// # Errors
/// When the TLS configuration does not fit QUIC.
pub fn client_config(
    tls: rustls::ClientConfig,
    transport: Arc<quinn::TransportConfig>,
) -> Result<quinn::ClientConfig, ConfigError> {
    let mut config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
    config.transport_config(transport);
    Ok(config)
}

/// How to dial.
#[derive(Debug, Clone)]
pub struct Dial {
    /// TLS with the expected identity; made for this dial.
    pub tls: ClientTls,
    /// QUIC settings.
    pub transport: Arc<quinn::TransportConfig>,
    /// Limit for the whole handshake.
    pub timeout: Duration,
}

/// Dials `address` and returns once the handshake is complete and the server's identity is the expected one.
///
/// # Errors
/// [`ConnectError::Identity`] when somebody else answered; otherwise why there is no connection.
pub async fn connect(
    endpoint: &quinn::Endpoint,
    address: SocketAddr,
    dial: Dial,
) -> Result<quinn::Connection, ConnectError> {
    let Dial { tls: ClientTls { config, refusal }, transport, timeout } = dial;
    let config = client_config(config, transport)?;
    let connecting = endpoint
        .connect_with(config, address, SERVER_NAME)
        .map_err(|source| ConnectError::Dial { address, source })?;
    match tokio::time::timeout(timeout, connecting).await {
        Err(_) => Err(ConnectError::Timeout { address, waited_ms: timeout.as_millis() }),
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(source)) => match refusal.get() {
            Some(reason) => Err(reason.clone().into()),
            None => Err(ConnectError::Handshake { address, source }),
        },
    }
}

/// The certificate that the other side of a finished handshake showed, if any.
#[must_use]
pub fn peer_certificate(connection: &quinn::Connection) -> Option<CertificateDer<'static>> {
    let shown = connection.peer_identity()?.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    shown.into_iter().next()
}

/// The node at the other side of a finished handshake.
///
/// # Errors
/// When it showed no identity certificate.
pub fn peer_node_id(connection: &quinn::Connection) -> Result<NodeId, IdentityError> {
    let certificate = peer_certificate(connection).ok_or(IdentityError::NoCertificate)?;
    certificate_node_id(&certificate)
}

/// The protocol that both sides agreed on.
#[must_use]
pub fn negotiated_alpn(connection: &quinn::Connection) -> Option<Vec<u8>> {
    connection.handshake_data()?.downcast::<HandshakeData>().ok()?.protocol
}
