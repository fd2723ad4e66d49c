//! `consensus/evidence/`: proofs of misbehaviour, newest first to go last.

use std::path::{Path, PathBuf};

use kwil_crypto::sha256;
use kwil_types::Evidence;

use crate::error::NodeError;

/// Oldest files are removed beyond this many.
const KEPT: usize = 1000;

/// The folder of evidence files, named `<height>-<digest>`.
#[derive(Debug, Clone)]
pub(crate) struct EvidenceFolder(PathBuf);

impl EvidenceFolder {
    pub(crate) fn new(root: &Path) -> Self {
        Self(root.join("consensus").join("evidence"))
    }

    /// Stores one proof. Blocks on the disk.
    pub(crate) fn store(&self, evidence: &Evidence) -> Result<(), NodeError> {
        let fault = |source| NodeError::Io { path: self.0.clone(), source };
        std::fs::create_dir_all(&self.0).map_err(fault)?;
        let bytes = evidence.encode();
        let digest: String = sha256(&bytes).to_string().chars().take(16).collect();
        let name = format!("{:020}-{digest}", evidence.height().0);
        std::fs::write(self.0.join(name), bytes).map_err(fault)?;
        let mut names: Vec<PathBuf> = std::fs::read_dir(&self.0)
            .map_err(fault)?
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .collect();
        names.sort_unstable();
        let surplus = names.len().saturating_sub(KEPT);
        names
            .iter()
            .take(surplus)
            .try_for_each(|oldest| std::fs::remove_file(oldest).map_err(fault))
    }
}
