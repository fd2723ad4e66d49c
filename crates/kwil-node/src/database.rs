//! The PostgreSQL server of a node: its own, or somebody else's.

use std::path::Path;

use kwil_config::{Config, DbMode};
use kwil_state::{Endpoint, External, Launcher, Managed, ManagedConfig, Postgres, Secret};

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
            let endpoint = external(&host, port, config)?;
            let wait = config.db.wait.to_std().unwrap_or_default();
            let server = External::check_waiting(endpoint, config.db.max_connections, wait).await?;
            for finding in server.warnings() {
                tracing::warn!(target: "PG", "{finding}");
            }
            Postgres::External(server)
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

fn external(host: &str, port: u16, config: &Config) -> Result<Endpoint, NodeError> {
    let db = &config.db;
    let password = if db.pass_file.is_empty() {
        db.pass.expose().to_owned()
    } else {
        let path = Path::new(&db.pass_file);
        let text = std::fs::read_to_string(path)
            .map_err(|source| NodeError::Io { path: path.to_owned(), source })?;
        text.trim_end().to_owned()
    };
    let endpoint = if host.starts_with('/') {
        Endpoint::socket(Path::new(host), port, &db.dbname)
    } else {
        Endpoint::tcp(host, port, &db.dbname)
    };
    Ok(endpoint.with_role(&db.user, Secret::new(password)))
}
