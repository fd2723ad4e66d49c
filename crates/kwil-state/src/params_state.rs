//! Network parameters during a block: the values in force, and what is decided for the next block.

use std::sync::Arc;

use kwil_crypto::PublicKey;
use kwil_types::wire::{Reader, WireError, Writer};
use kwil_types::{NetworkParams, ParamName, ParamUpdates, ParamValue};

use crate::canon::Cell;
use crate::store::{EngineRow, EngineTable, PARAMS, RowChange};

/// Parameters of a block. A decision takes effect at the next height.
#[derive(Clone, Debug)]
pub(crate) struct Params {
    in_force: Arc<NetworkParams>,
    decided: ParamUpdates,
}

impl Params {
    pub(crate) fn new(in_force: Arc<NetworkParams>) -> Self {
        Self { in_force, decided: ParamUpdates::new() }
    }

    /// What governs this block.
    pub(crate) fn in_force(&self) -> &NetworkParams {
        &self.in_force
    }

    /// What is decided so far.
    pub(crate) fn decided(&self) -> &ParamUpdates {
        &self.decided
    }

    /// Adds decisions; a later one wins.
    pub(crate) fn decide(&mut self, updates: &ParamUpdates) {
        self.decided.merge(updates);
    }

    /// The leader of the next block as it stands.
    pub(crate) fn next_leader(&self) -> PublicKey {
        match self.decided.get(ParamName::Leader) {
            Some(ParamValue::Leader(leader)) => *leader,
            Some(_) | None => self.in_force.leader,
        }
    }

    /// Whether a key leads now or in the next block.
    pub(crate) fn is_leader(&self, key: &PublicKey) -> bool {
        *key == self.in_force.leader || *key == self.next_leader()
    }

    /// The parameters of the next block.
    pub(crate) fn next(&self) -> NetworkParams {
        let mut next = (*self.in_force).clone();
        next.apply(&self.decided);
        next
    }

    /// The changes as rows.
    pub(crate) fn row_changes(&self) -> Result<Vec<RowChange<ParamRow>>, WireError> {
        let (old, new) = (rows_of(&self.in_force)?, rows_of(&self.next())?);
        let find =
            |rows: &[ParamRow], name: &str| rows.iter().find(|row| row.name == name).cloned();
        let mut names: Vec<&str> = old.iter().chain(&new).map(|row| row.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let changes = names
            .into_iter()
            .map(|name| RowChange { old: find(&old, name), new: find(&new, name) });
        Ok(changes.filter(|change| change.old != change.new).collect())
    }
}

/// A parameter with its canonical value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ParamRow {
    name: String,
    value: Vec<u8>,
}

/// All parameters as rows, in name order.
pub(crate) fn rows_of(params: &NetworkParams) -> Result<Vec<ParamRow>, WireError> {
    let list = params.encode();
    let mut reader = Reader::new(&list);
    let mut rows = Vec::new();
    for _ in 0..reader.u32_be()? {
        rows.push(ParamRow { name: reader.text()?.to_owned(), value: reader.bytes()?.to_vec() });
    }
    reader.finish()?;
    Ok(rows)
}

/// The parameters behind rows in name order.
pub(crate) fn params_of(rows: &[ParamRow]) -> Result<NetworkParams, WireError> {
    let mut writer = Writer::new();
    writer.count_u32_be(rows.len());
    for ParamRow { name, value } in rows {
        writer.text(name).bytes(value);
    }
    NetworkParams::decode(&writer.into_bytes())
}

impl EngineRow for ParamRow {
    const TABLE: &'static EngineTable = &PARAMS;

    fn to_cells(&self) -> Vec<Cell> {
        vec![Cell::Text(self.name.clone()), Cell::Bytea(self.value.clone())]
    }

    fn from_cells(cells: &[Cell]) -> Option<Self> {
        let [Cell::Text(name), Cell::Bytea(value)] = cells else { return None };
        Some(Self { name: name.clone(), value: value.clone() })
    }
}
