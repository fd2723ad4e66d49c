//! `key info`.

use kwil_crypto::{KeyType, PrivateKey};
use zeroize::Zeroizing;

use super::{KeyInfo, load_key};
use crate::context::Context;
use crate::error::CliError;
use crate::files::warn_about_mode;

/// Show what belongs to a private key.
///
/// The key is read from --key-file, from the root directory given with --root, from the argument, or from stdin when
/// the argument is '-'. A key in hex may end in '#secp256k1' or '#ed25519'.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  {program} key info --key-file ~/nodekey.json\n  {program} key info - < key.hex"
)]
pub struct Info {
    /// Private key in hex, or '-' for stdin
    #[arg(value_name = "PRIVATE KEY")]
    private_key: Option<String>,
    /// File with the key
    #[arg(short = 'o', long, value_name = "FILE")]
    key_file: Option<String>,
    /// Leave the private key out
    #[arg(long)]
    public: bool,
}

impl Info {
    /// Reads the key and prints what belongs to it.
    ///
    /// # Errors
    /// No key given, or one that cannot be read.
    pub fn run(self, context: &mut Context) -> Result<(), CliError> {
        let from_root = context.root_flag.is_some().then(|| context.root().join("nodekey.json"));
        let file = self.key_file.as_deref().map(|file| context.path(file));
        let key = match (&self.private_key, file.or(from_root)) {
            (_, Some(path)) => {
                let key = load_key(&path)
                    .map_err(|error| CliError::because("cannot show the key", &error))?;
                warn_about_mode(&path, "the key file", &mut context.output);
                key
            }
            (Some(text), None) if text == "-" => parse_text(&from_stdin()?)?,
            (Some(text), None) => parse_text(text)?,
            (None, None) => {
                return Err(CliError::usage(
                    "must provide with the private key file or hex string",
                )
                .hint("kwild key info --key-file FILE, or kwild key info HEX"));
            }
        };
        let info = KeyInfo::new(&key, !self.public);
        context.output.emit(&info, || info.text())
    }
}

fn from_stdin() -> Result<Zeroizing<String>, CliError> {
    let mut text = Zeroizing::new(String::new());
    std::io::Read::read_to_string(&mut std::io::stdin().lock(), &mut text)
        .map_err(|error| CliError::because("cannot read the key from stdin", &error))?;
    Ok(text)
}

/// Hex with an optional type; without it the length tells the type.
fn parse_text(text: &str) -> Result<PrivateKey, CliError> {
    let (hex, key_type) = match text.trim().split_once('#') {
        Some((hex, name)) => {
            let key_type = name.parse::<KeyType>();
            (
                hex,
                key_type.map_err(|error| {
                    CliError::because("invalid private key", &error)
                        .with_code(crate::ErrorCode::Usage)
                })?,
            )
        }
        None if text.trim().len() == 128 => (text.trim(), KeyType::Ed25519),
        None => (text.trim(), KeyType::Secp256k1),
    };
    PrivateKey::from_hex(key_type, hex).map_err(|error| {
        CliError::because("invalid private key", &error).with_code(crate::ErrorCode::Usage)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_tells_the_type_when_no_type_is_named() {
        let k1 = super::super::generate_key(KeyType::Secp256k1).unwrap();
        let ed = super::super::generate_key(KeyType::Ed25519).unwrap();
        assert_eq!(parse_text(&k1.to_hex()).unwrap().key_type(), KeyType::Secp256k1);
        assert_eq!(
            parse_text(&format!("{}\n", *ed.to_hex())).unwrap().key_type(),
            KeyType::Ed25519
        );
        assert_eq!(parse_text(&format!("{}#ed25519", *ed.to_hex())).unwrap().to_hex(), ed.to_hex());
        for text in ["", "00", "zz", "0x", &format!("{}#rsa", *k1.to_hex())] {
            assert!(parse_text(text).is_err(), "{text}");
        }
    }
}
