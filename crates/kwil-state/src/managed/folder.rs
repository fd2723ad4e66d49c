//! The cluster's folder: lock, state file, secrets, socket folder, `initdb`.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::fs::{FlockOperation, Gid, Uid};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::binaries::Binaries;
use super::error::ManagedError;
use super::exec::FOLDER;
use super::launch::{Launcher, OsUser};
use super::settings;
use crate::endpoint::Secret;

/// Longest path of a Unix socket.
const SOCKET_PATH_BYTES: usize = 107;
/// Name of the socket of port 5432, as PostgreSQL makes it.
const SOCKET_NAME: &str = ".s.PGSQL.5432";
/// The superuser of the cluster, used for bootstrap and settings only.
pub(crate) const SUPERUSER: &str = "kwil_super";
/// Format of `kwil-pg.json`.
const FORMAT: u32 = 1;

/// What `kwil-pg.json` holds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    format: u32,
    /// Version of the programs that made the cluster.
    version: String,
    /// Unix time in seconds.
    created: u64,
    /// Folder of the socket when the one inside of the cluster's folder has too long a path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    socket_folder: Option<PathBuf>,
}

/// Passwords of the roles.
#[derive(Debug)]
pub(crate) struct Secrets {
    pub(crate) superuser: Secret,
    pub(crate) owner: Secret,
}

/// `<root>/pg`, locked for this process.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    user: Option<OsUser>,
    // Held for its lock.
    _lock: File,
}

