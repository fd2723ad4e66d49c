//! Numbers about the node for operators, as a page in the text format of Prometheus.
//!
//! Labels come from fixed sets: no height, no size and no text of an error ever becomes one.

use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use kwil_p2p::NetworkHandle;
use kwil_rpc::CallMetrics;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::sync::watch;

use crate::block_sync::SyncStatus;
use crate::driver::DriverHandle;
use crate::executor::ChainTip;
use crate::mempool::Mempool;

/// Bounds of latencies in milliseconds.
const MILLIS: [f64; 12] =
    [1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 5000.0, 30_000.0];

/// One label with a value from a fixed set.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Kind {
    kind: &'static str,
}

/// What the chain does here. Clones share the numbers.
#[derive(Debug, Clone)]
pub(crate) struct ChainMetrics {
    pub(crate) exec_ms: Histogram,
    pub(crate) commit_ms: Histogram,
    pub(crate) blocks: Counter,
    pub(crate) block_bytes: Counter,
    view_changes: Family<Kind, Counter>,
    evidence: Family<Kind, Counter>,
}

impl Default for ChainMetrics {
    fn default() -> Self {
        Self {
            exec_ms: Histogram::new(MILLIS),
            commit_ms: Histogram::new(MILLIS),
            blocks: Counter::default(),
            block_bytes: Counter::default(),
            view_changes: Family::default(),
            evidence: Family::default(),
        }
    }
}

impl ChainMetrics {
    pub(crate) fn view_change(&self, trigger: &'static str) {
        self.view_changes.get_or_create(&Kind { kind: trigger }).inc();
    }

    pub(crate) fn evidence(&self, kind: &'static str) {
        self.evidence.get_or_create(&Kind { kind }).inc();
    }

    pub(crate) fn since(histogram: &Histogram, started: Instant) {
        histogram.observe(millis(started.elapsed()));
    }

    fn register(&self, registry: &mut Registry) {
        registry.register(
            "consensus_exec_latency_ms",
            "Time to execute a block",
            self.exec_ms.clone(),
        );
        registry.register(
            "consensus_commit_latency_ms",
            "Time to commit an executed block to the database",
            self.commit_ms.clone(),
        );
        registry.register("blocks_stored_count", "Blocks committed here", self.blocks.clone());
        registry.register("blocks_stored_bytes", "Their bytes", self.block_bytes.clone());
        registry.register(
            "consensus_view_changes",
            "Views left, by what made this node leave",
            self.view_changes.clone(),
        );
        registry.register(
            "consensus_evidence",
            "Proofs of misbehaviour recorded, by kind",
            self.evidence.clone(),
        );
    }
}

/// What is read when the page is asked for.
#[derive(Debug, Default)]
struct Moments {
    height: Gauge,
    target: Gauge,
    deciding: Gauge,
    view: Gauge,
    alive: Gauge,
    quorum: Gauge,
    held: Family<Kind, Gauge>,
    resident: Gauge,
    cpu: Gauge<f64, AtomicU64>,
    files: Gauge,
}

impl Moments {
    fn register(&self, registry: &mut Registry) {
        registry.register("chain_height", "Committed height", self.height.clone());
        registry.register(
            "chain_target_height",
            "Highest height known in the network",
            self.target.clone(),
        );
        registry.register("consensus_height", "Height being decided", self.deciding.clone());
        registry.register("consensus_view", "View of this node", self.view.clone());
        registry.register(
            "consensus_alive_validators",
            "Validators alive, this node included",
            self.alive.clone(),
        );
        registry.register("consensus_quorum", "Validators needed for a block", self.quorum.clone());
        registry.register(
            "consensus_held",
            "1 while this node signs nothing, by reason",
            self.held.clone(),
        );
        registry.register(
            "process_resident_memory_bytes",
            "Memory of this process",
            self.resident.clone(),
        );
        registry.register("process_cpu_seconds", "CPU time of this process", self.cpu.clone());
        registry.register("process_open_fds", "Open files of this process", self.files.clone());
    }

