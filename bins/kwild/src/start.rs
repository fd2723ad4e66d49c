//! `start`: runs the node.

mod autogen;
mod lifecycle;

use std::path::Path;

use kwil_cmd::key::load_key;
use kwil_cmd::setup::{GENESIS_FILE, KEY_FILE};
use kwil_cmd::{CliError, ConfigFlags, Context, VERSION, warn_about_mode};
use kwil_config::{Config, Secret};
use kwil_crypto::{NodeId, PrivateKey};
use kwil_genesis::Genesis;
use kwil_log::{LogHandle, Setup};
use kwil_store::{RootLock, StoreError};

use self::lifecycle::Lifecycle;
use crate::node::NodeInputs;

/// Run the node in its root directory until it is stopped by a signal.
///
/// Needs genesis.json and nodekey.json of 'kwild setup init'; with --autogen they are made for a test network of one
/// node. Settings of extensions follow after '--': --extensions.NAME.KEY VALUE.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  kwild start -r /data/kwil-node0\n  kwild start --autogen --db-owner 0xc89D42189f0450C2b2c3c61f58Ec5d628176A1E7\n  kwild start --p2p.bootnodes A --p2p.bootnodes B -- \\\n    --extensions.oracle.url http://127.0.0.1:9000"
)]
pub(crate) struct Start {
    /// Make the files of a test network of one node where they are missing
    #[arg(short = 'a', long)]
    autogen: bool,
    /// With --autogen: owner of the database, an address or a public key in hex
    #[arg(short = 'd', long, value_name = "ID")]
    db_owner: Option<String>,
    #[command(flatten)]
    config: ConfigFlags,
    /// Takes no words; named so that the error can say what is expected
    #[arg(hide = true)]
    stray: Vec<String>,
    /// Settings of extensions: --extensions.NAME.KEY VALUE
    #[arg(last = true, value_name = "EXTENSION FLAGS")]
    extensions: Vec<String>,
}

impl Start {
    /// Prepares and runs.
    pub(crate) fn run(mut self, context: &mut Context) -> Result<(), CliError> {
        if let Some(word) = self.stray.first() {
            return Err(CliError::usage(format!("expected extension flag, got \"{word}\"")));
        }
        for (key, value) in extension_flags(&self.extensions)? {
            self.config.set(&key, &value);
        }
        let root = context.root();
        if !self.autogen && !root.is_dir() {
            return Err(CliError::failed(format!(
                "root directory {} does not exist",
                root.display()
            ))
            .hint("make one with 'kwild setup init', or use --autogen for a test node"));
        }
        let lifecycle = Lifecycle::begin()?;
        let (inputs, log) = self.prepare(&root, context)?;
        lifecycle
            .run(inputs, &log, context)
            .map_err(|error| error.within("node stopped with error"))
    }

    /// Everything that needs neither network nor database.
    fn prepare(
        &self,
        root: &Path,
        context: &mut Context,
    ) -> Result<(NodeInputs, LogHandle), CliError> {
        let loaded = self.config.load(root, context)?;
        // The node holds the lock while it runs; looked at here so that two nodes never write one log.
        drop(RootLock::acquire(root).map_err(|error| locked(&error, root))?);
        let mut config = loaded.config;
        if self.autogen {
            autogen::make_files(root, &config, self.db_owner.as_deref())?;
            let chosen = loaded.origins.contains_key("consensus.empty_block_timeout");
            autogen::adjust(&mut config, chosen);
        }
        read_files(&mut config, root, context)?;
        let key = node_key(root, context)?;
        let log = open_log(&config, root, context)?;
        tracing::info!(target: "KWILD", "Starting kwild version {VERSION}");
        let genesis = genesis(root)?;
        for warning in genesis.warnings() {
            tracing::warn!(target: "KWILD", "{warning}");
        }
        if self.autogen {
            autogen::check(&genesis, &key)?;
        }
        let id = NodeId::new(key.public_key());
        tracing::info!(target: "KWILD", "Node public key: {} ({})", id.public_key().to_hex(), key.key_type().name());
        Ok((NodeInputs { root: root.to_path_buf(), config, key, genesis }, log))
    }
}

fn locked(error: &StoreError, root: &Path) -> CliError {
    match error {
        StoreError::Locked { pid: Some(pid), .. } => {
            CliError::failed(format!("root directory {} is in use by pid {pid}", root.display()))
        }
        other => CliError::because("cannot lock the root directory", other),
    }
}

