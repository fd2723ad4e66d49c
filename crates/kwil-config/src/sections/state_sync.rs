use std::fmt;

use kwil_types::GoDuration;

use super::seconds;
use crate::peer::{Peer, WhitelistEntry};
use crate::section::section;
use crate::setting::Word;

/// A node whose newest block is believed: with an address, or by its id alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrustedProvider {
    /// Id and address.
    Peer(Peer),
    /// Id alone.
    Node(WhitelistEntry),
}

impl fmt::Display for TrustedProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer(peer) => peer.fmt(f),
            Self::Node(WhitelistEntry(id)) => id.fmt(f),
        }
    }
}

impl Word for TrustedProvider {
    const WHAT: &'static str = "peers or node IDs";

    fn parse(text: &str) -> Result<Self, String> {
        if text.contains('@') {
            Peer::parse(text).map(Self::Peer)
        } else {
            WhitelistEntry::parse(text).map(Self::Node)
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

section! {
    /// start from a snapshot of another node instead of the first block
    "state_sync" => StateSyncConfig {
        /// use it when the database is empty
        enable: bool = false,
        /// nodes whose newest block is believed; not needed with a checkpoint
        trusted_providers: Vec<TrustedProvider> = Vec::new(),
        /// time to look for snapshots before the best one is chosen
        discovery_time: GoDuration = seconds(15),
        /// rounds of looking before block sync is used
        max_retries: u32 = 3,
        /// path to psql; accepted for existing files, not needed by this node
        psql_path: String = "psql".to_owned(),
        /// longest time for a list of snapshots
        catalog_timeout: GoDuration = seconds(30),
        /// longest time for one chunk
        chunk_timeout: GoDuration = seconds(120),
        /// longest time for the description of a snapshot
        metadata_timeout: GoDuration = seconds(60),
        /// longest silence of a peer
        stream_timeout: GoDuration = seconds(300),
        /// chunks fetched at a time, from 1 to 20
        concurrent_chunk_fetchers: u32 = 5,
    }
}
