//! One router per listener: JSON-RPC, REST and gRPC, and what every request passes on its way in and out.

use std::any::Any;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::any;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ALLOW,
    AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, ORIGIN, VARY, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use kwil_api::{RpcCode, RpcError};
use tonic::Status;

use crate::config::Password;
use crate::front::{Front, unknown_method};
use crate::{grpc, jsonrpc, rest};

/// What is known about a request besides its bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConnInfo {
    /// Address of the client; `None` on a socket file.
    pub(crate) client: Option<IpAddr>,
    /// Why nothing is answered on this connection.
    pub(crate) refused: Option<Arc<str>>,
    /// Named in answers and in the log.
    pub(crate) request_id: String,
}

/// What a listener asks before it answers.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) front: Arc<Front>,
    pub(crate) password: Option<Password>,
    pub(crate) cors_origins: Vec<String>,
    pub(crate) trusted_proxies: usize,
}

/// The whole application of one listener.
pub(crate) fn router(
    door: Door,
    board: &grpc::HealthBoard,
) -> Result<Router, tonic_reflection::server::Error> {
    let front = Arc::clone(&door.front);
    let grpc = grpc::routes(&front, board)?.prepare().into_axum_router();
    let http = Router::new()
        .route("/rpc/v1", any(jsonrpc::handle))
        .route("/api/v1/health", any(rest::health))
        .route("/api/v1/health/{service}", any(rest::service_health))
        .route("/api/v1/live", any(rest::live))
        .route("/api/v1/ready", any(rest::ready))
        .route("/spec/v1", any(rest::spec))
        .with_state(front);
    Ok(Router::new()
        .merge(grpc)
        .merge(http)
        .fallback(nothing_here)
        .layer(from_fn_with_state(Arc::new(door), pass)))
}

async fn nothing_here(request: Request) -> Response {
    if is_grpc(request.headers()) {
        return unknown_method().to_status("").into_http();
    }
    rest::text(StatusCode::NOT_FOUND, "Not Found")
}

fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

/// The way in and out of every request.
async fn pass(State(door): State<Arc<Door>>, mut request: Request, next: Next) -> Response {
    let mut info = request.extensions().get::<ConnInfo>().cloned().unwrap_or_default();
    info.client =
        info.client.map(|peer| client_address(door.trusted_proxies, peer, request.headers()));
    info.request_id = own_id(request.headers()).unwrap_or_else(|| door.front.request_id());
    let grpc = is_grpc(request.headers());
    let origin = door.allowed_origin(request.headers());
    request.extensions_mut().insert(info.clone());
    let mut response = match door.refuse(&request, &info, grpc) {
        Some(refused) => refused,
        None => AssertUnwindSafe(next.run(request))
            .catch_unwind()
            .await
            .unwrap_or_else(|panic| panicked(&*panic, &info.request_id, grpc)),
    };
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&info.request_id) {
        headers.insert("x-request-id", id);
    }
    if !grpc {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert("x-kwil-grpc", HeaderValue::from_static("1"));
        if let Some(origin) = origin {
            cors(headers, origin);
        }
    }
    response
}

/// A client's own name for its request, if it is a harmless one.
fn own_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get("x-request-id")?.to_str().ok()?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (matches!(id.len(), 1..=64) && id.bytes().all(fits)).then(|| id.to_owned())
}

impl Door {
    fn allowed_origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(ORIGIN)?;
        let allows = |known: &String| known == "*" || known.as_bytes() == origin.as_bytes();
        self.cors_origins.iter().any(allows).then(|| origin.clone())
    }

    /// An answer without looking at the request further.
    fn refuse(&self, request: &Request, info: &ConnInfo, grpc: bool) -> Option<Response> {
        if grpc && request.version() < Version::HTTP_2 {
            return Some(rest::text(StatusCode::HTTP_VERSION_NOT_SUPPORTED, "gRPC needs HTTP/2"));
        }
        if let Some(reason) = &info.refused {
            return Some(if grpc {
                Status::permission_denied(reason.to_string()).into_http()
            } else {
                let mut response = Response::new(Body::from(reason.to_string()));
                *response.status_mut() = StatusCode::FORBIDDEN;
                response
            });
        }
        if !grpc && request.method() == Method::OPTIONS {
            return Some(preflight());
        }
        self.ask_password(request, grpc)
    }

    fn ask_password(&self, request: &Request, grpc: bool) -> Option<Response> {
        let password = self.password.as_ref()?;
        if request.headers().get(AUTHORIZATION).is_some_and(|given| knows(password, given)) {
            return None;
        }
        if grpc {
            return Some(Status::unauthenticated("Unauthorized").into_http());
        }
        if request.method() == Method::GET && request.uri().path() == "/api/v1/health" {
            return Some(rest::alive());
        }
        let mut response = rest::text(StatusCode::UNAUTHORIZED, "Unauthorized");
        response
            .headers_mut()
            .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"kwild\""));
        Some(response)
    }
}

