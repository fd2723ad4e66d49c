//! Resolutions, votes and processed ids as values and as rows.

use std::collections::BTreeSet;

use kwil_crypto::{KeyType, PublicKey};
use kwil_types::VotableEvent;
use uuid::Uuid;

use crate::canon::Cell;
use crate::overlay::Change;
use crate::store::{EngineRow, EngineTable, PROCESSED, RESOLUTIONS, RowChange, VOTES};

/// Something that validators vote on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    id: Uuid,
    event: VotableEvent,
    /// Who put it on the chain; for a join request the node that asks.
    pub proposer: PublicKey,
    /// Unix seconds of the first block time at which it is expired.
    pub expiration: i64,
}

impl Resolution {
    pub(crate) fn new(event: VotableEvent, proposer: PublicKey, expiration: i64) -> Self {
        Self { id: event.id(), event, proposer, expiration }
    }

    /// The id, made of type and body.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// Name of the type.
    #[must_use]
    pub fn event_type(&self) -> &str {
        self.event.event_type()
    }

    /// Body in the form of the type.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.event.body()
    }
}

fn key_cells(key: &PublicKey) -> [Cell; 2] {
    [Cell::Bytea(key.as_bytes().to_vec()), Cell::Int8(i64::from(key.key_type().id()))]
}

fn key_from(bytes: &[u8], key_type: i64) -> Option<PublicKey> {
    let key_type = KeyType::from_id(u32::try_from(key_type).ok()?).ok()?;
    PublicKey::from_bytes(key_type, bytes).ok()
}

fn id_cell(id: &Uuid) -> Cell {
    Cell::Bytea(id.as_bytes().to_vec())
}

/// A row of the resolutions table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResolutionRow(pub(crate) Resolution);

impl ResolutionRow {
    pub(crate) fn change(change: Change<Uuid, Resolution>) -> RowChange<Self> {
        RowChange { old: change.old.map(Self), new: change.new.map(Self) }
    }
}

impl EngineRow for ResolutionRow {
    const TABLE: &'static EngineTable = &RESOLUTIONS;

    fn to_cells(&self) -> Vec<Cell> {
        let Self(resolution) = self;
        let [proposer, proposer_type] = key_cells(&resolution.proposer);
        vec![
            id_cell(&resolution.id),
            Cell::Text(resolution.event_type().to_owned()),
            Cell::Bytea(resolution.body().to_vec()),
            proposer,
            proposer_type,
            Cell::Int8(resolution.expiration),
        ]
    }

    fn from_cells(cells: &[Cell]) -> Option<Self> {
        let [
            Cell::Bytea(id),
            Cell::Text(event_type),
            Cell::Bytea(body),
            Cell::Bytea(proposer),
            Cell::Int8(proposer_type),
            Cell::Int8(expiration),
        ] = cells
        else {
            return None;
        };
        let event = VotableEvent::new(event_type.as_str(), body.clone()).ok()?;
        let resolution = Resolution::new(event, key_from(proposer, *proposer_type)?, *expiration);
        // The id is a function of the rest; another one is a damaged row.
        (resolution.id.as_bytes() == id.as_slice()).then_some(Self(resolution))
    }
}

/// A row of the votes table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VoteRow {
    pub(crate) resolution: Uuid,
    pub(crate) voter: PublicKey,
}

impl VoteRow {
    /// The votes that came and went for one resolution.
    pub(crate) fn changes(change: Change<Uuid, BTreeSet<PublicKey>>) -> Vec<RowChange<Self>> {
        let Change { key: resolution, old, new } = change;
        let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
        let row = |voter: &PublicKey| Some(Self { resolution, voter: *voter });
        let gone = old.difference(&new).map(|voter| RowChange { old: row(voter), new: None });
        let come = new.difference(&old).map(|voter| RowChange { old: None, new: row(voter) });
        gone.chain(come).collect()
    }
}

impl EngineRow for VoteRow {
    const TABLE: &'static EngineTable = &VOTES;

    fn to_cells(&self) -> Vec<Cell> {
        let [voter, voter_type] = key_cells(&self.voter);
        vec![id_cell(&self.resolution), voter, voter_type]
    }

    fn from_cells(cells: &[Cell]) -> Option<Self> {
        let [Cell::Bytea(id), Cell::Bytea(voter), Cell::Int8(voter_type)] = cells else {
            return None;
        };
        Some(Self { resolution: Uuid::from_slice(id).ok()?, voter: key_from(voter, *voter_type)? })
    }
}

/// A row of the table of processed ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProcessedRow(pub(crate) Uuid);

impl ProcessedRow {
    pub(crate) fn key(id: &Uuid) -> Vec<Cell> {
        vec![id_cell(id)]
    }

    pub(crate) fn change(change: &Change<Uuid, ()>) -> RowChange<Self> {
        let row = |()| Self(change.key);
        RowChange { old: change.old.map(row), new: change.new.map(row) }
    }
}

impl EngineRow for ProcessedRow {
    const TABLE: &'static EngineTable = &PROCESSED;

    fn to_cells(&self) -> Vec<Cell> {
        Self::key(&self.0)
    }

    fn from_cells(cells: &[Cell]) -> Option<Self> {
        let [Cell::Bytea(id)] = cells else { return None };
        Uuid::from_slice(id).ok().map(Self)
    }
}
