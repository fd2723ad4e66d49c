//! Answering.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kwil_crypto::NodeId;
use kwil_proto::p2p::v1 as proto;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::debug;

use super::answer::{Malformed, Part};
use super::request::{Request, decode_request};
use crate::NetworkEvent;
use crate::metrics::Metrics;
use crate::peers::peer::Peer;
use crate::shared::Shared;
use crate::wire::frame::{FrameError, FrameReader, Patience, frame};
use crate::wire::{SMALL_FRAME, StreamKind};

/// Time for a request to arrive, and for the node to take it.
const TAKE: Duration = Duration::from_secs(3);
/// Time for the node to produce the next part.
const PRODUCE: Duration = Duration::from_secs(30);
/// Time for an answer that is not a range of blocks.
const WHOLE: Duration = Duration::from_secs(300);
/// Parts that may wait to be written.
const AHEAD: usize = 4;
/// Bytes of transactions in one answer.
const TXS_BYTES: usize = 8 * 1024 * 1024;

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefuseCode {
    /// It is not here.
    NotFound,
    /// This version does not know the request.
    Unsupported,
    /// Not now.
    Busy,
    /// Not for this peer.
    Refused,
}

impl RefuseCode {
    pub(crate) const fn to_proto(self) -> proto::AnswerCode {
        match self {
            Self::NotFound => proto::AnswerCode::NotFound,
            Self::Unsupported => proto::AnswerCode::Unsupported,
            Self::Busy => proto::AnswerCode::Busy,
            Self::Refused => proto::AnswerCode::Refused,
        }
    }
}

impl fmt::Display for RefuseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "not found",
            Self::Unsupported => "unsupported",
            Self::Busy => "busy",
            Self::Refused => "refused",
        })
    }
}

/// A peer's question with the way to answer it.
#[derive(Debug)]
pub struct InboundRequest {
    /// Who asks.
    pub from: NodeId,
    /// What. Never `Txs` or `Peers`: the network answers these itself.
    pub request: Request,
    /// How to answer.
    pub responder: Responder,
}

/// The asking peer is gone, or lost patience. Nothing more needs to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nobody waits for the answer any more")]
pub struct PeerGone;

enum Step {
    Part(Part),
    Refuse(RefuseCode),
    Finish,
}

/// Sends the parts of an answer. Dropped without [`Responder::finish`], the peer sees a broken answer.
#[derive(Debug)]
pub struct Responder(mpsc::Sender<Step>);

impl Responder {
    /// Sends a part; waits while the peer reads slowly.
    ///
    /// # Errors
    /// The peer does not want more.
    pub async fn send(&mut self, part: Part) -> Result<(), PeerGone> {
        self.0.send(Step::Part(part)).await.map_err(|_| PeerGone)
    }

    /// Ends a complete answer.
    ///
    /// # Errors
    /// The peer does not want it.
    pub async fn finish(self) -> Result<(), PeerGone> {
        self.0.send(Step::Finish).await.map_err(|_| PeerGone)
    }

    /// Answers that there is no answer.
    ///
    /// # Errors
    /// The peer does not want it.
    pub async fn refuse(self, code: RefuseCode) -> Result<(), PeerGone> {
        self.0.send(Step::Refuse(code)).await.map_err(|_| PeerGone)
    }
}

