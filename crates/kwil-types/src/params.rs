//! Network parameters and their updates.
//!
//! Nodes hash the parameter list; tools that create `param_updates` resolutions write the reference form (module
//! `reference`), which is little-endian and carries the same values.

mod json;
mod reference;
mod updates;

use std::fmt;
use std::str::FromStr;

use kwil_crypto::{Hash, PublicKey, context, hash};

use crate::GoDuration;
use crate::wire::{Reader, WireError, Writer};

pub use updates::{ParamError, ParamName, ParamUpdates, ParamValue, updates_hash};

/// Default of `max_block_size`, in bytes.
pub const DEFAULT_MAX_BLOCK_SIZE: u64 = 6 * 1024 * 1024;
/// Default of `max_votes_per_tx`.
pub const DEFAULT_MAX_VOTES_PER_TX: u64 = 200;
/// Default of `join_expiry`: a day.
pub const DEFAULT_JOIN_EXPIRY: GoDuration = GoDuration::from_nanos(86_400_000_000_000);
/// Smallest and largest `max_block_size`, in bytes.
pub const MAX_BLOCK_SIZE_RANGE: std::ops::RangeInclusive<u64> = 4096..=64 * 1024 * 1024;
/// Shortest and longest `join_expiry`: a minute and a year of 365 days.
pub const JOIN_EXPIRY_RANGE: std::ops::RangeInclusive<GoDuration> =
    GoDuration::from_secs(60)..=GoDuration::from_secs(365 * 86_400);
/// Smallest and largest `max_votes_per_tx`.
pub const MAX_VOTES_PER_TX_RANGE: std::ops::RangeInclusive<u64> = 1..=10_000;

/// Where a network stands in moving to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum MigrationStatus {
    /// No migration.
    #[default]
    NoActiveMigration,
    /// A migration is agreed and has not started.
    ActivationPeriod,
    /// This network is being left.
    MigrationInProgress,
    /// This network has been left.
    MigrationCompleted,
    /// This network started from another one and still takes over its changes.
    GenesisMigration,
}

impl MigrationStatus {
    /// Every status.
    pub const ALL: [Self; 5] = [
        Self::NoActiveMigration,
        Self::ActivationPeriod,
        Self::MigrationInProgress,
        Self::MigrationCompleted,
        Self::GenesisMigration,
    ];

    /// The word in files, parameters and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoActiveMigration => "NoActiveMigration",
            Self::ActivationPeriod => "ActivationPeriod",
            Self::MigrationInProgress => "MigrationInProgress",
            Self::MigrationCompleted => "MigrationCompleted",
            Self::GenesisMigration => "GenesisMigration",
        }
    }
}

impl fmt::Display for MigrationStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for MigrationStatus {
    type Err = ParamError;

    fn from_str(word: &str) -> Result<Self, ParamError> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == word)
            .ok_or_else(|| ParamError::MigrationStatus { got: word.to_owned() })
    }
}

/// The parameters that all nodes of a network agree on. Changes take effect at the height after the one that decided
/// them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NetworkParams {
    /// Preferred leader.
    pub leader: PublicKey,
    /// Largest sum of transaction lengths in a block, in bytes.
    pub max_block_size: u64,
    /// Lifetime of join and removal requests.
    pub join_expiry: GoDuration,
    /// Whether transactions are free.
    pub disabled_gas_costs: bool,
    /// Most events or resolution ids that one validator transaction may carry.
    pub max_votes_per_tx: u64,
    /// Where the network stands in a migration.
    pub migration_status: MigrationStatus,
    /// Height from which multi-agent accounts exist; 0 for never.
    pub maa_activation_height: u64,
}

impl NetworkParams {
    /// The defaults for a network with this leader.
    #[must_use]
    pub const fn new(leader: PublicKey) -> Self {
        Self {
            leader,
            max_block_size: DEFAULT_MAX_BLOCK_SIZE,
            join_expiry: DEFAULT_JOIN_EXPIRY,
            disabled_gas_costs: true,
            max_votes_per_tx: DEFAULT_MAX_VOTES_PER_TX,
            migration_status: MigrationStatus::NoActiveMigration,
            maa_activation_height: 0,
        }
    }

    /// The parameters as a list of updates: all of them, without those at a zero value that later versions added.
    #[must_use]
    pub fn to_updates(&self) -> ParamUpdates {
        let base = [
            ParamValue::Leader(self.leader),
            ParamValue::MaxBlockSize(self.max_block_size),
            ParamValue::JoinExpiry(self.join_expiry),
            ParamValue::DisabledGasCosts(self.disabled_gas_costs),
            ParamValue::MaxVotesPerTx(self.max_votes_per_tx),
            ParamValue::MigrationStatus(self.migration_status),
        ];
        let later = Some(ParamValue::MaaActivationHeight(self.maa_activation_height))
            .filter(|_| self.maa_activation_height != 0);
        base.into_iter().chain(later).collect()
    }

    /// Canonical bytes: `u32` count, then name and value of each, names ascending.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.to_updates().encode()
    }

    /// Appends the canonical bytes, for formats that contain them.
    pub fn write(&self, writer: &mut Writer) {
        self.to_updates().write(writer);
    }

    /// Reads canonical bytes, exactly.
    ///
    /// # Errors
    /// [`WireError`], also when one of the base parameters is missing or a later one is at its zero value.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(bytes);
        let list = ParamUpdates::read(&mut reader)?;
        reader.finish()?;
        let Some(ParamValue::Leader(leader)) = list.get(ParamName::Leader) else {
            return Err(WireError::Invalid { what: "parameter list has no leader" });
        };
        let mut params = Self::new(*leader);
        params.apply(&list);
        if params.to_updates() != list {
            return Err(WireError::Invalid {
                what: "parameter list is not complete or not canonical",
            });
        }
        Ok(params)
    }

    /// The parameters hash of block headers.
    #[must_use]
    pub fn hash(&self) -> Hash {
        hash(context::PARAMS, &self.encode())
    }

    /// Sets every parameter of a list.
    pub fn apply(&mut self, updates: &ParamUpdates) {
        for value in updates.iter() {
            match *value {
                ParamValue::Leader(leader) => self.leader = leader,
                ParamValue::MaxBlockSize(size) => self.max_block_size = size,
                ParamValue::JoinExpiry(expiry) => self.join_expiry = expiry,
                ParamValue::DisabledGasCosts(disabled) => self.disabled_gas_costs = disabled,
                ParamValue::MaxVotesPerTx(votes) => self.max_votes_per_tx = votes,
                ParamValue::MigrationStatus(status) => self.migration_status = status,
                ParamValue::MaaActivationHeight(height) => self.maa_activation_height = height,
            }
        }
    }
}
