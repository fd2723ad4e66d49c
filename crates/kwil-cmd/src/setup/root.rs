//! The files of a new root folder: all of them, or none.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use kwil_config::{Config, WriteOptions};
use kwil_crypto::PrivateKey;

use crate::config_flags::CONFIG_FILE;
use crate::error::CliError;
use crate::files::write_new;
use crate::key::save_key;

/// Name of the key file in a root folder.
pub const KEY_FILE: &str = "nodekey.json";
/// Name of the genesis file in a root folder.
pub const GENESIS_FILE: &str = "genesis.json";

/// Content of a new root folder, complete before anything is written.
#[derive(Debug)]
pub struct NewRoot {
    /// Where it will be.
    pub path: PathBuf,
    /// `config.toml`.
    pub config: Config,
    /// `genesis.json`.
    pub genesis: String,
    /// `nodekey.json`.
    pub key: PrivateKey,
    /// A file to copy, and its name in the root folder.
    pub copy: Option<(PathBuf, String)>,
}

/// True when nothing is there, or an empty folder.
pub(crate) fn is_free(path: &Path) -> bool {
    match fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == io::ErrorKind::NotFound && path.symlink_metadata().is_err(),
    }
}

impl NewRoot {
    /// Writes the files. `fill` keeps files that exist and adds the missing ones; otherwise the folder must be new or
    /// empty. When something fails, everything that was written is removed again.
    ///
    /// # Errors
    /// What could not be written and why.
    pub fn write(&self, fill: bool) -> Result<(), CliError> {
        if !fill && !is_free(&self.path) {
            return Err(CliError::failed(format!(
                "output directory {} already exists",
                self.path.display()
            ))
            .hint("choose another --root, or use --force to add the files that are missing"));
        }
        let made = make_folder(&self.path)?;
        let mut written = Vec::new();
        let outcome = self.write_files(fill, &mut written);
        if outcome.is_err() {
            for path in &written {
                // The error that stopped us is the one to tell.
                let _ = fs::remove_file(path);
            }
            if made {
                let _ = fs::remove_dir(&self.path);
            }
        }
        outcome
    }

    fn write_files(&self, fill: bool, written: &mut Vec<PathBuf>) -> Result<(), CliError> {
        let keep = |path: &Path| fill && path.exists();
        let failed =
            |error: &dyn std::error::Error| CliError::because("cannot set up the node", error);
        let key = self.path.join(KEY_FILE);
        if !keep(&key) {
            save_key(&key, &self.key, false).map_err(|error| failed(&error))?;
            written.push(key);
        }
        let config = self.config.to_toml(WriteOptions::default());
        for (name, text, mode) in
            [(GENESIS_FILE, &self.genesis, 0o644), (CONFIG_FILE, &config, 0o600)]
        {
            let path = self.path.join(name);
            if !keep(&path) {
                write_new(&path, text.as_bytes(), mode).map_err(|error| failed(&error))?;
                written.push(path);
            }
        }
        if let Some((from, name)) = &self.copy {
            let path = self.path.join(name);
            if !keep(&path) {
                fs::copy(from, &path).map_err(|error| {
                    CliError::failed(format!(
                        "cannot copy {} to {}: {error}",
                        from.display(),
                        path.display()
                    ))
                })?;
                written.push(path);
            }
        }
        Ok(())
    }
}

/// Makes the folder and those above it; the last one is private. True when it was not there.
fn make_folder(path: &Path) -> Result<bool, CliError> {
    let failed =
        |error: &io::Error| CliError::failed(format!("cannot create {}: {error}", path.display()));
    if path.is_dir() {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))
            .map_err(|error| failed(&error))?;
        return Ok(false);
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(|error| failed(&error))?;
    }
    fs::DirBuilder::new().mode(0o700).create(path).map_err(|error| failed(&error))?;
    Ok(true)
}
