//! What survives a crash.

use std::sync::Arc;

use kwil_types::Block;

use crate::directive::Directive;
use crate::held::HeldReason;
use crate::message::CommitAnnounce;
use crate::record::Record;

/// A node's disk: block log, consensus log and two small files.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk {
    /// Fsynced records of the consensus log.
    pub(crate) records: Vec<Record>,
    /// Records written without fsync.
    pub(crate) unsynced: Vec<Record>,
    pub(crate) blocks: Vec<(Arc<Block>, Arc<CommitAnnounce>)>,
    pub(crate) held: Option<HeldReason>,
    pub(crate) directive: Option<Directive>,
    /// The consensus log file exists.
    pub(crate) log_exists: bool,
    /// Records written since the last cut, to bound the file.
    dead: usize,
}

impl Disk {
    pub(crate) fn append(&mut self, records: Vec<Record>) {
        self.unsynced.extend(records);
    }

    pub(crate) fn persist(&mut self, records: Vec<Record>) {
        self.records.append(&mut self.unsynced);
        self.records.extend(records);
        self.compact();
    }

    /// At a height start older records are dead.
    fn compact(&mut self) {
        let start = self.records.iter().rposition(|r| matches!(r, Record::HeightStart { .. }));
        if let Some(start) = start.filter(|start| *start > 64) {
            self.dead += start;
            self.records.drain(..start);
        }
    }

    /// Power loss: of the unsynced records only the first ones may survive. What is left went through its byte form.
    pub(crate) fn crash(&mut self, kept: usize) {
        self.unsynced.truncate(kept);
        self.records.append(&mut self.unsynced);
        for record in &mut self.records {
            let payload = bytes::Bytes::from(record.payload());
            *record = Record::decode(record.kind(), &payload).expect("a record reads back");
        }
    }

    /// The consensus log is deleted.
    pub(crate) fn lose_log(&mut self) {
        self.records.clear();
        self.unsynced.clear();
        self.log_exists = false;
    }

    pub(crate) fn height(&self) -> u64 {
        self.blocks.len() as u64
    }
}
