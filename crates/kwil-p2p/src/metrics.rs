//! Numbers about the network, for the node's metrics page.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// One label with a value from a fixed set.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Label {
    /// Which one.
    pub kind: &'static str,
}

/// Direction and content of traffic.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Traffic {
    /// `in` or `out`.
    pub direction: &'static str,
    /// `control`, `consensus`, `gossip`, `request`.
    pub stream: &'static str,
}

/// Counters and gauges of the network. Cloning shares them.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Metrics {
    /// Connected peers by direction.
    pub peers: Family<Label, Gauge>,
    /// Bytes in frames.
    pub bytes: Family<Traffic, Counter>,
    /// Frames.
    pub frames: Family<Traffic, Counter>,
    /// Dials by result: `ok`, `failed`.
    pub dials: Family<Label, Counter>,
    /// Refused or closed connections by reason.
    pub rejected: Family<Label, Counter>,
    /// Bans.
    pub bans: Counter,
    /// Consensus messages not taken, by reason.
    pub dropped: Family<Label, Counter>,
    /// Transactions: `announced`, `pulled`, `pushed`, `duplicate`.
    pub gossip: Family<Label, Counter>,
    /// Requests served, by kind.
    pub requests: Family<Label, Counter>,
    /// Peers whose clock differs by more than two seconds.
    pub skewed_clocks: Counter,
}

impl Metrics {
    /// Adds the metrics to the node's page as `kwil_p2p_…`.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("kwil_p2p");
        registry.register("peers", "Connected peers", self.peers.clone());
        registry.register("bytes", "Bytes in frames", self.bytes.clone());
        registry.register("frames", "Frames", self.frames.clone());
        registry.register("dials", "Dials by result", self.dials.clone());
        registry.register(
            "rejected",
            "Connections refused or closed, by reason",
            self.rejected.clone(),
        );
        registry.register("bans", "Bans", self.bans.clone());
        registry.register(
            "dropped",
            "Consensus messages not taken, by reason",
            self.dropped.clone(),
        );
        registry.register("gossip", "Transactions in gossip", self.gossip.clone());
        registry.register("requests", "Requests served, by kind", self.requests.clone());
        registry.register(
            "skewed_clocks",
            "Peers with a clock more than 2 s off",
            self.skewed_clocks.clone(),
        );
    }

    pub(crate) fn frame(&self, direction: &'static str, stream: &'static str, bytes: usize) {
        let traffic = Traffic { direction, stream };
        self.frames.get_or_create(&traffic).inc();
        self.bytes.get_or_create(&traffic).inc_by(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    pub(crate) fn count(family: &Family<Label, Counter>, kind: &'static str) {
        family.get_or_create(&Label { kind }).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_shows_the_names() {
        let (metrics, mut registry) = (Metrics::default(), Registry::default());
        metrics.register(&mut registry);
        metrics.frame("in", "consensus", 12);
        Metrics::count(&metrics.dials, "ok");
        let mut page = String::new();
        prometheus_client::encoding::text::encode(&mut page, &registry).unwrap();
        assert!(
            page.contains("kwil_p2p_bytes_total{direction=\"in\",stream=\"consensus\"} 12"),
            "{page}"
        );
        assert!(page.contains("kwil_p2p_dials_total{kind=\"ok\"} 1"), "{page}");
    }
}
