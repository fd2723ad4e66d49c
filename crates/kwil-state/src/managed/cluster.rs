//! One cluster: what must exist before its server can be started, and starting it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::binaries::{self, Binaries};
use super::error::ManagedError;
use super::exec::FOLDER;
use super::folder::{Folder, SUPERUSER, Secrets};
use super::launch::OsUser;
use super::orphan::stop_orphan;
use super::process::Server;
use super::{ManagedConfig, OWNER, READER, settings};
use crate::connect::{ConnectError, connect};
use crate::endpoint::Endpoint;

/// Port in the name of the socket; nothing listens on it.
const PORT: u16 = 5432;
/// Longest wait between two attempts to connect to a starting server.
const ATTEMPT_EVERY: Duration = Duration::from_millis(200);

/// A cluster that is initialised and locked.
#[derive(Debug)]
pub(crate) struct Cluster {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: ManagedConfig,
    folder: Folder,
    binaries: Binaries,
    secrets: Secrets,
    socket_folder: PathBuf,
    socket_setting: String,
}

impl Cluster {
    /// Finds the programs, locks the folder, initialises the cluster when there is none.
    pub(crate) async fn open(config: ManagedConfig) -> Result<Self, ManagedError> {
        let opened = tokio::task::spawn_blocking(move || Inner::open(config)).await;
        // The closure does not panic and is not cancelled.
        let inner = opened.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))?;
        Ok(Self { inner: Arc::new(inner) })
    }

    pub(crate) fn binaries(&self) -> &Binaries {
        &self.inner.binaries
    }

    pub(crate) fn stop_timeout(&self) -> Duration {
        self.inner.config.stop_timeout
    }

    /// The node's database as its owner.
    pub(crate) fn endpoint(&self) -> Endpoint {
        let secret = self.inner.secrets.owner.clone();
        Endpoint::socket(&self.inner.socket_folder, PORT, OWNER).with_role(OWNER, secret)
    }

    /// A database as the superuser.
    pub(crate) fn superuser(&self, database: &str) -> Endpoint {
        let secret = self.inner.secrets.superuser.clone();
        Endpoint::socket(&self.inner.socket_folder, PORT, database).with_role(SUPERUSER, secret)
    }

    /// Starts the server and waits until it accepts connections.
    pub(crate) async fn start(&self) -> Result<Server, ManagedError> {
        let Inner { config, folder, binaries, socket_setting, .. } = &*self.inner;
        stop_orphan(&folder.data(), config.stop_timeout).await?;
        let program = binaries.program("postgres");
        let configured = config.max_connections.saturating_add(10);
        let mut args = vec!["-D".to_owned(), format!("{FOLDER}/data")];
        args.extend(settings::command_line(socket_setting, PORT, configured));
        let command = config.launcher.command(folder.path(), folder.user(), &program, &args);
        let started = command.get_program().into();
        let server = Server::start(command)
            .await
            .map_err(|source| ManagedError::Spawn { program: started, source })?;
        self.wait_ready(&server).await?;
        Ok(server)
    }

    async fn wait_ready(&self, server: &Server) -> Result<(), ManagedError> {
        let limit = self.inner.config.start_timeout;
        let mut deadline = tokio::time::Instant::now() + limit;
        loop {
            match self.ping().await {
                Ok(()) => return Ok(()),
                Err(error) if !error.is_retryable() => return Err(error.into()),
                Err(_not_yet) => {}
            }
            tokio::select! {
                status = server.ended() => {
                    return Err(ManagedError::Exited { status, output: server.log().tail() });
                }
                () = server.log().written() => deadline = tokio::time::Instant::now() + limit,
                () = tokio::time::sleep_until(deadline) => {
                    return Err(ManagedError::NotReady { seconds: limit.as_secs(), output: server.log().tail() });
                }
                () = tokio::time::sleep(ATTEMPT_EVERY) => {}
            }
        }
    }

    async fn ping(&self) -> Result<(), ConnectError> {
        let endpoint = self.superuser("postgres");
        let failed = |error: sqlx::Error| ConnectError::new(&endpoint, error.into());
        let mut connection = connect(&endpoint, "kwild start").await?;
        sqlx::raw_sql("SELECT 1").execute(&mut connection).await.map_err(failed)?;
        connection.close().await.map_err(failed)
    }

    /// Makes roles and the database; does nothing that was done before.
    pub(crate) async fn bootstrap(&self) -> Result<(), ManagedError> {
        let mut admin = connect(&self.superuser("postgres"), "kwild bootstrap").await?;
        if !exists(&mut admin, "SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = $1", OWNER)
            .await?
        {
            // The password must not reach the log with the text of a failed statement.
            run(&mut admin, "quiet log", "SET log_min_error_statement = panic".into()).await?;
            let password = self.inner.secrets.owner.reveal();
            run(
                &mut admin,
                "role kwild",
                format!("CREATE ROLE {OWNER} LOGIN PASSWORD '{password}'"),
            )
            .await?;
        }
        if !exists(&mut admin, "SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = $1", READER)
            .await?
        {
            run(&mut admin, "role kwild_read", format!("CREATE ROLE {READER} NOLOGIN")).await?;
        }
        let grants = format!(
            "GRANT {READER} TO {OWNER}; GRANT SET ON PARAMETER temp_file_limit, lc_messages TO {OWNER}"
        );
        run(&mut admin, "grants", grants).await?;
        if !exists(&mut admin, "SELECT 1 FROM pg_catalog.pg_database WHERE datname = $1", OWNER)
            .await?
        {
            let create = format!("CREATE DATABASE {OWNER} OWNER {OWNER} TEMPLATE template0");
            run(&mut admin, "database kwild", create).await?;
        }
        run(&mut admin, "database rights", format!("REVOKE ALL ON DATABASE {OWNER} FROM PUBLIC"))
            .await?;
        close(admin).await?;
        let mut inside = connect(&self.superuser(OWNER), "kwild bootstrap").await?;
        run(&mut inside, "schema rights", "REVOKE ALL ON SCHEMA public FROM PUBLIC".into()).await?;
        close(inside).await
    }
}

