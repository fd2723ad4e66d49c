//! The owner task of the consensus log and the handle that others hold.

use std::future::Future;

use tokio_util::sync::CancellationToken;

use super::{ConsensusLog, ConsensusRecord};
use crate::StoreError;
use crate::journal::{self, Journal, Writer};

impl Journal for ConsensusLog {
    type Command = Vec<ConsensusRecord>;

    fn apply(&mut self, records: Self::Command) -> Result<(), StoreError> {
        self.append(&records)
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        Self::sync(self)
    }

    fn close(self) -> Result<(), StoreError> {
        Self::close(self)
    }
}

/// Cheap, cloneable way to reach the one task that owns the consensus log.
#[derive(Clone, Debug)]
pub struct ConsensusLogHandle {
    writer: Writer<Vec<ConsensusRecord>>,
}

impl ConsensusLog {
    /// Splits into the handle and the owner's future, which the caller runs in a task it watches.
    ///
    /// After `stop` the future writes what waits, drops dead records and ends.
    pub fn start(
        self,
        stop: CancellationToken,
    ) -> (ConsensusLogHandle, impl Future<Output = Result<(), StoreError>> + Send) {
        let (writer, owner) = journal::start(self, stop);
        (ConsensusLogHandle { writer }, owner)
    }
}

impl ConsensusLogHandle {
    /// Returns once the records, and all written before, are on disk. Messages that promise them may leave after this.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`]; any other error means that the process must stop: nobody knows what is on disk.
    pub async fn persist(&self, records: Vec<ConsensusRecord>) -> Result<(), StoreError> {
        self.writer.send(Some(records), true).await
    }

    /// Writes records that need not be durable yet, such as a candidate that is still executing.
    ///
    /// # Errors
    /// As [`Self::persist`].
    pub async fn append(&self, records: Vec<ConsensusRecord>) -> Result<(), StoreError> {
        self.writer.send(Some(records), false).await
    }

    /// Returns once everything written before is on disk.
    ///
    /// # Errors
    /// As [`Self::persist`].
    pub async fn sync(&self) -> Result<(), StoreError> {
        self.writer.send(None, true).await
    }
}
