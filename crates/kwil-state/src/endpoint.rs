//! Where a database is and how to sign in.

mod configured;

use std::fmt;
use std::path::{Path, PathBuf};

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use zeroize::Zeroizing;

use crate::managed::READER;

pub use configured::UnreadableFile;

/// A password. Wiped from memory when dropped; never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes ownership of the text of a password.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text, for the place that must send it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// How the server is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// Folder that holds the Unix socket.
    Socket(PathBuf),
    /// Host name or address.
    Tcp(String),
}

/// What TLS must give on the way to a server; the modes of PostgreSQL's own clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsMode {
    /// None.
    #[default]
    Disable,
    /// Encryption when the server offers it.
    Prefer,
    /// Encryption; any certificate.
    Require,
    /// Encryption; the certificate's chain ends at a trusted authority.
    VerifyCa,
    /// Like [`TlsMode::VerifyCa`], and the certificate names the host.
    VerifyFull,
}

/// TLS on the way to a server. Not used on a Unix socket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// What it must give.
    pub mode: TlsMode,
    /// Certificates (PEM) of authorities to trust besides those of the operating system.
    pub authorities: Option<Vec<u8>>,
}

/// A database, the role that signs in and its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    host: Host,
    port: u16,
    user: String,
    password: Secret,
    database: String,
    tls: Tls,
    reader: String,
}

impl Endpoint {
    /// A database behind a Unix socket in `folder`.
    #[must_use]
    pub fn socket(folder: &Path, port: u16, database: &str) -> Self {
        Self::new(Host::Socket(folder.to_path_buf()), port, database)
    }

    /// A database at a host. A host that starts with `/` is a folder with a Unix socket, as everywhere in PostgreSQL.
    #[must_use]
    pub fn tcp(host: &str, port: u16, database: &str) -> Self {
        let host =
            if host.starts_with('/') { Host::Socket(host.into()) } else { Host::Tcp(host.into()) };
        Self::new(host, port, database)
    }

    fn new(host: Host, port: u16, database: &str) -> Self {
        Self {
            host,
            port,
            user: database.into(),
            password: Secret::new(String::new()),
            database: database.into(),
            tls: Tls::default(),
            reader: READER.into(),
        }
    }

    /// The same place with another role.
    #[must_use]
    pub fn with_role(mut self, user: &str, password: Secret) -> Self {
        self.user = user.into();
        self.password = password;
        self
    }

    /// The same server and role with another database.
    #[must_use]
    pub fn with_database(mut self, database: &str) -> Self {
        self.database = database.into();
        self
    }

    /// The same place, reached with TLS.
    #[must_use]
    pub fn with_tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }

    /// The same place with another role that sessions for clients switch to than [`READER`]. The role that signs in must
    /// be a member of it.
    #[must_use]
    pub fn with_reader(mut self, role: &str) -> Self {
        self.reader = role.into();
        self
    }

    /// Role that sessions for clients switch to where it exists.
    #[must_use]
    pub fn reader(&self) -> &str {
        &self.reader
    }

    /// How the server is reached.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Port, also part of the name of a Unix socket.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Role that signs in.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Password of the role.
    #[must_use]
    pub fn password(&self) -> &Secret {
        &self.password
    }

    /// Database name.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.database
    }

    /// `host:port` or the path of the socket, for messages.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.host {
            Host::Socket(folder) => format!("{}/.s.PGSQL.{}", folder.display(), self.port),
            Host::Tcp(host) => format!("{host}:{}", self.port),
        }
    }

    /// Options for the driver. Every field is set, so nothing is taken from the environment of the process.
    pub(crate) fn connect_options(&self, application: &str) -> PgConnectOptions {
        let options = PgConnectOptions::new_without_pgpass()
            .port(self.port)
            .username(&self.user)
            .password(self.password.reveal())
            .database(&self.database)
            .application_name(application)
            .extra_float_digits(1)
            // Its lines hold whole statements, and slow ones are a matter of whoever runs them.
            .disable_statement_logging();
        match &self.host {
            Host::Socket(folder) => options.socket(folder).ssl_mode(PgSslMode::Disable),
            Host::Tcp(host) => self.tls.apply(options.host(host)),
        }
    }
}

impl Tls {
    fn apply(&self, options: PgConnectOptions) -> PgConnectOptions {
        let options = options.ssl_mode(match self.mode {
            TlsMode::Disable => PgSslMode::Disable,
            TlsMode::Prefer => PgSslMode::Prefer,
            TlsMode::Require => PgSslMode::Require,
            TlsMode::VerifyCa => PgSslMode::VerifyCa,
            TlsMode::VerifyFull => PgSslMode::VerifyFull,
        });
        match &self.authorities {
            Some(pem) => options.ssl_root_cert_from_pem(pem.clone()),
            None => options,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_never_reaches_debug_output() {
        let endpoint = Endpoint::tcp("db.example", 5432, "kwild")
            .with_role("kwild", Secret::new("hunter2".into()));
        assert!(!format!("{endpoint:?}").contains("hunter2"));
    }

    #[test]
    fn a_host_that_is_a_folder_means_its_socket() {
        assert_eq!(Endpoint::tcp("/run/pg", 5433, "kwild").place(), "/run/pg/.s.PGSQL.5433");
        assert_eq!(Endpoint::tcp("db.example", 5433, "kwild").place(), "db.example:5433");
    }
}
