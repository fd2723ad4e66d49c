//! Starting a PostgreSQL program as the right user.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::error::ManagedError;
use super::exec::{FOLDER, PG_EXEC_SUBCOMMAND};

/// Search path of the programs that are started here.
const PROGRAM_PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";

/// How a PostgreSQL program is started so that it has the right user and dies with this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Launcher {
    /// A program whose subcommand `__pg-exec` calls [`crate::pg_exec_main`]; `kwild` itself in a node.
    Subcommand(PathBuf),
    /// A program that only calls [`crate::pg_exec_main`], like `kwil-pg-exec`.
    Program(PathBuf),
    /// `setpriv` of util-linux. The parents of the cluster's folder must be open to the server's user.
    Setpriv,
}

/// User that a server runs as when it is not ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OsUser {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl OsUser {
    /// The user for PostgreSQL programs: nobody else unless we are root.
    pub(crate) fn choose(configured: Option<&str>) -> Result<Option<Self>, ManagedError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let name = configured.unwrap_or("postgres");
        Self::look_up(name).map(Some).ok_or_else(|| ManagedError::NoOsUser { user: name.into() })
    }

    /// Asks `id`, which knows every source of users that the system is configured for.
    fn look_up(name: &str) -> Option<Self> {
        let ask = |flag: &str| {
            let output =
                Command::new("id").args([flag, "--", name]).stdin(Stdio::null()).output().ok()?;
            String::from_utf8(output.stdout).ok()?.trim().parse::<u32>().ok()
        };
        let (uid, gid) = (ask("-u")?, ask("-g")?);
        (uid != 0).then(|| Self { name: name.into(), uid, gid })
    }
}

impl Launcher {
    /// A command for `program` whose arguments may contain the place holder for the cluster's folder.
    pub(crate) fn command(
        &self,
        folder: &Path,
        user: Option<&OsUser>,
        program: &Path,
        args: &[String],
    ) -> Command {
        let mut command = match self {
            Self::Subcommand(helper) => {
                let mut command = Command::new(helper);
                command.arg(PG_EXEC_SUBCOMMAND);
                helper_args(&mut command, folder, user);
                command.arg(program).args(args);
                command
            }
            Self::Program(helper) => {
                let mut command = Command::new(helper);
                helper_args(&mut command, folder, user);
                command.arg(program).args(args);
                command
            }
            Self::Setpriv => {
                let mut command = Command::new("setpriv");
                if let Some(OsUser { uid, gid, .. }) = user {
                    command.args([
                        format!("--reuid={uid}"),
                        format!("--regid={gid}"),
                        "--clear-groups".into(),
                    ]);
                }
                command.args(["--pdeathsig", "INT", "--"]).arg(program);
                command.args(args.iter().map(|arg| with_folder(arg, folder)));
                command
            }
        };
        // Nothing of the node's environment reaches the server: PGOPTIONS and friends would change it.
        // A process group of its own: Ctrl-C in a terminal must reach the node, which then stops the server in order.
        command
            .process_group(0)
            .env_clear()
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .env("PATH", PROGRAM_PATH)
            .current_dir("/");
        command
    }
}

fn helper_args(command: &mut Command, folder: &Path, user: Option<&OsUser>) {
    let (uid, gid) =
        user.map_or(("-".into(), "-".into()), |user| (user.uid.to_string(), user.gid.to_string()));
    command.arg(folder).args([uid, gid, std::process::id().to_string()]);
}

fn with_folder(arg: &str, folder: &Path) -> OsString {
    let mut parts = arg.split(FOLDER);
    let mut text = OsString::from(parts.next().unwrap_or_default());
    for part in parts {
        text.push(folder);
        text.push(OsStr::new(part));
    }
    text
}
