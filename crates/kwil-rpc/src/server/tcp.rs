//! TCP, plain or with TLS.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use kwil_crypto::NodeId;
use kwil_quic::{ClientAuth, Identity, certificate_node_id, server_tls};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::connection::Shared;
use super::error::StartError;
use crate::app::ConnInfo;
use crate::certificate::ServerCertificate;
use crate::config::AdminTls;

/// TLS handshakes that take longer are given up.
const HANDSHAKE_TIME: Duration = Duration::from_secs(5);
/// Pause after the system had no file handle for a connection.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// A bound TCP port.
#[derive(Debug)]
pub(super) struct Tcp {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Tls>,
}

/// TLS of the operator's port.
#[derive(Clone)]
pub(super) struct Tls {
    acceptor: TlsAcceptor,
    guests: Guests,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("guests", &self.guests).finish_non_exhaustive()
    }
}

/// Who may use the operator's port.
#[derive(Clone, Debug)]
pub(super) struct Guests {
    certificates: Arc<BTreeSet<Vec<u8>>>,
    nodes: Arc<BTreeSet<NodeId>>,
    /// The password decides instead.
    anyone: bool,
}

impl Guests {
    pub(super) fn new(tls: &AdminTls, password: bool) -> Self {
        Self {
            certificates: Arc::new(tls.clients.iter().cloned().collect()),
            nodes: Arc::new(tls.allowed.iter().copied().collect()),
            anyone: password,
        }
    }

    pub(super) const fn auth(&self) -> ClientAuth {
        if self.anyone { ClientAuth::OptionalPossession } else { ClientAuth::Possession }
    }

    /// Why a client is sent away, if it is.
    pub(super) fn refusal(&self, certificate: Option<&CertificateDer<'_>>) -> Option<Arc<str>> {
        if self.anyone {
            return None;
        }
        let Some(certificate) = certificate else {
            return Some("a client certificate is needed".into());
        };
        if self.certificates.contains(certificate.as_ref()) {
            return None;
        }
        match certificate_node_id(certificate) {
            Ok(node) if self.nodes.contains(&node) => None,
            Ok(node) => Some(format!("client key {node} is not in admin.allowed_keys").into()),
            Err(_no_identity) => Some("client certificate is not in clients.pem".into()),
        }
    }
}

impl Tls {
    pub(super) fn new(
        config: &AdminTls,
        identity: &Identity,
        guests: &Guests,
    ) -> Result<Self, StartError> {
        let alpn: [&[u8]; 2] = [b"h2", b"http/1.1"];
        let mut tls = server_tls(identity, &alpn, guests.auth())
            .map_err(|error| StartError::Tls(error.to_string()))?;
        if let Some(own) = &config.certificate {
            let key = certified(own, tls.crypto_provider())
                .map_err(|error| StartError::Tls(error.to_string()))?;
            tls.cert_resolver = Arc::new(SingleCertAndKey::from(key));
        }
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(tls)), guests: guests.clone() })
    }
}

fn certified(
    own: &ServerCertificate,
    provider: &rustls::crypto::CryptoProvider,
) -> Result<CertifiedKey, rustls::Error> {
    let chain = own.chain.iter().cloned().map(CertificateDer::from).collect();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.key.to_vec()));
    CertifiedKey::from_der(chain, key, provider)
}

impl Tcp {
    pub(super) async fn bind(
        key: &'static str,
        address: SocketAddr,
        tls: Option<Tls>,
    ) -> Result<Self, StartError> {
        let fault = |source| StartError::Tcp { key, address, source };
        let listener = TcpListener::bind(address).await.map_err(fault)?;
        let address = listener.local_addr().map_err(fault)?;
        Ok(Self { listener, address, tls })
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts until the stop.
    pub(super) async fn accept(self, shared: &Shared) {
        loop {
            let accepted = tokio::select! {
                biased;
                () = shared.stop.cancelled() => return,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, client)) => self.welcome(shared, stream, client),
                Err(error) => pause(&error).await,
            }
        }
    }

    fn welcome(&self, shared: &Shared, stream: TcpStream, client: SocketAddr) {
        let Some(seat) = shared.seat(Some(client.ip())) else { return };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection ended at once");
            return;
        }
        let info = ConnInfo { client: Some(client.ip().to_canonical()), ..ConnInfo::default() };
        let task = shared.clone();
        match self.tls.clone() {
            None => shared.spawn(async move { task.serve(stream, info, seat).await }),
            Some(tls) => shared.spawn(async move {
                match tokio::time::timeout(HANDSHAKE_TIME, tls.acceptor.accept(stream)).await {
                    Ok(Ok(stream)) => {
                        let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
                        let info = ConnInfo { refused: tls.guests.refusal(shown), ..info };
                        task.serve(stream, info, seat).await;
                    }
                    Ok(Err(error)) => tracing::debug!(%error, %client, "tls handshake failed"),
                    Err(_elapsed) => tracing::debug!(%client, "tls handshake took too long"),
                }
            }),
        }
    }
}

/// Some faults of accepting are of one connection; without file handles it does not help to try again at once.
pub(super) async fn pause(error: &io::Error) {
    let of_one = matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    );
    if !of_one {
        tracing::warn!(%error, "cannot accept connections");
        tokio::time::sleep(EXHAUSTED).await;
    }
}
