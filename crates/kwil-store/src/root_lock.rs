//! One process per root folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::{StoreError, durable};

const FILE_NAME: &str = "LOCK";

/// Holds a node's root folder until dropped.
///
/// The lock is the operating system's (`flock`), so it ends with the process however that dies. The file `LOCK`
/// stays; the process id in it is for the error text only.
#[derive(Debug)]
pub struct RootLock {
    path: PathBuf,
    _file: File,
}

impl RootLock {
    /// Takes the folder, creating it if it is missing.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process, or another value in this one, holds it; I/O errors otherwise.
    pub fn acquire(root: &Path) -> Result<Self, StoreError> {
        durable::create_dir(root)?;
        let path = root.join(FILE_NAME);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|error| StoreError::io("open", &path, error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Locked { root: root.to_owned(), pid: pid_in(&mut file) });
            }
            Err(TryLockError::Error(error)) => return Err(StoreError::io("lock", &path, error)),
        }
        file.set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(|error| StoreError::io("write", &path, error))?;
        Ok(Self { path, _file: file })
    }

    /// The lock file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn pid_in(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_holder_is_refused_with_the_pid_of_the_first() {
        let root = tempfile::tempdir().unwrap();
        let held = RootLock::acquire(root.path()).unwrap();
        let refused = RootLock::acquire(root.path()).unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!(
                "root folder {} is in use by process {}",
                root.path().display(),
                std::process::id()
            )
        );
        drop(held);
        RootLock::acquire(root.path()).unwrap();
    }

    #[test]
    fn a_stale_lock_file_does_not_lock() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join(FILE_NAME), "99999999999\n").unwrap();
        let lock = RootLock::acquire(root.path()).unwrap();
        assert_eq!(
            std::fs::read_to_string(lock.path()).unwrap(),
            format!("{}\n", std::process::id())
        );
    }
}
