//! `leader-updates.json`: the operator's pending order to replace the leader, in the format that operators know.

use kwil_consensus::Directive;
use kwil_crypto::{KeyType, PublicKey};
use kwil_store::StateFile;
use kwil_types::Height;
use serde::{Deserialize, Serialize};

use crate::error::NodeError;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(rename = "pubKey")]
    public_key: String,
    #[serde(rename = "keyType")]
    key_type: String,
    height: u64,
}

/// The order on disk, if there is one.
pub(crate) fn read(file: &StateFile) -> Result<Option<Directive>, NodeError> {
    let Some(bytes) = file.read()? else { return Ok(None) };
    let fault = |what: String| NodeError::StateFile { path: file.path().to_owned(), what };
    let document: Document =
        serde_json::from_slice(&bytes).map_err(|error| fault(error.to_string()))?;
    let key_type: KeyType = document
        .key_type
        .parse()
        .map_err(|_| fault(format!("keyType {:?} is unknown", document.key_type)))?;
    let raw =
        hex::decode(&document.public_key).map_err(|error| fault(format!("pubKey: {error}")))?;
    let candidate =
        PublicKey::from_bytes(key_type, &raw).map_err(|error| fault(format!("pubKey: {error}")))?;
    Ok(Some(Directive { candidate, from_height: Height(document.height) }))
}

/// Replaces or removes the order; on disk when this returns. Blocks on the disk.
pub(crate) fn write(file: &StateFile, directive: Option<Directive>) -> Result<(), NodeError> {
    let Some(directive) = directive else { return Ok(file.remove()?) };
    let document = Document {
        public_key: hex::encode(directive.candidate.as_bytes()),
        key_type: directive.candidate.key_type().name().to_owned(),
        height: directive.from_height.get(),
    };
    let text = serde_json::to_vec(&document).map_err(|error| NodeError::StateFile {
        path: file.path().to_owned(),
        what: error.to_string(),
    })?;
    Ok(file.write(&text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_survives_a_restart_in_the_operators_format() {
        let root = tempfile::tempdir().unwrap();
        let file = StateFile::leader_updates(root.path());
        assert_eq!(read(&file).unwrap(), None);
        let key = "02d3575f3fe7f1bd4b4bbdbe5c3b3c1ee1f9f1c1bd9a0f6d7bf1f9b1cd5c2a3f4750";
        assert!(
            serde_json::from_str::<Document>(&format!(
                r#"{{"pubKey":"{key}","keyType":"secp256k1","height":7}}"#
            ))
            .is_ok()
        );
        let candidate =
            kwil_crypto::PrivateKey::from_bytes(KeyType::Secp256k1, &[7; 32]).unwrap().public_key();
        let order = Directive { candidate, from_height: Height(7) };
        write(&file, Some(order)).unwrap();
        assert_eq!(read(&file).unwrap(), Some(order));
        write(&file, None).unwrap();
        assert_eq!(read(&file).unwrap(), None);
    }

    #[test]
    fn a_damaged_order_is_named_with_its_file() {
        let root = tempfile::tempdir().unwrap();
        let file = StateFile::leader_updates(root.path());
        file.write(br#"{"pubKey":"zz","keyType":"secp256k1","height":7}"#).unwrap();
        let text = read(&file).unwrap_err().to_string();
        assert!(text.contains("leader-updates.json") && text.contains("pubKey"), "{text}");
    }
}
