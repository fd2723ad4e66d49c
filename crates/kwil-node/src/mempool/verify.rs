//! Signature checks on all cores, a bounded number at a time.

use std::sync::Arc;

use kwil_types::{RawTx, TxCode};
use tokio::sync::Semaphore;

use super::Rejected;
use super::rules::{Checked, Rules};

/// Checks that may wait for a core.
const QUEUE_MAX: usize = 4096;

/// Runs the costly part of admission off the async threads.
#[derive(Clone, Debug)]
pub(crate) struct Verifier {
    waiting: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

impl Verifier {
    pub(crate) fn new(cores: usize) -> Self {
        Self {
            waiting: Arc::new(Semaphore::new(QUEUE_MAX)),
            running: Arc::new(Semaphore::new(cores.max(1).saturating_mul(2))),
        }
    }

    /// All checks that need no account. Refuses at once when too many wait already.
    pub(crate) async fn check(&self, rules: Arc<Rules>, raw: RawTx) -> Result<Checked, Rejected> {
        let overloaded =
            || Rejected::for_now(TxCode::MempoolFull, "too many transactions are being checked");
        let _place = self.waiting.try_acquire().map_err(|_| overloaded())?;
        let _core = self.running.acquire().await.map_err(|_| overloaded())?;
        on_blocking(move || {
            let checked = rules.check(&raw)?;
            rules.verify_signature(&raw)?;
            Ok(checked)
        })
        .await?
    }
}

async fn on_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Rejected> {
    tokio::task::spawn_blocking(work).await.map_err(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => stopping(),
    })
}

fn stopping() -> Rejected {
    Rejected::for_now(TxCode::NotReady, "node is stopping")
}
