//! Byte streams to a node: TCP, TLS over TCP, Unix sockets.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::provider::Host;

/// Where a stream goes.
#[derive(Clone, Debug)]
pub(crate) enum Route {
    Unix(PathBuf),
    Tcp(Host),
    Tls(Host, Arc<rustls::ClientConfig>),
}

impl Route {
    /// Opens a stream.
    pub(crate) async fn open(self) -> io::Result<Stream> {
        match self {
            Self::Unix(path) => UnixStream::connect(path).await.map(Stream::Unix),
            Self::Tcp(host) => tcp(&host).await.map(Stream::Tcp),
            Self::Tls(host, config) => {
                let name = ServerName::try_from(host.name.clone()).map_err(io::Error::other)?;
                let stream = tcp(&host).await?;
                let tls = TlsConnector::from(config).connect(name, stream).await?;
                Ok(Stream::Tls(Box::new(tls)))
            }
        }
    }

    /// As a service that HTTP clients take.
    pub(crate) fn service(
        self,
    ) -> impl tower::Service<
        http::Uri,
        Response = TokioIo<Stream>,
        Error = io::Error,
        Future = Opening,
    > + Clone
    + Send
    + Sync
    + 'static {
        tower::service_fn(move |_uri| {
            let route = self.clone();
            Box::pin(async move { route.open().await.map(TokioIo::new) }) as Opening
        })
    }
}

/// A stream on its way.
pub(crate) type Opening = Pin<Box<dyn Future<Output = io::Result<TokioIo<Stream>>> + Send>>;

async fn tcp(host: &Host) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((host.name.as_str(), host.port)).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A connected stream.
#[derive(Debug)]
pub(crate) enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

macro_rules! delegate {
    ($self:ident, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            Stream::Unix($stream) => $call,
            Stream::Tcp($stream) => $call,
            Stream::Tls($stream) => $call,
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        delegate!(self, stream => Pin::new(stream).poll_read(cx, buf))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        delegate!(self, stream => Pin::new(stream).poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}
