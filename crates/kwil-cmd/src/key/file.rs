//! `nodekey.json`: `{"key":"<hex>","type":"<type>"}`, readable by its owner only.

use std::path::{Path, PathBuf};

use kwil_crypto::{KeyError, KeyType, PrivateKey};
use serde::Deserialize;
use zeroize::{Zeroize, Zeroizing};

use crate::files::{WriteFileError, write_new, write_replacing};

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// Which file, and why.
    #[error("{}", path.display())]
    In {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: Box<Self>,
    },
    /// The file cannot be read.
    #[error("cannot read the key file")]
    Read(#[source] std::io::Error),
    /// The content is not a key. The content itself is never shown.
    #[error("the key file is not {{\"key\":\"<hex>\",\"type\":\"<type>\"}}: {0}")]
    Format(String),
    /// The key in it is no key.
    #[error("the key file holds no usable key")]
    Key(#[source] KeyError),
    /// The file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteFileError),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    key: String,
    r#type: String,
}

impl Drop for Content {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

/// Reads the text of a key file.
///
/// # Errors
/// [`KeyFileError`] without any part of the text.
pub fn parse_key_file(text: &str) -> Result<PrivateKey, KeyFileError> {
    let content: Content = serde_json::from_str(text).map_err(|error| {
        KeyFileError::Format(format!("line {}, column {}", error.line(), error.column()))
    })?;
    let key_type: KeyType = content.r#type.parse().map_err(KeyFileError::Key)?;
    PrivateKey::from_hex(key_type, &content.key).map_err(KeyFileError::Key)
}

/// Reads a key file.
///
/// # Errors
/// [`KeyFileError`] without any part of the content.
pub fn load_key(path: &Path) -> Result<PrivateKey, KeyFileError> {
    let read = std::fs::read_to_string(path).map_err(KeyFileError::Read);
    let parsed = read.and_then(|text| parse_key_file(&Zeroizing::new(text)));
    parsed.map_err(|source| KeyFileError::In { path: path.to_path_buf(), source: Box::new(source) })
}

/// Writes a key file in one step with mode 0600.
///
/// # Errors
/// [`KeyFileError`]; without `replace` also when the file exists.
pub fn save_key(path: &Path, key: &PrivateKey, replace: bool) -> Result<(), KeyFileError> {
    let text = Zeroizing::new(format!(
        "{{\"key\":\"{}\",\"type\":\"{}\"}}",
        *key.to_hex(),
        key.key_type().name()
    ));
    let write = if replace { write_replacing } else { write_new };
    write(path, text.as_bytes(), 0o600)?;
    Ok(())
}

/// Makes a key from the entropy of the system.
///
/// # Errors
/// When the system has none.
pub fn generate_key(key_type: KeyType) -> Result<PrivateKey, getrandom::Error> {
    PrivateKey::generate(key_type, getrandom::fill)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::chain;

    #[test]
    fn saved_keys_load_and_are_not_replaced_by_accident() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("nodekey.json");
        for key_type in [KeyType::Secp256k1, KeyType::Ed25519] {
            let key = generate_key(key_type).unwrap();
            save_key(&path, &key, true).unwrap();
            assert_eq!(load_key(&path).unwrap().to_hex(), key.to_hex());
        }
        let other = generate_key(KeyType::Secp256k1).unwrap();
        assert!(matches!(
            save_key(&path, &other, false),
            Err(KeyFileError::Write(WriteFileError::Exists(_)))
        ));
    }

    #[test]
    fn broken_files_are_explained_without_showing_the_key() {
        let secret = "f1aa5a7966c3863ccde3047f6a1e266cdc0c76b399e256b8fede92b1c69e4f4e";
        for (text, want) in [
            (format!("{secret}\n"), "the key file is not"),
            (format!("{{\"key\":\"{secret}\"}}"), "the key file is not"),
            (format!("{{\"key\":\"{secret}\",\"type\":\"rsa\"}}"), "unknown key type \"rsa\""),
            (
                format!("{{\"key\":\"{secret}00\",\"type\":\"secp256k1\"}}"),
                "needs 32 bytes, got 33",
            ),
            (format!("{{\"key\":\"zz{secret}\",\"type\":\"secp256k1\"}}"), "not hexadecimal"),
            (
                format!("{{\"key\":\"{}\",\"type\":\"secp256k1\"}}", "00".repeat(32)),
                "the scalar is zero",
            ),
        ] {
            let error = chain(&parse_key_file(&text).unwrap_err());
            assert!(error.contains(want), "{error}");
            assert!(!error.contains(secret), "{error}");
        }
    }
}