/// What the configuration keeps in files of their own: passwords are read, the authority is made an absolute path.
fn read_files(config: &mut Config, root: &Path, context: &mut Context) -> Result<(), CliError> {
    let Config { db, admin, .. } = config;
    let files =
        [(&db.pass_file, &mut db.pass, "database"), (&admin.pass_file, &mut admin.pass, "admin")];
    for (file, password, whose) in files {
        if file.is_empty() {
            continue;
        }
        let path = kwil_config::absolute(file, context.environment.home.as_deref(), root);
        let what = format!("the {whose} password file");
        let text = context.read_text(&what, &path)?;
        warn_about_mode(&path, &what, &mut context.output);
        *password = Secret::new(text.trim_end_matches(['\r', '\n']));
    }
    if !db.sslrootcert.is_empty() {
        let home = context.environment.home.as_deref();
        db.sslrootcert = kwil_config::absolute(&db.sslrootcert, home, root).display().to_string();
    }
    Ok(())
}

fn node_key(root: &Path, context: &mut Context) -> Result<PrivateKey, CliError> {
    let path = root.join(KEY_FILE);
    let key = load_key(&path).map_err(|error| {
        let failed = CliError::because("failed to load node key", &error);
        if path.exists() {
            failed
        } else {
            failed.hint("make a root directory with 'kwild setup init'")
        }
    })?;
    warn_about_mode(&path, "the key file", &mut context.output);
    Ok(key)
}

fn genesis(root: &Path) -> Result<Genesis, CliError> {
    let path = root.join(GENESIS_FILE);
    tracing::info!(target: "KWILD", "Loading the genesis configuration from {}", path.display());
    if !path.exists() {
        return Err(CliError::failed(format!(
            "genesis file {} does not exist (did you mean to use --autogen for a test node?)",
            path.display()
        )));
    }
    let failed = |cause: &dyn std::fmt::Display| {
        CliError::failed(format!("error loading genesis file {}: {cause}", path.display()))
    };
    let text = std::fs::read_to_string(&path).map_err(|error| failed(&error))?;
    Genesis::from_json(&text).map_err(|error| failed(&error))
}

fn open_log(config: &Config, root: &Path, context: &Context) -> Result<LogHandle, CliError> {
    let setup = Setup {
        folder: root.to_path_buf(),
        colour: context.output.colour(),
        utc: context.environment.variable("LOGFLAGS") == Some("UTC"),
    };
    kwil_log::init(&config.log, &setup)
        .map_err(|error| CliError::because("cannot open the log", &error))
}

/// `--extensions.NAME.KEY VALUE` or `…=VALUE`, as key and value.
fn extension_flags(words: &[String]) -> Result<Vec<(String, String)>, CliError> {
    let mut pairs = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let (flag, value) = match word.split_once('=') {
            Some((flag, value)) => (flag, Some(value.to_owned())),
            None => (word.as_str(), None),
        };
        let Some(name) = flag.strip_prefix("--") else {
            return Err(CliError::usage(format!("expected extension flag, got \"{word}\"")));
        };
        let segments: Vec<&str> = name.split('.').collect();
        if !matches!(segments.as_slice(), ["extensions", name, key] if !name.is_empty() && !key.is_empty())
        {
            return Err(CliError::usage(format!("invalid extension flag \"{word}\"")));
        }
        let value = value.or_else(|| words.next().cloned());
        let value = value.ok_or_else(|| {
            CliError::usage(format!("missing value for extension flag \"{word}\""))
        })?;
        pairs.push((name.to_owned(), value));
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Vec<(String, String)>, String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        extension_flags(&words).map_err(|error| error.to_string())
    }

    #[test]
    fn extension_flags_take_their_value_behind_a_blank_or_an_equals_sign() {
        let got = parse(&["--extensions.a.b", "1", "--extensions.a.c=x=y"]).unwrap();
        assert_eq!(
            got,
            [("extensions.a.b".into(), "1".into()), ("extensions.a.c".into(), "x=y".into())]
        );
    }

    #[test]
    fn wrong_extension_flags_are_named() {
        for (words, want) in [
            (vec!["word"], "expected extension flag, got \"word\""),
            (vec!["--extensions.a"], "invalid extension flag \"--extensions.a\""),
            (vec!["--extensions.a.b.c=1"], "invalid extension flag \"--extensions.a.b.c=1\""),
            (vec!["--other.a.b=1"], "invalid extension flag \"--other.a.b=1\""),
            (vec!["--extensions.a.b"], "missing value for extension flag \"--extensions.a.b\""),
        ] {
            assert_eq!(parse(&words).unwrap_err(), want);
        }
    }
}
