//! Asking.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kwil_crypto::NodeId;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout, timeout_at};

use super::answer::{Frame, Malformed, Part, decode_answer};
use super::request::Request;
use super::server::RefuseCode;
use crate::config::AnswerTimes;
use crate::peers::peer::Peer;
use crate::wire::StreamKind;
use crate::wire::frame::{FrameError, FrameReader, Patience, frame};

/// A request without a good answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The peer is not connected.
    #[error("{peer} is not connected")]
    NotConnected {
        /// The peer.
        peer: NodeId,
    },
    /// The connection broke, or the peer reset the request.
    #[error("request to {peer} was cut off: {reason}")]
    Cut {
        /// The peer.
        peer: NodeId,
        /// How.
        reason: String,
    },
    /// The peer says no.
    #[error("{peer} answers {code}")]
    Refused {
        /// The peer.
        peer: NodeId,
        /// Its answer.
        code: RefuseCode,
    },
    /// The peer is too slow.
    #[error("{peer} did not answer in {waited_ms} ms")]
    Timeout {
        /// The peer.
        peer: NodeId,
        /// Patience, milliseconds.
        waited_ms: u128,
    },
    /// The answer breaks the protocol.
    #[error("{peer} answers nonsense: {reason}")]
    Malformed {
        /// The peer.
        peer: NodeId,
        /// What is wrong.
        reason: String,
    },
}

impl RequestError {
    /// Whether another peer may do better at once.
    #[must_use]
    pub const fn is_worth_asking_others(&self) -> bool {
        match self {
            Self::NotConnected { .. }
            | Self::Cut { .. }
            | Self::Refused { .. }
            | Self::Timeout { .. }
            | Self::Malformed { .. } => true,
        }
    }
}

/// What an answer may cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    pub(crate) times: AnswerTimes,
    /// Longest frame, bytes.
    pub(crate) frame: usize,
    /// All frames together, bytes.
    pub(crate) total: u64,
}

/// An answer on its way. Dropping it tells the peer to stop.
pub struct Answer {
    peer: NodeId,
    reader: FrameReader,
    budget: Budget,
    received: u64,
    started: bool,
    end: Instant,
    // The connection stays open and the peer's number of open requests stays bounded while this lives.
    _peer: Arc<Peer>,
    _permit: OwnedSemaphorePermit,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer")
            .field("peer", &self.peer)
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}

/// Sends a request on a stream of its own.
pub(crate) async fn ask(
    peer: Arc<Peer>,
    request: &Request,
    budget: Budget,
) -> Result<Answer, RequestError> {
    let id = peer.id;
    let start = Instant::now();
    let opening = async {
        let permit = Arc::clone(&peer.requests)
            .acquire_owned()
            .await
            .map_err(|_| "the network stops".to_owned())?;
        let (mut send, receive) =
            peer.connection.open_bi().await.map_err(|error| error.to_string())?;
        send.set_priority(request.priority()).map_err(|error| error.to_string())?;
        send.write_all(&[StreamKind::Request.byte()]).await.map_err(|error| error.to_string())?;
        send.write_all(&frame(&request.to_proto())).await.map_err(|error| error.to_string())?;
        send.finish().map_err(|error| error.to_string())?;
        Ok::<_, String>((permit, receive))
    };
    let first = budget.times.first;
    let opened = timeout(first, opening).await;
    let (permit, receive) = opened
        .map_err(|_| RequestError::Timeout { peer: id, waited_ms: first.as_millis() })?
        .map_err(|reason| RequestError::Cut { peer: id, reason })?;
    Ok(Answer {
        peer: id,
        reader: FrameReader::new(receive, budget.frame, Patience::Gap(budget.times.gap)),
        budget,
        received: 0,
        started: false,
        end: start + budget.times.whole,
        _peer: peer,
        _permit: permit,
    })
}

impl Answer {
    /// Who answers.
    #[must_use]
    pub const fn peer(&self) -> NodeId {
        self.peer
    }

    /// The next part; `None` at the end of a complete answer.
    ///
    /// # Errors
    /// Refusal, delay, or a peer that breaks the protocol.
    pub async fn next(&mut self) -> Result<Option<Part>, RequestError> {
        let peer = self.peer;
        let patience = if self.started { self.budget.times.gap } else { self.budget.times.first };
        let slow = || RequestError::Timeout { peer, waited_ms: patience.as_millis() };
        let frame = match self.next_frame(patience).await.ok_or_else(slow)? {
            Err(FrameError::Stalled) => return Err(slow()),
            Err(error) if error.punishes_peer() => {
                return Err(RequestError::Malformed { peer, reason: error.to_string() });
            }
            Err(error) => return Err(RequestError::Cut { peer, reason: error.to_string() }),
            Ok(None) => return Ok(None),
            Ok(Some(frame)) => frame,
        };
        self.started = true;
        self.received =
            self.received.saturating_add(u64::try_from(frame.len()).unwrap_or(u64::MAX));
        if self.received > self.budget.total {
            return Err(RequestError::Malformed {
                peer,
                reason: "more bytes than asked for".to_owned(),
            });
        }
        match decode_answer(frame) {
            Ok(Frame::Part(part)) => Ok(Some(part)),
            Ok(Frame::Empty) => Ok(None),
            Ok(Frame::Refused(code)) => Err(RequestError::Refused { peer, code }),
            Err(Malformed(what)) => {
                Err(RequestError::Malformed { peer, reason: format!("malformed {what}") })
            }
        }
    }

    /// The next frame; `None` when it does not begin within `patience`, or the whole answer takes too long. Once begun,
    /// the gap between its pieces is watched instead: a large block on a slow line takes its time.
    async fn next_frame(
        &mut self,
        patience: Duration,
    ) -> Option<Result<Option<Bytes>, FrameError>> {
        let begin = self.end.min(Instant::now() + patience);
        match timeout_at(begin, self.reader.next()).await {
            Ok(frame) => Some(frame),
            Err(_) if self.reader.is_partial() => {
                timeout_at(self.end, self.reader.next()).await.ok()
            }
            Err(_) => None,
        }
    }

    /// A part that does not belong into this answer.
    pub(crate) fn unexpected(&self) -> RequestError {
        RequestError::Malformed {
            peer: self.peer,
            reason: "a part of another kind of answer".to_owned(),
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.reader.stop();
    }
}
