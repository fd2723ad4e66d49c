//! How a client connects and whom it trusts.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kwil_crypto::NodeId;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use crate::error::ClientError;
use crate::trust::KnownNodes;

/// Called with address and identity when a node is seen for the first time.
pub type NewNode = Arc<dyn Fn(&str, &NodeId) + Send + Sync>;

/// Everything about a connection but its endpoint.
#[derive(Clone)]
pub struct ClientOptions {
    pub(crate) timeout: Duration,
    pub(crate) password: Option<Zeroizing<String>>,
    pub(crate) server_certificate: Option<CertificateDer<'static>>,
    pub(crate) client_certificate: Option<(CertificateDer<'static>, Arc<PrivateKeyDer<'static>>)>,
    pub(crate) known_nodes: Option<KnownNodes>,
    pub(crate) on_new_node: Option<NewNode>,
    pub(crate) long_lived: bool,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            password: None,
            server_certificate: None,
            client_certificate: None,
            known_nodes: None,
            on_new_node: None,
            long_lived: false,
        }
    }
}

impl ClientOptions {
    /// 30 seconds for a call, no password, no certificates.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Time of one call, connecting included.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Password of the admin service.
    #[must_use]
    pub fn password(mut self, password: String) -> Self {
        self.password = Some(Zeroizing::new(password));
        self
    }

    /// Trusts a server with exactly this certificate, or one that it signed.
    ///
    /// # Errors
    /// When the PEM file cannot be read.
    pub fn server_certificate(mut self, path: &Path) -> Result<Self, ClientError> {
        self.server_certificate = Some(certificate("the server's certificate", path)?);
        Ok(self)
    }

    /// Shows this certificate to servers that ask.
    ///
    /// # Errors
    /// When one of the PEM files cannot be read.
    pub fn client_certificate(
        mut self,
        certificate_file: &Path,
        key_file: &Path,
    ) -> Result<Self, ClientError> {
        let shown = certificate("the client certificate", certificate_file)?;
        let key = PrivateKeyDer::from_pem_file(key_file)
            .map_err(|error| pem_error("the client key", key_file, error))?;
        self.client_certificate = Some((shown, Arc::new(key)));
        Ok(self)
    }

    /// Remembers the identities of nodes that are dialled without one, and refuses changes.
    #[must_use]
    pub fn known_nodes(mut self, known: KnownNodes) -> Self {
        self.known_nodes = Some(known);
        self
    }

    /// Told about every node seen for the first time.
    #[must_use]
    pub fn on_new_node(mut self, told: NewNode) -> Self {
        self.on_new_node = Some(told);
        self
    }

    /// Keeps idle QUIC connections alive; for services rather than for commands.
    #[must_use]
    pub const fn long_lived(mut self) -> Self {
        self.long_lived = true;
        self
    }
}

impl fmt::Debug for ClientOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientOptions")
            .field("timeout", &self.timeout)
            .field("password", &self.password.as_ref().map(|_secret| "***"))
            .finish_non_exhaustive()
    }
}

fn certificate(what: &'static str, path: &Path) -> Result<CertificateDer<'static>, ClientError> {
    CertificateDer::from_pem_file(path).map_err(|error| pem_error(what, path, error))
}

fn pem_error(what: &'static str, path: &Path, error: rustls::pki_types::pem::Error) -> ClientError {
    let source = match error {
        rustls::pki_types::pem::Error::Io(source) => source,
        other => std::io::Error::new(std::io::ErrorKind::InvalidData, other.to_string()),
    };
    ClientError::File { what, path: path.to_owned(), source }
}
