//! `setup reset`.

use std::fs;
use std::path::{Path, PathBuf};

use kwil_config::{Config, DbMode, DbPort, Secret};
use kwil_state::{Endpoint, Leftovers, ResetError};
use kwil_store::RootLock;
use serde::Serialize;

use crate::config_flags::ConfigFlags;
use crate::context::Context;
use crate::error::CliError;
use crate::prompt::{Question, confirm};

/// Files and folders of a root directory that hold state, and what they are called. `true`: only with --all.
const STATE: [(&str, &str, bool); 11] = [
    ("pg", "PostgreSQL cluster directory removed:", false),
    ("blocks", "Blockstore directory removed:", true),
    ("consensus", "Consensus log directory removed:", true),
    ("received_snapshots", "Statesync snapshots directory removed:", true),
    ("snapshots", "Snapshots directory removed", true),
    ("migrations", "Migrations directory removed", true),
    ("genesis-state.sql.gz", "Genesis state file removed", true),
    ("genesis-state.kwil", "Genesis state file removed", true),
    ("leader-updates.json", "Leader file removed", true),
    ("commit-intent.json", "Commit intent file removed", true),
    ("erc20_bridge_vote.json", "Bridge state file removed", true),
];

/// Forget the state of a node; configuration, genesis, key and address book stay.
///
/// Removes the database of the node: its private PostgreSQL cluster, or on a server of yours everything that a node made
/// in the database. It is made again from the block log at the next start; with --all the block log goes too, and the node
/// gets everything from its peers.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  {program} setup reset -r /data/kwil-node2 --dry-run\n  {program} setup reset -r /data/kwil-node2 --all --yes\n  {program} setup reset -r /data/kwil-node2 --host 10.0.0.5 --dbname kwild \\\n    --user kwild"
)]
pub struct Reset {
    /// Remove blocks, snapshots and everything else that is state
    #[arg(long)]
    all: bool,
    /// Do not ask
    #[arg(long, short = 'y', alias = "force")]
    yes: bool,
    /// Say what would be removed and remove nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    database: DatabaseFlags,
    #[command(flatten)]
    config: ConfigFlags,
}

/// The database to reset, whatever configuration and variables say.
#[derive(Debug, clap::Args)]
struct DatabaseFlags {
    /// Database on an external server
    #[arg(long, value_name = "NAME")]
    dbname: Option<String>,
    /// Role that owns it
    #[arg(long, value_name = "ROLE")]
    user: Option<String>,
    /// Password of the role
    #[arg(long, value_name = "PASSWORD")]
    password: Option<String>,
    /// Host of the server, or the directory of its socket
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// Port of the server
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
}

#[derive(Serialize)]
struct Removed {
    root: PathBuf,
    dry_run: bool,
    removed: Vec<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<Database>,
}

/// What a node made in a database of the operator.
#[derive(Serialize)]
struct Database {
    host: String,
    port: u16,
    database: String,
    chain_id: Option<String>,
    schemas: Vec<String>,
    #[serde(skip)]
    endpoint: Endpoint,
}

impl Reset {
    /// Asks and removes.
    ///
    /// # Errors
    /// No root, a node that runs in it or uses the database, a refusal, or something that cannot be removed.
    pub fn run(self, context: &mut Context) -> Result<(), CliError> {
        let root = context.root();
        if !root.is_dir() {
            return Err(CliError::failed(format!(
                "root directory {} does not exist",
                root.display()
            )));
        }
        let mut config = self.config.load(&root, context)?.config;
        self.database.apply(&mut config);
        let _lock =
            RootLock::acquire(&root).map_err(|error| CliError::because("cannot reset", &error))?;
        let database = Database::find(&root, &config, context)?;
        let present = self.present(&root, &config);
        let mut things: Vec<String> =
            present.iter().map(|(path, _)| path.display().to_string()).collect();
        things.extend(database.as_ref().map(Database::described));
        if !self.dry_run && !things.is_empty() {
            let text = format!("Remove {}?", things.join(", "));
            confirm(Question { text: &text, flag: "--yes" }, self.yes, context)?;
        }
        let prefix = if self.dry_run { "would be " } else { "" };
        let mut lines = Vec::new();
        if let Some(found) = &database {
            if !self.dry_run {
                found.remove(context)?;
            }
            lines.push(format!("{prefix}{}", found.told()));
        }
        for (path, words) in &present {
            if !self.dry_run {
                remove(path)?;
            }
            lines.push(format!("{prefix}{words} {}", path.display()));
        }
        if lines.is_empty() {
            lines.push("Nothing to remove.".to_owned());
        }
        let removed = Removed {
            root,
            dry_run: self.dry_run,
            removed: present.into_iter().map(|(path, _)| path).collect(),
            database,
        };
        context.output.emit(&removed, || lines.join("\n"))
    }

