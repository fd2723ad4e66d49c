//! Lists of named parameter values.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use kwil_crypto::{Hash, KeyError, PublicKey, context, hash};

use super::{JOIN_EXPIRY_RANGE, MAX_BLOCK_SIZE_RANGE, MAX_VOTES_PER_TX_RANGE, MigrationStatus};
use crate::wire::{Reader, WireError, Writer};
use crate::{GoDuration, Validator, ValidatorSet};

/// Shortest entry: a name length and a value length.
const MIN_ENTRY: usize = 8;

/// Name of a parameter. Orders as the names do by bytes, which is the order of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ParamName {
    /// `disabled_gas_costs`.
    DisabledGasCosts,
    /// `join_expiry`.
    JoinExpiry,
    /// `leader`.
    Leader,
    /// `maa_activation_height`.
    MaaActivationHeight,
    /// `max_block_size`.
    MaxBlockSize,
    /// `max_votes_per_tx`.
    MaxVotesPerTx,
    /// `migration_status`.
    MigrationStatus,
}

impl ParamName {
    /// Every parameter, in the order of the list.
    pub const ALL: [Self; 7] = [
        Self::DisabledGasCosts,
        Self::JoinExpiry,
        Self::Leader,
        Self::MaaActivationHeight,
        Self::MaxBlockSize,
        Self::MaxVotesPerTx,
        Self::MigrationStatus,
    ];

    /// The name in lists, files and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DisabledGasCosts => "disabled_gas_costs",
            Self::JoinExpiry => "join_expiry",
            Self::Leader => "leader",
            Self::MaaActivationHeight => "maa_activation_height",
            Self::MaxBlockSize => "max_block_size",
            Self::MaxVotesPerTx => "max_votes_per_tx",
            Self::MigrationStatus => "migration_status",
        }
    }
}

impl fmt::Display for ParamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ParamName {
    type Err = ParamError;

    fn from_str(name: &str) -> Result<Self, ParamError> {
        Self::ALL
            .into_iter()
            .find(|known| known.as_str() == name)
            .ok_or_else(|| ParamError::UnknownName { name: name.to_owned() })
    }
}

/// A parameter with its value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ParamValue {
    /// Preferred leader.
    Leader(PublicKey),
    /// Bytes.
    MaxBlockSize(u64),
    /// Lifetime of join and removal requests.
    JoinExpiry(GoDuration),
    /// Whether transactions are free.
    DisabledGasCosts(bool),
    /// Events or ids in one transaction.
    MaxVotesPerTx(u64),
    /// Where the network stands in a migration.
    MigrationStatus(MigrationStatus),
    /// Height, 0 for never.
    MaaActivationHeight(u64),
}

