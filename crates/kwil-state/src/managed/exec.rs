//! The step between the node and a PostgreSQL program: become the right user, die with the node, `exec`.
//!
//! A parent-death signal belongs to the thread that spawned the child and is cleared by a change of uid, so the order
//! groups, gid, uid, signal matters and must happen in a process of its own.

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use rustix::fs::{Mode, OFlags};
use rustix::process::{Gid, Pid, Resource, Rlimit, Signal, Uid};

/// Hidden subcommand of `kwild` under which [`pg_exec_main`] runs.
pub const PG_EXEC_SUBCOMMAND: &str = "__pg-exec";

/// In an argument: a path to the cluster's folder that works without access to its parents.
pub(crate) const FOLDER: &str = "{folder}";

/// Stack that the server's `max_stack_depth` of 6 MB needs.
const STACK_BYTES: u64 = 8 * 1024 * 1024;

/// The body of the hidden subcommand. Arguments: folder, uid or `-`, gid or `-`, pid of the parent, program, its
/// arguments. Call it before any thread is started. Does not return when it works.
#[must_use]
pub fn pg_exec_main(args: impl Iterator<Item = OsString>) -> ExitCode {
    let problem = match Request::parse(args) {
        Ok(request) => request.exec(),
        Err(problem) => problem,
    };
    // Nothing else can be done when stderr is gone.
    drop(writeln!(std::io::stderr(), "FATAL: {PG_EXEC_SUBCOMMAND}: {problem}"));
    ExitCode::from(126)
}

struct Request {
    folder: OsString,
    user: Option<(u32, u32)>,
    parent: Option<Pid>,
    program: OsString,
    args: Vec<OsString>,
}

impl Request {
    fn parse(mut args: impl Iterator<Item = OsString>) -> Result<Self, String> {
        let mut next = |name: &str| args.next().ok_or_else(|| format!("missing argument: {name}"));
        let folder = next("folder")?;
        let user = match (id(&next("uid")?)?, id(&next("gid")?)?) {
            (Some(uid), Some(gid)) => Some((uid, gid)),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return Err("uid and gid belong together".into()),
        };
        let parent = id(&next("parent pid")?)?
            .and_then(|pid| i32::try_from(pid).ok())
            .and_then(Pid::from_raw);
        let program = next("program")?;
        Ok(Self { folder, user, parent, program, args: args.collect() })
    }

    /// Returns only when something failed.
    fn exec(self) -> String {
        let folder = match self.open_folder() {
            Ok(folder) => folder,
            Err(error) => return format!("cannot open {}: {error}", self.folder.display()),
        };
        if let Err((step, error)) = self.become_user() {
            return format!("{step}: {error}");
        }
        // The descriptor stays open across `exec`, so the server reaches its folder through it even when a parent
        // folder is closed to its user.
        let path = format!("/proc/self/fd/{}", folder.as_raw_fd());
        let args = self.args.iter().map(|arg| replace(arg, &path));
        let error = Command::new(&self.program).args(args).current_dir("/").exec();
        format!("cannot start {}: {error}", self.program.display())
    }

    fn open_folder(&self) -> std::io::Result<OwnedFd> {
        Ok(rustix::fs::open(&self.folder, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())?)
    }

    fn become_user(&self) -> Result<(), (&'static str, std::io::Error)> {
        raise_stack_limit();
        if let Some((uid, gid)) = self.user {
            let group = Gid::from_raw(gid);
            rustix::thread::set_thread_groups(&[group])
                .map_err(|e| ("cannot set groups", e.into()))?;
            rustix::thread::set_thread_gid(group).map_err(|e| ("cannot set gid", e.into()))?;
            rustix::thread::set_thread_uid(Uid::from_raw(uid))
                .map_err(|e| ("cannot set uid", e.into()))?;
        }
        let Some(parent) = self.parent else { return Ok(()) };
        rustix::process::set_parent_process_death_signal(Some(Signal::INT))
            .map_err(|e| ("cannot set the death signal", e.into()))?;
        // The parent may have died before the signal was set.
        if rustix::process::getppid() == Some(parent) {
            Ok(())
        } else {
            Err(("parent is gone", std::io::ErrorKind::NotFound.into()))
        }
    }
}

fn raise_stack_limit() {
    let limit = rustix::process::getrlimit(Resource::Stack);
    if limit.current.is_some_and(|bytes| bytes < STACK_BYTES) {
        let raised = Rlimit {
            current: Some(limit.maximum.map_or(STACK_BYTES, |max| max.min(STACK_BYTES))),
            ..limit
        };
        // Too small a stack makes the server refuse `max_stack_depth` with a message of its own.
        rustix::process::setrlimit(Resource::Stack, raised).ok();
    }
}

fn replace(arg: &OsStr, folder: &str) -> OsString {
    match arg.to_str() {
        Some(text) => text.replace(FOLDER, folder).into(),
        None => arg.to_os_string(),
    }
}

fn id(text: &OsStr) -> Result<Option<u32>, String> {
    match text.to_str() {
        Some("-") => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| format!("not a number: {text}")),
        None => Err("not a number".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Request, String> {
        Request::parse(args.iter().map(OsString::from))
    }

    #[test]
    fn uid_without_gid_is_refused() {
        assert_eq!(
            parse(&["/f", "7", "-", "1", "p"]).err().as_deref(),
            Some("uid and gid belong together")
        );
    }

    #[test]
    fn every_missing_argument_is_named() {
        assert_eq!(
            parse(&["/f", "-", "-", "1"]).err().as_deref(),
            Some("missing argument: program")
        );
        assert_eq!(parse(&[]).err().as_deref(), Some("missing argument: folder"));
    }

    #[test]
    fn the_folder_is_put_into_every_argument() {
        assert_eq!(
            replace(OsStr::new("--x={folder}/data"), "/proc/self/fd/3"),
            "--x=/proc/self/fd/3/data"
        );
    }
}
