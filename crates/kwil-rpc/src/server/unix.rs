//! The operator's socket file: mode 0600 from its first moment, never taken from a live process.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use super::connection::Shared;
use super::error::StartError;
use super::tcp::pause;
use crate::app::ConnInfo;

/// A bound socket file, removed at the end if it is still ours.
#[derive(Debug)]
pub(super) struct Unix {
    listener: UnixListener,
    file: SocketFile,
}

#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl Unix {
    /// Binds in a private folder and links the socket to its place, so that it never has another mode.
    pub(super) async fn bind(path: &Path) -> Result<Self, StartError> {
        clear(path).await?;
        let fault = |source| StartError::Socket { path: path.to_owned(), source };
        if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
            DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(fault)?;
        }
        let mut name = [0; 4];
        getrandom::fill(&mut name).map_err(StartError::entropy)?;
        let nursery = path.with_extension(format!("{:08x}", u32::from_be_bytes(name)));
        DirBuilder::new().mode(0o700).create(&nursery).map_err(fault)?;
        let made = place(&nursery, path);
        fs::remove_dir_all(&nursery).map_err(fault)?;
        made.map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => StartError::SocketInUse { path: path.to_owned() },
            _ => fault(source),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.file.path
    }

    /// Accepts until the stop.
    pub(super) async fn accept(self, shared: &Shared) {
        loop {
            let accepted = tokio::select! {
                biased;
                () = shared.stop.cancelled() => return,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _unnamed)) => welcome(shared, stream),
                Err(error) => pause(&error).await,
            }
        }
    }
}

fn welcome(shared: &Shared, stream: UnixStream) {
    if !is_operator(&stream) {
        tracing::warn!("a stranger connected to the admin socket");
        return;
    }
    let Some(seat) = shared.seat(None) else { return };
    let task = shared.clone();
    shared.spawn(async move { task.serve(stream, ConnInfo::default(), seat).await });
}

/// Root or the user that the node runs as; the file's mode says the same, unless somebody changed it.
fn is_operator(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == 0 || peer.uid() == own)
}

/// Removes a socket that nobody listens on.
async fn clear(path: &Path) -> Result<(), StartError> {
    let kind = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(StartError::Socket { path: path.to_owned(), source }),
    };
    if !kind.is_socket() {
        return Err(StartError::NotASocket { path: path.to_owned() });
    }
    if UnixStream::connect(path).await.is_ok() {
        return Err(StartError::SocketInUse { path: path.to_owned() });
    }
    tracing::info!(path = %path.display(), "removing the socket of a node that is gone");
    fs::remove_file(path).map_err(|source| StartError::Socket { path: path.to_owned(), source })
}

fn place(nursery: &Path, path: &Path) -> io::Result<Unix> {
    let young = nursery.join("s");
    let listener = UnixListener::bind(&young)?;
    fs::set_permissions(&young, Permissions::from_mode(0o600))?;
    let metadata = fs::symlink_metadata(&young)?;
    // Unlike a rename, a link takes nobody's place: of two nodes that start at once, one is told.
    fs::hard_link(&young, path)?;
    let file = SocketFile { path: path.to_owned(), device: metadata.dev(), inode: metadata.ino() };
    Ok(Unix { listener, file })
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|found| (found.dev(), found.ino()) == (self.device, self.inode));
        if ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "cannot remove the admin socket");
        }
    }
}
