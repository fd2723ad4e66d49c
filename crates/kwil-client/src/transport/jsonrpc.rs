//! JSON-RPC 2.0 over HTTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use kwil_api::{Call, RpcError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{ANSWER_MAX, Failure, REQUEST_MAX};
use crate::connect::{Opening, Route, Stream};
use crate::error::{ClientError, root_cause};
use crate::options::ClientOptions;

type Connector =
    tower::util::BoxCloneSyncService<Uri, hyper_util::rt::TokioIo<Stream>, std::io::Error>;

#[derive(Clone, Debug)]
pub(super) struct JsonRpc {
    client: Client<Connector, Full<Bytes>>,
    uri: Uri,
    authorization: Option<HeaderValue>,
    next_id: Arc<AtomicU64>,
}

#[derive(Serialize)]
struct Envelope<'a, P> {
    jsonrpc: &'static str,
    id: u64,
    method: &'static str,
    params: &'a P,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(default)]
    error: Option<ErrorObject>,
}

#[derive(Deserialize)]
struct ErrorObject {
    code: i32,
    message: String,
    #[serde(default)]
    data: Option<Value>,
}

impl JsonRpc {
    pub(super) fn new(
        route: Route,
        base: String,
        options: &ClientOptions,
    ) -> Result<Self, ClientError> {
        let uri = format!("{base}/rpc/v1")
            .parse()
            .map_err(|_error| crate::provider::ProviderError::Host(base.clone()))?;
        let authorization = options.password.as_ref().map(|password| basic(password));
        let client = Client::builder(TokioExecutor::new())
            .build(tower::util::BoxCloneSyncService::new(service(route)));
        Ok(Self { client, uri, authorization, next_id: Arc::new(AtomicU64::new(1)) })
    }

    pub(super) async fn call<C: Call>(
        &self,
        params: &C::Request,
        min_height: Option<u64>,
        endpoint: &str,
    ) -> Result<C::Response, Failure> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let envelope = Envelope { jsonrpc: "2.0", id, method: C::METHOD.name, params };
        let problem = |problem: String| {
            Failure::Final(ClientError::Answer { endpoint: endpoint.to_owned(), problem })
        };
        let body = serde_json::to_vec(&envelope).map_err(|error| problem(error.to_string()))?;
        if body.len() > REQUEST_MAX {
            let error = ClientError::RequestTooLarge { got: body.len(), limit: REQUEST_MAX };
            return Err(Failure::Final(error));
        }
        let response = self.post(body, min_height, endpoint).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_MAX)
            .collect()
            .await
            .map_err(|error| lost(endpoint, &*error))?
            .to_bytes();
        answer::<C>(status, &body, endpoint).map_err(Failure::Final)
    }

    async fn post(
        &self,
        body: Vec<u8>,
        min_height: Option<u64>,
        endpoint: &str,
    ) -> Result<Response<Incoming>, Failure> {
        let mut request = Request::post(self.uri.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json")
            .body(Full::from(body))
            .map_err(|error| Failure::Final(ClientError::Tls(error.to_string())))?;
        if let Some(height) = min_height {
            request.headers_mut().insert("x-kwil-min-height", height.into());
        }
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        self.client.request(request).await.map_err(|error| {
            let unreachable = ClientError::Unreachable {
                endpoint: endpoint.to_owned(),
                reason: root_cause(&error),
            };
            if error.is_connect() {
                Failure::Final(unreachable)
            } else {
                Failure::Lost(unreachable)
            }
        })
    }
}

fn service(
    route: Route,
) -> impl tower::Service<
    Uri,
    Response = hyper_util::rt::TokioIo<Stream>,
    Error = std::io::Error,
    Future = Opening,
> + Clone
+ Send
+ Sync
+ 'static {
    route.service()
}

/// The user name means nothing to the node.
pub(super) fn basic(password: &str) -> HeaderValue {
    let text = format!("Basic {}", STANDARD.encode(format!("user:{password}")));
    let mut value =
        HeaderValue::from_str(&text).unwrap_or_else(|_impossible| HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

fn lost(endpoint: &str, error: &(dyn std::error::Error + Send + Sync + 'static)) -> Failure {
    if error.is::<LengthLimitError>() {
        let problem = format!("more than {ANSWER_MAX} bytes");
        return Failure::Final(ClientError::Answer { endpoint: endpoint.to_owned(), problem });
    }
    Failure::Lost(ClientError::Unreachable {
        endpoint: endpoint.to_owned(),
        reason: root_cause(error),
    })
}

fn answer<C: Call>(
    status: StatusCode,
    body: &[u8],
    endpoint: &str,
) -> Result<C::Response, ClientError> {
    let endpoint = endpoint.to_owned();
    if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        let reason = String::from_utf8_lossy(body).trim().chars().take(200).collect();
        return Err(ClientError::Unauthorized { endpoint, reason });
    }
    let parsed: Answer<'_> = serde_json::from_slice(body).map_err(|_error| {
        let start: String = String::from_utf8_lossy(body).trim().chars().take(120).collect();
        ClientError::Answer {
            endpoint: endpoint.clone(),
            problem: format!("HTTP {status}: {start}"),
        }
    })?;
    if let Some(ErrorObject { code, message, data }) = parsed.error {
        return Err(RpcError::from_json(code, message, data).into());
    }
    let result = parsed.result.map_or("null", RawValue::get);
    serde_json::from_str(result).map_err(|error| ClientError::Answer {
        endpoint,
        problem: format!("result of {}: {error}", C::METHOD.name),
    })
}
