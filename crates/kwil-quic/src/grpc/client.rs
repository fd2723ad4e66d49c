//! The dialing side: one connection per node, lanes on it, reconnect on the next call.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex as SyncMutex, PoisonError};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use kwil_crypto::NodeId;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::sync::Mutex;
use tonic::transport::Channel;

use super::io::QuicIo;
use super::transport::{CLOSE_DONE, CLOSE_FORBIDDEN, client_transport};
use crate::{
    BindError, ConfigError, ConnectError, Dial, Expect, GRPC_ALPN, Show, bind_udp, client_tls,
    connect, peer_node_id,
};

/// Limit of one handshake.
const DIAL_TIMEOUT: Duration = Duration::from_secs(5);
/// HTTP/2 windows that fit those of QUIC.
const H2_STREAM_WINDOW: u32 = 1024 * 1024;
const H2_CONNECTION_WINDOW: u32 = 16 * 1024 * 1024;

/// Asked after a handshake with a node whose identity was not known before, e.g. to remember it.
pub type TrustCheck =
    Arc<dyn Fn(&NodeId) -> Result<(), Box<dyn Error + Send + Sync>> + Send + Sync>;

/// Whom to dial and how to tell that it is the right one.
#[derive(Clone)]
pub struct Target {
    /// Name or address.
    pub host: String,
    /// UDP port.
    pub port: u16,
    /// Who must answer.
    pub expect: Expect,
    /// Asked once per connection about whoever answered.
    pub check: Option<TrustCheck>,
    /// Certificate and key to show, DER.
    pub show: Option<(CertificateDer<'static>, Arc<PrivateKeyDer<'static>>)>,
    /// Whether to keep an idle connection alive.
    pub keep_alive: bool,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("expect", &self.expect)
            .finish_non_exhaustive()
    }
}

/// Why there is no lane to a node.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// The name has no address.
    #[error("cannot resolve {host}")]
    Resolve {
        /// The name.
        host: String,
        /// What the resolver says.
        #[source]
        source: io::Error,
    },
    /// There is no socket to dial from.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The socket is refused by the runtime.
    #[error("cannot use a udp socket")]
    Socket(#[source] io::Error),
    /// The certificate to show is none.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No handshake, or somebody else answered.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The node that answered is not trusted.
    #[error(transparent)]
    Trust(Box<dyn Error + Send + Sync>),
    /// The connection ended.
    #[error("the connection ended: {0}")]
    Lost(#[from] quinn::ConnectionError),
}

impl DialError {
    /// Whether somebody answered and is not the one we wanted.
    #[must_use]
    pub const fn is_identity(&self) -> bool {
        matches!(self, Self::Trust(_) | Self::Connect(ConnectError::Identity(_)))
    }
}

/// A socket to dial from; a process needs one per address family.
///
/// # Errors
/// When there is no free port.
pub fn client_endpoint(ipv6: bool) -> Result<quinn::Endpoint, DialError> {
    let any: SocketAddr =
        if ipv6 { (Ipv6Addr::UNSPECIFIED, 0).into() } else { (Ipv4Addr::UNSPECIFIED, 0).into() };
    let socket = bind_udp(any)?.socket;
    quinn::Endpoint::new(
        quinn::EndpointConfig::default(),
        None,
        socket,
        Arc::new(quinn::TokioRuntime),
    )
    .map_err(DialError::Socket)
}

/// One per node; clones share the connection.
#[derive(Clone, Debug)]
pub struct Dialer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    target: Target,
    /// Single flight: whoever finds no live connection dials, the others wait.
    state: Mutex<State>,
    last_error: SyncMutex<Option<Arc<DialError>>>,
}

#[derive(Debug, Default)]
struct State {
    endpoint: Option<quinn::Endpoint>,
    connection: Option<quinn::Connection>,
}

impl Dialer {
    /// Nothing is dialled yet.
    #[must_use]
    pub fn new(target: Target) -> Self {
        Self(Arc::new(Inner { target, state: Mutex::default(), last_error: SyncMutex::default() }))
    }

    /// The live connection, or a new one.
    ///
    /// # Errors
    /// When the node cannot be reached or is not the expected one.
    pub async fn connection(&self) -> Result<quinn::Connection, DialError> {
        let mut state = self.0.state.lock().await;
        if let Some(live) = state.connection.as_ref().filter(|known| known.close_reason().is_none())
        {
            return Ok(live.clone());
        }
        let connection = self.0.dial(&mut state).await?;
        state.connection = Some(connection.clone());
        Ok(connection)
    }

