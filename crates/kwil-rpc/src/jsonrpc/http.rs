//! `POST /rpc/v1`.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body as HttpBody;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use kwil_api::{Class, RpcCode, RpcError, method_named};
use tokio::time::Instant;

use super::dispatch::dispatch;
use super::envelope::{self, Body, Id, Malformed};
use crate::app::ConnInfo;
use crate::front::{Context, Front};

/// Content type of every JSON answer.
pub(crate) const JSON: &str = "application/json; charset=utf-8";

/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(30);

/// An answer's status and bytes.
struct Answer {
    status: u16,
    body: Vec<u8>,
    retry_after: Option<u64>,
    /// Height of the state that a read answers from.
    height: Option<i64>,
}

pub(crate) async fn handle(
    State(front): State<Arc<Front>>,
    request: Request<HttpBody>,
) -> Response {
    if request.method() != Method::POST {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "POST required for JSON-RPC");
    }
    let context = context(&front, &request);
    let answer = match read(&front, request).await {
        Ok(body) => answer(&front, &context, &body).await,
        Err(Refused { status, error }) => Answer { status, ..failed(&Id::Null, &error, &context) },
    };
    respond(answer)
}

fn context(front: &Front, request: &Request<HttpBody>) -> Context {
    let info = request.extensions().get::<ConnInfo>().cloned().unwrap_or_default();
    let number = |name: &str| -> Option<u64> {
        request.headers().get(name).and_then(|value| value.to_str().ok()?.parse().ok())
    };
    let shortened = number("x-request-timeout-ms").map(Duration::from_millis);
    let limit = front.limits().timeout;
    let now = Instant::now();
    let deadline =
        now.checked_add(shortened.map_or(limit, |shortened| shortened.min(limit))).unwrap_or(now);
    Context::new(info.request_id, info.client, deadline, number("x-kwil-min-height"))
}

struct Refused {
    status: u16,
    error: RpcError,
}

impl Refused {
    fn new(status: u16, error: RpcError) -> Self {
        Self { status, error }
    }
}

/// The whole body, if its type, size and pace are right.
async fn read(front: &Front, request: Request<HttpBody>) -> Result<Bytes, Refused> {
    if let Some(kind) = request.headers().get(CONTENT_TYPE)
        && !is_json(kind)
    {
        let text = format!("content type {kind:?} is not JSON");
        return Err(Refused::new(415, RpcError::new(RpcCode::INVALID_REQUEST, text)));
    }
    let limit = front.limits().max_request;
    let too_large = || {
        Refused::new(
            413,
            RpcError::new(RpcCode::INVALID_REQUEST, "request too large").with("limit", limit),
        )
    };
    let announced = http_body::Body::size_hint(request.body()).lower();
    if usize::try_from(announced).map_or(true, |announced| announced > limit) {
        return Err(too_large());
    }
    let body = Limited::new(request.into_body(), limit).collect();
    match tokio::time::timeout(BODY_TIME, body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_broken)) => Err(Refused::new(
            400,
            RpcError::new(RpcCode::INVALID_REQUEST, "error reading request body"),
        )),
        Err(_elapsed) => {
            Err(Refused::new(408, RpcError::new(RpcCode::TIMEOUT, "request body took too long")))
        }
    }
}

fn is_json(kind: &HeaderValue) -> bool {
    let Ok(kind) = kind.to_str() else { return false };
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    matches!(kind.as_str(), "" | "application/json" | "text/plain")
        || (kind.starts_with("application/") && kind.ends_with("+json"))
}

async fn answer(front: &Front, context: &Context, body: &[u8]) -> Answer {
    match envelope::parse(body, front.limits().max_batch) {
        Body::One(request) => one(front, context, *request).await,
        Body::Batch(requests) => batch(front, context, requests).await,
    }
}

async fn one(
    front: &Front,
    context: &Context,
    request: Result<envelope::Request, Malformed>,
) -> Answer {
    let request = match request {
        Ok(request) => request,
        Err(Malformed { id, error }) => return failed(&id, &error, context),
    };
    let envelope::Request { id, method, params } = request;
    match dispatch_any(front, context, &id, &method, params).await {
        Ok(body) => {
            let reads = method_named(&method)
                .is_some_and(|method| matches!(method.class, Class::Read | Class::Chain));
            let seen = context.height();
            let height = reads.then(|| seen.unwrap_or_else(|| front.apis.user.best_height()));
            Answer { status: 200, body, retry_after: None, height }
        }
        Err(error) => failed(&id, &error, context),
    }
}

/// Methods of the services, and the two of JSON-RPC itself.
async fn dispatch_any(
    front: &Front,
    context: &Context,
    id: &Id,
    method: &str,
    params: serde_json::Map<String, serde_json::Value>,
) -> Result<Vec<u8>, RpcError> {
    let limit = front.limits().max_response;
    match method {
        "rpc.health" => envelope::result(id, &crate::rest::aggregate(front), limit),
        "rpc.discover" => envelope::result(id, &crate::openrpc::document(front), limit),
        _ => dispatch(front, context, id, method, params).await,
    }
}

fn failed(id: &Id, error: &RpcError, context: &Context) -> Answer {
    Answer {
        status: error.code().http_status(),
        body: envelope::error(id, error, &context.request_id),
        retry_after: error.retry_after_ms(),
        height: None,
    }
}

/// One after the other, in order, under one deadline and one size limit.
async fn batch(
    front: &Front,
    context: &Context,
    requests: Vec<Result<envelope::Request, Malformed>>,
) -> Answer {
    let limit = front.limits().max_response;
    let mut body = vec![b'['];
    let mut height = None;
    for request in requests {
        let id = match &request {
            Ok(request) => request.id.clone(),
            Err(malformed) => malformed.id.clone(),
        };
        let mut answer = one(front, context, request).await;
        if body.len().saturating_add(answer.body.len()) > limit {
            let error = RpcError::new(
                RpcCode::RESULT_TOO_LARGE,
                format!("answers are larger than {limit} bytes"),
            );
            answer = failed(&id, &error.with("limit_bytes", limit), context);
        }
        if body.len() > 1 {
            body.push(b',');
        }
        height = answer.height.or(height);
        body.append(&mut answer.body);
    }
    body.push(b']');
    Answer { status: 200, body, retry_after: None, height }
}

fn respond(answer: Answer) -> Response {
    let mut response = Response::new(HttpBody::from(answer.body));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    if let Some(millis) = answer.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(millis.div_ceil(1000)));
    }
    if let Some(height) = answer.height {
        headers.insert("x-kwil-height", HeaderValue::from(height));
    }
    response
}

fn plain(status: StatusCode, text: &'static str) -> Response {
    let mut response = Response::new(HttpBody::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST, OPTIONS"));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
