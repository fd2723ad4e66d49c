//! A connection has five seconds to say something, and thirty to take what we say.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// Time for the bytes that tell HTTP/1.1 from HTTP/2; afterwards the HTTP library has its own limits.
const PREFACE_TIME: Duration = Duration::from_secs(5);
/// Length of those bytes.
const PREFACE_LEN: usize = 24;
/// A client that takes nothing for this long is given up.
const STALL_TIME: Duration = Duration::from_secs(30);

/// A stream with those two limits.
pub(super) struct Guarded<S> {
    stream: S,
    read: usize,
    preface: Option<Pin<Box<Sleep>>>,
    stall: Option<Pin<Box<Sleep>>>,
}

impl<S> Guarded<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, read: 0, preface: Some(Box::pin(sleep(PREFACE_TIME))), stall: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(cx, buf);
        if let Some(timer) = &mut this.preface {
            match &polled {
                Poll::Ready(_) => {
                    this.read = this.read.saturating_add(buf.filled().len().saturating_sub(before));
                    // Whatever starts otherwise is HTTP/1.1, whose headers have a limit of their own.
                    let other = buf
                        .filled()
                        .get(before)
                        .is_some_and(|first| this.read > 0 && *first != b'P');
                    if this.read >= PREFACE_LEN || other {
                        this.preface = None;
                    }
                }
                Poll::Pending => {
                    if timer.as_mut().poll(cx).is_ready() {
                        return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                    }
                }
            }
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> Guarded<S> {
    /// Waits no longer than the stall time for the client to take bytes.
    fn watched<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let polled = write(Pin::new(&mut self.stream), cx);
        if polled.is_ready() {
            self.stall = None;
            return polled;
        }
        let timer = self.stall.get_or_insert_with(|| Box::pin(sleep(STALL_TIME)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().watched(cx, |stream, cx| stream.poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().watched(cx, |stream, cx| stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().watched(cx, |stream, cx| stream.poll_shutdown(cx))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_silent_connection_ends() {
        let (_client, server) = tokio::io::duplex(64);
        let error = Guarded::new(server).read(&mut [0; 1]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn half_a_preface_ends_too() {
        let (mut client, server) = tokio::io::duplex(64);
        client.write_all(b"PRI *").await.unwrap();
        let mut guarded = Guarded::new(server);
        assert_eq!(guarded.read(&mut [0; 64]).await.unwrap(), 5);
        assert_eq!(guarded.read(&mut [0; 64]).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_given_up() {
        let (_client, server) = tokio::io::duplex(4);
        let mut guarded = Guarded::new(server);
        let error = guarded.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
