//! The PostgreSQL server of a node: its own, or somebody else's.

use std::path::Path;

use kwil_config::{Config, DbMode, SslMode};
use kwil_state::{
    Endpoint, External, Launcher, Managed, ManagedConfig, Postgres, Secret, Tls, TlsMode,
};

use crate::error::NodeError;

/// Starts the managed server or checks the external one.
pub(crate) async fn start(
    root: &Path,
    config: &Config,
    launcher: Launcher,
) -> Result<Postgres, NodeError> {
    let server = match config.db.mode() {
        DbMode::Managed => {
            tracing::info!(target: "PG", "Running a private PostgreSQL server; set db.host to use another one");
            Postgres::Managed(Box::new(Managed::start(managed(root, config, launcher)).await?))
        }
        DbMode::External { host, port } => {
            tracing::info!(target: "PG", %host, port, "Using an external PostgreSQL server; without db.host the node runs its own");
            let endpoint = external(root, &host, port, config)?;
            let wait = config.db.wait.to_std().unwrap_or_default();
            let server = External::check_waiting(endpoint, config.db.max_connections, wait).await?;
            for finding in server.warnings() {
                tracing::warn!(target: "PG", "{finding}");
            }
            Postgres::External(Box::new(server))
        }
    };
    tracing::info!(target: "PG", "Connected to PostgreSQL {}", server.version());
    Ok(server)
}

fn managed(root: &Path, config: &Config, launcher: Launcher) -> ManagedConfig {
    let db = &config.db;
    let optional = |text: &String| (!text.is_empty()).then(|| text.clone());
    ManagedConfig {
        bin_folder: optional(&db.pg_bin).map(Into::into),
        search_path: std::env::var_os("PATH"),
        runtime_dir: std::env::var_os("XDG_RUNTIME_DIR").map(Into::into),
        os_user: optional(&db.os_user),
        max_connections: db.max_connections,
        ..ManagedConfig::new(root.join("pg"), launcher)
    }
}

/// The database of the operator's server as the configuration has it. Files are relative to the root folder.
fn external(root: &Path, host: &str, port: u16, config: &Config) -> Result<Endpoint, NodeError> {
    let db = &config.db;
    let read = |file: &str| {
        let path = root.join(file);
        std::fs::read(&path).map_err(|source| NodeError::Io { path, source })
    };
    let password = if db.pass_file.is_empty() || !db.pass.is_empty() {
        db.pass.expose().to_owned()
    } else {
        String::from_utf8_lossy(&read(&db.pass_file)?).trim_end().to_owned()
    };
    let mode = match db.sslmode {
        SslMode::Disable => TlsMode::Disable,
        SslMode::Prefer => TlsMode::Prefer,
        SslMode::Require => TlsMode::Require,
        SslMode::VerifyCa => TlsMode::VerifyCa,
        SslMode::VerifyFull => TlsMode::VerifyFull,
    };
    let authorities = if db.sslrootcert.is_empty() { None } else { Some(read(&db.sslrootcert)?) };
    let endpoint = Endpoint::tcp(host, port, &db.dbname)
        .with_role(&db.user, Secret::new(password))
        .with_tls(Tls { mode, authorities });
    Ok(if db.read_user.is_empty() { endpoint } else { endpoint.with_reader(&db.read_user) })
}
