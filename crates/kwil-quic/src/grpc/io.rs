//! A QUIC stream as a byte stream in both directions.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// One lane. Holds its connection open: QUIC throws away unsent data when the last handle goes.
#[derive(Debug)]
pub struct QuicIo {
    send: quinn::SendStream,
    recv: quinn::RecvStream,
    connection: quinn::Connection,
    delivered: Option<Delivered>,
}

/// Until the other side has every byte, or does not want it.
struct Delivered(Pin<Box<dyn Future<Output = ()> + Send + Sync>>);

impl fmt::Debug for Delivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Delivered")
    }
}

impl QuicIo {
    pub(super) fn new(
        (send, recv): (quinn::SendStream, quinn::RecvStream),
        connection: quinn::Connection,
    ) -> Self {
        Self { send, recv, connection, delivered: None }
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

    /// Done when everything has arrived: a connection that is closed earlier throws away what is on its way.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.delivered.is_none() {
            ready!(AsyncWrite::poll_shutdown(Pin::new(&mut self.send), cx))?;
            let stopped = self.send.stopped();
            self.delivered = Some(Delivered(Box::pin(async move {
                // Lost or refused: nothing more can be done for it either way.
                drop(stopped.await);
            })));
        }
        match &mut self.delivered {
            Some(Delivered(delivered)) => delivered.as_mut().poll(cx).map(Ok),
            None => Poll::Ready(Ok(())),
        }
    }
}
