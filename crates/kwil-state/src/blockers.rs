//! Who is in the way of the block writer on the server.
//!
//! A change of a table waits for every read of it, and new reads wait behind the change. When something that the writer
//! sent takes long, this looks who holds it up. Readers of this node are cancelled, and read again when the block is over;
//! others are only named in the log. Nothing of it can be seen in a result.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::{CancellationToken, DropGuard};

use crate::database::{Blocking, Database};
use crate::fault::NodeFault;
use crate::session::Purpose;

/// How long a reader may hold up the writer.
const PATIENCE: Duration = Duration::from_millis(200);
/// Longest pause between two looks while nobody is in the way: the statement is just slow.
const MAX_PAUSE: Duration = Duration::from_secs(2);
/// How long one look may take.
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);

/// Clears the way for one block.
#[derive(Debug)]
pub(crate) struct Blockers {
    database: Database,
    /// Process of the writer on the server.
    writer: i32,
    over: CancellationToken,
    /// Processes that the log names already.
    named: Mutex<BTreeSet<i32>>,
    _ends: DropGuard,
}

impl Blockers {
    /// For a block of the writer with this process; `database` has the readers.
    pub(crate) fn new(database: Database, writer: i32) -> Self {
        let over = CancellationToken::new();
        let ends = over.clone().drop_guard();
        Self { database, writer, over, named: Mutex::default(), _ends: ends }
    }

    /// Looks again and again who is in the way. To be dropped when the writer has its answer.
    pub(crate) async fn clear(&self) -> Infallible {
        let mut pause = PATIENCE;
        loop {
            // The server has no event for a lock that is waited for.
            tokio::time::sleep(pause).await;
            pause = match tokio::time::timeout(LOOK_TIMEOUT, self.look()).await {
                Ok(Ok(true)) => PATIENCE,
                Ok(Ok(false)) => pause.saturating_mul(2).min(MAX_PAUSE),
                Ok(Err(error)) => {
                    tracing::debug!(%error, "cannot see who holds up the block");
                    MAX_PAUSE
                }
                Err(_elapsed) => MAX_PAUSE,
            };
        }
    }

    /// Whether somebody is in the way.
    async fn look(&self) -> Result<bool, NodeFault> {
        let blocking = self.database.blocking(self.writer).await?;
        let mut ours = Vec::new();
        for one in &blocking {
            if self.database.interrupt(one.pid, &self.over) {
                ours.push(one.pid);
            } else {
                self.name(one);
            }
        }
        if !ours.is_empty() {
            tracing::info!(pids = ?ours, "cancelling reads that hold up the block");
            self.database.cancel_blocking(self.writer, &ours).await?;
        }
        Ok(!blocking.is_empty())
    }

    fn name(&self, Blocking { pid, application, user }: &Blocking) {
        // A reader that nobody knows is an abandoned one, which is being ended.
        if application.as_deref() == Some(Purpose::Reader.application()) {
            return;
        }
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        if named.insert(*pid) {
            let (application, user) =
                (application.as_deref().unwrap_or("?"), user.as_deref().unwrap_or("?"));
            tracing::warn!(
                pid,
                application,
                user,
                "another session of the database holds up the block; end it there when it lasts"
            );
        }
    }
}
