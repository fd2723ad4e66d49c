//! The only module that creates, renames or replaces files: each call leaves file *and* folder on disk.
//!
//! A new name in a folder survives a power cut only after an fsync of the folder, which is easy to forget when
//! every caller does it by hand.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::StoreError;

/// Creates `dir` and its missing parents for the owner alone, and makes their names durable.
pub(crate) fn create_dir(dir: &Path) -> Result<(), StoreError> {
    if dir.is_dir() {
        return Ok(());
    }
    let parent = parent_of(dir);
    create_dir(parent)?;
    match DirBuilder::new().mode(0o700).create(dir) {
        Ok(()) => sync_dir(parent),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(StoreError::io("create", dir, error)),
    }
}

/// Creates a file that must not exist yet, with `contents` in it.
pub(crate) fn create(path: &Path, contents: &[u8]) -> Result<File, StoreError> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| StoreError::io("create", path, error))?;
    file.write_all(contents).map_err(|error| StoreError::io("write", path, error))?;
    file.sync_all().map_err(|error| StoreError::io("sync", path, error))?;
    sync_dir(parent_of(path))?;
    Ok(file)
}

/// Replaces `path` in one step: readers and crashes see the old contents or the new, never a mixture.
pub(crate) fn replace(path: &Path, contents: &[u8]) -> Result<File, StoreError> {
    let temporary = temporary_name(path);
    remove(&temporary)?;
    let file = create(&temporary, contents)?;
    fs::rename(&temporary, path).map_err(|error| StoreError::io("replace", path, error))?;
    sync_dir(parent_of(path))?;
    Ok(file)
}

/// Deletes `path` if it exists.
pub(crate) fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Ok(()) => sync_dir(parent_of(path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(StoreError::io("remove", path, error)),
    }
}

/// Opens an existing file for reading and writing; `None` when there is none.
pub(crate) fn open(path: &Path) -> Result<Option<File>, StoreError> {
    match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::io("open", path, error)),
    }
}

/// Shortens a file to `len` bytes and makes that durable.
pub(crate) fn cut(file: &File, path: &Path, len: u64) -> Result<(), StoreError> {
    file.set_len(len).map_err(|error| StoreError::io("cut", path, error))?;
    file.sync_all().map_err(|error| StoreError::io("sync", path, error))
}

/// Reads a whole small file; `None` when there is none. More than `limit` bytes are an error.
pub(crate) fn read_small(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, StoreError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::io("open", path, error)),
    };
    let mut contents = Vec::new();
    file.take(limit.saturating_add(1))
        .read_to_end(&mut contents)
        .map_err(|error| StoreError::io("read", path, error))?;
    let bytes = contents.len() as u64;
    if bytes > limit {
        return Err(StoreError::TooLarge { bytes, limit });
    }
    Ok(Some(contents))
}

fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(|error| StoreError::io("sync", dir, error))
}

fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    }
}

fn temporary_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacing_leaves_the_new_contents_and_no_temporary_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("held.json");
        replace(&path, b"old").unwrap();
        replace(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_temporary_file_left_by_a_crash_does_not_stop_the_next_replacement() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("held.json");
        fs::write(temporary_name(&path), b"half").unwrap();
        replace(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn a_file_above_the_limit_is_not_read_into_memory() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("big");
        fs::write(&path, [7; 11]).unwrap();
        assert!(matches!(read_small(&path, 10), Err(StoreError::TooLarge { limit: 10, .. })));
        assert_eq!(read_small(&path, 11).unwrap().unwrap().len(), 11);
        assert!(read_small(&dir.path().join("none"), 10).unwrap().is_none());
    }
}
