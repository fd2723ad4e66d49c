//! The streams of an established connection.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kwil_proto::p2p::v1 as proto;
use prost::Message as _;
use proto::control_frame::Message as Control;
use proto::gossip_frame::Message as Gossip;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::greeting::{self, ended, next_control};
use crate::exchange::{serve as serve_request, stream_kind};
use crate::gossip::{MAX_IDS, announced, pushed};
use crate::hello::{status_from_proto, status_to_proto};
use crate::limit::Meter;
use crate::peers::peer::Peer;
use crate::peers::standing::Conduct;
use crate::relay;
use crate::shared::Shared;
use crate::wire::consensus::commit_announce_from_proto;
use crate::wire::frame::{FrameError, FrameReader, Patience, frame};
use crate::wire::{CONSENSUS_FRAME, SMALL_FRAME, StreamKind, TX_OVERHEAD, tx_ids};
use crate::{CloseCode, Closed, NetworkEvent, PeerStatus, pex};

const CONSENSUS_PRIORITY: i32 = 100;
const GOSSIP_PRIORITY: i32 = 20;
/// At most four status messages a second.
const STATUS_PAUSE: Duration = Duration::from_millis(250);
/// How long announcements gather.
const GATHER: Duration = Duration::from_millis(3);
/// Requests of one peer that are served at once.
const MAX_SERVED: usize = 8;
/// Consensus frames, transaction ids and requests of one peer: per second, burst.
const CONSENSUS_RATE: (u32, u32) = (500, 2000);
const IDS_RATE: (u32, u32) = (5000, 20_000);
const REQUEST_RATE: (u32, u32) = (100, 200);
/// Status messages of one peer: per second, burst.
const CONTROL_RATE: (u32, u32) = (8, 32);

type Ended = Result<(), Closed>;

/// Serves all streams until the first of them, the connection or the network ends.
pub(super) async fn serve(
    shared: &Arc<Shared>,
    peer: &Arc<Peer>,
    control: greeting::Control,
) -> Closed {
    let mut tasks: JoinSet<Ended> = JoinSet::new();
    let greeting::Control { send, reader, told } = control;
    tasks.spawn(read_control(Arc::clone(shared), Arc::clone(peer), reader));
    tasks.spawn(write_control(Arc::clone(shared), Arc::clone(peer), send, told));
    tasks.spawn(write_consensus(Arc::clone(shared), Arc::clone(peer)));
    tasks.spawn(write_gossip(Arc::clone(shared), Arc::clone(peer)));
    tasks.spawn(accept_streams(Arc::clone(shared), Arc::clone(peer)));
    tasks.spawn(accept_requests(Arc::clone(shared), Arc::clone(peer)));
    tasks.spawn(ask_for_peers(Arc::clone(shared), Arc::clone(peer)));
    if shared.config.seeder {
        tasks.spawn(seeder_goodbye(shared.config.timing.seeder));
    }
    let closed = loop {
        tokio::select! {
            () = shared.stop.cancelled() => break Closed::here(CloseCode::Shutdown, "shutdown"),
            error = peer.connection.closed() => break Closed::from_error(&error),
            Some(done) = tasks.join_next() => match done {
                Ok(Ok(())) => {}
                Ok(Err(closed)) => break closed,
                Err(error) => break Closed::here(CloseCode::Done, format!("a task of the connection failed: {error}")),
            },
        }
    };
    // The first cause counts: somebody else's order to close, then what the connection says, then what a task saw.
    let closed = match (peer.closing(), peer.connection.close_reason()) {
        (Some(order), _) => order.clone(),
        (None, None | Some(quinn::ConnectionError::LocallyClosed)) => closed,
        (None, Some(error)) => Closed::from_error(&error),
    };
    closed.apply(&peer.connection);
    tasks.shutdown().await;
    closed
}

