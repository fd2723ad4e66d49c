//! Where a database is and how to sign in.

use std::fmt;
use std::path::{Path, PathBuf};

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use zeroize::Zeroizing;

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

/// A database, the role that signs in and its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    host: Host,
    port: u16,
    user: String,
    password: Secret,
    database: String,
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
            Host::Tcp(host) => options.host(host).ssl_mode(PgSslMode::Prefer),
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
