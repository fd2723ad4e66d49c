//! `setup reset`.

use std::fs;
use std::path::{Path, PathBuf};

use kwil_config::DbMode;
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
/// Removes the database of the node. It is made again from the block log at the next start; with --all the block log
/// goes too, and the node gets everything from its peers.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  kwild setup reset -r /data/kwil-node2 --dry-run\n  kwild setup reset -r /data/kwil-node2 --all --yes"
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
    config: ConfigFlags,
}

#[derive(Serialize)]
struct Removed {
    root: PathBuf,
    dry_run: bool,
    removed: Vec<PathBuf>,
}

impl Reset {
    /// Asks and removes.
    ///
    /// # Errors
    /// No root, a node that runs in it, a refusal, or a file that cannot be removed.
    pub fn run(self, context: &mut Context) -> Result<(), CliError> {
        let root = context.root();
        if !root.is_dir() {
            return Err(CliError::failed(format!(
                "root directory {} does not exist",
                root.display()
            )));
        }
        let config = self.config.load(&root, context)?.config;
        if let DbMode::External { host, port } = config.db.mode() {
            return Err(CliError::failed(format!(
                "the database {} on {host}:{port} is not managed by this node, so it is not reset here",
                config.db.dbname
            ))
            .hint(format!("run on that server: DROP DATABASE \"{0}\"; CREATE DATABASE \"{0}\" OWNER \"{1}\"", config.db.dbname, config.db.user)));
        }
        let _lock =
            RootLock::acquire(&root).map_err(|error| CliError::because("cannot reset", &error))?;
        let present: Vec<(PathBuf, &str)> = STATE
            .iter()
            .filter(|(_, _, only_all)| self.all || !only_all)
            .map(|(name, words, _)| (root.join(name), *words))
            .filter(|(path, _)| path.symlink_metadata().is_ok())
            .collect();
        if !self.dry_run && !present.is_empty() {
            let names: Vec<String> =
                present.iter().map(|(path, _)| path.display().to_string()).collect();
            let text = format!("Remove {}?", names.join(", "));
            confirm(Question { text: &text, flag: "--yes" }, self.yes, context)?;
        }
        let mut lines = Vec::new();
        for (path, words) in &present {
            if !self.dry_run {
                remove(path)?;
            }
            let prefix = if self.dry_run { "would be " } else { "" };
            lines.push(format!("{prefix}{words} {}", path.display()));
        }
        if lines.is_empty() {
            lines.push("Nothing to remove.".to_owned());
        }
        let removed = Removed {
            root,
            dry_run: self.dry_run,
            removed: present.into_iter().map(|(path, _)| path).collect(),
        };
        context.output.emit(&removed, || lines.join("\n"))
    }
}

fn remove(path: &Path) -> Result<(), CliError> {
    let outcome = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    outcome.map_err(|error| CliError::failed(format!("cannot remove {}: {error}", path.display())))
}
