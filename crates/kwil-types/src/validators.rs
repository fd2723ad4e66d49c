//! Validator sets in canonical order, with their hash, quorum and leaders.

use kwil_crypto::{Hash, PublicKey, context, hash};

use crate::View;
use crate::wire::{Reader, WireError, Writer};

/// Sum of power that a set may have: small enough that no tally can overflow.
pub const MAX_TOTAL_POWER: u64 = 1 << 62;

/// Shortest encoded validator: key type, length, 32 key bytes, power.
const MIN_ENCODED: usize = 48;

/// A member of a validator set. In an update, power 0 removes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Validator {
    /// Identity of the validator.
    pub key: PublicKey,
    /// Weight in resolutions. Blocks count validators, not power.
    pub power: u64,
}

/// Why validators are not a set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValidatorSetError {
    /// There is no validator.
    #[error("a validator set needs at least one validator")]
    Empty,
    /// A key is in the list twice.
    #[error("validator {key} is listed twice")]
    Duplicate {
        /// The key.
        key: PublicKey,
    },
    /// A member without power.
    #[error("validator {key} has no power")]
    ZeroPower {
        /// The key.
        key: PublicKey,
    },
    /// The sum of power is above [`MAX_TOTAL_POWER`].
    #[error("the total power is above {MAX_TOTAL_POWER}")]
    TotalPower,
}

/// At least one validator, each once, with power, in canonical order: key type id, then public key bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ValidatorSet {
    members: Vec<Validator>,
    total_power: u64,
}

impl ValidatorSet {
    /// Orders and checks the members.
    ///
    /// # Errors
    /// No member, a key twice, a member without power, or too much power in total.
    pub fn new(members: impl IntoIterator<Item = Validator>) -> Result<Self, ValidatorSetError> {
        let mut members: Vec<Validator> = members.into_iter().collect();
        members.sort_unstable();
        if members.is_empty() {
            return Err(ValidatorSetError::Empty);
        }
        if let Some(pair) = members.array_windows().find(|[left, right]| left.key == right.key) {
            return Err(ValidatorSetError::Duplicate { key: pair[0].key });
        }
        if let Some(member) = members.iter().find(|member| member.power == 0) {
            return Err(ValidatorSetError::ZeroPower { key: member.key });
        }
        let total_power = members
            .iter()
            .try_fold(0_u64, |sum, member| sum.checked_add(member.power))
            .filter(|sum| *sum <= MAX_TOTAL_POWER)
            .ok_or(ValidatorSetError::TotalPower)?;
        Ok(Self { members, total_power })
    }

    /// How many validators there are: n.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a set is never empty")]
    pub const fn len(&self) -> usize {
        self.members.len()
    }

    /// Validators that must sign a block: floor(n/2) + 1.
    #[must_use]
    pub const fn quorum(&self) -> usize {
        (self.members.len() >> 1).saturating_add(1)
    }

    /// Sum of power, for the thresholds of resolutions.
    #[must_use]
    pub const fn total_power(&self) -> u64 {
        self.total_power
    }