    /// Files and folders to remove, and what they are called. A private cluster beside an external database is an old
    /// one, and as much worth as blocks.
    fn present(&self, root: &Path, config: &Config) -> Vec<(PathBuf, &'static str)> {
        let is_external = matches!(config.db.mode(), DbMode::External { .. });
        STATE
            .iter()
            .filter(|(name, _, only_all)| self.all || !(*only_all || is_external && *name == "pg"))
            .map(|(name, words, _)| (root.join(name), *words))
            .filter(|(path, _)| path.symlink_metadata().is_ok())
            .collect()
    }
}

impl DatabaseFlags {
    fn apply(&self, config: &mut Config) {
        let db = &mut config.db;
        for (flag, value) in
            [(&self.dbname, &mut db.dbname), (&self.user, &mut db.user), (&self.host, &mut db.host)]
        {
            if let Some(text) = flag {
                value.clone_from(text);
            }
        }
        if let Some(password) = &self.password {
            db.pass = Secret::new(password);
        }
        if let Some(port) = self.port {
            db.port = Some(DbPort(port));
        }
    }
}

impl Database {
    /// Looks for what a node made on an external server. `None` when the node runs its own or nothing is there.
    fn find(root: &Path, config: &Config, context: &mut Context) -> Result<Option<Self>, CliError> {
        let DbMode::External { host, port } = config.db.mode() else { return Ok(None) };
        let mut db = config.db.clone();
        for file in [&mut db.pass_file, &mut db.sslrootcert] {
            if !file.is_empty() {
                let home = context.environment.home.as_deref();
                *file = kwil_config::absolute(file, home, root).display().to_string();
            }
        }
        let endpoint = Endpoint::configured(&db, root)
            .map_err(|error| CliError::because("cannot reset", &error))?;
        let Some(endpoint) = endpoint else { return Ok(None) };
        context.block_on(async {
            let leftovers = Leftovers::find(&endpoint).await.map_err(|error| failed(&error))?;
            Ok((!leftovers.is_empty()).then(|| Self {
                host,
                port,
                database: db.dbname,
                chain_id: leftovers.chain_id().map(str::to_owned),
                schemas: leftovers.schemas().to_vec(),
                endpoint,
            }))
        })
    }

    fn described(&self) -> String {
        let Self { host, port, database, chain_id, .. } = self;
        let whose = match chain_id {
            Some(chain) => format!("of network {chain} "),
            None => String::new(),
        };
        format!("the state {whose}in database {database} on {host}:{port}")
    }

    fn told(&self) -> String {
        let Self { host, port, database, .. } = self;
        format!("Postgres state reset. Host: {host}; Port: {port}; Database: {database}")
    }

    fn remove(&self, context: &mut Context) -> Result<(), CliError> {
        context.block_on(async {
            let leftovers =
                Leftovers::find(&self.endpoint).await.map_err(|error| failed(&error))?;
            leftovers.remove().await.map_err(|error| failed(&error))
        })
    }
}

fn failed(error: &ResetError) -> CliError {
    let failed = CliError::because("cannot reset the database", error);
    match error {
        ResetError::Connect(connect) => match connect.hint() {
            Some(hint) => failed.hint(hint),
            None => failed,
        },
        _ => failed,
    }
}

fn remove(path: &Path) -> Result<(), CliError> {
    let outcome = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    outcome.map_err(|error| CliError::failed(format!("cannot remove {}: {error}", path.display())))
}
