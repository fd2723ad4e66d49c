//! Validator sets by hash: the key to every certificate of the block log.
//!
//! A header names the hash of the set that voted on it. Sets change rarely, so each is a small file of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use kwil_crypto::Hash;
use kwil_types::ValidatorSet;

use crate::error::NodeError;

/// Sets that were in force at some height, kept for ever.
#[derive(Debug, Clone)]
pub(crate) struct SetHistory(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    known: Mutex<BTreeMap<Hash, Arc<ValidatorSet>>>,
}

impl SetHistory {
    pub(crate) fn open(root: &Path) -> Result<Self, NodeError> {
        let folder = root.join("blocks").join("validators");
        std::fs::create_dir_all(&folder)
            .map_err(|source| NodeError::Io { path: folder.clone(), source })?;
        Ok(Self(Arc::new(Inner { folder, known: Mutex::default() })))
    }

    /// Remembers a set; returns at once when it is known. Blocks on the disk otherwise.
    pub(crate) fn remember(&self, set: &Arc<ValidatorSet>) -> Result<(), NodeError> {
        let hash = set.hash();
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains_key(&hash) {
            return Ok(());
        }
        let path = self.0.folder.join(hash.to_string());
        if !path.exists() {
            // The name is the content's hash, so a torn file is noticed when it is read and replaced on the next start.
            let fresh = self.0.folder.join(format!("{hash}.new"));
            let fault = |source| NodeError::Io { path: path.clone(), source };
            std::fs::write(&fresh, set.encode()).map_err(fault)?;
            std::fs::rename(&fresh, &path).map_err(fault)?;
        }
        known.insert(hash, Arc::clone(set));
        Ok(())
    }

    /// Whether a set is in memory and so on disk.
    pub(crate) fn knows(&self, set: &ValidatorSet) -> bool {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&set.hash())
    }

    /// The set with this hash, if it ever was in force here. May block on the disk.
    pub(crate) fn get(&self, hash: Hash) -> Option<Arc<ValidatorSet>> {
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(set) = known.get(&hash) {
            return Some(Arc::clone(set));
        }
        let bytes = std::fs::read(self.0.folder.join(hash.to_string())).ok()?;
        let set =
            ValidatorSet::decode(&bytes).ok().filter(|set| set.hash() == hash).map(Arc::new)?;
        known.insert(hash, Arc::clone(&set));
        Some(set)
    }
}

#[cfg(test)]
mod tests {
    use kwil_crypto::{KeyType, PrivateKey};
    use kwil_types::Validator;

    use super::*;

    fn set(power: u64) -> Arc<ValidatorSet> {
        let key = PrivateKey::from_bytes(KeyType::Secp256k1, &[7; 32]).unwrap().public_key();
        Arc::new(ValidatorSet::new([Validator { key, power }]).unwrap())
    }

    #[test]
    fn sets_are_found_by_hash_after_a_restart() {
        let root = tempfile::tempdir().unwrap();
        SetHistory::open(root.path()).unwrap().remember(&set(3)).unwrap();
        let again = SetHistory::open(root.path()).unwrap();
        assert_eq!(again.get(set(3).hash()), Some(set(3)));
        assert_eq!(again.get(set(4).hash()), None);
    }

    #[test]
    fn a_damaged_file_is_not_served() {
        let root = tempfile::tempdir().unwrap();
        SetHistory::open(root.path()).unwrap().remember(&set(3)).unwrap();
        let path = root.path().join("blocks/validators").join(set(3).hash().to_string());
        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(SetHistory::open(root.path()).unwrap().get(set(3).hash()), None);
    }
}
