//! No client takes all connections of the readers: each has a share, and waits for its own reads when it is used up.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// One of so many parts is the share of a client.
const PARTS: usize = 4;

/// Shares by client. Clients are known for as long as they read or wait, so there are never more of them than reads.
/// Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Shares {
    each: usize,
    wait: Duration,
    clients: Arc<Mutex<BTreeMap<IpAddr, Arc<Semaphore>>>>,
}

/// A part of a client's share, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    shares: Shares,
    client: IpAddr,
    places: Arc<Semaphore>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Shares {
    /// Shares of so many connections, at least one for each client. `wait` is how long one waits for its own reads.
    pub(crate) fn new(connections: u32, wait: Duration) -> Self {
        let connections = usize::try_from(connections).unwrap_or(usize::MAX);
        let each = (connections / PARTS).clamp(1, Semaphore::MAX_PERMITS);
        Self { each, wait, clients: Arc::default() }
    }

    /// How long one waits from now on.
    #[cfg(feature = "testing")]
    pub(crate) fn set_wait(&mut self, wait: Duration) {
        self.wait = wait;
    }

    /// A place for one read of the client; `None` when its share was used up for as long as it may wait.
    pub(crate) async fn take(&self, client: IpAddr) -> Option<Share> {
        let places = Arc::clone(
            self.clients().entry(client).or_insert_with(|| Arc::new(Semaphore::new(self.each))),
        );
        let mut share = Share { shares: self.clone(), client, places, permit: None };
        let acquiring = Arc::clone(&share.places).acquire_owned();
        share.permit = Some(tokio::time::timeout(self.wait, acquiring).await.ok()?.ok()?);
        Some(share)
    }

    fn clients(&self) -> MutexGuard<'_, BTreeMap<IpAddr, Arc<Semaphore>>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        drop(self.permit.take());
        let mut clients = self.shares.clients();
        // The map's and this one: nobody else reads or waits.
        if Arc::strong_count(&self.places) == 2 {
            clients.remove(&self.client);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    #[tokio::test]
    async fn a_client_waits_for_its_own_reads_only() {
        let shares = Shares::new(11, Duration::from_millis(20));
        let (first, second) = (shares.take(A).await.unwrap(), shares.take(A).await.unwrap());
        assert!(shares.take(A).await.is_none(), "a quarter of 11 is 2");
        assert!(shares.take(B).await.is_some());
        let shares = Shares { wait: Duration::from_secs(600), ..shares };
        let (waited, ()) = tokio::join!(shares.take(A), async { drop(first) });
        assert!(waited.is_some());
        drop((second, waited));
        assert!(shares.clients().is_empty(), "idle clients are forgotten");
    }

    #[tokio::test]
    async fn small_pools_have_shares_of_one() {
        for connections in 0..=7 {
            let shares = Shares::new(connections, Duration::from_millis(5));
            let _held = shares.take(A).await.unwrap();
            assert!(shares.take(A).await.is_none(), "{connections}");
        }
    }
}