async fn seeder_goodbye(patience: Duration) -> Ended {
    sleep(patience).await;
    Err(Closed::here(CloseCode::Done, "a seeder keeps no connections"))
}

async fn ask_for_peers(shared: Arc<Shared>, peer: Arc<Peer>) -> Ended {
    if pex::is_wanted(&shared) {
        pex::ask(&shared, peer).await;
    }
    Ok(())
}

fn offence(shared: &Shared, peer: &Peer, conduct: Conduct, reason: String) -> Closed {
    shared.count(peer.id, conduct);
    Closed::here(CloseCode::Protocol, reason)
}

/// The next frame of a long stream; `None` when the stream is over and the connection decides what that means.
async fn next(
    shared: &Shared,
    peer: &Peer,
    reader: &mut FrameReader,
    stream: &'static str,
) -> Result<Option<Bytes>, Closed> {
    match reader.next().await {
        Ok(Some(frame)) => {
            shared.metrics.frame("in", stream, frame.len());
            Ok(Some(frame))
        }
        Ok(None) | Err(FrameError::Read(_) | FrameError::Truncated) => Ok(None),
        Err(error @ FrameError::Stalled) => {
            Err(Closed::here(CloseCode::Timeout, format!("{stream} stream: {error}")))
        }
        Err(error) => {
            Err(offence(shared, peer, Conduct::Malformed, format!("{stream} stream: {error}")))
        }
    }
}

/// Pauses reading while a peer is over its rate; QUIC then holds the peer back.
async fn hold_back(shared: &Shared, peer: &Peer, meter: &mut Meter, count: u32) {
    let Some(excess) = meter.take(count, Instant::now()) else { return };
    if excess.is_offence {
        shared.count(peer.id, Conduct::TooFast);
    }
    sleep(excess.wait).await;
}

async fn read_control(shared: Arc<Shared>, peer: Arc<Peer>, mut reader: FrameReader) -> Ended {
    let mut meter = Meter::new(CONTROL_RATE, Instant::now());
    loop {
        match next_control(&peer.connection, &mut reader).await? {
            Control::Status(status) => {
                let status = status_from_proto(&status).ok_or_else(|| {
                    offence(&shared, &peer, Conduct::Malformed, "malformed status".to_owned())
                })?;
                peer.set_status(status);
                let event = NetworkEvent::PeerStatus { peer: peer.id, status };
                if shared.urgent.send(event).await.is_err() {
                    return Ok(());
                }
            }
            Control::Goodbye(_) => return Ok(()),
            Control::Hello(_) => {
                return Err(offence(
                    &shared,
                    &peer,
                    Conduct::Malformed,
                    "a second hello".to_owned(),
                ));
            }
        }
        hold_back(&shared, &peer, &mut meter, 1).await;
    }
}

async fn write_control(
    shared: Arc<Shared>,
    peer: Arc<Peer>,
    mut send: quinn::SendStream,
    mut told: PeerStatus,
) -> Ended {
    let mut view = shared.view.subscribe();
    loop {
        let status = shared.status();
        if status != told {
            told = status;
            let message = Control::Status(status_to_proto(&status));
            let bytes = frame(&proto::ControlFrame { message: Some(message) });
            write(&shared, &peer, &mut send, "control", &bytes).await?;
            sleep(STATUS_PAUSE).await;
        }
        if view.changed().await.is_err() {
            return Ok(());
        }
    }
}

/// Writes a frame. A peer that does not take it in time is closed.
async fn write(
    shared: &Shared,
    peer: &Peer,
    send: &mut quinn::SendStream,
    stream: &'static str,
    bytes: &Bytes,
) -> Ended {
    shared.metrics.frame("out", stream, bytes.len());
    for piece in bytes.chunks(SMALL_FRAME) {
        match timeout(shared.config.timing.frame, send.write_all(piece)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(ended(&peer.connection, "the peer stopped a stream")),
            Err(_) => {
                return Err(Closed::here(
                    CloseCode::Timeout,
                    format!("the peer does not read its {stream} stream"),
                ));
            }
        }
    }
    Ok(())
}

