//! The validator set during a block.

use std::sync::Arc;

use kwil_crypto::{KeyType, PublicKey};
use kwil_types::{Validator, ValidatorSet, ValidatorSetError};

use crate::canon::Cell;
use crate::store::{EngineRow, EngineTable, RowChange, VALIDATORS};

/// The set at the start of a block and the changes that take effect after it.
#[derive(Clone, Debug)]
pub(crate) struct Validators {
    start: Arc<ValidatorSet>,
    now: Arc<ValidatorSet>,
}

impl Validators {
    pub(crate) fn new(start: Arc<ValidatorSet>) -> Self {
        let now = Arc::clone(&start);
        Self { start, now }
    }

    /// The set that votes on this block.
    pub(crate) fn at_start(&self) -> &ValidatorSet {
        &self.start
    }

    /// The set with the changes of this block so far.
    pub(crate) fn now(&self) -> &ValidatorSet {
        &self.now
    }

    pub(crate) fn is_validator(&self, key: &PublicKey) -> bool {
        self.now.contains(key)
    }

    /// Sets the power of a key; 0 removes it. The set before is kept when the result would be none.
    pub(crate) fn set_power(
        &mut self,
        key: PublicKey,
        power: u64,
    ) -> Result<(), ValidatorSetError> {
        self.now = Arc::new(self.now.apply(&[Validator { key, power }])?);
        Ok(())
    }

    /// What changed, in canonical order; power 0 for those that are gone.
    pub(crate) fn updates(&self) -> Vec<Validator> {
        let changed =
            self.now.iter().filter(|member| self.start.power_of(&member.key) != Some(member.power));
        let gone = self.start.iter().filter(|member| !self.now.contains(&member.key));
        let mut updates: Vec<_> =
            changed.copied().chain(gone.map(|member| Validator { power: 0, ..*member })).collect();
        updates.sort_unstable();
        updates
    }

    /// The changes as rows.
    pub(crate) fn row_changes(&self) -> Vec<RowChange<ValidatorRow>> {
        let row = |set: &ValidatorSet, key: PublicKey| {
            set.power_of(&key).map(|power| ValidatorRow(Validator { key, power }))
        };
        let updates = self.updates();
        updates
            .iter()
            .map(|Validator { key, .. }| RowChange {
                old: row(&self.start, *key),
                new: row(&self.now, *key),
            })
            .collect()
    }

    /// The set of the next block.
    pub(crate) fn into_next(self) -> Arc<ValidatorSet> {
        self.now
    }
}

/// A row of the validators table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ValidatorRow(pub(crate) Validator);

impl EngineRow for ValidatorRow {
    const TABLE: &'static EngineTable = &VALIDATORS;

    fn to_cells(&self) -> Vec<Cell> {
        let Validator { key, power } = self.0;
        vec![
            Cell::Bytea(key.as_bytes().to_vec()),
            Cell::Int8(i64::from(key.key_type().id())),
            // A set's total power is at most 2^62.
            Cell::Int8(power.cast_signed()),
        ]
    }

    fn from_cells(cells: &[Cell]) -> Option<Self> {
        let [Cell::Bytea(key), Cell::Int8(key_type), Cell::Int8(power)] = cells else {
            return None;
        };
        let key_type = KeyType::from_id(u32::try_from(*key_type).ok()?).ok()?;
        let key = PublicKey::from_bytes(key_type, key).ok()?;
        Some(Self(Validator { key, power: u64::try_from(*power).ok()? }))
    }
}
