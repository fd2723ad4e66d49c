use crate::host_port::HostPort;
use crate::section::section;

section! {
    /// metrics and traces
    "telemetry" => TelemetryConfig {
        /// accepted, without effect: metrics are served at prometheus_listen, where a collector fetches them
        enable: bool = false,
        /// OTLP/HTTP endpoint: host:port, or a full http:// or https:// URL
        otlp_endpoint: String = "127.0.0.1:4318".to_owned(),
        /// address that serves /metrics in the Prometheus text format; empty is off
        prometheus_listen: Option<HostPort> = None,
        /// share of requests that are traced, from 0 to 1
        trace_ratio: f64 = 0.01,
    }
}