async fn open(
    shared: &Shared,
    peer: &Peer,
    kind: StreamKind,
    priority: i32,
) -> Result<quinn::SendStream, Closed> {
    let mut send = peer.connection.open_uni().await.map_err(|error| Closed::from_error(&error))?;
    send.set_priority(priority).map_err(|_| ended(&peer.connection, "a stream closed early"))?;
    write(shared, peer, &mut send, "control", &Bytes::copy_from_slice(&[kind.byte()])).await?;
    Ok(send)
}

async fn write_consensus(shared: Arc<Shared>, peer: Arc<Peer>) -> Ended {
    let mut send = open(&shared, &peer, StreamKind::Consensus, CONSENSUS_PRIORITY).await?;
    loop {
        while let Some(frame) = peer.pop() {
            write(&shared, &peer, &mut send, "consensus", &frame).await?;
        }
        peer.outbox_filled.notified().await;
    }
}

async fn write_gossip(shared: Arc<Shared>, peer: Arc<Peer>) -> Ended {
    let mut send = open(&shared, &peer, StreamKind::Gossip, GOSSIP_PRIORITY).await?;
    loop {
        peer.gossip_filled.notified().await;
        if !peer.gossip().is_urgent() {
            sleep(GATHER).await;
        }
        loop {
            let next = peer.gossip().next_frame();
            let Some(frame) = next else { break };
            write(&shared, &peer, &mut send, "gossip", &frame).await?;
        }
    }
}

/// Accepts the peer's long streams, one of each kind.
async fn accept_streams(shared: Arc<Shared>, peer: Arc<Peer>) -> Ended {
    let mut readers: JoinSet<Ended> = JoinSet::new();
    let (mut consensus, mut gossip) = (false, false);
    loop {
        tokio::select! {
            stream = peer.connection.accept_uni() => {
                let mut stream = stream.map_err(|error| Closed::from_error(&error))?;
                let patience = Patience::Rate(shared.config.timing.frame);
                match stream_kind(&mut stream).await {
                    Some(Ok(StreamKind::Consensus)) if !consensus => {
                        consensus = true;
                        let reader = FrameReader::new(stream, CONSENSUS_FRAME, patience);
                        readers.spawn(read_consensus(Arc::clone(&shared), Arc::clone(&peer), reader));
                    }
                    Some(Ok(StreamKind::Gossip)) if !gossip => {
                        gossip = true;
                        let limit = SMALL_FRAME.max(shared.config.max_tx_bytes.saturating_add(TX_OVERHEAD));
                        let reader = FrameReader::new(stream, limit, patience);
                        readers.spawn(read_gossip(Arc::clone(&shared), Arc::clone(&peer), reader));
                    }
                    Some(Ok(_) | Err(_)) => {
                        let reason = "a stream of another or a repeated kind".to_owned();
                        return Err(offence(&shared, &peer, Conduct::Malformed, reason));
                    }
                    None => return Err(ended(&peer.connection, "a stream without kind")),
                }
            }
            Some(done) = readers.join_next() => match done {
                Ok(result) => result?,
                Err(error) => return Err(Closed::here(CloseCode::Done, format!("a reader failed: {error}"))),
            },
        }
    }
}

async fn read_consensus(shared: Arc<Shared>, peer: Arc<Peer>, mut reader: FrameReader) -> Ended {
    let mut meter = Meter::new(CONSENSUS_RATE, Instant::now());
    while let Some(frame) = next(&shared, &peer, &mut reader, "consensus").await? {
        relay::receive(&shared, &peer, frame)
            .await
            .map_err(|(error, conduct)| offence(&shared, &peer, conduct, error.to_string()))?;
        hold_back(&shared, &peer, &mut meter, 1).await;
    }
    Ok(())
}

