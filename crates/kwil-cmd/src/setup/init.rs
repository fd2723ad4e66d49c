//! `setup init`.

use std::path::{Path, PathBuf};

use kwil_config::Config;
use kwil_crypto::{KeyType, NodeId, PrivateKey};
use kwil_genesis::Genesis;
use kwil_types::Validator;
use serde::Serialize;

use super::genesis::check;
use super::network::{Founders, GenesisFlags};
use super::root::{NewRoot, is_free};
use super::{GENESIS_FILE, KEY_FILE};
use crate::config_flags::{CONFIG_FILE, ConfigFlags};
use crate::context::Context;
use crate::error::CliError;
use crate::files::warn_about_mode;
use crate::key::{generate_key, load_key, user_identifier};

/// Make the root directory of a new node.
///
/// Writes config.toml, genesis.json and nodekey.json. Every configuration flag and variable that is given goes into
/// config.toml. Without --genesis the node becomes the leader and only validator of a new network; without --key-file
/// it gets a new key.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  {program} setup init --genesis prod-chain/genesis.json \\\n    --root /data/kwil-node0 --key-file ~/nodekey.json\n  {program} setup init --genesis genesis.json --root ./node1 \\\n    --p2p.bootnodes \"0277fb40…#secp256k1@23.45.67.89:6600\""
)]
pub struct Init {
    /// Genesis file of the network
    #[arg(short = 'g', long, value_name = "FILE")]
    genesis: Option<String>,
    /// Key file of the node
    #[arg(short = 'k', long, value_name = "FILE")]
    key_file: Option<String>,
    /// Add missing files to a directory that is not empty
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    network: GenesisFlags,
    #[command(flatten)]
    config: ConfigFlags,
}

#[derive(Serialize)]
struct Made {
    root: PathBuf,
    config: PathBuf,
    genesis: PathBuf,
    node_key: PathBuf,
    node_id: String,
    generated_key: bool,
}

impl Init {
    /// Checks everything, then writes the files.
    ///
    /// # Errors
    /// Whatever is wrong with flags, files or the directory; nothing is left behind then.
    pub fn run(self, context: &mut Context) -> Result<(), CliError> {
        let path = context.root();
        if !self.force && !is_free(&path) {
            return Err(CliError::failed(format!(
                "output directory {} already exists",
                path.display()
            ))
            .hint("choose another --root, or use --force to add the files that are missing"));
        }
        let mut config =
            self.config.load_without_file(context).map_err(about_propose_timeout)?.config;
        let key = self.key(&path, context)?;
        let genesis = self.genesis(&key, context)?;
        let copy = genesis_state(&mut config, context)?;
        let node_id = NodeId::new(key.public_key()).to_string();
        NewRoot { path: path.clone(), config, genesis: genesis.to_json(), key, copy }
            .write(self.force)?;
        let made = Made {
            config: path.join(CONFIG_FILE),
            genesis: path.join(GENESIS_FILE),
            node_key: path.join(KEY_FILE),
            node_id,
            generated_key: self.key_file.is_none(),
            root: path.clone(),
        };
        let how =
            if self.key_file.is_some() { "generated successfully at:" } else { "generated at" };
        context.output.emit(&made, || format!("Kwil node configuration {how} {}", path.display()))
    }

    fn key(&self, root: &Path, context: &mut Context) -> Result<PrivateKey, CliError> {
        let present = root.join(KEY_FILE);
        let path = match &self.key_file {
            Some(file) => context.path(file),
            None if self.force && present.exists() => present,
            None => {
                return generate_key(KeyType::Secp256k1)
                    .map_err(|error| CliError::because("no entropy from the system", &error));
            }
        };
        let key = load_key(&path)
            .map_err(|error| CliError::because("cannot use the node key", &error))?;
        warn_about_mode(&path, "the key file", &mut context.output);
        Ok(key)
    }

    fn genesis(&self, key: &PrivateKey, context: &mut Context) -> Result<Genesis, CliError> {
        let genesis = match &self.genesis {
            Some(file) => {
                let path = context.path(file);
                let failed = |cause: String| {
                    CliError::failed(format!("failed to load genesis file: {cause}"))
                };
                let text = context
                    .read_text("the genesis file", &path)
                    .map_err(|error| failed(error.to_string()))?;
                Genesis::from_json(&text)
                    .map_err(|error| failed(format!("{}: {error}", path.display())))?
            }
            None => self.new_genesis(key)?,
        };
        for warning in genesis.warnings() {
            context.output.warn(&warning);
        }
        Ok(genesis)
    }

    /// A network of the flags; without validators the leader is the only one, without a leader this node is it.
    fn new_genesis(&self, key: &PrivateKey) -> Result<Genesis, CliError> {
        let leader = self.network.leader()?.unwrap_or_else(|| key.public_key());
        let mut validators = self.network.validators()?;
        if validators.is_empty() {
            validators.push(Validator { key: leader, power: 1 });
        }
        let founders = Founders { validators, leader, default_owner: user_identifier(key) };
        check(self.network.parameters.document(&self.network.chain_id, &founders)?)
    }
}

/// The words of this command for a rule that is checked with the others.
fn about_propose_timeout(error: CliError) -> CliError {
    let text = error.to_string();
    let words = text.replace(
        "propose timeout should be at least 500ms",
        "propose timeout must be at least 500ms",
    );
    if words == text { error } else { CliError::usage(words) }
}

/// A genesis state file is copied into the root folder and named in the configuration by its place there.
fn genesis_state(
    config: &mut Config,
    context: &Context,
) -> Result<Option<(PathBuf, String)>, CliError> {
    if config.general.genesis_state.is_empty() {
        return Ok(None);
    }
    let from = context.path(&config.general.genesis_state);
    if !from.is_file() {
        return Err(CliError::failed(format!(
            "the genesis state file {} does not exist",
            from.display()
        )));
    }
    let name = from.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let name = if name.ends_with(".kwil") { "genesis-state.kwil" } else { "genesis-state.sql.gz" };
    config.general.genesis_state = name.to_owned();
    Ok(Some((from, name.to_owned())))
}