    /// Members in canonical order.
    pub fn iter(&self) -> std::slice::Iter<'_, Validator> {
        self.members.iter()
    }

    /// Member at a position of the canonical order.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&Validator> {
        self.members.get(index)
    }

    /// Position of a validator in the canonical order: its bit in certificates.
    #[must_use]
    pub fn index_of(&self, key: &PublicKey) -> Option<usize> {
        self.members.binary_search_by(|member| member.key.cmp(key)).ok()
    }

    /// Whether this key belongs to a member.
    #[must_use]
    pub fn contains(&self, key: &PublicKey) -> bool {
        self.index_of(key).is_some()
    }

    /// Power of a member; `None` for others.
    #[must_use]
    pub fn power_of(&self, key: &PublicKey) -> Option<u64> {
        self.get(self.index_of(key)?).map(|member| member.power)
    }

    /// The leader of a view when `first` leads view 0: views rotate through the canonical order.
    ///
    /// `None` when `first` is not a member.
    #[must_use]
    pub fn leader(&self, first: &PublicKey, view: View) -> Option<&PublicKey> {
        let count = u64::try_from(self.members.len()).ok()?;
        let offset = usize::try_from(view.0.checked_rem(count)?).ok()?;
        let index = self.index_of(first)?.checked_add(offset)?.checked_rem(self.members.len())?;
        self.get(index).map(|member| &member.key)
    }

    /// Who leads view 0 of a height, from committed data: the first of these that is a member — the leader parameter if
    /// the previous block changed it, the proposer of the previous block, the leader parameter, the first validator.
    ///
    /// `changed` says that the parameter differs from that of the height before; `proposer` is `None` at the first
    /// height.
    #[must_use]
    pub fn first_leader(
        &self,
        parameter: &PublicKey,
        changed: bool,
        proposer: Option<&PublicKey>,
    ) -> PublicKey {
        let candidates = [changed.then_some(parameter), proposer, Some(parameter)];
        let chosen = candidates.into_iter().flatten().find(|key| self.contains(key));
        match (chosen, self.members.first()) {
            (Some(key), _) => *key,
            (None, Some(first)) => first.key,
            // Unreachable: a set has a member.
            (None, None) => *parameter,
        }
    }

    /// The set after a block: each update replaces the power of its key, adds it, or removes it with power 0.
    ///
    /// # Errors
    /// When the result is not a set. Removing a validator that is not there changes nothing.
    pub fn apply(&self, updates: &[Validator]) -> Result<Self, ValidatorSetError> {
        let kept = self
            .members
            .iter()
            .filter(|member| !updates.iter().any(|update| update.key == member.key));
        Self::new(kept.chain(updates.iter().filter(|update| update.power > 0)).copied())
    }

    /// `u32` count, then key and `u64` power of each in canonical order.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        self.write(&mut writer);
        writer.into_bytes()
    }

    /// Appends the encoding, for formats that contain a set.
    pub fn write(&self, writer: &mut Writer) {
        writer.count_u32_be(self.members.len());
        for member in &self.members {
            writer.key(&member.key).u64_be(member.power);
        }
    }

    /// Reads a set out of a format that contains one.
    ///
    /// # Errors
    /// [`WireError`], also when the members are not in canonical order or break a rule of sets.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let count = reader.u32_be()?;
        let mut members = Vec::with_capacity(reader.count(u64::from(count), MIN_ENCODED)?);
        for _ in 0..count {
            members.push(Validator { key: reader.key()?, power: reader.u64_be()? });
        }
        if !members.is_sorted_by(|left, right| left.key < right.key) {
            return Err(WireError::Invalid { what: "validators are not in canonical order" });
        }
        Self::new(members).map_err(|error| WireError::Invalid {
            what: match error {
                ValidatorSetError::Empty => "validator set is empty",
                ValidatorSetError::Duplicate { .. } => "validator listed twice",
                ValidatorSetError::ZeroPower { .. } => "validator without power",
                ValidatorSetError::TotalPower => "total power too large",
            },
        })
    }

    /// Reads an encoded set, exactly.
    ///
    /// # Errors
    /// As [`ValidatorSet::read`], and trailing bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(bytes);
        let set = Self::read(&mut reader)?;
        reader.finish()?;
        Ok(set)
    }

    /// The validators hash of block headers.
    #[must_use]
    pub fn hash(&self) -> Hash {
        hash(context::VALIDATORS, &self.encode())
    }
}

impl<'a> IntoIterator for &'a ValidatorSet {
    type Item = &'a Validator;
    type IntoIter = std::slice::Iter<'a, Validator>;

    fn into_iter(self) -> Self::IntoIter {
        self.members.iter()
    }
}

/// Power that a resolution needs: a share of the total, at least or more than it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Threshold {
    numerator: u64,
    denominator: u64,
    strict: bool,
}

impl Threshold {
    /// More than half: parameter updates, credits, event votes.
    pub const MORE_THAN_HALF: Self = Self { numerator: 1, denominator: 2, strict: true };
    /// More than two thirds: joins and migrations.
    pub const MORE_THAN_TWO_THIRDS: Self = Self { numerator: 2, denominator: 3, strict: true };
    /// At least two thirds: removals.
    pub const AT_LEAST_TWO_THIRDS: Self = Self { numerator: 2, denominator: 3, strict: false };

    /// At least a third: refunds of expired event votes.
    pub const AT_LEAST_A_THIRD: Self = Self { numerator: 1, denominator: 3, strict: false };
    /// All of the power.
    pub const ALL: Self = Self { numerator: 1, denominator: 1, strict: false };

    /// At least (`strict` false) or more than (`strict` true) `numerator/denominator` of the power.
    ///
    /// `None` unless the share is between 0 (exclusive) and 1 (inclusive), and less than 1 when strict.
    #[must_use]
    pub const fn new(numerator: u64, denominator: u64, strict: bool) -> Option<Self> {
        if numerator == 0 || numerator > denominator || (strict && numerator == denominator) {
            return None;
        }
        Some(Self { numerator, denominator, strict })
    }

    /// Smallest sum of power that passes, out of `total`. At least 1.
    #[must_use]
    pub fn required(self, total: u64) -> u64 {
        let [numerator, denominator, total] =
            [self.numerator, self.denominator, total].map(u128::from);
        let scaled = total.saturating_mul(numerator);
        let required = if self.strict {
            scaled.checked_div(denominator).unwrap_or(0).saturating_add(1)
        } else {
            scaled.div_ceil(denominator.max(1)).max(1)
        };
        u64::try_from(required).unwrap_or(u64::MAX)
    }

    /// Whether `power` out of `total` passes.
    #[must_use]
    pub fn passes(self, power: u64, total: u64) -> bool {
        power >= self.required(total)
    }
}
