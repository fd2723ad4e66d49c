//! The long-running tasks of a node: each has a name, an owner that notices its end, and its place in the order of
//! stopping.

use std::future::Future;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::error::NodeError;

/// One running task.
#[derive(Debug)]
struct Running {
    name: &'static str,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// The tasks in the order in which they are stopped.
#[derive(Debug)]
pub(crate) struct Tasks {
    running: Vec<Running>,
    ended: (mpsc::Sender<Ended>, mpsc::Receiver<Ended>),
}

type Ended = (&'static str, Result<(), NodeError>);

impl Tasks {
    pub(crate) fn new() -> Self {
        Self { running: Vec::new(), ended: mpsc::channel(32) }
    }

    /// Starts a task, to be stopped after all that were started before it.
    pub(crate) fn spawn<F>(
        &mut self,
        name: &'static str,
        start: impl FnOnce(CancellationToken) -> F,
    ) where
        F: Future<Output = Result<(), NodeError>> + Send + 'static,
    {
        let stop = CancellationToken::new();
        let (work, ended) = (start(stop.clone()), self.ended.0.clone());
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the owner: it waits for the end and stops the task"
        )]
        let task = tokio::spawn(async move {
            let result = work.await;
            // Full only when dozens of tasks ended at once: then the first reason is already there.
            ended.try_send((name, result)).unwrap_or_default();
        });
        self.running.push(Running { name, stop, task });
    }

    /// Returns when a task ends that nobody stopped: the node cannot go on without it.
    pub(crate) async fn first_end(&mut self) -> NodeError {
        match self.ended.1.recv().await {
            Some((_, Err(error))) => error,
            Some((name, Ok(()))) => NodeError::TaskEnded(name),
            None => NodeError::Stopping,
        }
    }

    /// Stops every task in order; each has `deadline`. Returns the first thing that went wrong.
    pub(crate) async fn stop(mut self, deadline: Duration) -> Result<(), NodeError> {
        let mut result = Ok(());
        for Running { name, stop, mut task } in self.running.drain(..) {
            tracing::info!(target: "KWILD", "Closing {name}");
            stop.cancel();
            if tokio::time::timeout(deadline, &mut task).await.is_err() {
                tracing::error!(target: "KWILD", task = name, "Does not stop in time, giving it up");
                task.abort();
                result = result.and(Err(NodeError::StopTimeout(name)));
            }
        }
        while let Ok((name, ended)) = self.ended.1.try_recv() {
            if let Err(error) = ended {
                tracing::error!(target: "KWILD", task = name, %error, "Stopped with an error");
                result = result.and(Err(error));
            }
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[tokio::test]
    async fn tasks_stop_in_the_order_of_their_start() {
        let stopped = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Tasks::new();
        for name in ["rpc", "consensus", "stores"] {
            let stopped = Arc::clone(&stopped);
            tasks.spawn(name, |stop| async move {
                stop.cancelled().await;
                stopped.lock().unwrap().push(name);
                Ok(())
            });
        }
        tasks.stop(Duration::from_secs(5)).await.unwrap();
        assert_eq!(*stopped.lock().unwrap(), ["rpc", "consensus", "stores"]);
    }

    #[tokio::test]
    async fn the_end_of_a_task_is_noticed_by_name() {
        let mut tasks = Tasks::new();
        tasks.spawn("endless", |stop| async move {
            stop.cancelled().await;
            Ok(())
        });
        tasks.spawn("short", |_| async { Ok(()) });
        assert!(matches!(tasks.first_end().await, NodeError::TaskEnded("short")));
    }

    #[tokio::test]
    async fn a_task_that_hangs_is_given_up_and_named() {
        let mut tasks = Tasks::new();
        tasks.spawn("stubborn", |_| std::future::pending());
        let result = tasks.stop(Duration::from_millis(10)).await;
        assert!(matches!(result, Err(NodeError::StopTimeout("stubborn"))), "{result:?}");
    }
}
