//! Block headers, version 1.

use kwil_crypto::{Hash, PublicKey, context, hash};

use crate::wire::{Reader, WireError, Writer};
use crate::{Height, ValidatorSet, View};

/// Longest header that is decoded, in bytes. Today's are 264, or 263 with an ed25519 proposer, plus a new leader.
pub const MAX_HEADER_LEN: usize = 1024;

const VERSION: u16 = 1;

/// What validators agree on. Its hash is the block hash.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Header {
    /// Genesis hash: binds the block to one network.
    pub chain_hash: Hash,
    /// Position of the block.
    pub height: Height,
    /// View in which the block was made; a later proposal of the same block keeps it.
    pub view: View,
    /// Block hash of the height before; zero for the first block.
    pub prev_hash: Hash,
    /// App hash after the height before; for the first block that of the genesis state.
    pub prev_app_hash: Hash,
    /// Number of transactions.
    pub tx_count: u32,
    /// Root of the transaction tree.
    pub tx_root: Hash,
    /// Hash of the set that votes on this height.
    pub validators_hash: Hash,
    /// Hash of the parameters in force while this block executes.
    pub params_hash: Hash,
    /// Unix time in milliseconds, above that of the block before.
    pub time_ms: u64,
    /// Validator that made the block.
    pub proposer: PublicKey,
    /// Leader from the next height on, when operators replaced it.
    pub new_leader: Option<PublicKey>,
}

impl Header {
    /// The header bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(320);
        writer
            .u16_be(VERSION)
            .hash(&self.chain_hash)
            .u64_be(self.height.0)
            .u64_be(self.view.0)
            .hash(&self.prev_hash)
            .hash(&self.prev_app_hash)
            .u32_be(self.tx_count)
            .hash(&self.tx_root)
            .hash(&self.validators_hash)
            .hash(&self.params_hash)
            .u64_be(self.time_ms)
            .key(&self.proposer)
            .option(self.new_leader.as_ref(), |writer, key| {
                writer.key(key);
            });
        writer.into_bytes()
    }

    /// Reads header bytes, exactly.
    ///
    /// # Errors
    /// [`WireError`]; more than [`MAX_HEADER_LEN`] bytes are refused unread.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        if bytes.len() > MAX_HEADER_LEN {
            return Err(WireError::Invalid { what: "header is longer than 1024 bytes" });
        }
        let mut reader = Reader::new(bytes);
        match reader.u16_be()? {
            VERSION => {}
            got => {
                return Err(WireError::Version { want: u64::from(VERSION), got: u64::from(got) });
            }
        }
        let header = Self {
            chain_hash: reader.hash()?,
            height: Height(reader.u64_be()?),
            view: View(reader.u64_be()?),
            prev_hash: reader.hash()?,
            prev_app_hash: reader.hash()?,
            tx_count: reader.u32_be()?,
            tx_root: reader.hash()?,
            validators_hash: reader.hash()?,
            params_hash: reader.hash()?,
            time_ms: reader.u64_be()?,
            proposer: reader.key()?,
            new_leader: reader.option(Reader::key)?,
        };
        reader.finish()?;
        Ok(header)
    }

    /// The block hash.
    #[must_use]
    pub fn hash(&self) -> Hash {
        hash(context::HEADER, &self.encode())
    }

    /// Checks everything about a header that committed data decides. The same on every node, at proposal and in sync.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(&self, expected: &Expected<'_>) -> Result<(), HeaderError> {
        let hashes = [
            ("chain_hash", self.chain_hash, expected.chain_hash),
            ("prev_hash", self.prev_hash, expected.prev_hash),
            ("prev_app_hash", self.prev_app_hash, expected.prev_app_hash),
            ("validators_hash", self.validators_hash, expected.validators_hash),
            ("params_hash", self.params_hash, expected.params_hash),
        ];
        if self.height != expected.height {
            return Err(HeaderError::Height { want: expected.height, got: self.height });
        }
        if let Some((field, got, want)) = hashes.into_iter().find(|(_, got, want)| got != want) {
            return Err(HeaderError::Hash { field, want, got });
        }
        match expected.validators.leader(&expected.first_leader, self.view) {
            Some(leader) if *leader == self.proposer => {}
            Some(_) | None => {
                return Err(HeaderError::Proposer { view: self.view, got: self.proposer });
            }
        }
        if let Some(new_leader) = self.new_leader
            && new_leader != self.proposer
        {
            return Err(HeaderError::NewLeader { got: new_leader });
        }
        if self.time_ms <= expected.parent_time_ms {
            return Err(HeaderError::Time { parent: expected.parent_time_ms, got: self.time_ms });
        }
        Ok(())
    }
}

/// Committed data that a header must agree with.
#[derive(Debug, Clone)]
pub struct Expected<'a> {
    /// Genesis hash of the network.
    pub chain_hash: Hash,
    /// Height after the last committed one.
    pub height: Height,
    /// Block hash of the last committed height; zero before the first block.
    pub prev_hash: Hash,
    /// App hash of the last committed height.
    pub prev_app_hash: Hash,
    /// Validators of this height.
    pub validators: &'a ValidatorSet,
    /// Their hash.
    pub validators_hash: Hash,
    /// Hash of the parameters in force.
    pub params_hash: Hash,
    /// Who leads view 0 of this height.
    pub first_leader: PublicKey,
    /// Time of the last committed block; 0 before the first.
    pub parent_time_ms: u64,
}

/// Why a header does not continue the chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// Another height than the next.
    #[error("height {got} is not {want}")]
    Height {
        /// The next height.
        want: Height,
        /// Height in the header.
        got: Height,
    },
    /// A hash differs from the committed one.
    #[error("{field} {got} is not {want}")]
    Hash {
        /// Name of the field.
        field: &'static str,
        /// What committed data says.
        want: Hash,
        /// What the header says.
        got: Hash,
    },
    /// The proposer does not lead the view in which it made the block.
    #[error("{got} does not lead view {view}")]
    Proposer {
        /// View in the header.
        view: View,
        /// Proposer in the header.
        got: PublicKey,
    },
    /// Only the proposer itself can become the new leader.
    #[error("new leader {got} is not the proposer")]
    NewLeader {
        /// New leader in the header.
        got: PublicKey,
    },
    /// The time does not rise.
    #[error("time {got} ms is not above that of the block before, {parent} ms")]
    Time {
        /// Time of the block before.
        parent: u64,
        /// Time in the header.
        got: u64,
    },
}
