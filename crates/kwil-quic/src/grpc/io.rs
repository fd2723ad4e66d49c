//! A QUIC stream as a byte stream in both directions.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// One lane. Holds its connection open: QUIC throws away unsent data when the last handle goes.
#[derive(Debug)]
pub struct QuicIo {
    send: quinn::SendStream,
    recv: quinn::RecvStream,
    connection: quinn::Connection,
}

impl QuicIo {
    pub(super) fn new(
        (send, recv): (quinn::SendStream, quinn::RecvStream),
        connection: quinn::Connection,
    ) -> Self {
        Self { send, recv, connection }
    }

    /// The connection that the lane belongs to.
    #[must_use]
    pub const fn connection(&self) -> &quinn::Connection {
        &self.connection
    }
}

impl AsyncRead for QuicIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // quinn's own method has the same name and another error.
        AsyncRead::poll_read(Pin::new(&mut self.recv), cx, buf)
    }
}

impl AsyncWrite for QuicIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        AsyncWrite::poll_write(Pin::new(&mut self.send), cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_flush(Pin::new(&mut self.send), cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_shutdown(Pin::new(&mut self.send), cx)
    }
}
