//! Small files that are replaced as a whole.

use std::path::{Path, PathBuf};

use crate::{StoreError, durable};

const MAX_BYTES: u64 = 1024 * 1024;

/// A small document on disk that a crash leaves either old or new, never half written.
///
/// Used for `consensus/held.json` and `leader-updates.json`, whose contents belong to their users.
#[derive(Clone, Debug)]
pub struct StateFile {
    path: PathBuf,
}

impl StateFile {
    /// Why this validator stopped signing; present only while it is held.
    #[must_use]
    pub fn held(root: &Path) -> Self {
        Self { path: root.join("consensus").join("held.json") }
    }

    /// The operator's pending order to replace the leader.
    #[must_use]
    pub fn leader_updates(root: &Path) -> Self {
        Self { path: root.join("leader-updates.json") }
    }

    /// Where the document lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The document, or `None` when there is none.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] above 1 MiB; I/O errors.
    pub fn read(&self) -> Result<Option<Vec<u8>>, StoreError> {
        durable::read_small(&self.path, MAX_BYTES)
    }

    /// Replaces the document; on disk when this returns.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] above 1 MiB, [`StoreError::DiskFull`], other I/O errors.
    pub fn write(&self, document: &[u8]) -> Result<(), StoreError> {
        let bytes = document.len() as u64;
        if bytes > MAX_BYTES {
            return Err(StoreError::TooLarge { bytes, limit: MAX_BYTES });
        }
        if let Some(folder) = self.path.parent() {
            durable::create_dir(folder)?;
        }
        durable::replace(&self.path, document).map(drop)
    }

    /// Removes the document; gone from disk when this returns.
    ///
    /// # Errors
    /// I/O errors other than that it was not there.
    pub fn remove(&self) -> Result<(), StoreError> {
        durable::remove(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn document_survives_until_removed() {
        let root = tempfile::tempdir().unwrap();
        let held = StateFile::held(root.path());
        assert_eq!(held.read().unwrap(), None);
        held.write(br#"{"reason":"fork"}"#).unwrap();
        assert_eq!(StateFile::held(root.path()).read().unwrap().unwrap(), br#"{"reason":"fork"}"#);
        held.remove().unwrap();
        held.remove().unwrap();
        assert_eq!(held.read().unwrap(), None);
    }

    #[test]
    fn oversized_document_is_refused_before_anything_is_replaced() {
        let root = tempfile::tempdir().unwrap();
        let orders = StateFile::leader_updates(root.path());
        orders.write(b"{}").unwrap();
        assert!(matches!(
            orders.write(&vec![b' '; 1024 * 1024 + 1]),
            Err(StoreError::TooLarge { .. })
        ));
        assert_eq!(orders.read().unwrap().unwrap(), b"{}");
    }
}
