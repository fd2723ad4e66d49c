//! One connection, whatever it runs on, from the first byte to the goodbye.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::limit::{Connections, Seat};
use super::preface::Guarded;
use crate::app::ConnInfo;
use crate::config::Limits;

/// Headers have this long, and so has an idle HTTP/1.1 connection.
const HEADER_TIME: Duration = Duration::from_secs(30);
const HEADER_BYTES: usize = 64 * 1024;
const H2_STREAMS: u32 = 128;
const H2_STREAM_WINDOW: u32 = 1024 * 1024;
const H2_CONNECTION_WINDOW: u32 = 16 * 1024 * 1024;
const H2_RESETS: usize = 100;
/// A silent HTTP/2 client is asked after this long, and has as long to answer as below.
const H2_ASK: Duration = Duration::from_secs(60);
const H2_ANSWER: Duration = Duration::from_secs(20);

/// What the connections of one listener share.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    app: Router,
    pub(super) connections: Arc<Connections>,
    /// Owns every task of the listener.
    tracker: TaskTracker,
    /// Says that nothing new is accepted.
    pub(super) stop: CancellationToken,
    /// Cuts what does not end by itself.
    cut: CancellationToken,
}

impl Shared {
    pub(super) fn new(app: Router, limits: &Limits, stop: CancellationToken) -> Self {
        Self {
            app,
            connections: Connections::new(limits),
            tracker: TaskTracker::new(),
            stop,
            cut: CancellationToken::new(),
        }
    }

    /// Runs a task that ends with the listener.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let cut = self.cut.clone();
        self.tracker.spawn(async move {
            tokio::select! {
                () = cut.cancelled() => {}
                () = task => {}
            }
        });
    }

    /// Waits for what runs; then `cancel` ends those that wait, and at last everything is cut.
    pub(super) async fn drain(&self, limit: Duration, cancel: &CancellationToken) {
        self.tracker.close();
        if tokio::time::timeout(limit, self.tracker.wait()).await.is_err() {
            tracing::info!(connections = self.tracker.len(), "ending requests that still run");
            cancel.cancel();
            if tokio::time::timeout(Duration::from_secs(1), self.tracker.wait()).await.is_err() {
                self.cut.cancel();
                self.tracker.wait().await;
            }
        }
        cancel.cancel();
    }

    /// Serves HTTP on a stream until the client leaves or the listener stops.
    pub(super) async fn serve<S>(&self, stream: S, info: ConnInfo, seat: Arc<Seat>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let app = self.app.clone();
        let service = tower::service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(info.clone());
            let app = app.clone();
            async move {
                Ok::<Response<Body>, Infallible>(
                    app.oneshot(request).await.unwrap_or_else(|never| match never {}),
                )
            }
        });
        let builder = builder(self.tracker.clone());
        let connection = builder.serve_connection(
            TokioIo::new(Guarded::new(stream)),
            TowerToHyperService::new(service),
        );
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended badly");
        }
        drop(seat);
    }

    /// A place for a client, or a line in the log.
    pub(super) fn seat(&self, client: Option<IpAddr>) -> Option<Arc<Seat>> {
        let seat = self.connections.seat(client);
        if seat.is_none() {
            tracing::debug!(?client, "connection refused: too many");
        }
        seat.map(Arc::new)
    }
}

fn builder(tracker: TaskTracker) -> auto::Builder<Tracked> {
    let mut builder = auto::Builder::new(Tracked(tracker));
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .max_buf_size(HEADER_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(H2_STREAMS)
        .initial_stream_window_size(H2_STREAM_WINDOW)
        .initial_connection_window_size(H2_CONNECTION_WINDOW)
        .max_pending_accept_reset_streams(H2_RESETS)
        .max_header_list_size(16 * 1024)
        .keep_alive_interval(H2_ASK)
        .keep_alive_timeout(H2_ANSWER);
    builder
}

/// Runs the tasks that HTTP/2 makes where they are waited for.
#[derive(Clone, Debug)]
struct Tracked(TaskTracker);

impl<F> hyper::rt::Executor<F> for Tracked
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, task: F) {
        self.0.spawn(task);
    }
}
