//! Certificate checks for both sides of a connection.
//!
//! Dates, names and issuers mean nothing here; what counts is the identity extension, or an exact pinned certificate.

use std::sync::{Arc, OnceLock};

use kwil_crypto::NodeId;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, OtherError, PeerIncompatible,
    SignatureScheme,
};

use crate::{IdentityError, certificate_node_id};

/// Whom a dialer wants to find at the other end.
#[derive(Debug, Clone)]
pub enum Expect {
    /// This node and nobody else.
    Node(NodeId),
    /// Any node; ask [`peer_node_id`](crate::peer_node_id) afterwards which one it is.
    AnyNode,
    /// Exactly this certificate, whatever it says.
    Certificate(CertificateDer<'static>),
}

impl Expect {
    fn check(&self, leaf: &CertificateDer<'_>) -> Result<(), IdentityError> {
        match self {
            Self::Node(dialed) => {
                let got = certificate_node_id(leaf)?;
                if got == *dialed {
                    Ok(())
                } else {
                    Err(IdentityError::Mismatch { dialed: *dialed, got })
                }
            }
            Self::AnyNode => certificate_node_id(leaf).map(|_| ()),
            Self::Certificate(pinned) if pinned.as_ref() == leaf.as_ref() => Ok(()),
            Self::Certificate(_) => Err(IdentityError::NotPinned),
        }
    }
}

/// Which certificate a server asks its clients for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// An identity certificate is required (node to node).
    Identity,
    /// Any certificate is required; TLS proves only that the client holds its key, and the server decides afterwards,
    /// with a reason that the client can read.
    Possession,
    /// As `Possession`, but a client without certificate is let in.
    OptionalPossession,
    /// None; clients prove who they are by other means.
    None,
}

/// The verifier of one side. Remembers the typed reason of a refusal, because TLS hands on only a text.
#[derive(Debug)]
pub(crate) struct Verifier {
    rule: Rule,
    algorithms: WebPkiSupportedAlgorithms,
    refusal: Arc<OnceLock<IdentityError>>,
}

#[derive(Debug)]
enum Rule {
    Server(Expect),
    Client(ClientAuth),
}

impl Verifier {
    pub(crate) fn of_server(expect: Expect, algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self { rule: Rule::Server(expect), algorithms, refusal: Arc::default() }
    }

    pub(crate) fn of_client(auth: ClientAuth, algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self { rule: Rule::Client(auth), algorithms, refusal: Arc::default() }
    }

    /// Where the reason of a refusal will be found.
    pub(crate) fn refusal(&self) -> Arc<OnceLock<IdentityError>> {
        Arc::clone(&self.refusal)
    }

    fn check(&self, leaf: &CertificateDer<'_>, intermediates: usize) -> Result<(), IdentityError> {
        match &self.rule {
            Rule::Server(expect) => {
                exactly_one(intermediates)?;
                expect.check(leaf)
            }
            Rule::Client(ClientAuth::Identity) => {
                exactly_one(intermediates)?;
                certificate_node_id(leaf).map(|_| ())
            }
            Rule::Client(
                ClientAuth::Possession | ClientAuth::OptionalPossession | ClientAuth::None,
            ) => Ok(()),
        }
    }

    fn verify(&self, leaf: &CertificateDer<'_>, intermediates: usize) -> Result<(), rustls::Error> {
        self.check(leaf, intermediates).map_err(|error| {
            let text = CertificateError::Other(OtherError(Arc::new(error.clone())));
            // Each dial has a verifier of its own; a listening side only fills the slot once and never reads it.
            self.refusal.get_or_init(|| error);
            rustls::Error::InvalidCertificate(text)
        })
    }

    /// Identity certificates have Ed25519 keys; certificates from elsewhere any key that the provider knows.
    fn schemes(&self) -> Vec<SignatureScheme> {
        match &self.rule {
            Rule::Server(Expect::Node(_) | Expect::AnyNode)
            | Rule::Client(ClientAuth::Identity) => {
                vec![SignatureScheme::ED25519]
            }
            Rule::Server(Expect::Certificate(_))
            | Rule::Client(
                ClientAuth::Possession | ClientAuth::OptionalPossession | ClientAuth::None,
            ) => self.algorithms.supported_schemes(),
        }
    }
}

fn exactly_one(intermediates: usize) -> Result<(), IdentityError> {
    if intermediates == 0 {
        Ok(())
    } else {
        Err(IdentityError::Chain { count: intermediates.saturating_add(1) })
    }
}

fn no_tls12() -> rustls::Error {
    rustls::Error::PeerIncompatible(PeerIncompatible::Tls13RequiredForQuic)
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.verify(end_entity, intermediates.len()).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(no_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes()
    }
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        match &self.rule {
            Rule::Client(ClientAuth::Identity | ClientAuth::Possession) | Rule::Server(_) => true,
            Rule::Client(ClientAuth::OptionalPossession | ClientAuth::None) => false,
        }
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.verify(end_entity, intermediates.len()).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(no_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes()
    }
}
