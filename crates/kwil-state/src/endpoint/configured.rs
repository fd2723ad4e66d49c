//! The operator's server as the configuration names it.

use std::path::{Path, PathBuf};

use kwil_config::{DbConfig, DbMode, SslMode};
use thiserror::Error;

use super::{Endpoint, Secret, Tls, TlsMode};

/// A file of the configuration that cannot be read.
#[derive(Debug, Error)]
#[error("cannot read {key} {path}", path = path.display())]
pub struct UnreadableFile {
    /// The key that names it.
    pub key: &'static str,
    /// Where it should be.
    pub path: PathBuf,
    /// Why not.
    #[source]
    pub source: std::io::Error,
}

impl Endpoint {
    /// The database of an external server; `None` when the node runs its own. Files are relative to the root folder.
    ///
    /// # Errors
    /// [`UnreadableFile`] for the password or the authority of the server.
    pub fn configured(db: &DbConfig, root: &Path) -> Result<Option<Self>, UnreadableFile> {
        let DbMode::External { host, port } = db.mode() else { return Ok(None) };
        let read = |key: &'static str, file: &str| {
            let path = root.join(file);
            std::fs::read(&path).map_err(|source| UnreadableFile { key, path, source })
        };
        let password = if db.pass_file.is_empty() || !db.pass.is_empty() {
            db.pass.expose().to_owned()
        } else {
            let text = String::from_utf8_lossy(&read("db.pass_file", &db.pass_file)?).into_owned();
            text.trim_end_matches(['\r', '\n']).to_owned()
        };
        let authorities = match db.sslrootcert.as_str() {
            "" => None,
            file => Some(read("db.sslrootcert", file)?),
        };
        let endpoint = Self::tcp(&host, port, &db.dbname)
            .with_role(&db.user, Secret::new(password))
            .with_tls(Tls { mode: mode(db.sslmode), authorities });
        Ok(Some(match db.read_user.as_str() {
            "" => endpoint,
            role => endpoint.with_reader(role),
        }))
    }
}

fn mode(mode: SslMode) -> TlsMode {
    match mode {
        SslMode::Disable => TlsMode::Disable,
        SslMode::Prefer => TlsMode::Prefer,
        SslMode::Require => TlsMode::Require,
        SslMode::VerifyCa => TlsMode::VerifyCa,
        SslMode::VerifyFull => TlsMode::VerifyFull,
    }
}
