//! One local network: a folder, a bridge, and the hosts on it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::host::Host;

const PROGRAMS: [&str; 3] = ["kwild", "kwil-admin", "kwil-cli"];

/// How far hosts are separated from each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// Own network namespace and own root file system view: default ports and paths.
    Namespaces,
    /// Shared loopback interface: ports and paths come from the environment.
    Loopback,
}

/// A local network of hosts; removing it stops nothing, so drop the processes first.
#[derive(Debug)]
pub struct Lab {
    folder: TempDir,
    binaries: PathBuf,
    isolation: Isolation,
    /// Distinguishes labs of one machine: part of interface names and of the subnet.
    number: u32,
    hosts: AtomicU32,
}

impl Lab {
    /// Prepares the network with the best isolation that this machine allows.
    ///
    /// # Errors
    /// When the binaries are not built or the bridge cannot be made.
    pub fn new() -> Result<Self> {
        Self::with_isolation(if namespaces_allowed() {
            Isolation::Namespaces
        } else {
            Isolation::Loopback
        })
    }

    /// As [`Lab::new`] with a given isolation.
    ///
    /// # Errors
    /// As [`Lab::new`].
    pub fn with_isolation(isolation: Isolation) -> Result<Self> {
        let binaries = binaries()?;
        let folder = tempfile::Builder::new().prefix("kwil-lab-").tempdir()?;
        let number = free_number()?;
        let lab = Self { folder, binaries, isolation, number, hosts: AtomicU32::new(0) };
        if isolation == Isolation::Namespaces {
            let bridge = lab.bridge();
            sh(&format!(
                "ip link add {bridge} type bridge && ip link set {bridge} up && ip addr add 10.77.{number}.1/24 dev {bridge}"
            ))?;
        }
        Ok(lab)
    }

    /// How the hosts of this lab are separated.
    #[must_use]
    pub fn isolation(&self) -> Isolation {
        self.isolation
    }

    /// The folder that holds the file systems of all hosts.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Keeps the lab's folder after the end and returns it.
    #[must_use]
    pub fn keep(mut self) -> PathBuf {
        self.folder.disable_cleanup(true);
        let path = self.folder.path().to_owned();
        std::mem::forget(self);
        path
    }

    /// Adds a host; its address is the next of the lab's subnet.
    ///
    /// # Errors
    /// When its folders, binaries or namespace cannot be made.
    pub fn host(&self, name: &str) -> Result<Host> {
        let index = self.hosts.fetch_add(1, Ordering::Relaxed);
        let root = self.folder.path().join(name);
        let home = root.join("root");
        for folder in ["root", "tmp", "data", "kwil/bin"] {
            std::fs::create_dir_all(root.join(folder))?;
        }
        open_to_all(&root.join("tmp"))?;
        for program in PROGRAMS {
            let target = root.join("kwil/bin").join(program);
            let source = self.binaries.join(program);
            std::fs::hard_link(&source, &target)
                .or_else(|_| std::fs::copy(&source, &target).map(drop))
                .with_context(|| format!("placing {}", source.display()))?;
        }
        let host = Host::new(name.to_owned(), root, home, self.isolation, (self.number, index));
        if self.isolation == Isolation::Namespaces {
            self.connect(&host)?;
        }
        Ok(host)
    }

    fn connect(&self, host: &Host) -> Result<()> {
        let (space, bridge) = (host.namespace(), self.bridge());
        let link = format!("kv{}-{}", self.number, self.hosts.load(Ordering::Relaxed));
        sh(&format!(
            "ip netns add {space} && ip link add {link} type veth peer name eth0 netns {space} \
             && ip link set {link} master {bridge} up && ip -n {space} link set lo up \
             && ip -n {space} addr add {}/24 dev eth0 && ip -n {space} link set eth0 up",
            host.address()
        ))
    }

    fn bridge(&self) -> String {
        format!("kwbr{}", self.number)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if self.isolation == Isolation::Namespaces {
            let clean = format!(
                "for s in $(ip netns list | cut -d' ' -f1 | grep '^kw{0}-'); do ip netns del $s; done; ip link del {1}",
                self.number,
                self.bridge()
            );
            if let Err(error) = sh(&clean) {
                report(&format!("the lab's network was not removed: {error:#}"));
            }
        }
    }
}

#[expect(clippy::print_stderr, reason = "a drop has no other way to tell")]
fn report(text: &str) {
    eprintln!("{text}");
}

/// Whether network and mount namespaces can be made here.
fn namespaces_allowed() -> bool {
    rustix::process::geteuid().is_root()
        && std::env::var_os("KWILD_TEST_LOOPBACK").is_none()
        && sh("command -v ip unshare chroot >/dev/null && ip netns add kwprobe$$ && ip netns del kwprobe$$ && unshare -m true").is_ok()
}

/// A number that no other lab of this machine uses now: 1 to 200.
fn free_number() -> Result<u32> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id().checked_rem(200).unwrap_or_default();
    for _ in 0..200 {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let number =
            start.wrapping_add(step).checked_rem(200).unwrap_or_default().saturating_add(1);
        if !Path::new(&format!("/sys/class/net/kwbr{number}")).exists() {
            return Ok(number);
        }
    }
    bail!("two hundred labs are running on this machine; remove stale kwbr* bridges")
}

/// The folder of the built programs: `KWILD_TEST_BIN`, or the one this test or task was built into.
fn binaries() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let candidates = std::env::var_os("KWILD_TEST_BIN").map(PathBuf::from).into_iter();
    let folders = candidates.chain(own.ancestors().skip(1).take(2).map(Path::to_owned));
    for folder in folders {
        if PROGRAMS.iter().all(|program| folder.join(program).is_file()) {
            return Ok(folder);
        }
    }
    bail!("kwild, kwil-admin and kwil-cli are not built; run `cargo build --bins` first")
}

fn open_to_all(folder: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o1777))?;
    Ok(())
}

pub(crate) fn sh(script: &str) -> Result<()> {
    let output = Command::new("sh").args(["-c", script]).output().context("starting sh")?;
    if !output.status.success() {
        bail!("`{script}` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