/// Why a parameter or its value is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParamError {
    /// There is no parameter of this name.
    #[error("unknown parameter name: {name}")]
    UnknownName {
        /// The name as given.
        name: String,
    },
    /// No migration status has this name.
    #[error("unknown migration status {got:?}")]
    MigrationStatus {
        /// The word as given.
        got: String,
    },
    /// The value is outside of what the parameter allows.
    #[error("{name} {rule}")]
    Range {
        /// The parameter.
        name: ParamName,
        /// What it must be.
        rule: &'static str,
    },
    /// The new leader is not a validator.
    #[error("leader {key} is not in the validator set")]
    LeaderNotValidator {
        /// The key.
        key: PublicKey,
    },
    /// A key is not one.
    #[error("leader: {0}")]
    Key(#[from] KeyError),
    /// A resolution cannot set this parameter.
    #[error("{name} cannot be set by a resolution")]
    NotSettable {
        /// The parameter.
        name: ParamName,
    },
    /// The JSON form is malformed.
    #[error("invalid parameter updates: {reason}")]
    Json {
        /// What the JSON reader says.
        reason: String,
    },
    /// A value is null.
    #[error("cannot set null value: {name}")]
    Null {
        /// The parameter.
        name: ParamName,
    },
    /// A value has another JSON type.
    #[error("{name} must be {expected}")]
    Value {
        /// The parameter.
        name: ParamName,
        /// What it must be.
        expected: &'static str,
    },
    /// The binary form is malformed.
    #[error("malformed parameter updates: {0}")]
    Wire(#[from] WireError),
}

impl ParamValue {
    /// Which parameter this is a value of.
    #[must_use]
    pub const fn name(&self) -> ParamName {
        match self {
            Self::Leader(_) => ParamName::Leader,
            Self::MaxBlockSize(_) => ParamName::MaxBlockSize,
            Self::JoinExpiry(_) => ParamName::JoinExpiry,
            Self::DisabledGasCosts(_) => ParamName::DisabledGasCosts,
            Self::MaxVotesPerTx(_) => ParamName::MaxVotesPerTx,
            Self::MigrationStatus(_) => ParamName::MigrationStatus,
            Self::MaaActivationHeight(_) => ParamName::MaaActivationHeight,
        }
    }

    /// Checks the rules that need no other data: ranges and signs. The genesis document obeys the same ones.
    ///
    /// # Errors
    /// [`ParamError::Range`].
    pub fn check(&self) -> Result<(), ParamError> {
        const MAX: u64 = i64::MAX.cast_unsigned();
        let rule = match self {
            Self::MaxBlockSize(0) => Some("max bytes should be greater than 0"),
            Self::MaxBlockSize(size) if !MAX_BLOCK_SIZE_RANGE.contains(size) => {
                Some("must be between 4096 and 67108864 bytes")
            }
            Self::JoinExpiry(expiry) if expiry.as_nanos() <= 0 => {
                Some("join expiry should be greater than 0")
            }
            Self::JoinExpiry(expiry) if !JOIN_EXPIRY_RANGE.contains(expiry) => {
                Some("must be between 1m0s and 8760h0m0s")
            }
            Self::MaxVotesPerTx(0) => Some("max votes per tx should be greater than 0"),
            Self::MaxVotesPerTx(number) if !MAX_VOTES_PER_TX_RANGE.contains(number) => {
                Some("must be between 1 and 10000")
            }
            Self::MaaActivationHeight(number) if *number > MAX => Some("must be below 2^63"),
            Self::Leader(_)
            | Self::MaxBlockSize(_)
            | Self::JoinExpiry(_)
            | Self::DisabledGasCosts(_)
            | Self::MaxVotesPerTx(_)
            | Self::MigrationStatus(_)
            | Self::MaaActivationHeight(_) => None,
        };
        rule.map_or(Ok(()), |rule| Err(ParamError::Range { name: self.name(), rule }))
    }

    fn write(&self, writer: &mut Writer) {
        let mut value = Writer::new();
        match self {
            Self::Leader(key) => value.key(key),
            Self::MaxBlockSize(number)
            | Self::MaxVotesPerTx(number)
            | Self::MaaActivationHeight(number) => value.u64_be(*number),
            Self::JoinExpiry(expiry) => value.i64_be(expiry.as_nanos()),
            Self::DisabledGasCosts(disabled) => value.flag(*disabled),
            Self::MigrationStatus(status) => value.raw(status.as_str().as_bytes()),
        };
        writer.text(self.name().as_str()).bytes(&value.into_bytes());
    }

    fn read(name: &str, bytes: &[u8]) -> Result<Self, WireError> {
        let name =
            name.parse().map_err(|_| WireError::Invalid { what: "unknown parameter name" })?;
        let mut reader = Reader::new(bytes);
        let value = match name {
            ParamName::Leader => Self::Leader(reader.key()?),
            ParamName::MaxBlockSize => Self::MaxBlockSize(non_negative(reader.i64_be()?)?),
            ParamName::MaxVotesPerTx => Self::MaxVotesPerTx(non_negative(reader.i64_be()?)?),
            ParamName::MaaActivationHeight => {
                Self::MaaActivationHeight(non_negative(reader.i64_be()?)?)
            }
            ParamName::JoinExpiry => Self::JoinExpiry(GoDuration::from_nanos(reader.i64_be()?)),
            ParamName::DisabledGasCosts => Self::DisabledGasCosts(reader.flag()?),
            ParamName::MigrationStatus => Self::MigrationStatus(status(reader.take_rest())?),
        };
        reader.finish()?;
        Ok(value)
    }
}

pub(super) fn non_negative(number: i64) -> Result<u64, WireError> {
    u64::try_from(number).map_err(|_| WireError::Invalid { what: "parameter value is negative" })
}

pub(super) fn status(word: &[u8]) -> Result<MigrationStatus, WireError> {
    let known = std::str::from_utf8(word).ok().and_then(|word| word.parse().ok());
    known.ok_or(WireError::Invalid { what: "unknown migration status" })
}

/// Parameter values by name, each at most once.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ParamUpdates(BTreeMap<ParamName, ParamValue>);

impl ParamUpdates {
    /// No update.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Sets a value, replacing an earlier one of the same parameter.
    pub fn set(&mut self, value: ParamValue) {
        self.0.insert(value.name(), value);
    }

    /// The value of a parameter.
    #[must_use]
    pub fn get(&self, name: ParamName) -> Option<&ParamValue> {
        self.0.get(&name)
    }

    /// Values in the order of their names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &ParamValue> {
        self.0.values()
    }

    /// Number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is updated.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets every value of `later`, which wins.
    pub fn merge(&mut self, later: &Self) {
        self.0.extend(later.0.iter().map(|(name, value)| (*name, value.clone())));
    }

    /// Checks what a resolution may set, at creation and again when it takes effect.
    ///
    /// # Errors
    /// A value out of range, a leader that is no validator, or a parameter that resolutions cannot set.
    pub fn check_resolution(&self, validators: &ValidatorSet) -> Result<(), ParamError> {
        for value in self.iter() {
            value.check()?;
            match value {
                ParamValue::Leader(key) if !validators.contains(key) => {
                    return Err(ParamError::LeaderNotValidator { key: *key });
                }
                ParamValue::MigrationStatus(_) => {
                    return Err(ParamError::NotSettable { name: value.name() });
                }
                ParamValue::Leader(_)
                | ParamValue::MaxBlockSize(_)
                | ParamValue::JoinExpiry(_)
                | ParamValue::DisabledGasCosts(_)
                | ParamValue::MaxVotesPerTx(_)
                | ParamValue::MaaActivationHeight(_) => {}
            }
        }
        Ok(())
    }

    /// Canonical bytes: `u32` count, then `str` name and `bytes` value of each, names ascending.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        self.write(&mut writer);
        writer.into_bytes()
    }

    /// Appends the canonical bytes, for formats that contain them.
    pub fn write(&self, writer: &mut Writer) {
        writer.count_u32_be(self.len());
        for value in self.iter() {
            value.write(writer);
        }
    }

    /// Reads canonical bytes out of a format that contains them.
    ///
    /// # Errors
    /// [`WireError`], also for names that are unknown or not strictly ascending.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let count = reader.u32_be()?;
        let count = reader.count(u64::from(count), MIN_ENTRY)?;
        let mut list = Self::new();
        for _ in 0..count {
            let value = ParamValue::read(reader.text()?, reader.bytes()?)?;
            list.push_ascending(value)?;
        }
        Ok(list)
    }

    /// Reads canonical bytes, exactly.
    ///
    /// # Errors
    /// As [`ParamUpdates::read`], and trailing bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(bytes);
        let list = Self::read(&mut reader)?;
        reader.finish()?;
        Ok(list)
    }

    pub(super) fn push_ascending(&mut self, value: ParamValue) -> Result<(), WireError> {
        if self.0.last_key_value().is_some_and(|(last, _)| *last >= value.name()) {
            return Err(WireError::Invalid { what: "parameter names are not strictly ascending" });
        }
        self.set(value);
        Ok(())
    }
}

impl FromIterator<ParamValue> for ParamUpdates {
    fn from_iter<I: IntoIterator<Item = ParamValue>>(values: I) -> Self {
        Self(values.into_iter().map(|value| (value.name(), value)).collect())
    }
}

/// Hash of what a block changes in the validator set and the parameters, a part of its app hash.
///
/// Input: `u32` count of validator updates, each as `bytes` public key, `str` key type and `i64` power (0 removes), in
/// canonical order; then the parameter updates.
#[must_use]
pub fn updates_hash(validators: &[Validator], params: &ParamUpdates) -> Hash {
    let mut sorted = validators.to_vec();
    sorted.sort_unstable();
    let mut writer = Writer::new();
    writer.count_u32_be(sorted.len());
    for update in &sorted {
        writer.bytes(update.key.as_bytes()).text(update.key.key_type().name()).u64_be(update.power);
    }
    params.write(&mut writer);
    hash(context::UPDATES, &writer.into_bytes())
}
