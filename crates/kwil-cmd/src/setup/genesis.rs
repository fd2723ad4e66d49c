//! `setup genesis`.

use std::path::Path;

use kwil_genesis::Genesis;

use super::GENESIS_FILE;
use super::network::{Founders, GenesisFlags};
use crate::context::Context;
use crate::error::CliError;
use crate::files::{write_new, write_replacing};

/// Make the genesis file of a new network.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  {program} setup genesis --validator \"0277fb40…#secp256k1:1\" \\\n    --leader \"0277fb40…#secp256k1\" --chain-id prod-chain --out ~/prod-chain"
)]
pub struct MakeGenesis {
    /// Folder for genesis.json; made if it is missing
    #[arg(long, value_name = "DIR", default_value = "")]
    out: String,
    /// Replace an existing file
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    network: GenesisFlags,
}

impl MakeGenesis {
    /// Checks the network and writes the file.
    ///
    /// # Errors
    /// Wrong flags, a network that breaks a rule, or a file that exists.
    pub fn run(self, context: &mut Context) -> Result<(), CliError> {
        let validators = self.network.validators()?;
        let leader = self.network.leader()?.ok_or_else(|| {
            CliError::usage("leader must be specified")
                .hint("--leader \"<pubkey>#secp256k1\", one of the validators")
        })?;
        // The guide's file names the leader's key, which stands for the node and for the user with that key.
        let founders = Founders { validators, leader, default_owner: leader.to_hex() };
        let document = self.network.parameters.document(&self.network.chain_id, &founders)?;
        let genesis = check(document)?;
        for warning in genesis.warnings() {
            context.output.warn(&warning);
        }
        let path = context.path(&self.out).join(GENESIS_FILE);
        self.write(&path, &genesis.to_json())?;
        let json = serde_json::json!({
            "path": path.display().to_string(), "chain_id": genesis.chain_id(), "genesis_hash": genesis.hash().to_string(),
        });
        context.output.emit(&json, || format!("Created genesis.json file at {}", path.display()))
    }

    fn write(&self, path: &Path, text: &str) -> Result<(), CliError> {
        if path.is_dir() {
            return Err(CliError::failed(format!(
                "a directory already exists at {}, please remove it first",
                path.display()
            )));
        }
        if path.exists() && !self.force {
            return Err(CliError::failed(format!(
                "file already exists at {}, please remove it first",
                path.display()
            ))
            .hint("or use --force to replace it"));
        }
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| {
                CliError::failed(format!("cannot create {}: {error}", folder.display()))
            })?;
        }
        let write = if self.force { write_replacing } else { write_new };
        write(path, text.as_bytes(), 0o644)
            .map_err(|error| CliError::because("failed to create genesis file", &error))
    }
}

/// Applies the rules of a genesis document to what the flags made.
pub(super) fn check(document: kwil_genesis::Document) -> Result<Genesis, CliError> {
    Genesis::new(document)
        .map_err(|error| CliError::usage(format!("failed to create genesis file: {error}")))
}
