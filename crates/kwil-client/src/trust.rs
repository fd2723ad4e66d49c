//! Nodes seen before: `<host:port> <node id> <first seen>`, one a line. A first node is accepted and remembered, a
//! changed one is refused.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use kwil_crypto::NodeId;
use rustix::fs::{FlockOperation, flock};

use crate::error::ClientError;

/// The file of nodes seen before; two commands at once lose no entry.
#[derive(Clone, Debug)]
pub struct KnownNodes {
    path: PathBuf,
    strict: bool,
}

/// What a look into the file gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acquaintance {
    /// Seen before, the same.
    Known,
    /// Not seen before; remembered now.
    New,
}

impl KnownNodes {
    /// Keeps the nodes in this file, made with mode 0600 when missing.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), strict: false }
    }

    /// Refuses nodes that are not in the file.
    #[must_use]
    pub fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    /// Compares a node with the one remembered for an address, or remembers it.
    ///
    /// # Errors
    /// When another node is remembered, when strict and none is, or when the file cannot be used.
    pub fn meet(&self, address: &str, node: &NodeId) -> Result<Acquaintance, ClientError> {
        let mut file = self.open().map_err(|source| self.fault(source))?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(|source| self.fault(source))?;
        if let Some((line, known)) = find(&text, address) {
            if known == *node {
                return Ok(Acquaintance::Known);
            }
            return Err(ClientError::KnownNode {
                address: address.to_owned(),
                got: Box::new(*node),
                known: Box::new(known),
                file: self.path.clone(),
                line,
            });
        }
        if self.strict {
            return Err(ClientError::Identity {
                endpoint: address.to_owned(),
                reason: format!("{node} is not in {}", self.path.display()),
            });
        }
        append(&mut file, &text, address, node).map_err(|source| self.fault(source))?;
        Ok(Acquaintance::New)
    }

    /// Forgets what is remembered for an address; false when nothing was.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub fn forget(&self, address: &str) -> Result<bool, ClientError> {
        let mut file = self.open().map_err(|source| self.fault(source))?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(|source| self.fault(source))?;
        if find(&text, address).is_none() {
            return Ok(false);
        }
        let kept: String = text
            .lines()
            .filter(|line| entry_address(line) != Some(address))
            .map(|line| format!("{line}\n"))
            .collect();
        rewrite(&mut file, &kept).map_err(|source| self.fault(source))?;
        Ok(true)
    }

    fn open(&self) -> io::Result<File> {
        if let Some(folder) = self.path.parent().filter(|folder| !folder.exists()) {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let file =
            OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&self.path)?;
        flock(&file, FlockOperation::LockExclusive)?;
        Ok(file)
    }

    fn fault(&self, source: io::Error) -> ClientError {
        ClientError::File { what: "the list of known nodes", path: self.path.clone(), source }
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn entry_address(line: &str) -> Option<&str> {
    line.split_whitespace().next().filter(|first| !first.starts_with('#'))
}

/// Line number and node of an address.
fn find(text: &str, address: &str) -> Option<(usize, NodeId)> {
    text.lines().zip(1..).find_map(|(line, number)| {
        let mut words = line.split_whitespace();
        if words.next()? != address {
            return None;
        }
        words.next()?.parse().ok().map(|node| (number, node))
    })
}

fn append(file: &mut File, text: &str, address: &str, node: &NodeId) -> io::Result<()> {
    let start = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    file.write_all(
        format!("{start}{address} {node} {}\n", Timestamp::now().strftime("%FT%TZ")).as_bytes(),
    )?;
    file.sync_all()
}

fn rewrite(file: &mut File, text: &str) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use kwil_crypto::{KeyType, PrivateKey};

    use super::*;

    fn node(seed: u8) -> NodeId {
        NodeId::new(PrivateKey::from_bytes(KeyType::Secp256k1, &[seed; 32]).unwrap().public_key())
    }

    #[test]
    fn a_first_node_is_remembered_and_a_changed_one_refused() {
        let folder = tempfile::tempdir().unwrap();
        let known = KnownNodes::new(folder.path().join("sub/known_nodes"));
        assert_eq!(known.meet("h:8484", &node(1)).unwrap(), Acquaintance::New);
        assert_eq!(known.meet("h:8484", &node(1)).unwrap(), Acquaintance::Known);
        assert_eq!(known.meet("other:8484", &node(2)).unwrap(), Acquaintance::New);
        let error = known.meet("h:8484", &node(2)).unwrap_err();
        assert!(matches!(&error, ClientError::KnownNode { line: 1, .. }), "{error}");
        assert_eq!(error.exit_code(), 3);
        assert_eq!(known.path().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_forgotten_node_may_change() {
        let folder = tempfile::tempdir().unwrap();
        let known = KnownNodes::new(folder.path().join("known_nodes"));
        known.meet("h:1", &node(1)).unwrap();
        known.meet("h:2", &node(2)).unwrap();
        assert!(known.forget("h:1").unwrap());
        assert!(!known.forget("h:1").unwrap());
        assert_eq!(known.meet("h:1", &node(3)).unwrap(), Acquaintance::New);
        assert_eq!(known.meet("h:2", &node(2)).unwrap(), Acquaintance::Known);
    }

    #[test]
    fn strict_accepts_nobody_new() {
        let folder = tempfile::tempdir().unwrap();
        let known = KnownNodes::new(folder.path().join("known_nodes")).strict();
        assert!(matches!(known.meet("h:1", &node(1)), Err(ClientError::Identity { .. })));
    }
}
