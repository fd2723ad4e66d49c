//! The identity of this process on the network, and the TLS configurations made from it.

use std::fmt;
use std::sync::{Arc, OnceLock};

use kwil_crypto::{Context, NetworkSignature, NodeId, PrivateKey};
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::certificate::{Minted, mint};
use crate::verifier::Verifier;
use crate::{ClientAuth, ConfigError, Expect, IdentityError, StableKeys};

/// A node key with the TLS certificate that this process shows for it. Cheap to clone.
///
/// The node key never enters the TLS stack: it signs the certificate's key once, and peer records.
#[derive(Clone)]
pub struct Identity(Arc<Inner>);

struct Inner {
    node_key: PrivateKey,
    node_id: NodeId,
    certificate: CertificateDer<'static>,
    tls_key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Makes a fresh TLS key and certificate for the node that owns `node_key`. Once per process is right.
    ///
    /// # Errors
    /// When the system has no entropy to give.
    pub fn new(node_key: PrivateKey) -> Result<Self, IdentityError> {
        let Minted { certificate, key: tls_key } = mint(&node_key)?;
        let node_id = NodeId::new(node_key.public_key());
        Ok(Self(Arc::new(Inner { node_key, node_id, certificate, tls_key })))
    }

    /// The id that peers see.
    #[must_use]
    pub fn node_id(&self) -> NodeId {
        self.0.node_id
    }

    /// The certificate that peers see.
    #[must_use]
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.0.certificate
    }

    /// Signs a network message with the node key.
    #[must_use]
    pub fn sign(&self, context: Context, message: &[u8]) -> NetworkSignature {
        self.0.node_key.sign_network(context, message)
    }

    /// The keys that keep a listener recognisable after a restart; see [`StableKeys`].
    #[must_use]
    pub fn stable_keys(&self, listener: &str) -> StableKeys {
        StableKeys::derive(&self.0.node_key, listener)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("node_id", &self.0.node_id).finish_non_exhaustive()
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// TLS of a listening side: TLS 1.3, no session tickets, no early data.
///
/// # Errors
/// When rustls refuses the certificate.
pub fn server_tls(
    identity: &Identity,
    alpn: &[&[u8]],
    auth: ClientAuth,
) -> Result<rustls::ServerConfig, ConfigError> {
    let provider = provider();
    let algorithms = provider.signature_verification_algorithms;
    let builder = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?;
    let builder = match auth {
        ClientAuth::None => builder.with_no_client_auth(),
        ClientAuth::Identity | ClientAuth::Possession | ClientAuth::OptionalPossession => {
            builder.with_client_cert_verifier(Arc::new(Verifier::of_client(auth, algorithms)))
        }
    };
    let mut config = builder
        .with_single_cert(vec![identity.0.certificate.clone()], identity.0.tls_key.clone_key())?;
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    Ok(config)
}

/// TLS of a dialing side, and where to read the typed reason when it refuses the server.
#[derive(Debug, Clone)]
pub struct ClientTls {
    /// The configuration. For QUIC use [`connect`](crate::connect), for TLS over TCP hand it to the TLS library.
    pub config: rustls::ClientConfig,
    pub(crate) refusal: Arc<OnceLock<IdentityError>>,
}

impl ClientTls {
    /// Why the server's certificate was refused, when it was.
    #[must_use]
    pub fn refusal(&self) -> Option<IdentityError> {
        self.refusal.get().cloned()
    }
}

/// What a dialing side shows to a server that asks.
#[derive(Debug, Clone, Copy)]
pub enum Show<'a> {
    /// The identity certificate of this process.
    Identity(&'a Identity),
    /// A certificate and key from a file.
    Certificate(&'a CertificateDer<'static>, &'a PrivateKeyDer<'static>),
    /// Nothing.
    Nothing,
}

/// TLS of a dialing side: TLS 1.3, no resumption, no early data, no server name on the wire. Make one for each dial,
/// so that a refusal is told apart from others.
///
/// # Errors
/// When rustls refuses the certificate to show.
pub fn client_tls(
    show: Show<'_>,
    alpn: &[&[u8]],
    expect: Expect,
) -> Result<ClientTls, ConfigError> {
    let provider = provider();
    let verifier = Verifier::of_server(expect, provider.signature_verification_algorithms);
    let refusal = verifier.refusal();
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match show {
        Show::Identity(identity) => builder.with_client_auth_cert(
            vec![identity.0.certificate.clone()],
            identity.0.tls_key.clone_key(),
        )?,
        Show::Certificate(certificate, key) => {
            builder.with_client_auth_cert(vec![certificate.clone()], key.clone_key())?
        }
        Show::Nothing => builder.with_no_client_auth(),
    };
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    config.enable_early_data = false;
    Ok(ClientTls { config, refusal })
}

#[cfg(test)]
mod tests {
    use kwil_crypto::KeyType;

    use super::*;
    use crate::testing::node_key;

    #[test]
    fn debug_shows_the_id_and_no_key() {
        let key = node_key(KeyType::Secp256k1, 3);
        let text = format!("{:?}", Identity::new(key.clone()).unwrap());
        assert!(text.contains(&key.public_key().to_string()));
        assert!(!text.contains(key.to_hex().as_str()));
    }

    #[test]
    fn sessions_are_never_resumed() {
        let identity = Identity::new(node_key(KeyType::Secp256k1, 3)).unwrap();
        let server = server_tls(&identity, &[b"kwil-p2p/1"], ClientAuth::Identity).unwrap();
        assert_eq!(server.send_tls13_tickets, 0);
        assert_eq!(server.max_early_data_size, 0);
        assert!(!server.session_storage.can_cache());
        let client =
            client_tls(Show::Identity(&identity), &[b"kwil-p2p/1"], Expect::AnyNode).unwrap();
        assert!(!client.config.enable_early_data);
        assert!(!client.config.enable_sni);
    }
}