impl Folder {
    /// Creates the folder when it is missing, gives it to `user`, and locks it.
    pub(crate) fn open(path: &Path, user: Option<OsUser>) -> Result<Self, ManagedError> {
        make_folder(path, user.as_ref())?;
        let lock = lock(path)?;
        Ok(Self { path: path.to_path_buf(), user, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn user(&self) -> Option<&OsUser> {
        self.user.as_ref()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    /// Content of `PG_VERSION` when there is a cluster.
    pub(crate) fn data_version(&self) -> Result<Option<String>, ManagedError> {
        let path = self.data().join("PG_VERSION");
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text.trim().to_owned())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !self.data().exists() => {
                Ok(None)
            }
            Err(error) => Err(ManagedError::io("cannot read", &path, error)),
        }
    }

    /// Makes the cluster under a temporary name and renames it, so a half-made one is never used.
    pub(crate) fn init(
        &self,
        binaries: &Binaries,
        launcher: &Launcher,
        memory: Option<u64>,
    ) -> Result<(), ManagedError> {
        let temporary = self.path.join("data.tmp");
        remove(&temporary)?;
        let secrets = self.secrets()?;
        let password = self.path.join("password.tmp");
        remove(&password)?;
        self.write(&password, secrets.superuser.reveal().as_bytes(), 0o600)?;
        let made = self.run_initdb(binaries, launcher);
        remove(&password)?;
        made?;
        let conf = temporary.join("postgresql.conf");
        let tunable = settings::tunable(memory.or_else(settings::memory));
        remove(&conf)?;
        self.write(&conf, tunable.as_bytes(), 0o600)?;
        self.save_state(&State {
            format: FORMAT,
            version: binaries.version().into(),
            created: now(),
            socket_folder: None,
        })?;
        std::fs::rename(&temporary, self.data())
            .map_err(|e| ManagedError::io("cannot rename", &temporary, e))?;
        sync_folder(&self.path)
    }

    fn run_initdb(&self, binaries: &Binaries, launcher: &Launcher) -> Result<(), ManagedError> {
        let program = binaries.program("initdb");
        let args = [
            format!("--pgdata={FOLDER}/data.tmp"),
            format!("--pwfile={FOLDER}/password.tmp"),
            format!("--username={SUPERUSER}"),
            "--encoding=UTF8".into(),
            "--no-locale".into(),
            "--locale-provider=libc".into(),
            "--data-checksums".into(),
            "--auth-local=scram-sha-256".into(),
            "--auth-host=reject".into(),
            "--no-instructions".into(),
        ];
        let mut command = launcher.command(&self.path, self.user.as_ref(), &program, &args);
        let output = command.stdin(Stdio::null()).output().map_err(|source| {
            ManagedError::Spawn { program: command.get_program().into(), source }
        })?;
        if output.status.success() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
        if text.contains("No space left on device") {
            return Err(ManagedError::DiskFull { folder: self.path.clone() });
        }
        Err(ManagedError::Initdb { status: output.status.to_string(), output: text })
    }

    /// Reads the passwords, or makes them.
    pub(crate) fn secrets(&self) -> Result<Secrets, ManagedError> {
        let path = self.path.join("secret");
        match std::fs::read_to_string(&path) {
            Ok(text) => parse_secrets(&Zeroizing::new(text)).ok_or_else(|| ManagedError::Damaged {
                path: path.clone(),
                problem: "expected two lines: name of a role, a space, its password".into(),
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let (superuser, owner) = (random_password(&path)?, random_password(&path)?);
                let text = format!(
                    "{SUPERUSER} {}\n{} {}\n",
                    superuser.reveal(),
                    super::OWNER,
                    owner.reveal()
                );
                let text = Zeroizing::new(text);
                self.write(&path, text.as_bytes(), 0o600)?;
                sync_folder(&self.path)?;
                Ok(Secrets { superuser, owner })
            }
            Err(error) => Err(ManagedError::io("cannot read", &path, error)),
        }
    }

    /// The folder of the socket, as we reach it, and the text of the server's setting for it.
    pub(crate) fn socket_folder(
        &self,
        runtime_dir: Option<&Path>,
    ) -> Result<(PathBuf, String), ManagedError> {
        let inside = self.path.join("run");
        if fits(&inside) {
            make_folder(&inside, self.user.as_ref())?;
            // Relative to the data folder: the server may be unable to reach it by its full path.
            return Ok((inside, "../run".into()));
        }
        let mut state = self.load_state()?;
        let recorded = state.socket_folder.clone().filter(|folder| fits(folder));
        let folder = recorded.unwrap_or_else(|| {
            short_folder(&self.path, runtime_dir.filter(|_| self.user.is_none()))
        });
        make_folder(&folder, self.user.as_ref())?;
        check_owner(&folder, self.user.as_ref())?;
        if state.socket_folder.as_ref() != Some(&folder) {
            state.socket_folder = Some(folder.clone());
            self.save_state(&state)?;
        }
        let text = folder.display().to_string();
        Ok((folder, text))
    }

    fn load_state(&self) -> Result<State, ManagedError> {
        let path = self.path.join("kwil-pg.json");
        let text = std::fs::read_to_string(&path)
            .map_err(|e| ManagedError::io("cannot read", &path, e))?;
        let damaged = |problem: String| ManagedError::Damaged { path: path.clone(), problem };
        let state: State =
            serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        if state.format == FORMAT {
            Ok(state)
        } else {
            Err(damaged(format!("unknown format {}", state.format)))
        }
    }

    fn save_state(&self, state: &State) -> Result<(), ManagedError> {
        let path = self.path.join("kwil-pg.json");
        let temporary = self.path.join("kwil-pg.json.tmp");
        let damaged = |error: serde_json::Error| ManagedError::Damaged {
            path: path.clone(),
            problem: error.to_string(),
        };
        let text = serde_json::to_string_pretty(state).map_err(damaged)?;
        remove(&temporary)?;
        self.write(&temporary, text.as_bytes(), 0o600)?;
        std::fs::rename(&temporary, &path)
            .map_err(|e| ManagedError::io("cannot rename", &temporary, e))
    }

    /// Writes a new file that the server's user may read.
    fn write(&self, path: &Path, content: &[u8], mode: u32) -> Result<(), ManagedError> {
        let failed = |error| ManagedError::io("cannot write", path, error);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(path)
            .map_err(failed)?;
        if let Some(user) = &self.user {
            let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
            rustix::fs::fchown(&file, Some(uid), Some(gid)).map_err(|e| failed(e.into()))?;
        }
        file.write_all(content).and_then(|()| file.sync_all()).map_err(failed)
    }
}

fn make_folder(path: &Path, user: Option<&OsUser>) -> Result<(), ManagedError> {
    let failed = |error| ManagedError::io("cannot create", path, error);
    if !path.is_dir() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
    }
    let metadata = std::fs::symlink_metadata(path).map_err(failed)?;
    if let Some(user) = user.filter(|user| user.uid != metadata.uid() && metadata.uid() == 0) {
        let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
        rustix::fs::chown(path, Some(uid), Some(gid)).map_err(|e| failed(e.into()))?;
    }
    if metadata.permissions().mode() & 0o777 == 0o700 {
        return Ok(());
    }
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).map_err(failed)
}

/// A folder outside of the root may have been put there by somebody else.
fn check_owner(folder: &Path, user: Option<&OsUser>) -> Result<(), ManagedError> {
    let foreign = |problem| ManagedError::SocketFolder { folder: folder.to_path_buf(), problem };
    let metadata = std::fs::symlink_metadata(folder)
        .map_err(|e| ManagedError::io("cannot read", folder, e))?;
    if !metadata.is_dir() {
        return Err(foreign("not a folder"));
    }
    let owner = user.map_or_else(|| rustix::process::geteuid().as_raw(), |user| user.uid);
    if metadata.uid() == owner { Ok(()) } else { Err(foreign("it belongs to another user")) }
}

fn short_folder(cluster: &Path, runtime_dir: Option<&Path>) -> PathBuf {
    let digest = blake3::hash(cluster.as_os_str().as_encoded_bytes()).to_hex();
    let short = digest.get(..8).unwrap_or_default();
    let in_runtime =
        runtime_dir.map(|dir| dir.join(format!("kwild-{short}"))).filter(|folder| fits(folder));
    in_runtime.unwrap_or_else(|| {
        format!("/tmp/kwild-{}-{short}", rustix::process::geteuid().as_raw()).into()
    })
}

fn fits(folder: &Path) -> bool {
    folder.as_os_str().len().saturating_add(1).saturating_add(SOCKET_NAME.len())
        <= SOCKET_PATH_BYTES
}

fn lock(folder: &Path) -> Result<File, ManagedError> {
    let path = folder.join("kwild.lock");
    let failed = |error| ManagedError::io("cannot lock", &path, error);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(failed)?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut text = String::new();
            let pid = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
            return Err(ManagedError::InUse { folder: folder.to_path_buf(), pid });
        }
        Err(error) => return Err(failed(error.into())),
    }
    file.set_len(0).and_then(|()| write!(file, "{}", std::process::id())).map_err(failed)?;
    Ok(file)
}

