//! `utils generate-key`.

use kwil_crypto::KeyType;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::context::Context;
use crate::error::CliError;
use crate::files::{WriteFileError, write_new};
use crate::key::{generate_key, user_identifier};

/// Make a user key.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  kwil-cli utils generate-key\n  kwil-cli utils generate-key -o ~/wallet.key"
)]
pub struct GenerateKey {
    /// Write the key to this file
    #[arg(short = 'o', long, value_name = "FILE")]
    out: Option<String>,
}

#[derive(Serialize)]
struct Made {
    #[serde(skip_serializing_if = "Option::is_none")]
    private_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    private_key_path: Option<String>,
    public_key: String,
    address: String,
}

impl GenerateKey {
    /// Makes the key and prints or writes it; asks no node.
    ///
    /// # Errors
    /// A file that exists or cannot be written.
    pub fn run(self, context: &mut Context) -> Result<(), CliError> {
        let key = generate_key(KeyType::Secp256k1)
            .map_err(|error| CliError::because("no entropy from the system", &error))?;
        let mut made = Made {
            private_key: None,
            private_key_path: None,
            public_key: key.public_key().to_hex(),
            address: user_identifier(&key),
        };
        match &self.out {
            None => made.private_key = Some(key.to_hex().to_string()),
            Some(file) => {
                let path = context.path(file);
                let text = Zeroizing::new(format!("{}\n", *key.to_hex()));
                write_new(&path, text.as_bytes(), 0o600).map_err(|error| match error {
                    WriteFileError::Exists(path) => {
                        CliError::failed(format!("key file already exists at {}", path.display()))
                    }
                    other => CliError::because("cannot save the key", &other),
                })?;
                made.private_key_path = Some(path.display().to_string());
            }
        }
        context.output.emit(&made, || text(&made))
    }
}

fn text(made: &Made) -> String {
    let Made { private_key, private_key_path, public_key, address } = made;
    match (private_key, private_key_path) {
        (Some(key), _) => {
            format!("Private key: {key}\nPublic key:  {public_key}\nAddress:     {address}")
        }
        (None, path) => format!(
            "Private key written to {}\nPublic key: {public_key}\nAddress:    {address}",
            path.as_deref().unwrap_or_default()
        ),
    }
}