/// What ends a connection instead of one stream.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error("request stream: {0}")]
    Frame(#[from] FrameError),
    #[error("request stream: {0}")]
    Malformed(#[from] Malformed),
}

impl ServeError {
    pub(crate) const fn punishes_peer(&self) -> bool {
        match self {
            Self::Frame(error) => error.punishes_peer(),
            Self::Malformed(_) => true,
        }
    }
}

/// Serves one request stream whose first byte has been read. Failures to answer only end this stream.
pub(crate) async fn serve(
    shared: &Shared,
    peer: &Arc<Peer>,
    send: quinn::SendStream,
    receive: quinn::RecvStream,
) -> Result<(), ServeError> {
    let mut reader = FrameReader::new(receive, SMALL_FRAME, Patience::Rate(TAKE));
    let Ok(asked) = timeout(TAKE, reader.next()).await else { return Ok(()) };
    let Some(asked) = asked? else { return Ok(()) };
    shared.metrics.frame("in", "request", asked.len());
    let mut writer = Writer { send, patience: shared.config.timing.frame, shared };
    let Some(request) = decode_request(&asked)? else {
        writer.refuse(RefuseCode::Unsupported).await;
        return Ok(());
    };
    Metrics::count(&shared.metrics.requests, request.name());
    if let Err(error) = writer.send.set_priority(request.priority()) {
        debug!(target: "P2P", peer = %peer.id, %error, "request is gone");
        return Ok(());
    }
    match request {
        Request::Peers => writer.peers(shared, peer).await,
        Request::Txs { ids } => writer.transactions(shared, &ids).await,
        request => relay(shared, peer, request, writer).await,
    }
    Ok(())
}

/// Hands the request to the node and writes what it answers.
async fn relay(shared: &Shared, peer: &Arc<Peer>, request: Request, mut writer: Writer<'_>) {
    let (sender, mut steps) = mpsc::channel(AHEAD);
    let limit = match request {
        Request::Blocks { .. } => shared.config.block_send,
        _ => WHOLE,
    };
    let end = Instant::now() + limit;
    let event = InboundRequest { from: peer.id, request, responder: Responder(sender) };
    match timeout(TAKE, shared.bulk.send(NetworkEvent::Request(event))).await {
        Ok(Ok(())) => {}
        Ok(Err(_)) | Err(_) => return writer.refuse(RefuseCode::Busy).await,
    }
    loop {
        let step = tokio::select! {
            // The peer lost interest.
            _ = writer.send.stopped() => return,
            step = timeout_at(end.min(Instant::now() + PRODUCE), steps.recv()) => step,
        };
        match step {
            Ok(Some(Step::Part(part))) => {
                match timeout_at(end, writer.write(frame(&part.to_proto()))).await {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(_) => return writer.reset(),
                }
            }
            Ok(Some(Step::Refuse(code))) => return writer.refuse(code).await,
            Ok(Some(Step::Finish)) => return writer.finish(),
            // The node gave up halfway, or is too slow.
            Ok(None) | Err(_) => return writer.reset(),
        }
    }
}

struct Writer<'a> {
    send: quinn::SendStream,
    patience: Duration,
    shared: &'a Shared,
}

impl Writer<'_> {
    /// False when the peer is too slow or gone; the stream is then over.
    async fn write(&mut self, bytes: Bytes) -> bool {
        self.shared.metrics.frame("out", "request", bytes.len());
        for piece in bytes.chunks(SMALL_FRAME) {
            match timeout(self.patience, self.send.write_all(piece)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return false,
                Err(_) => {
                    self.reset();
                    return false;
                }
            }
        }
        true
    }

    async fn refuse(&mut self, code: RefuseCode) {
        let answer = proto::Answer { code: code.to_proto().into(), part: None };
        if self.write(frame(&answer)).await {
            self.finish();
        }
    }

    /// Fails only when the peer has reset the stream, which is an end too.
    fn finish(&mut self) {
        let _gone = self.send.finish().is_err();
    }

    fn reset(&mut self) {
        let _gone = self.send.reset(quinn::VarInt::from_u32(1)).is_err();
    }

    async fn peers(&mut self, shared: &Shared, peer: &Arc<Peer>) {
        if !shared.config.pex {
            return self.refuse(RefuseCode::Refused).await;
        }
        let records = shared.records_for(peer.distance);
        if self.write(frame(&Part::Peers(records).to_proto())).await {
            self.finish();
        }
    }

    /// Sends those of the transactions that are here; the others are left out.
    async fn transactions(&mut self, shared: &Shared, ids: &[kwil_types::TxId]) {
        if shared.view().syncing {
            return self.refuse(RefuseCode::Busy).await;
        }
        let mut sent = 0_usize;
        for bytes in ids.iter().filter_map(|id| shared.txs.get(id)) {
            sent = sent.saturating_add(bytes.len());
            if sent > TXS_BYTES {
                break;
            }
            if !self.write(frame(&Part::Transaction(bytes).to_proto())).await {
                return;
            }
        }
        self.finish();
    }
}

/// Type byte of a stream, or `None` when it does not come in time or the stream is over.
pub(crate) async fn stream_kind(receive: &mut quinn::RecvStream) -> Option<Result<StreamKind, u8>> {
    let mut byte = [0];
    match timeout(TAKE, receive.read_exact(&mut byte)).await {
        Ok(Ok(())) => {
            let [byte] = byte;
            Some(StreamKind::from_byte(byte).ok_or(byte))
        }
        Ok(Err(_)) | Err(_) => None,
    }
}
