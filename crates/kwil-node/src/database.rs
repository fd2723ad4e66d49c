//! The PostgreSQL server of a node: its own, or somebody else's.

use std::path::Path;

use kwil_config::Config;
use kwil_state::{Endpoint, External, ExternalError, Launcher, Managed, ManagedConfig, Postgres};

use crate::error::NodeError;

/// Starts the managed server or checks the external one.
pub(crate) async fn start(
    root: &Path,
    config: &Config,
    launcher: Launcher,
) -> Result<Postgres, NodeError> {
    let configured = Endpoint::configured(&config.db, root).map_err(ExternalError::from)?;
    let server = match configured {
        None => {
            tracing::info!(target: "PG", "Running a private PostgreSQL server; set db.host to use another one");
            Postgres::Managed(Box::new(Managed::start(managed(root, config, launcher)).await?))
        }
        Some(endpoint) => {
            let place = endpoint.place();
            tracing::info!(target: "PG", %place, "Using an external PostgreSQL server; without db.host the node runs its own");
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
