//! Listeners of a test, and a plain HTTP client.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use kwil_quic::Identity;
use kwil_rpc::{AdminListener, Apis, RpcHandle, RpcServer, ServerConfig, UserListener};
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::ledger::{Ledger, node_key};

/// A node's listeners on free ports and a socket in a temporary folder.
pub(crate) struct Running {
    pub(crate) handle: RpcHandle,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) stop: CancellationToken,
    pub(crate) socket: PathBuf,
    _folder: TempDir,
}

pub(crate) fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

impl Running {
    pub(crate) async fn start(ledger: Arc<Ledger>) -> Self {
        Self::start_with(ledger, |_user, _admin| {}).await
    }

    pub(crate) async fn start_with(
        ledger: Arc<Ledger>,
        change: impl FnOnce(&mut UserListener, &mut AdminListener),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("kwild.socket");
        let mut user = UserListener::new(loopback());
        let mut admin = AdminListener::unix(&socket);
        change(&mut user, &mut admin);
        let config = ServerConfig {
            user: Some(user),
            admin: Some(admin),
            node_version: "0.1.0".to_owned(),
            ..ServerConfig::default()
        };
        let stop = CancellationToken::new();
        let identity = Identity::new(node_key()).unwrap();
        let handle =
            RpcServer::start(config, Apis::of(Arc::clone(&ledger)), &identity, stop.clone())
                .await
                .unwrap();
        Self { handle, ledger, stop, socket, _folder: folder }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.handle.user_addr().unwrap()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    /// Sends one JSON-RPC body.
    pub(crate) async fn post(&self, body: impl Into<Bytes>) -> Answer {
        send(Request::post(self.url("/rpc/v1")).header("content-type", "application/json"), body)
            .await
    }

    /// Calls a method with id 1.
    pub(crate) async fn call(&self, method: &str, params: Value) -> Answer {
        let body =
            serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        self.post(body.to_string()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(Request::builder().method(Method::GET).uri(self.url(path)), "").await
    }

    /// Cancels and waits for the end.
    pub(crate) async fn end(self) {
        self.stop.cancel();
        self.handle.stopped().await;
    }
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The body with the request's name replaced, for snapshots.
    pub(crate) fn stable(&self) -> String {
        let id = self.header("x-request-id");
        self.text().replace(id, "ID")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn error_code(&self) -> i64 {
        self.json()["error"]["code"].as_i64().unwrap_or_default()
    }
}

pub(crate) async fn send(request: http::request::Builder, body: impl Into<Bytes>) -> Answer {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request.body(Full::new(body.into())).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: body.collect().await.unwrap().to_bytes(),
    }
}

pub(crate) fn data(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data")).join(name)
}