async fn read_gossip(shared: Arc<Shared>, peer: Arc<Peer>, mut reader: FrameReader) -> Ended {
    let mut meter = Meter::new(IDS_RATE, Instant::now());
    while let Some(bytes) = next(&shared, &peer, &mut reader, "gossip").await? {
        let malformed =
            |what: &str| offence(&shared, &peer, Conduct::Malformed, format!("malformed {what}"));
        let length = bytes.len();
        let gossip = proto::GossipFrame::decode(bytes).map_err(|_| malformed("gossip"))?;
        let pushed_one = matches!(gossip.message, Some(Gossip::TxPush(_)));
        if !pushed_one && length > SMALL_FRAME {
            return Err(malformed("gossip: too long"));
        }
        match gossip.message {
            Some(Gossip::TxAnnounce(announce)) => {
                let ids =
                    tx_ids(&announce.tx_ids, MAX_IDS).ok_or_else(|| malformed("announcement"))?;
                announced(&shared, &peer, &ids);
                hold_back(&shared, &peer, &mut meter, u32::try_from(ids.len()).unwrap_or(u32::MAX))
                    .await;
            }
            Some(Gossip::TxPush(push)) => {
                pushed(&shared, &peer, push.transaction).await;
                hold_back(&shared, &peer, &mut meter, 1).await;
            }
            Some(Gossip::CommitAnnounce(announce)) => {
                let announce =
                    commit_announce_from_proto(&announce).map_err(|_| malformed("certificate"))?;
                relay::receive_commit(&shared, &peer, announce).await.map_err(
                    |(error, conduct)| offence(&shared, &peer, conduct, error.to_string()),
                )?;
                hold_back(&shared, &peer, &mut meter, 8).await;
            }
            None => return Err(malformed("gossip of an unknown kind")),
        }
    }
    Ok(())
}

/// Accepts requests as fast as the peer may ask. At most [`MAX_SERVED`] run; the others wait in QUIC.
async fn accept_requests(shared: Arc<Shared>, peer: Arc<Peer>) -> Ended {
    let mut meter = Meter::new(REQUEST_RATE, Instant::now());
    let slots = Arc::new(Semaphore::new(MAX_SERVED));
    let mut served: JoinSet<Ended> = JoinSet::new();
    loop {
        let slot = Arc::clone(&slots).acquire_owned();
        tokio::select! {
            opened = async { (slot.await, peer.connection.accept_bi().await) } => {
                let (Ok(slot), stream) = opened else { return Ok(()) };
                let (send, receive) = stream.map_err(|error| Closed::from_error(&error))?;
                let (shared, peer) = (Arc::clone(&shared), Arc::clone(&peer));
                served.spawn(async move {
                    let _slot = slot;
                    one_request(&shared, &peer, send, receive).await
                });
            }
            Some(done) = served.join_next() => {
                match done {
                    Ok(result) => result?,
                    Err(error) => return Err(Closed::here(CloseCode::Done, format!("a request failed: {error}"))),
                }
                continue;
            }
        }
        hold_back(&shared, &peer, &mut meter, 1).await;
    }
}

async fn one_request(
    shared: &Arc<Shared>,
    peer: &Arc<Peer>,
    send: quinn::SendStream,
    mut receive: quinn::RecvStream,
) -> Ended {
    match stream_kind(&mut receive).await {
        Some(Ok(StreamKind::Request)) => {}
        Some(Ok(_) | Err(_)) => {
            let reason = "a stream of another kind where requests belong".to_owned();
            return Err(offence(shared, peer, Conduct::Malformed, reason));
        }
        None => return Ok(()),
    }
    match serve_request(shared, peer, send, receive).await {
        Ok(()) => Ok(()),
        Err(error) if error.punishes_peer() => {
            Err(offence(shared, peer, Conduct::Malformed, error.to_string()))
        }
        // Only this stream is broken.
        Err(_) => Ok(()),
    }
}
