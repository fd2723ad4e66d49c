//! `start --autogen`: a test network of one node without any preparation.

use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use kwil_cmd::key::{generate_key, load_key, save_key, user_identifier};
use kwil_cmd::setup::{DEFAULT_CHAIN_ID, GENESIS_FILE, KEY_FILE};
use kwil_cmd::{CliError, write_new};
use kwil_config::{Config, WriteOptions};
use kwil_crypto::{KeyType, PrivateKey};
use kwil_genesis::{Document, Genesis};
use kwil_types::Validator;

/// Makes the root directory, key, genesis and configuration where they are missing.
pub(super) fn make_files(
    root: &Path,
    config: &Config,
    owner: Option<&str>,
) -> Result<(), CliError> {
    let failed = |error: &dyn std::error::Error| {
        CliError::because("cannot make the files of a test node", error)
    };
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(root).map_err(|error| failed(&error))?;
    let key_path = root.join(KEY_FILE);
    let key = if key_path.exists() {
        load_key(&key_path).map_err(|error| CliError::because("failed to load node key", &error))?
    } else {
        let key = generate_key(KeyType::Secp256k1).map_err(|error| failed(&error))?;
        save_key(&key_path, &key, false).map_err(|error| failed(&error))?;
        key
    };
    let genesis_path = root.join(GENESIS_FILE);
    if !genesis_path.exists() {
        let genesis = Genesis::new(document(&key, owner))
            .map_err(|error| CliError::usage(format!("failed to create genesis file: {error}")))?;
        write_new(&genesis_path, genesis.to_json().as_bytes(), 0o644)
            .map_err(|error| failed(&error))?;
    }
    let config_path = root.join("config.toml");
    if !config_path.exists() {
        let text = config.to_toml(WriteOptions::default());
        write_new(&config_path, text.as_bytes(), 0o600).map_err(|error| failed(&error))?;
    }
    Ok(())
}

fn document(key: &PrivateKey, owner: Option<&str>) -> Document {
    let public = key.public_key();
    Document {
        chain_id: DEFAULT_CHAIN_ID.to_owned(),
        validators: vec![Validator { key: public, power: 1 }],
        leader: Some(public),
        db_owner: owner.map_or_else(|| user_identifier(key), str::to_owned),
        ..Document::default()
    }
}

/// One node alone looks for nobody and makes empty blocks quickly, unless the operator chose otherwise.
pub(super) fn adjust(config: &mut Config, empty_blocks_chosen: bool) {
    config.p2p.target_connections = 0;
    if !empty_blocks_chosen {
        config.consensus.empty_block_timeout = config.consensus.propose_timeout;
    }
}

/// A genesis that was there already must be of a network that this node can run alone.
pub(super) fn check(genesis: &Genesis, key: &PrivateKey) -> Result<(), CliError> {
    let alone = genesis.document().validators.len() <= 1 && *genesis.leader() == key.public_key();
    if alone {
        return Ok(());
    }
    Err(CliError::failed("cannot use --autogen with genesis config for a multi-node network"))
}
