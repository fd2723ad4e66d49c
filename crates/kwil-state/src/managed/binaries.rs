//! Finding PostgreSQL on this machine.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::error::ManagedError;

/// Oldest supported major version.
pub const OLDEST_MAJOR: u32 = 15;
/// Newest supported major version.
pub const NEWEST_MAJOR: u32 = 18;

/// The programs of one PostgreSQL installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    folder: PathBuf,
    major: u32,
    version: String,
}

impl Binaries {
    /// Folder that holds the programs.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Major version.
    #[must_use]
    pub fn major(&self) -> u32 {
        self.major
    }

    /// Version text, for example `15.18`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// Finds the programs: `explicit` alone when given, else the folders of `path`, then the usual install folders with
/// the highest supported version first. With `data` only that major version will do.
///
/// # Errors
/// [`ManagedError::NotFound`], [`ManagedError::BadBinFolder`], [`ManagedError::UnsupportedVersion`] or
/// [`ManagedError::DataVersion`].
pub(crate) fn find(
    explicit: Option<&Path>,
    path: Option<&OsStr>,
    data: Option<(&Path, &str)>,
) -> Result<Binaries, ManagedError> {
    let candidates = match explicit {
        Some(folder) => vec![folder.to_path_buf()],
        None => path_folders(path).into_iter().chain(usual_folders()).collect(),
    };
    let mut supported = Vec::new();
    let mut unsupported = None;
    for folder in &candidates {
        match probe(folder) {
            Ok(found) if (OLDEST_MAJOR..=NEWEST_MAJOR).contains(&found.major) => {
                supported.push(found)
            }
            Ok(found) => unsupported = unsupported.or(Some(found)),
            Err(program) if explicit.is_some() => {
                return Err(ManagedError::BadBinFolder { folder: folder.clone(), program });
            }
            Err(_absent) => {}
        }
    }
    let wanted = data.map(|(_, major)| major);
    let fits = |found: &&Binaries| wanted.is_none_or(|major| found.major.to_string() == major);
    if let Some(found) = supported.iter().find(fits) {
        return Ok(found.clone());
    }
    Err(match (data, unsupported) {
        (Some((folder, major)), _) => ManagedError::DataVersion {
            folder: folder.to_path_buf(),
            data: major.into(),
            installed: supported.iter().map(Binaries::major).collect(),
        },
        (None, Some(found)) => {
            ManagedError::UnsupportedVersion { found: found.version, folder: found.folder }
        }
        (None, None) => ManagedError::NotFound { searched: candidates },
    })
}

fn path_folders(path: Option<&OsStr>) -> Vec<PathBuf> {
    path.map(|path| std::env::split_paths(path).filter(|folder| folder.is_absolute()).collect())
        .unwrap_or_default()
}

fn usual_folders() -> Vec<PathBuf> {
    let majors = (OLDEST_MAJOR..=NEWEST_MAJOR).rev();
    majors
        .flat_map(|major| {
            [
                format!("/usr/lib/postgresql/{major}/bin"),
                format!("/usr/pgsql-{major}/bin"),
                format!("/opt/homebrew/opt/postgresql@{major}/bin"),
                format!("/usr/local/opt/postgresql@{major}/bin"),
                format!("/Applications/Postgres.app/Contents/Versions/{major}/bin"),
            ]
        })
        .map(PathBuf::from)
        .collect()
}

/// The installation in a folder, or the first program that it lacks.
fn probe(folder: &Path) -> Result<Binaries, &'static str> {
    for program in ["postgres", "initdb"] {
        if !folder.join(program).is_file() {
            return Err(program);
        }
    }
    let output = Command::new(folder.join("postgres"))
        .arg("--version")
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .map_err(|_unusable| "usable postgres")?;
    parse_version(&String::from_utf8_lossy(&output.stdout))
        .map(|(major, version)| Binaries { folder: folder.to_path_buf(), major, version })
        .ok_or("usable postgres")
}

/// Reads `postgres (PostgreSQL) 15.18 (Debian …)`, also beta versions like `18beta1`.
fn parse_version(text: &str) -> Option<(u32, String)> {
    let version = text.split_once("(PostgreSQL) ")?.1.split_whitespace().next()?;
    let digits = version.split(|c: char| !c.is_ascii_digit()).next()?;
    Some((digits.parse().ok()?, version.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fake(root: &Path, name: &str, version: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = root.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        for program in ["postgres", "initdb"] {
            let path = folder.join(program);
            std::fs::write(&path, format!("#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n"))
                .unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        folder
    }

    #[test]
    fn versions_are_read_from_what_postgres_prints() {
        let debian = "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n";
        assert_eq!(parse_version(debian), Some((15, "15.18".into())));
        assert_eq!(parse_version("postgres (PostgreSQL) 18beta1"), Some((18, "18beta1".into())));
        assert_eq!(parse_version("psql 15"), None);
    }

    #[test]
    fn the_folder_named_in_the_configuration_is_the_only_one_looked_at() {
        let root = tempfile::tempdir().unwrap();
        let old = fake(root.path(), "old", "13.4");
        let error = find(Some(&old), None, None).unwrap_err();
        assert!(
            matches!(&error, ManagedError::UnsupportedVersion { found, .. } if found == "13.4"),
            "{error}"
        );
        let error = find(Some(&root.path().join("none")), None, None).unwrap_err();
        assert!(matches!(error, ManagedError::BadBinFolder { program: "postgres", .. }), "{error}");
    }

    #[test]
    fn path_comes_before_the_usual_folders() {
        let root = tempfile::tempdir().unwrap();
        let folder = fake(root.path(), "bin", "17.2");
        let found = find(None, Some(folder.as_os_str()), None).unwrap();
        assert_eq!((found.folder(), found.major()), (folder.as_path(), 17));
    }

    #[test]
    fn an_existing_cluster_decides_the_version() {
        let root = tempfile::tempdir().unwrap();
        let folder = fake(root.path(), "bin", "17.2");
        let data = root.path().join("data");
        let error = find(Some(&folder), None, Some((&data, "16"))).unwrap_err();
        assert!(
            matches!(&error, ManagedError::DataVersion { data, installed, .. } if data == "16" && installed == &[17])
        );
        assert!(error.hint().unwrap().contains("postgresql-16"));
    }
}
