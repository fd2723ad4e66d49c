//! Health for balancers and `curl --fail`, and the list of methods.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, StatusCode};
use kwil_api::Service;
use serde::Serialize;
use serde_json::{Value, json};

use crate::front::Front;
use crate::jsonrpc::JSON;

/// Health of everything that a listener serves. The order of the keys is relied on.
#[derive(Serialize)]
pub(crate) struct Aggregate {
    kwil_alive: bool,
    healthy: bool,
    services: BTreeMap<&'static str, Value>,
}

pub(crate) fn aggregate(front: &Front) -> Aggregate {
    let services: BTreeMap<&'static str, Value> = front
        .services()
        .into_iter()
        .map(|service| (service.name(), of_service(front, service)))
        .collect();
    Aggregate { kwil_alive: true, healthy: services.values().all(is_healthy), services }
}

fn is_healthy(service: &Value) -> bool {
    service.get("healthy").and_then(Value::as_bool).unwrap_or(false)
}

/// What one service says of itself, from memory.
fn of_service(front: &Front, service: Service) -> Value {
    match service {
        Service::User => {
            serde_json::to_value(front.health()).unwrap_or_else(|_| json!({"healthy": false}))
        }
        Service::Chain => {
            let health = front.health();
            json!({
                "chain_id": health.chain.chain_id,
                "height": health.height,
                "healthy": front.apis.user.starting().is_none(),
            })
        }
        Service::Function => json!({"healthy": true, "version": service.version_text()}),
        Service::Admin => {
            let status = front.apis.admin.status();
            json!({
                "version": service.version_text(),
                "healthy": front.health().healthy,
                "pubkey": status.validator.key.to_hex(),
            })
        }
    }
}

pub(crate) async fn health(State(front): State<Arc<Front>>, request: Request<Body>) -> Response {
    if let Some(refused) = not_get(&request) {
        return refused;
    }
    let aggregate = aggregate(&front);
    answer(status(aggregate.healthy), &aggregate)
}

/// The reduced form for those without the operator's password.
pub(crate) fn alive() -> Response {
    answer(StatusCode::OK, &json!({"kwil_alive": true}))
}

pub(crate) async fn service_health(
    State(front): State<Arc<Front>>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Response {
    if let Some(refused) = not_get(&request) {
        return refused;
    }
    match front.services().into_iter().find(|service| service.name() == name) {
        Some(service) => {
            let health = of_service(&front, service);
            answer(status(is_healthy(&health)), &health)
        }
        None => text(StatusCode::NOT_FOUND, "Not Found"),
    }
}

pub(crate) async fn live(request: Request<Body>) -> Response {
    not_get(&request).unwrap_or_else(alive)
}

pub(crate) async fn ready(State(front): State<Arc<Front>>, request: Request<Body>) -> Response {
    if let Some(refused) = not_get(&request) {
        return refused;
    }
    let health = front.health();
    answer(
        status(health.healthy),
        &json!({"ready": health.healthy, "phase": health.phase, "reasons": health.reasons}),
    )
}

pub(crate) async fn spec(State(front): State<Arc<Front>>, request: Request<Body>) -> Response {
    not_get(&request).unwrap_or_else(|| answer(StatusCode::OK, &crate::openrpc::document(&front)))
}

fn status(healthy: bool) -> StatusCode {
    if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

fn not_get(request: &Request<Body>) -> Option<Response> {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    (!reads).then(|| text(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"))
}

fn answer(status: StatusCode, value: &impl Serialize) -> Response {
    let body = serde_json::to_vec(value).unwrap_or_default();
    build(status, JSON, Body::from(body))
}

pub(crate) fn text(status: StatusCode, text: &'static str) -> Response {
    build(status, "text/plain; charset=utf-8", Body::from(text))
}

fn build(status: StatusCode, kind: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
