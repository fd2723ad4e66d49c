//! What the listeners need to know. The node fills these from its own configuration.

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use kwil_api::Service;
use zeroize::Zeroizing;

use crate::certificate::ServerCertificate;
use crate::metrics::MetricsPage;

/// The public listener: TCP for JSON-RPC, REST and gRPC, UDP on the same port for gRPC over QUIC.
#[derive(Clone, Debug)]
pub struct UserListener {
    /// `rpc.listen`.
    pub listen: SocketAddr,
    /// `rpc.quic`: gRPC over QUIC on the UDP port of the same number.
    pub quic: bool,
    /// Services that answer "unknown method".
    pub disabled: BTreeSet<Service>,
    /// `rpc.private`: transactions are shown without payload and signature.
    pub private: bool,
    /// `rpc.disable_query`: only view calls, and the look-ups of known clients.
    pub disable_query: bool,
    /// `rpc.signed_callers = "required"`: a caller that names itself proves it, also when the node is not private.
    pub signed_callers: bool,
    /// `rpc.challenge_expiry`.
    pub challenge_expiry: Duration,
    /// `rpc.challenge_rate_limit`: challenges per second and address.
    pub challenge_rate: f64,
    /// `rpc.cors_origins`: origins that browsers may come from; `*` is any, empty switches the headers off.
    pub cors_origins: Vec<String>,
    /// `rpc.trusted_proxies`: how many addresses from the right of `X-Forwarded-For` are our own proxies.
    pub trusted_proxies: usize,
    /// Limits of every listener.
    pub limits: Limits,
}

impl UserListener {
    /// The defaults of the configuration file at this address.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            quic: true,
            disabled: BTreeSet::new(),
            private: false,
            disable_query: false,
            signed_callers: false,
            challenge_expiry: Duration::from_secs(30),
            challenge_rate: 10.0,
            cors_origins: vec!["*".to_owned()],
            trusted_proxies: 0,
            limits: Limits::default(),
        }
    }
}

/// Serves `/metrics` and nothing else, without TLS and without questions: for a private network.
#[derive(Clone)]
pub struct MetricsListener {
    /// `telemetry.prometheus_listen`.
    pub listen: SocketAddr,
    /// Writes the page.
    pub page: MetricsPage,
}

impl fmt::Debug for MetricsListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsListener").field("listen", &self.listen).finish_non_exhaustive()
    }
}

/// Limits of one listener.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// `rpc.timeout`: time of one request.
    pub timeout: Duration,
    /// `rpc.broadcast_tx_timeout`: longest wait for a transaction's block.
    pub broadcast_timeout: Duration,
    /// `rpc.max_req_size`: bytes of a request.
    pub max_request: usize,
    /// `rpc.max_response_size`: bytes of an answer.
    pub max_response: usize,
    /// `rpc.max_result_rows`: rows of an answer.
    pub max_rows: u64,
    /// `rpc.max_batch`: requests in one JSON-RPC batch.
    pub max_batch: usize,
    /// `rpc.max_connections`.
    pub max_connections: usize,
    /// Connections per client address.
    pub max_connections_per_ip: usize,
    /// `rpc.rate_limit`: weighted requests per second and address; 0 is off.
    pub rate: f64,
    /// Reads at once.
    pub reads: usize,
    /// How long running requests may go on when the node stops.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(20),
            broadcast_timeout: Duration::from_secs(15),
            max_request: 6_000_000,
            max_response: 64 * 1024 * 1024,
            max_rows: 1_000_000,
            max_batch: 64,
            max_connections: 4096,
            max_connections_per_ip: 256,
            rate: 0.0,
            reads: 56,
            drain: Duration::from_secs(5),
        }
    }
}

/// The operator's listener.
#[derive(Clone, Debug)]
pub struct AdminListener {
    /// Where.
    pub listen: AdminListen,
    /// `admin.pass`: asked for on every path but health.
    pub password: Option<Password>,
    /// Limits; requests have 10 minutes.
    pub limits: Limits,
}

impl AdminListener {
    /// A Unix socket at this path, without a password.
    #[must_use]
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self {
            listen: AdminListen::Unix(path.into()),
            password: None,
            limits: Limits { timeout: Duration::from_secs(600), ..Limits::default() },
        }
    }
}

/// Where the operator connects.
#[derive(Clone, Debug)]
pub enum AdminListen {
    /// A socket file of mode 0600.
    Unix(PathBuf),
    /// A TCP port without TLS: loopback, or `admin.notls`.
    Plain(SocketAddr),
    /// A TCP port with TLS, and gRPC over QUIC on UDP.
    Tls(AdminTls),
}

/// How the operator's TLS port proves and checks identities.
#[derive(Clone, Debug)]
pub struct AdminTls {
    /// Address of both ports.
    pub listen: SocketAddr,
    /// `admin.quic`.
    pub quic: bool,
    /// Certificate chain and key in DER, for clients that check host names. The node's identity certificate without
    /// it.
    pub certificate: Option<ServerCertificate>,
    /// Certificates (DER) that may connect. Checked when there is no password.
    pub clients: Vec<Vec<u8>>,
    /// Identities that may connect.
    pub allowed: Vec<kwil_crypto::NodeId>,
}

/// A password that is never shown.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Keeps a password.
    #[must_use]
    pub fn new(password: String) -> Self {
        Self(Zeroizing::new(password))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(***)")
    }
}
