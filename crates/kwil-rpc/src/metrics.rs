//! Numbers about requests, and the page that shows all numbers of a node.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Bounds of durations in milliseconds.
const MILLIS: [f64; 8] = [1.0, 5.0, 25.0, 100.0, 500.0, 1000.0, 5000.0, 15_000.0];
const PROMETHEUS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A known method; what clients invent is never a label.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    method: &'static str,
}

/// A known method and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    method: &'static str,
    status: &'static str,
}

/// Counts requests by method. Clones share the numbers.
#[derive(Debug, Clone)]
pub struct CallMetrics {
    total: Family<Ended, Counter>,
    duration: Family<Of, Histogram, fn() -> Histogram>,
}

impl Default for CallMetrics {
    fn default() -> Self {
        Self {
            total: Family::default(),
            duration: Family::new_with_constructor(|| Histogram::new(MILLIS)),
        }
    }
}

impl CallMetrics {
    /// Adds `requests` and `requests_duration_ms` to a page.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("requests", "Requests by method and outcome", self.total.clone());
        registry.register(
            "requests_duration_ms",
            "Time to answer a request",
            self.duration.clone(),
        );
    }

    pub(crate) fn count(&self, method: &'static str, ok: bool, took: Duration) {
        let status = if ok { "ok" } else { "error" };
        self.total.get_or_create(&Ended { method, status }).inc();
        self.duration.get_or_create(&Of { method }).observe(took.as_secs_f64() * 1000.0);
    }
}

/// Writes the page of metrics.
pub type MetricsPage = Arc<dyn Fn() -> String + Send + Sync>;

/// `/metrics` and nothing else.
pub(crate) fn router(page: MetricsPage) -> Router {
    Router::new().route("/metrics", get(show)).with_state(page)
}

async fn show(State(page): State<MetricsPage>) -> Response {
    let mut response = Response::new(Body::from(page()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROMETHEUS));
    response
}
