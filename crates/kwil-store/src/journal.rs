//! The task that owns a log file: requests come in through a bounded queue, waiting ones share one fsync.

use std::future::Future;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{Span, debug};

use crate::StoreError;

/// Requests that may wait before senders have to.
const QUEUE_MAX: usize = 256;
/// Requests that share one fsync.
const GROUP_MAX: usize = 64;

/// A file with one writer.
pub(crate) trait Journal: Send + 'static {
    /// What can be written.
    type Command: Send + 'static;

    /// Writes without waiting for the disk.
    fn apply(&mut self, command: Self::Command) -> Result<(), StoreError>;
    /// Makes what was written durable.
    fn sync(&mut self) -> Result<(), StoreError>;
    /// Syncs for the last time.
    fn close(self) -> Result<(), StoreError>;
}

struct Request<C> {
    command: Option<C>,
    durable: bool,
    span: Span,
    reply: oneshot::Sender<Result<(), StoreError>>,
}

/// Reaches the owner of a journal.
#[derive(Debug)]
pub(crate) struct Writer<C>(mpsc::Sender<Request<C>>);

impl<C> Clone for Writer<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<C: Send + 'static> Writer<C> {
    /// Returns when the command is written, and on disk if `durable`. Waits while the queue is full.
    pub(crate) async fn send(&self, command: Option<C>, durable: bool) -> Result<(), StoreError> {
        let (reply, done) = oneshot::channel();
        let request = Request { command, durable, span: Span::current(), reply };
        self.0.send(request).await.map_err(|_| StoreError::Stopped)?;
        done.await.map_err(|_| StoreError::Stopped)?
    }
}

/// The writer's handle, and the future that does the work: the caller decides which task runs it.
///
/// After `stop` the queue closes, what waits in it is written, and the file is closed.
pub(crate) fn start<J: Journal>(
    journal: J,
    stop: CancellationToken,
) -> (Writer<J::Command>, impl Future<Output = Result<(), StoreError>> + Send) {
    let (sender, requests) = mpsc::channel(QUEUE_MAX);
    (Writer(sender), own(journal, requests, stop))
}

async fn own<J: Journal>(
    mut journal: J,
    mut requests: mpsc::Receiver<Request<J::Command>>,
    stop: CancellationToken,
) -> Result<(), StoreError> {
    loop {
        let mut group = Vec::with_capacity(GROUP_MAX);
        tokio::select! {
            biased;
            () = stop.cancelled(), if !requests.is_closed() => {
                requests.close();
                continue;
            }
            _ = requests.recv_many(&mut group, GROUP_MAX) => {}
        }
        if group.is_empty() {
            return on_blocking(move || journal.close()).await.flatten();
        }
        let (back, outcome) = on_blocking(move || {
            let outcome = write_group(&mut journal, group);
            (journal, outcome)
        })
        .await?;
        journal = back;
        outcome?;
    }
}

/// Runs file work off the async threads. A panic there is a bug that must not be mistaken for success.
pub(crate) async fn on_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => StoreError::Stopped,
    })
}

fn write_group<J: Journal>(
    journal: &mut J,
    group: Vec<Request<J::Command>>,
) -> Result<(), StoreError> {
    let mut written = Vec::with_capacity(group.len());
    let mut fatal = None;
    let mut durable = false;
    for Request { command, durable: wants_sync, span, reply } in group {
        let result = match (&fatal, command) {
            (Some(error), _) => Err(StoreError::clone(error)),
            (None, None) => Ok(()),
            (None, Some(command)) => span.in_scope(|| journal.apply(command)),
        };
        if let Err(error) = &result
            && !error.is_callers_fault()
        {
            fatal = Some(error.clone());
        }
        durable |= wants_sync && result.is_ok();
        written.push((reply, result, wants_sync));
    }
    if durable
        && fatal.is_none()
        && let Err(error) = journal.sync()
    {
        fatal = Some(error);
    }
    for (reply, mut result, wants_sync) in written {
        if let (Some(error), true) = (&fatal, wants_sync && result.is_ok()) {
            result = Err(error.clone());
        }
        if reply.send(result).is_err() {
            debug!("nobody waited for this write");
        }
    }
    fatal.map_or(Ok(()), Err)
}
