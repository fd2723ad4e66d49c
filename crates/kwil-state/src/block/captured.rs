//! How much one transaction, and one block, may change.
//!
//! What counts are the bytes of the captured images: they are equal on all nodes. They are only known when they are
//! drained; until then the size of the capture table bounds them, which comes with messages that write anyway. As long as
//! that bound is below the limits nothing more has to be known. When it is not, the rows are drained and the exact number
//! decides.

use super::Block;
use crate::capture;
use crate::fault::NodeFault;

/// Bytes of a capture table from which it is emptied as a whole, not row by row.
const MANY_BYTES: u64 = 1 << 20;

/// Bytes of captured images. The same on all nodes of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaptureLimits {
    /// Bytes that wait for the end of the block; more are drained before. Cannot be seen in any result.
    pub waiting: u64,
    /// Bytes of one transaction.
    pub transaction: u64,
    /// Bytes of all transactions of a block.
    pub block: u64,
}

impl CaptureLimits {
    /// Those of every network.
    pub const NETWORK: Self = Self { waiting: 64 << 20, transaction: 256 << 20, block: 1 << 30 };
}

/// Whether the changes since the last savepoint are within the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Captured {
    Within,
    Passed,
    /// Changes from before the savepoint were drained with them; they have to be told apart.
    Unclear,
}

impl Block<'_> {
    /// Moves captured changes into the lattices now: before DDL, and when many have gathered.
    ///
    /// # Errors
    /// [`NodeFault`].
    pub async fn drain(&mut self) -> Result<(), NodeFault> {
        if self.draft.captured >= MANY_BYTES {
            return self.empty_capture().await;
        }
        let draining = capture::drain_now(self.connection, &self.draft.catalog);
        let changes = self.draft.waits.until(draining).await??;
        self.draft.top()?.changes.add(&changes);
        Ok(())
    }

    /// Like [`Block::drain`]; the capture table needs no room afterwards.
    pub(crate) async fn empty_capture(&mut self) -> Result<(), NodeFault> {
        let draining = capture::drain_all(self.connection, &self.draft.catalog);
        let changes = self.draft.waits.until(draining).await??;
        self.draft.top()?.changes.add(&changes);
        self.draft.captured = 0;
        Ok(())
    }

    /// Drains when much has gathered.
    pub(crate) async fn drain_when_full(&mut self) -> Result<(), NodeFault> {
        if self.draft.captured > self.draft.limits.waiting {
            self.empty_capture().await
        } else {
            Ok(())
        }
    }

    /// Whether the changes since the last savepoint are certainly within the limits.
    pub(crate) fn is_within_limits(&self) -> bool {
        let (limits, waiting) = (self.draft.limits, self.draft.captured);
        let since = self.draft.layers.last().map_or(0, |layer| layer.changes.bytes);
        since.saturating_add(waiting) <= limits.transaction
            && self.drained_bytes().saturating_add(waiting) <= limits.block
    }

    /// Whether the changes since the last savepoint are within the limits. `began_empty`: nothing was waiting to be drained
    /// when it was opened.
    pub(crate) async fn check_captured(
        &mut self,
        began_empty: bool,
    ) -> Result<Captured, NodeFault> {
        if self.is_within_limits() {
            return Ok(Captured::Within);
        }
        self.empty_capture().await?;
        let is_block_full = self.drained_bytes() > self.draft.limits.block;
        Ok(match (self.is_within_limits(), began_empty || is_block_full) {
            (true, _) => Captured::Within,
            (false, true) => Captured::Passed,
            (false, false) => Captured::Unclear,
        })
    }

    /// Bytes of images that this block has changed so far, as far as they were drained.
    #[must_use]
    pub fn drained_bytes(&self) -> u64 {
        self.draft.layers.iter().fold(0, |sum, layer| sum.saturating_add(layer.changes.bytes))
    }
}