fn remove(path: &Path) -> Result<(), ManagedError> {
    let removed =
        if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(ManagedError::io("cannot remove", path, error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn sync_folder(path: &Path) -> Result<(), ManagedError> {
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(|e| ManagedError::io("cannot sync", path, e))
}

fn random_password(path: &Path) -> Result<Secret, ManagedError> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    getrandom::fill(&mut *bytes).map_err(|error| ManagedError::Damaged {
        path: path.to_path_buf(),
        problem: format!("no random bytes for it: {error}"),
    })?;
    Ok(Secret::new(hex::encode(*bytes)))
}

fn parse_secrets(text: &str) -> Option<Secrets> {
    let of = |role: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(role)?.strip_prefix(' '))?;
        (!line.is_empty()).then(|| Secret::new(line.to_owned()))
    };
    Some(Secrets { superuser: of(SUPERUSER)?, owner: of(super::OWNER)? })
}

fn now() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_owner_of_the_folder_is_told_the_first_ones_pid() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("pg");
        let _first = Folder::open(&path, None).unwrap();
        let error = Folder::open(&path, None).unwrap_err();
        assert!(
            matches!(error, ManagedError::InUse { pid: Some(pid), .. } if pid == std::process::id()),
            "{error}"
        );
    }

    #[test]
    fn secrets_survive_and_are_private() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(&root.path().join("pg"), None).unwrap();
        let first = folder.secrets().unwrap();
        let again = folder.secrets().unwrap();
        assert_eq!((&first.superuser, &first.owner), (&again.superuser, &again.owner));
        assert_ne!(first.superuser, first.owner);
        let mode = std::fs::metadata(folder.path().join("secret")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_secret_file_is_named_and_not_replaced() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(&root.path().join("pg"), None).unwrap();
        std::fs::write(folder.path().join("secret"), "kwild only\n").unwrap();
        assert!(matches!(folder.secrets(), Err(ManagedError::Damaged { .. })));
        assert_eq!(std::fs::read_to_string(folder.path().join("secret")).unwrap(), "kwild only\n");
    }

    #[test]
    fn a_long_root_gets_a_short_socket_folder() {
        let long = Path::new("/").join("x".repeat(120));
        let short = short_folder(&long, None);
        assert!(fits(&short) && !fits(&long.join("run")));
        assert_eq!(short, short_folder(&long, None));
        assert!(short_folder(&long, Some(Path::new("/run/user/7"))).starts_with("/run/user/7"));
    }
}
