//! What a peer must share, and where this node stands.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use kwil_crypto::Hash;
use kwil_types::{Height, ValidatorSet, View};

/// The chain that this node belongs to. Peers of another one are refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Readable name.
    pub id: String,
    /// Genesis hash: the same name with another genesis is another chain.
    pub hash: Hash,
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.id, self.hash)
    }
}

/// Version of the node software, `MAJOR.MINOR.PATCH`. Nodes of another MAJOR.MINOR do not work together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release {
    /// First number.
    pub major: u32,
    /// Second number.
    pub minor: u32,
    /// Third number; peers may differ in it.
    pub patch: u32,
}

/// A text that is not `MAJOR.MINOR.PATCH`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("version '{text}' is not MAJOR.MINOR.PATCH")]
pub struct ReleaseError {
    /// The text.
    pub text: String,
}

impl Release {
    /// Whether nodes of these versions may work together.
    #[must_use]
    pub const fn is_compatible(self, other: Self) -> bool {
        self.major == other.major && self.minor == other.minor
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl FromStr for Release {
    type Err = ReleaseError;

    /// What follows the third number (`-rc.1`, `+build`) is ignored.
    fn from_str(text: &str) -> Result<Self, ReleaseError> {
        let wrong = || ReleaseError { text: text.chars().take(32).collect() };
        let numbers = text.split(['-', '+']).next().unwrap_or_default();
        let mut parts = numbers.split('.').map(|part| {
            let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            if digits { part.parse().map_err(|_| wrong()) } else { Err(wrong()) }
        });
        let mut next = || parts.next().unwrap_or_else(|| Err(wrong()));
        let release = Self { major: next()?, minor: next()?, patch: next()? };
        if parts.next().is_some() { Err(wrong()) } else { Ok(release) }
    }
}

/// Where this node stands in the chain. The node tells the network after each commit.
#[derive(Debug, Clone)]
pub struct ChainView {
    /// Lowest block that this node serves.
    pub base: Height,
    /// Highest committed block.
    pub tip: Height,
    /// Its hash; zero before the first block.
    pub best_hash: Hash,
    /// Validators that vote on the next block.
    pub validators: Arc<ValidatorSet>,
    /// Largest block allowed, bytes; bounds what is read from peers.
    pub max_block_size: u64,
    /// Catching up: no transaction gossip in or out.
    pub syncing: bool,
    /// Snapshots are served.
    pub serves_snapshots: bool,
}

/// Where a peer says it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerStatus {
    /// Lowest block that it serves.
    pub base: Height,
    /// Highest block that it committed.
    pub height: Height,
    /// Its hash.
    pub best_hash: Hash,
    /// It is catching up.
    pub syncing: bool,
    /// It serves snapshots.
    pub serves_snapshots: bool,
    /// It only exchanges addresses.
    pub seeder: bool,
}

/// The highest message of a signer that somebody has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LastSigned {
    /// Height it was about.
    pub height: Height,
    /// View it was about.
    pub view: View,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_strictly() {
        for (text, want) in [
            ("0.10.2", Some((0, 10, 2))),
            ("1.2.3-rc.1", Some((1, 2, 3))),
            ("1.2.3+abc", Some((1, 2, 3))),
            ("1.2", None),
            ("1.2.3.4", None),
            ("1..3", None),
            ("v1.2.3", None),
            ("+1.2.3", None),
            ("", None),
            ("4294967296.0.0", None),
        ] {
            let got = text.parse::<Release>().ok().map(|r| (r.major, r.minor, r.patch));
            assert_eq!(got, want, "{text}");
        }
    }

    #[test]
    fn only_the_patch_may_differ() {
        let at = |text: &str| text.parse::<Release>().unwrap();
        assert!(at("1.2.3").is_compatible(at("1.2.9")));
        assert!(!at("1.2.3").is_compatible(at("1.3.3")));
        assert!(!at("1.2.3").is_compatible(at("2.2.3")));
    }
}
