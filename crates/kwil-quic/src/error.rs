//! Why an identity was not proven, or a connection not made.

use std::io;
use std::net::SocketAddr;

use kwil_crypto::{KeyError, NodeId, SignatureError};

/// A certificate that does not prove the identity that was asked for.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// Making the own certificate failed.
    #[error("cannot make the identity certificate: {reason}")]
    Mint {
        /// What the certificate library says.
        reason: String,
    },
    /// The other side sent no certificate.
    #[error("the peer sent no certificate")]
    NoCertificate,
    /// The other side sent a chain instead of one certificate.
    #[error("the peer sent {count} certificates, want exactly one")]
    Chain {
        /// How many came.
        count: usize,
    },
    /// Not a certificate.
    #[error("malformed certificate: {reason}")]
    Malformed {
        /// What the parser says.
        reason: String,
    },
    /// The identity extension is missing.
    #[error("the certificate carries no kwil identity")]
    NoExtension,
    /// The identity extension is there more than once.
    #[error("the certificate carries more than one kwil identity")]
    RepeatedExtension,
    /// The identity extension is of another version.
    #[error("kwil identity of version {got} in the certificate, want 1")]
    ExtensionVersion {
        /// The version found.
        got: u8,
    },
    /// The identity extension breaks its layout.
    #[error("malformed kwil identity in the certificate: {reason}")]
    Extension {
        /// Which rule it breaks.
        reason: &'static str,
    },
    /// The identity extension holds an invalid public key.
    #[error("invalid key in the certificate's kwil identity")]
    Key(#[from] KeyError),
    /// The identity key did not sign the certificate's key.
    #[error("the certificate's key is not signed by the node")]
    Signature(#[from] SignatureError),
    /// Somebody else answered.
    #[error("peer identity mismatch: dialed {dialed}, got {got}")]
    Mismatch {
        /// Whom we wanted.
        dialed: NodeId,
        /// Who proved to be there.
        got: NodeId,
    },
    /// The certificate is not the pinned one.
    #[error("the certificate is not the expected one")]
    NotPinned,
}

/// A TLS configuration that cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// rustls refused a setting.
    #[error("tls configuration")]
    Tls(#[from] rustls::Error),
    /// The crypto provider lacks the cipher suite of QUIC's initial packets.
    #[error("no cipher suite for quic's initial packets")]
    InitialSuite(#[from] quinn::crypto::rustls::NoInitialCipherSuite),
}

/// A UDP socket that cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot open udp socket {address}")]
pub struct BindError {
    /// The address asked for.
    pub address: SocketAddr,
    /// What the system says.
    #[source]
    pub source: io::Error,
}

/// A connection that did not come to be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The address or the local endpoint does not allow it.
    #[error("cannot dial {address}")]
    Dial {
        /// Where to.
        address: SocketAddr,
        /// What the endpoint says.
        #[source]
        source: quinn::ConnectError,
    },
    /// The TLS configuration does not fit QUIC.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The other side did not prove the right identity.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The handshake failed.
    #[error("no connection to {address}")]
    Handshake {
        /// Where to.
        address: SocketAddr,
        /// Why it failed.
        #[source]
        source: quinn::ConnectionError,
    },
    /// Nobody answered in time.
    #[error("no answer from {address} within {waited_ms} ms")]
    Timeout {
        /// Where to.
        address: SocketAddr,
        /// How long we waited, milliseconds.
        waited_ms: u128,
    },
}
