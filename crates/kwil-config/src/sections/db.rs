use kwil_types::GoDuration;

use super::seconds;
use crate::secret::Secret;
use crate::section::section;
use crate::setting::{Word, choice};

choice! {
    /// TLS towards an external PostgreSQL.
    SslMode {
        /// No TLS.
        Disable = "disable",
        /// TLS when the server offers it.
        Prefer = "prefer",
        /// TLS, certificate not checked.
        Require = "require",
        /// TLS, certificate chain checked.
        VerifyCa = "verify-ca",
        /// TLS, chain and host name checked.
        VerifyFull = "verify-full",
    }
    error |mode| format!("unknown sslmode '{mode}' (must be disable, prefer, require, verify-ca or verify-full)")
}

/// The port of a PostgreSQL server; a TOML integer is accepted beside the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DbPort(pub u16);

impl Word for DbPort {
    const WHAT: &'static str = "a port like '5432'";
    const INTEGER: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        let number: u16 =
            text.trim().parse().map_err(|_| format!("'{text}' is not a port from 1 to 65535"))?;
        if number == 0 {
            Err(format!("'{text}' is not a port from 1 to 65535"))
        } else {
            Ok(Self(number))
        }
    }

    fn show(&self) -> String {
        self.0.to_string()
    }
}

section! {
    /// PostgreSQL; with neither host nor port set the node runs its own server under the root directory
    "db" => DbConfig {
        /// external server: IP address, name, or socket directory starting with '/'; empty is the managed server
        host: String = String::new(),
        /// port of the external server (5432 when only host is set); ignored for sockets
        port: Option<DbPort> = None,
        /// role that owns the database; needs no superuser and no replication right
        user: String = "kwild".to_owned(),
        /// password of the role
        pass: Secret = Secret::default(),
        /// file that holds the password instead
        pass_file: String = String::new(),
        /// name of the database
        dbname: String = "kwild".to_owned(),
        /// longest time of a read
        read_timeout: GoDuration = seconds(45),
        /// connections to the server in all
        max_connections: u32 = 60,
        /// TLS to an external server: 'disable', 'prefer', 'require', 'verify-ca' or 'verify-full'; not used on sockets
        sslmode: SslMode = SslMode::Disable,
        /// file with the authority (PEM) that signed the server's certificate, for verify-ca and verify-full; those of the
        /// operating system are trusted too, so verify-full is the mode that knows the server
        sslrootcert: String = String::new(),
        /// keep trying to connect this long at start
        wait: GoDuration = GoDuration::ZERO,
        /// directory of the PostgreSQL binaries for the managed server; empty searches PATH and the usual folders
        pg_bin: String = String::new(),
        /// user that runs the managed server when the node is started by root; empty is 'postgres'
        os_user: String = String::new(),
        /// role that reads switch to on an external server, 'kwild_read' where it exists; db.user must be a member of it
        read_user: String = String::new(),
        /// streaming replicas that answer reads, host:port
        replicas: Vec<String> = Vec::new(),
        /// keep the write-ahead log of the managed server complete enough for base backups
        backup: bool = false,
    }
}
