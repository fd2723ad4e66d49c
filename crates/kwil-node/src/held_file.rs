//! `consensus/held.json`: why this node signs nothing until an operator has looked.

use kwil_consensus::HeldReason;
use kwil_crypto::Hash;
use kwil_store::StateFile;
use kwil_types::Height;
use serde::{Deserialize, Serialize};

use crate::error::NodeError;

/// Durable reasons only; the others clear themselves.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case", deny_unknown_fields)]
enum Document {
    Diverged { height: u64, block: String, certified: String, own: String },
    Nondeterminism { block: String, first: String, second: String },
    NoAppHashMajority { height: u64, block: String },
    Fork { height: u64 },
    KeyInUse {},
    Equivocation { height: u64 },
}

impl Document {
    fn of(reason: &HeldReason) -> Option<Self> {
        Some(match reason {
            HeldReason::Diverged { height, block, certified, own } => Self::Diverged {
                height: height.0,
                block: block.to_string(),
                certified: certified.to_string(),
                own: own.to_string(),
            },
            HeldReason::Nondeterminism { block, first, second } => Self::Nondeterminism {
                block: block.to_string(),
                first: first.to_string(),
                second: second.to_string(),
            },
            HeldReason::NoAppHashMajority { height, block } => {
                Self::NoAppHashMajority { height: height.0, block: block.to_string() }
            }
            HeldReason::Fork { height } => Self::Fork { height: height.0 },
            HeldReason::KeyInUse => Self::KeyInUse {},
            HeldReason::Equivocation { height } => Self::Equivocation { height: height.0 },
            HeldReason::Database { .. } | HeldReason::Disk => return None,
        })
    }

    fn reason(self) -> Result<HeldReason, String> {
        let hash =
            |text: String| text.parse::<Hash>().map_err(|error| format!("{text:?}: {error}"));
        Ok(match self {
            Self::Diverged { height, block, certified, own } => HeldReason::Diverged {
                height: Height(height),
                block: hash(block)?,
                certified: hash(certified)?,
                own: hash(own)?,
            },
            Self::Nondeterminism { block, first, second } => HeldReason::Nondeterminism {
                block: hash(block)?,
                first: hash(first)?,
                second: hash(second)?,
            },
            Self::NoAppHashMajority { height, block } => {
                HeldReason::NoAppHashMajority { height: Height(height), block: hash(block)? }
            }
            Self::Fork { height } => HeldReason::Fork { height: Height(height) },
            Self::KeyInUse {} => HeldReason::KeyInUse,
            Self::Equivocation { height } => HeldReason::Equivocation { height: Height(height) },
        })
    }
}

/// The durable reason on disk, if there is one.
pub(crate) fn read(file: &StateFile) -> Result<Option<HeldReason>, NodeError> {
    let Some(bytes) = file.read()? else { return Ok(None) };
    let fault = |what: String| NodeError::StateFile { path: file.path().to_owned(), what };
    let document: Document =
        serde_json::from_slice(&bytes).map_err(|error| fault(error.to_string()))?;
    document.reason().map(Some).map_err(fault)
}

/// Writes a durable reason; does nothing for one that clears itself. Blocks on the disk.
pub(crate) fn write(file: &StateFile, reason: &HeldReason) -> Result<(), NodeError> {
    let Some(document) = Document::of(reason) else { return Ok(()) };
    let text = serde_json::to_vec_pretty(&document).map_err(|error| NodeError::StateFile {
        path: file.path().to_owned(),
        what: error.to_string(),
    })?;
    Ok(file.write(&text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durable_reasons_survive_a_restart_and_others_leave_no_file() {
        let root = tempfile::tempdir().unwrap();
        let file = StateFile::held(root.path());
        write(&file, &HeldReason::Disk).unwrap();
        assert_eq!(read(&file).unwrap(), None);
        let reasons = [
            HeldReason::Diverged {
                height: Height(3),
                block: Hash([1; 32]),
                certified: Hash([2; 32]),
                own: Hash([3; 32]),
            },
            HeldReason::Nondeterminism {
                block: Hash([1; 32]),
                first: Hash([2; 32]),
                second: Hash([3; 32]),
            },
            HeldReason::NoAppHashMajority { height: Height(9), block: Hash([1; 32]) },
            HeldReason::Fork { height: Height(1) },
            HeldReason::KeyInUse,
            HeldReason::Equivocation { height: Height(2) },
        ];
        for reason in reasons {
            write(&file, &reason).unwrap();
            assert_eq!(read(&file).unwrap(), Some(reason));
        }
    }
}
