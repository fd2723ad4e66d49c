//! Files that must not be half written, overwritten by accident, or readable by others.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::output::Output;

/// Why a file was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteFileError {
    /// Something stands there already.
    #[error("file already exists at {0}")]
    Exists(PathBuf),
    /// The system refused.
    #[error("cannot write {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

/// Writes a file that must not exist yet, in one step: it is complete or absent, also after a power cut.
///
/// # Errors
/// [`WriteFileError::Exists`] when the path is taken.
pub fn write_new(path: &Path, content: &[u8], mode: u32) -> Result<(), WriteFileError> {
    if path.symlink_metadata().is_ok() {
        return Err(WriteFileError::Exists(path.to_path_buf()));
    }
    let unfinished = write_beside(path, content, mode)?;
    // A link does not replace what another process put there in the meantime.
    let linked = fs::hard_link(&unfinished, path);
    let removed = fs::remove_file(&unfinished);
    match linked {
        Ok(()) => removed.and_then(|()| sync_folder(path)).map_err(|source| failed(path, source)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(WriteFileError::Exists(path.to_path_buf()))
        }
        Err(source) => Err(failed(path, source)),
    }
}

/// Writes a file in one step, in place of what was there.
///
/// # Errors
/// [`WriteFileError::Io`] when the system refuses.
pub fn write_replacing(path: &Path, content: &[u8], mode: u32) -> Result<(), WriteFileError> {
    let unfinished = write_beside(path, content, mode)?;
    fs::rename(&unfinished, path)
        .and_then(|()| sync_folder(path))
        .map_err(|source| failed(path, source))
}

fn failed(path: &Path, source: io::Error) -> WriteFileError {
    WriteFileError::Io { path: path.to_path_buf(), source }
}

/// Writes and syncs a file of another name in the same folder.
fn write_beside(path: &Path, content: &[u8], mode: u32) -> Result<PathBuf, WriteFileError> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let unfinished = PathBuf::from(name);
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(mode)
            .open(&unfinished)?;
        // The mode of `open` passes through the umask; a left-over file keeps its own.
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        file.write_all(content)?;
        file.sync_all()
    };
    match write() {
        Ok(()) => Ok(unfinished),
        Err(source) => {
            // The first error is the one to tell; a left-over file is replaced by the next attempt.
            let _ = fs::remove_file(&unfinished);
            Err(failed(path, source))
        }
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Warns when a file with a secret can be read by others.
pub fn warn_about_mode(path: &Path, what: &str, output: &mut Output) {
    let Ok(metadata) = path.metadata() else { return };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let path = path.display();
        output.warn(&format!(
            "{what} {path} is readable by others (mode {mode:04o}); run: chmod 600 {path}"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_new_file_is_complete_private_and_never_replaces() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("nodekey.json");
        write_new(&path, b"one", 0o600).unwrap();
        assert_eq!((fs::read(&path).unwrap().as_slice(), mode(&path)), (b"one".as_slice(), 0o600));
        assert!(matches!(write_new(&path, b"two", 0o600), Err(WriteFileError::Exists(_))));
        assert_eq!(fs::read(&path).unwrap(), b"one");
        write_replacing(&path, b"three", 0o644).unwrap();
        assert_eq!(
            (fs::read(&path).unwrap().as_slice(), mode(&path)),
            (b"three".as_slice(), 0o644)
        );
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no left-over files");
    }

    #[test]
    fn a_missing_folder_is_an_error_with_the_path() {
        let error = write_new(Path::new("/nonexistent-folder/x"), b"", 0o600).unwrap_err();
        assert_eq!(error.to_string(), "cannot write /nonexistent-folder/x");
    }
}