    /// A new lane on the live connection, or on a new one.
    ///
    /// # Errors
    /// As [`Self::connection`].
    pub async fn lane(&self) -> Result<QuicIo, DialError> {
        let connection = self.connection().await?;
        let stream = connection.open_bi().await?;
        Ok(QuicIo::new(stream, connection))
    }

    /// A gRPC channel on a lane of its own. Heals itself: a lost lane is opened anew by the next call.
    #[must_use]
    pub fn channel(&self) -> Channel {
        let dialer = self.clone();
        tonic::transport::Endpoint::from_static("http://kwil")
            .initial_stream_window_size(H2_STREAM_WINDOW)
            .initial_connection_window_size(H2_CONNECTION_WINDOW)
            .connect_with_connector_lazy(tower::service_fn(move |_uri: http::Uri| {
                let dialer = dialer.clone();
                Box::pin(async move { dialer.lane_for_channel().await }) as LaneFuture
            }))
    }

    async fn lane_for_channel(&self) -> Result<TokioIo<QuicIo>, Arc<DialError>> {
        let lane = self.lane().await.map_err(Arc::new);
        let mut last = self.0.last_error.lock().unwrap_or_else(PoisonError::into_inner);
        *last = lane.as_ref().err().cloned();
        lane.map(TokioIo::new)
    }

    /// Why the last lane was not opened; channels report transport errors without a cause that can be matched.
    #[must_use]
    pub fn last_error(&self) -> Option<Arc<DialError>> {
        self.0.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The reason that the server gave when it sent this client away, e.g. that it is not on the list.
    pub async fn refusal(&self) -> Option<String> {
        let state = self.0.state.lock().await;
        match state.connection.as_ref()?.close_reason()? {
            quinn::ConnectionError::ApplicationClosed(close) => (close.error_code
                == CLOSE_FORBIDDEN)
                .then(|| String::from_utf8_lossy(&close.reason).into_owned()),
            quinn::ConnectionError::VersionMismatch
            | quinn::ConnectionError::TransportError(_)
            | quinn::ConnectionError::ConnectionClosed(_)
            | quinn::ConnectionError::Reset
            | quinn::ConnectionError::TimedOut
            | quinn::ConnectionError::LocallyClosed
            | quinn::ConnectionError::CidsExhausted => None,
        }
    }

    /// Says goodbye, so that the server keeps nothing for us; waits at most `limit`.
    pub async fn close(&self, limit: Duration) {
        let mut state = self.0.state.lock().await;
        if let Some(connection) = state.connection.take() {
            connection.close(CLOSE_DONE, b"done");
        }
        if let Some(endpoint) = state.endpoint.take()
            && tokio::time::timeout(limit, endpoint.wait_idle()).await.is_err()
        {
            tracing::debug!("the server did not hear the goodbye in time");
        }
    }
}

type LaneFuture = Pin<Box<dyn Future<Output = Result<TokioIo<QuicIo>, Arc<DialError>>> + Send>>;

impl Inner {
    async fn dial(&self, state: &mut State) -> Result<quinn::Connection, DialError> {
        let Target { host, port, expect, check, show, keep_alive } = &self.target;
        let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), *port))
            .await
            .map_err(|source| DialError::Resolve { host: host.clone(), source })?
            .collect();
        let mut failure =
            DialError::Resolve { host: host.clone(), source: io::ErrorKind::NotFound.into() };
        for address in addresses {
            let usable = state.endpoint.take().filter(|endpoint| {
                endpoint.local_addr().is_ok_and(|local| local.is_ipv6() == address.is_ipv6())
            });
            let endpoint = match usable {
                Some(endpoint) => endpoint,
                None => client_endpoint(address.is_ipv6())?,
            };
            state.endpoint = Some(endpoint.clone());
            let show = show
                .as_ref()
                .map_or(Show::Nothing, |(certificate, key)| Show::Certificate(certificate, key));
            let tls = client_tls(show, &[GRPC_ALPN], expect.clone())?;
            let dial =
                Dial { tls, transport: client_transport(*keep_alive), timeout: DIAL_TIMEOUT };
            match connect(&endpoint, address, dial).await {
                Ok(connection) => return trusted(connection, check.as_ref()),
                Err(error @ ConnectError::Identity(_)) => return Err(error.into()),
                Err(error) => failure = error.into(),
            }
        }
        Err(failure)
    }
}

fn trusted(
    connection: quinn::Connection,
    check: Option<&TrustCheck>,
) -> Result<quinn::Connection, DialError> {
    if let Some(check) = check {
        let answer = peer_node_id(&connection).map_err(|error| DialError::Connect(error.into()));
        if let Err(error) = answer.and_then(|node| check(&node).map_err(DialError::Trust)) {
            connection.close(CLOSE_DONE, b"not the node that was expected");
            return Err(error);
        }
    }
    Ok(connection)
}
