//! Waiting for the database in a block.

use std::future::Future;

use tokio_util::sync::CancellationToken;

use crate::blockers::Blockers;
use crate::fault::{FaultKind, NodeFault};

/// What a block does while it waits for the server.
#[derive(Debug)]
pub(crate) struct Waits {
    /// Nobody wants the block any more.
    cancel: CancellationToken,
    /// Clears the way, where there are readers.
    blockers: Option<Blockers>,
    is_cut_short: bool,
}

impl Waits {
    pub(crate) fn new(cancel: CancellationToken, blockers: Option<Blockers>) -> Self {
        Self { cancel, blockers, is_cut_short: false }
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// Whether the connection was left in the middle of a statement.
    pub(crate) fn is_cut_short(&self) -> bool {
        self.is_cut_short
    }

    /// Waits until database work is done, unless the block is cancelled first; then the connection is left in the middle of it.
    pub(super) async fn until<T>(&mut self, work: impl Future<Output = T>) -> Result<T, NodeFault> {
        let clearing = async {
            match &self.blockers {
                Some(blockers) => blockers.clear().await,
                None => std::future::pending().await,
            }
        };
        let result = tokio::select! {
            biased;
            () = self.cancel.cancelled() => None,
            done = work => Some(done),
            never = clearing => match never {},
        };
        self.is_cut_short |= result.is_none();
        result.ok_or_else(|| NodeFault::new("execute a block", FaultKind::Cancelled))
    }
}
