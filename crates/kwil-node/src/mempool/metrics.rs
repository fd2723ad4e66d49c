//! Numbers about the mempool for operators.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Counters and gauges; clones share them.
#[derive(Clone, Debug, Default)]
pub struct MempoolMetrics {
    /// Waiting transactions.
    pub txs: Gauge,
    /// Bytes of waiting transactions.
    pub bytes: Gauge,
    /// Transactions taken.
    pub admitted: Counter<u64, AtomicU64>,
    /// Transactions refused at admission.
    pub rejected: Counter<u64, AtomicU64>,
    /// Transactions that were taken and later dropped.
    pub dropped: Counter<u64, AtomicU64>,
    /// Transactions that left because a block holds them.
    pub included: Counter<u64, AtomicU64>,
    /// Clients that wait for inclusion.
    pub waiters: Gauge,
}

impl MempoolMetrics {
    /// Makes the numbers visible under `kwil_mempool_…`.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("kwil_mempool");
        registry.register("txs", "Waiting transactions", self.txs.clone());
        registry.register("bytes", "Bytes of waiting transactions", self.bytes.clone());
        registry.register("admitted", "Transactions taken", self.admitted.clone());
        registry.register("rejected", "Transactions refused at admission", self.rejected.clone());
        registry.register(
            "dropped",
            "Transactions dropped after they were taken",
            self.dropped.clone(),
        );
        registry.register("included", "Transactions that a block took", self.included.clone());
        registry.register("waiters", "Clients waiting for inclusion", self.waiters.clone());
    }
}
