//! `key gen`.

use kwil_crypto::KeyType;
use serde::Serialize;

use super::{KeyFileError, KeyInfo, generate_key, save_key};
use crate::context::Context;
use crate::error::CliError;
use crate::files::WriteFileError;

/// Make a node key.
///
/// Without --key-file the key is only printed. The key type is secp256k1 unless ed25519 is asked for.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  {program} key gen --key-file ~/nodekey.json\n  {program} key gen ed25519 --raw"
)]
pub struct Generate {
    /// secp256k1 or ed25519
    #[arg(value_name = "KEYTYPE", default_value = "secp256k1")]
    key_type: String,
    /// Write the key to this file
    #[arg(short = 'o', long, value_name = "FILE")]
    key_file: Option<String>,
    /// Print the private key and nothing else
    #[arg(short = 'R', long)]
    raw: bool,
    /// Replace an existing file
    #[arg(long)]
    force: bool,
}

#[derive(Serialize)]
struct Written {
    path: String,
    #[serde(flatten)]
    info: KeyInfo,
}

impl Generate {
    /// Makes the key and writes or prints it.
    ///
    /// # Errors
    /// A wrong key type, or a file that exists or cannot be written.
    pub fn run(self, context: &mut Context) -> Result<(), CliError> {
        let key_type: KeyType = self.key_type.parse().map_err(|_| {
            CliError::usage(format!("invalid key type ({0}): unknown key type: {0}", self.key_type))
                .hint("the key types are secp256k1 and ed25519")
        })?;
        let key = generate_key(key_type)
            .map_err(|error| CliError::because("no entropy from the system", &error))?;
        let Some(file) = &self.key_file else {
            let info = KeyInfo::new(&key, true);
            return context
                .output
                .emit(&info, || if self.raw { key.to_hex().to_string() } else { info.text() });
        };
        let path = context.path(file);
        save_key(&path, &key, self.force).map_err(|error| match error {
            KeyFileError::Write(WriteFileError::Exists(path)) => CliError::failed(format!(
                "key file already exists at {}",
                path.display()
            ))
            .hint(
                "a validator that loses its key loses its place; use --force to replace the file",
            ),
            other => CliError::because("cannot save the key", &other),
        })?;
        let written = Written { path: path.display().to_string(), info: KeyInfo::new(&key, false) };
        context.output.emit(&written, || format!("Private key written to {file}"))
    }
}
