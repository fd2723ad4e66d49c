//! Waiting for the database in a block.

use std::future::Future;

use tokio_util::sync::CancellationToken;

use crate::blockers::Blockers;
use crate::fault::{FaultKind, NodeFault};

/// What a block does while it waits for the server.
#[derive(Debug)]
pub(crate) struct Waits {
    /// Nobody wants the block any more.
    pub(crate) cancel: CancellationToken,
    /// Clears the way, where there are readers.
    pub(crate) blockers: Option<Blockers>,
}

/// Waits for database work unless the block is cancelled first; then the connection is left in the middle of it.
pub(super) async fn guarded<T>(
    waits: &Waits,
    tainted: &mut bool,
    work: impl Future<Output = T>,
) -> Result<T, NodeFault> {
    let clearing = async {
        match &waits.blockers {
            Some(blockers) => blockers.clear().await,
            None => std::future::pending().await,
        }
    };
    let result = tokio::select! {
        biased;
        () = waits.cancel.cancelled() => None,
        done = work => Some(done),
        never = clearing => match never {},
    };
    *tainted |= result.is_none();
    result.ok_or_else(|| NodeFault::new("execute a block", FaultKind::Cancelled))
}
