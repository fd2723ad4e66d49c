//! Concurrency by cost: each class has its own permits and its own bounded queue.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kwil_api::{Class, RpcCode, RpcError};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::too_many;
use crate::config::Limits;

/// Said to those who find the queue full.
const RETRY: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub(super) struct Gates {
    read: Gate,
    check: Gate,
    chain: Gate,
    admin: Gate,
}

#[derive(Debug)]
struct Gate {
    name: &'static str,
    permits: Semaphore,
    queue_max: usize,
    queued: AtomicUsize,
}

impl Gates {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            read: Gate::new("reads", limits.reads, 256),
            // A waiting sender holds its permit, so this counts waiters, not checks.
            check: Gate::new("broadcasts", 10_000, 4096),
            chain: Gate::new("chain reads", 64, 256),
            admin: Gate::new("admin requests", 32, 256),
        }
    }

    /// A place among those that run; `None` for what costs nothing. Waiting in the queue counts against the deadline.
    pub(super) async fn enter(
        &self,
        class: Class,
        deadline: Instant,
    ) -> Result<Option<SemaphorePermit<'_>>, RpcError> {
        match class {
            Class::Free => Ok(None),
            Class::Read => self.read.enter(deadline).await.map(Some),
            Class::Check => self.check.enter(deadline).await.map(Some),
            Class::Chain => self.chain.enter(deadline).await.map(Some),
            Class::Admin => self.admin.enter(deadline).await.map(Some),
        }
    }
}

impl Gate {
    fn new(name: &'static str, permits: usize, queue_max: usize) -> Self {
        Self {
            name,
            permits: Semaphore::new(permits.max(1)),
            queue_max,
            queued: AtomicUsize::new(0),
        }
    }

    async fn enter(&self, deadline: Instant) -> Result<SemaphorePermit<'_>, RpcError> {
        if let Ok(permit) = self.permits.try_acquire() {
            return Ok(permit);
        }
        let _place = Place::take(self).ok_or_else(|| too_many(RETRY, self.name))?;
        match tokio::time::timeout_at(deadline, self.permits.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_closed)) => Err(super::shutting_down()),
            Err(_elapsed) => Err(RpcError::new(RpcCode::TIMEOUT, "RPC timeout")),
        }
    }
}

/// A place in the queue, given back when the wait ends in any way.
struct Place<'a>(&'a Gate);

impl<'a> Place<'a> {
    fn take(gate: &'a Gate) -> Option<Self> {
        let before = gate.queued.fetch_add(1, Ordering::Relaxed);
        let place = Self(gate);
        (before < gate.queue_max).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.queued.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_queue_says_when_to_come_back() {
        let gate = Gate::new("reads", 1, 1);
        let far = Instant::now() + Duration::from_secs(60);
        let running = gate.enter(far).await.unwrap();
        let waiting = gate.enter(far);
        tokio::pin!(waiting);
        assert!(futures_poll(waiting.as_mut()).await.is_none());
        let error = gate.enter(far).await.unwrap_err();
        assert_eq!((error.code(), error.retry_after_ms()), (RpcCode::TOO_MANY_REQUESTS, Some(250)));
        drop(running);
        assert!(waiting.await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_counts_against_the_deadline() {
        let gate = Gate::new("reads", 1, 4);
        let _running = gate.enter(Instant::now()).await.unwrap();
        let error = gate.enter(Instant::now() + Duration::from_secs(1)).await.unwrap_err();
        assert_eq!(error.code(), RpcCode::TIMEOUT);
        assert_eq!(gate.queued.load(Ordering::Relaxed), 0);
    }

    async fn futures_poll<F: Future>(future: std::pin::Pin<&mut F>) -> Option<F::Output> {
        let mut future = Some(future);
        std::future::poll_fn(move |cx| {
            let polled = future.take().map(|future| future.poll(cx));
            std::task::Poll::Ready(match polled {
                Some(std::task::Poll::Ready(output)) => Some(output),
                _ => None,
            })
        })
        .await
    }
}
