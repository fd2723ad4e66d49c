//! `grpc.health.v1`: serving when the node is healthy.

use std::sync::Arc;
use std::time::Duration;

use kwil_api::Service;
use tokio_util::sync::CancellationToken;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::server::HealthReporter;

use crate::front::Front;

/// Between two looks at the node's health, which is in memory.
const LOOK: Duration = Duration::from_secs(1);

/// What the health service says, and how it is told.
pub(crate) struct HealthBoard {
    reporter: HealthReporter,
}

impl HealthBoard {
    pub(crate) fn new() -> Self {
        Self { reporter: HealthReporter::new() }
    }

    pub(super) fn server(&self) -> HealthServer<impl Health> {
        HealthServer::new(tonic_health::server::HealthService::from_health_reporter(
            self.reporter.clone(),
        ))
    }

    /// Follows the node until it stops, then says that nothing is served.
    pub(crate) async fn follow(self, front: Arc<Front>, stop: CancellationToken) {
        let mut looks = tokio::time::interval(LOOK);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                _now = looks.tick() => self.tell(&front, front.health().healthy).await,
            }
        }
        self.tell(&front, false).await;
    }

    async fn tell(&self, front: &Front, healthy: bool) {
        let status = if healthy {
            tonic_health::ServingStatus::Serving
        } else {
            tonic_health::ServingStatus::NotServing
        };
        self.reporter.set_service_status("", status).await;
        for service in front.services() {
            self.reporter.set_service_status(grpc_name(service), status).await;
        }
    }
}

const fn grpc_name(service: Service) -> &'static str {
    match service {
        Service::User => "kwil.rpc.v1.UserService",
        Service::Chain => "kwil.rpc.v1.ChainService",
        Service::Function => "kwil.rpc.v1.FunctionService",
        Service::Admin => "kwil.rpc.v1.AdminService",
    }
}