    fn read_process(&self) {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let resident = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse::<i64>().ok());
        self.resident.set(resident.unwrap_or_default().saturating_mul(1024));
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        self.cpu.set(cpu_seconds(&stat).unwrap_or_default());
        let files = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        self.files.set(i64::try_from(files).unwrap_or(i64::MAX));
    }
}

/// User and system time; the kernel counts hundredths of a second. Names may hold blanks and brackets, so the fields
/// are counted from the last bracket.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some((f64::from(user) + f64::from(system)) / 100.0)
}

/// Where moments are read from.
#[derive(Debug)]
pub(crate) struct Sources {
    pub(crate) tip: watch::Receiver<ChainTip>,
    pub(crate) sync: watch::Receiver<SyncStatus>,
    pub(crate) driver: DriverHandle,
}

/// Everything on the page.
#[derive(Debug)]
pub(crate) struct NodeMetrics {
    registry: Mutex<Registry>,
    pub(crate) chain: ChainMetrics,
    pub(crate) calls: CallMetrics,
    moments: Moments,
    sources: OnceLock<Sources>,
}

impl NodeMetrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::default();
        let (chain, calls, moments) =
            (ChainMetrics::default(), CallMetrics::default(), Moments::default());
        let kwil = registry.sub_registry_with_prefix("kwil");
        chain.register(kwil);
        calls.register(kwil);
        moments.register(kwil);
        Self { registry: Mutex::new(registry), chain, calls, moments, sources: OnceLock::new() }
    }

    /// The node is composed: its parts are on the page from now on.
    pub(crate) fn follow(&self, network: &NetworkHandle, mempool: &Mempool, sources: Sources) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        network.metrics().register(&mut registry);
        mempool.metrics().register(&mut registry);
        drop(registry);
        // A node is composed once.
        self.sources.set(sources).unwrap_or_default();
    }

    /// The page. Memory and the kernel's tables of this process are asked, never the database.
    pub(crate) fn page(&self) -> String {
        self.moments.read_process();
        if let Some(sources) = self.sources.get() {
            self.read(sources);
        }
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let mut page = String::new();
        if prometheus_client::encoding::text::encode(&mut page, &registry).is_err() {
            tracing::warn!(target: "KWILD", "Cannot write the page of metrics");
        }
        page
    }

    fn read(&self, sources: &Sources) {
        let (height, status) = (sources.tip.borrow().height, sources.driver.status());
        let target = sources.sync.borrow().target.max(height);
        let number = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
        let moments = &self.moments;
        moments.height.set(crate::services::signed(height));
        moments.target.set(crate::services::signed(target));
        moments.deciding.set(crate::services::signed(status.height.get()));
        moments.view.set(crate::services::signed(status.view.get()));
        moments.alive.set(number(status.alive));
        moments.quorum.set(number(status.quorum));
        moments.held.clear();
        if let Some(reason) = &status.held {
            moments.held.get_or_create(&Kind { kind: reason.name() }).set(1);
        }
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_a_starting_node_has_the_process_and_every_chain_metric() {
        let metrics = NodeMetrics::new();
        metrics.chain.blocks.inc();
        metrics.chain.view_change("leader_silent");
        ChainMetrics::since(&metrics.chain.exec_ms, Instant::now());
        let page = metrics.page();
        for line in [
            "kwil_blocks_stored_count_total 1",
            "kwil_consensus_view_changes_total{kind=\"leader_silent\"} 1",
            "kwil_consensus_exec_latency_ms_count 1",
            "# EOF",
        ] {
            assert!(page.contains(line), "{line} is not in {page}");
        }
        let resident = page
            .lines()
            .find_map(|line| line.strip_prefix("kwil_process_resident_memory_bytes "))
            .and_then(|text| text.parse::<u64>().ok());
        assert!(resident.is_some_and(|bytes| bytes > 1_000_000), "{page}");
    }

    #[test]
    fn cpu_time_is_read_behind_any_process_name() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4 10 0 0 0 150 50 0 0 20 0 9 0 5";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        assert_eq!(cpu_seconds("7 (kwild"), None);
    }
}