impl Inner {
    fn open(config: ManagedConfig) -> Result<Self, ManagedError> {
        let user = OsUser::choose(config.os_user.as_deref())?;
        if let Some(user) = &user {
            tracing::debug!(target: "PG", user = %user.name, uid = user.uid, "the server runs as this user");
        }
        let folder = Folder::open(&config.folder, user)?;
        let version = folder.data_version()?;
        let data = folder.data();
        let wanted = version.as_deref().map(|major| (data.as_path(), major));
        let binaries =
            binaries::find(config.bin_folder.as_deref(), config.search_path.as_deref(), wanted)?;
        if version.is_none() {
            tracing::info!(target: "PG", version = binaries.version(), folder = %folder.path().display(), "initialising a private PostgreSQL cluster");
            folder.init(&binaries, &config.launcher, config.memory)?;
        }
        let secrets = folder.secrets()?;
        let (socket_folder, socket_setting) =
            folder.socket_folder(config.runtime_dir.as_deref())?;
        Ok(Self { config, folder, binaries, secrets, socket_folder, socket_setting })
    }
}

async fn exists(
    connection: &mut PgConnection,
    query: &'static str,
    name: &str,
) -> Result<bool, ManagedError> {
    let found = sqlx::query(query).bind(name).fetch_optional(connection).await;
    found
        .map(|row| row.is_some())
        .map_err(|source| ManagedError::Bootstrap { what: "look up", source })
}

async fn run(
    connection: &mut PgConnection,
    what: &'static str,
    sql: String,
) -> Result<(), ManagedError> {
    let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await;
    done.map(drop).map_err(|source| ManagedError::Bootstrap { what, source })
}

async fn close(connection: PgConnection) -> Result<(), ManagedError> {
    connection.close().await.map_err(|source| ManagedError::Bootstrap { what: "close", source })
}