/// The client's address, through proxies of ours only.
fn client_address(trusted_proxies: usize, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let Some(depth) = trusted_proxies.checked_sub(1) else { return peer };
    let forwarded: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .collect();
    let named = forwarded.iter().rev().nth(depth).copied();
    let named = named.or_else(|| {
        let single = trusted_proxies == 1 && forwarded.is_empty();
        single.then(|| headers.get("x-real-ip")?.to_str().ok()).flatten()
    });
    named.and_then(|text| text.parse().ok()).unwrap_or(peer)
}

/// Compares hashes, so that the time says nothing about the password; the user name is ignored.
fn knows(password: &Password, given: &HeaderValue) -> bool {
    let decode = || {
        let (scheme, credentials) = given.to_str().ok()?.split_once(' ')?;
        let decoded = STANDARD.decode(credentials.trim()).ok()?;
        let colon = decoded.iter().position(|byte| *byte == b':')?;
        scheme
            .eq_ignore_ascii_case("basic")
            .then(|| decoded.into_iter().skip(colon.saturating_add(1)).collect())
    };
    let Some(guess): Option<Vec<u8>> = decode() else { return false };
    // blake3 compares its hashes in constant time.
    blake3::hash(&guess) == blake3::hash(password.as_bytes())
}

fn preflight() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST, OPTIONS"));
    response.headers_mut().insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}

/// The origin is echoed: browsers refuse `*` from clients that send cookies, as kwil-js does.
fn cors(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(VARY, HeaderValue::from_static("Origin"));
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, OPTIONS"));
    headers.insert(
        ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static(
            "Accept, Content-Type, Content-Length, Accept-Encoding, Authorization, ResponseType, Range, X-Request-Id, \
             traceparent",
        ),
    );
    headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    headers.insert(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("X-Request-Id, X-Kwil-Height, Retry-After"),
    );
}

fn panicked(panic: &(dyn Any + Send), request_id: &str, grpc: bool) -> Response {
    let text = panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    tracing::error!(request_id, panic = text, "a request handler panicked");
    let error = RpcError::new(RpcCode::INTERNAL, "internal error");
    if grpc {
        return error.to_status(request_id).into_http();
    }
    let mut response = Response::new(Body::from(jsonrpc::internal_error(&error, request_id)));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(jsonrpc::JSON));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (http::HeaderName::from_static(name), HeaderValue::from_static(value))
            })
            .collect()
    }

    #[test]
    fn only_proxies_of_ours_are_believed() {
        let peer = IpAddr::from([10, 0, 0, 9]);
        let chain =
            headers(&[("x-forwarded-for", "1.1.1.1, 2.2.2.2"), ("x-forwarded-for", "3.3.3.3")]);
        let real = headers(&[("x-real-ip", "4.4.4.4")]);
        assert_eq!(client_address(0, peer, &chain), peer);
        assert_eq!(client_address(1, peer, &chain), IpAddr::from([3, 3, 3, 3]));
        assert_eq!(client_address(2, peer, &chain), IpAddr::from([2, 2, 2, 2]));
        assert_eq!(client_address(4, peer, &chain), peer);
        assert_eq!(client_address(1, peer, &real), IpAddr::from([4, 4, 4, 4]));
        assert_eq!(client_address(2, peer, &real), peer);
        assert_eq!(client_address(1, peer, &headers(&[("x-forwarded-for", "nonsense")])), peer);
    }

    #[test]
    fn passwords_are_compared_whole() {
        let password = Password::new("a:b".to_owned());
        let basic = |text: &str| {
            HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(text))).unwrap()
        };
        assert!(knows(&password, &basic("user:a:b")));
        assert!(knows(&password, &basic(":a:b")));
        for wrong in ["user:a", "user:", "user:a:bc", "a:b"] {
            assert!(!knows(&password, &basic(wrong)), "{wrong}");
        }
        for broken in ["Basic", "Basic !!", "Bearer YTpi", ""] {
            assert!(!knows(&password, &HeaderValue::from_static(broken)), "{broken}");
        }
    }
}
