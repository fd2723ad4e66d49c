//! `key`: node keys.

mod file;
mod generate;
mod info;

pub use file::{KeyFileError, generate_key, load_key, parse_key_file, save_key};
pub use generate::Generate;
pub use info::Info;

use kwil_crypto::auth::Signer;
use kwil_crypto::{KeyType, NodeId, PrivateKey};
use serde::Serialize;

use crate::context::Context;
use crate::error::CliError;

/// Make and show node keys.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  {program} key gen --key-file ~/nodekey.json\n  {program} key info --key-file ~/nodekey.json"
)]
pub struct KeyGroup {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, clap::Subcommand)]
enum KeyCommand {
    Gen(Generate),
    Info(Info),
}

impl KeyGroup {
    /// Runs the chosen command.
    ///
    /// # Errors
    /// What the command says.
    pub fn run(self, context: &mut Context) -> Result<(), CliError> {
        match self.command {
            KeyCommand::Gen(command) => command.run(context),
            KeyCommand::Info(command) => command.run(context),
        }
    }
}

/// What is shown of a key.
#[derive(Debug, Serialize)]
struct KeyInfo {
    key_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    private_key_text: Option<String>,
    public_key_hex: String,
    node_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_address: Option<String>,
}

impl KeyInfo {
    fn new(key: &PrivateKey, with_private: bool) -> Self {
        let public = key.public_key();
        Self {
            key_type: key.key_type().name(),
            private_key_text: with_private.then(|| key.to_hex().to_string()),
            public_key_hex: public.to_hex(),
            node_id: NodeId::new(public).to_string(),
            user_address: match key.key_type() {
                KeyType::Secp256k1 => Some(Signer::user(key.clone()).identifier()),
                KeyType::Ed25519 => None,
            },
        }
    }

    fn text(&self) -> String {
        let mut lines = vec![format!("Key type: {}", self.key_type)];
        lines.extend(self.private_key_text.as_ref().map(|key| format!("Private key (hex): {key}")));
        lines.push(format!("Public key (plain hex): {}", self.public_key_hex));
        lines.push(format!("Node ID: {}", self.node_id));
        lines.extend(
            self.user_address.as_ref().map(|address| format!("Equivalent User Address: {address}")),
        );
        lines.join("\n")
    }
}

/// Who a key is as a user: its address, or its public key where the type has no addresses.
#[must_use]
pub fn user_identifier(key: &PrivateKey) -> String {
    Signer::user(key.clone()).identifier()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shown_lines_are_the_ones_of_the_vectors() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/vectors/keys.json");
        let vectors: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let mut seen = 0;
        for vector in vectors["keys"].as_array().unwrap() {
            let Some(lines) = vector["key_info_lines"].as_array() else { continue };
            let key_type: KeyType = vector["type"].as_str().unwrap().parse().unwrap();
            let key =
                PrivateKey::from_hex(key_type, vector["private_hex"].as_str().unwrap()).unwrap();
            let want: Vec<&str> = lines.iter().map(|line| line.as_str().unwrap()).collect();
            assert_eq!(KeyInfo::new(&key, true).text(), want.join("\n"));
            let file = format!(
                "{{\"key\":\"{}\",\"type\":\"{key_type}\"}}",
                vector["private_hex"].as_str().unwrap()
            );
            assert_eq!(vector["nodekey_json"].as_str(), Some(file.as_str()));
            assert_eq!(parse_key_file(&file).unwrap().to_hex(), key.to_hex());
            seen += 1;
        }
        assert!(seen >= 3, "{seen} vectors");
    }
}
