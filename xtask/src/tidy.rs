//! The rules of the house that a compiler does not check. Runs as `cargo xtask tidy` and as this crate's tests.

mod files;
mod layers;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Checks everything and prints each fault on its own line.
pub(crate) fn run() -> Result<()> {
    let root = crate::repository_root()?;
    let mut faults = files::faults(&root, &tracked(&root)?)?;
    faults.extend(layers::faults(&root)?);
    for fault in &faults {
        eprintln!("{fault}");
    }
    if !faults.is_empty() {
        bail!("{} faults", faults.len());
    }
    Ok(())
}

/// Paths of the files that git tracks, relative to the repository root.
fn tracked(root: &Path) -> Result<Vec<PathBuf>> {
    let listing = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(root)
        .output()
        .context("running git ls-files")?;
    if !listing.status.success() {
        bail!("git ls-files failed: {}", String::from_utf8_lossy(&listing.stderr));
    }
    let text = String::from_utf8(listing.stdout).context("file names are not UTF-8")?;
    Ok(text
        .split('\0')
        .filter(|name| !name.is_empty())
        .map(PathBuf::from)
        .filter(|path| root.join(path).is_file())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tracked_file_keeps_the_rules_of_the_house() {
        let root = crate::repository_root().unwrap();
        let faults = files::faults(&root, &tracked(&root).unwrap()).unwrap();
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    #[test]
    fn arrows_between_crates_point_down_and_core_crates_do_no_io() {
        let root = crate::repository_root().unwrap();
        let faults = layers::faults(&root).unwrap();
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }
}
