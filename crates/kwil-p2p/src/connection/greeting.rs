//! The exchange of `Hello`.

use std::sync::Arc;

use bytes::Bytes;
use kwil_crypto::NodeId;
use kwil_proto::p2p::v1 as proto;
use kwil_types::PeerRecord;
use prost::Message as _;
use proto::control_frame::Message;
use tokio::time::timeout;
use tracing::debug;

use super::{LAST_WORDS, distance_of};
use crate::exchange::stream_kind;
use crate::hello::{OwnHello, PeerHello};
use crate::peers::admission::Direction;
use crate::peers::peer::{Peer, locked, remote_of};
use crate::peers::scope::Scope;
use crate::peers::standing::Conduct;
use crate::peers::table::Registered;
use crate::shared::{Shared, now_ms};
use crate::wire::frame::{FrameError, FrameReader, Patience, frame};
use crate::wire::{SMALL_FRAME, StreamKind};
use crate::{CloseCode, Closed, PeerInfo, PeerStatus};

/// The control stream of an established connection.
pub(super) struct Control {
    pub(super) send: quinn::SendStream,
    pub(super) reader: FrameReader,
    /// What the peer heard of this node's state.
    pub(super) told: PeerStatus,
}

type Greeted = Result<(Arc<Peer>, Control, Registered), Closed>;

const PRIORITY: i32 = 80;

/// Says hello, hears hello, and takes the peer in.
pub(super) async fn greet(
    shared: &Arc<Shared>,
    id: NodeId,
    connection: &quinn::Connection,
    direction: Direction,
) -> Greeted {
    match direction {
        Direction::Outbound => dialer(shared, id, connection).await,
        Direction::Inbound => acceptor(shared, id, connection).await,
    }
}

async fn dialer(shared: &Arc<Shared>, id: NodeId, connection: &quinn::Connection) -> Greeted {
    let ours = shared.hello_for(&id, remote_of(connection), distance_of(connection));
    let (mut send, receive) =
        connection.open_bi().await.map_err(|error| Closed::from_error(&error))?;
    prioritise(&send)?;
    write(connection, &mut send, &[StreamKind::Control.byte()]).await?;
    write(connection, &mut send, &hello_frame(&ours)).await?;
    let mut reader =
        FrameReader::new(receive, SMALL_FRAME, Patience::Rate(shared.config.timing.frame));
    let theirs = match next_control(connection, &mut reader).await? {
        Message::Hello(hello) => hello,
        Message::Goodbye(goodbye) => return Err(farewell(shared, connection, goodbye).await),
        Message::Status(_) => return Err(Closed::here(CloseCode::Protocol, "status before hello")),
    };
    let theirs = check(&ours, &id, &theirs)?;
    let (peer, registered) = take_in(shared, id, connection, Direction::Outbound, theirs)?;
    Ok((peer, Control { send, reader, told: ours.status }, registered))
}

async fn acceptor(shared: &Arc<Shared>, id: NodeId, connection: &quinn::Connection) -> Greeted {
    let (mut send, reader) = accept_control(shared, connection).await?;
    let mut reader = reader;
    let Message::Hello(hello) = next_control(connection, &mut reader).await? else {
        return Err(Closed::here(CloseCode::Protocol, "the first message is not hello"));
    };
    let ours = shared.hello_for(&id, remote_of(connection), distance_of(connection));
    let theirs = match check(&ours, &id, &hello) {
        Ok(theirs) => theirs,
        Err(closed) => {
            // The dialer shall see for itself what differs, and say so in its own words.
            write(connection, &mut send, &hello_frame(&ours)).await?;
            wait_for_end(connection).await;
            return Err(closed);
        }
    };
    // From here on nothing waits: a connection that is registered is served.
    write(connection, &mut send, &hello_frame(&ours)).await?;
    let (peer, registered) = take_in(shared, id, connection, Direction::Inbound, theirs)?;
    Ok((peer, Control { send, reader, told: ours.status }, registered))
}

async fn accept_control(
    shared: &Shared,
    connection: &quinn::Connection,
) -> Result<(quinn::SendStream, FrameReader), Closed> {
    let (send, mut receive) =
        connection.accept_bi().await.map_err(|error| Closed::from_error(&error))?;
    match stream_kind(&mut receive).await {
        Some(Ok(StreamKind::Control)) => {}
        Some(Ok(_) | Err(_)) => {
            return Err(Closed::here(CloseCode::Protocol, "the first stream is not control"));
        }
        None => return Err(ended(connection, "no control stream")),
    }
    prioritise(&send)?;
    Ok((send, FrameReader::new(receive, SMALL_FRAME, Patience::Rate(shared.config.timing.frame))))
}

fn prioritise(send: &quinn::SendStream) -> Result<(), Closed> {
    send.set_priority(PRIORITY)
        .map_err(|error| Closed::here(CloseCode::Protocol, error.to_string()))
}

fn check(ours: &OwnHello, id: &NodeId, theirs: &proto::Hello) -> Result<PeerHello, Closed> {
    ours.check(id, theirs).map_err(|error| Closed::here(error.code(), error.to_string()))
}

/// Makes the peer known to the rest of the network.
fn take_in(
    shared: &Arc<Shared>,
    id: NodeId,
    connection: &quinn::Connection,
    direction: Direction,
    hello: PeerHello,
) -> Result<(Arc<Peer>, Registered), Closed> {
    let distance = distance_of(connection);
    let skew = i128::from(hello.unix_ms).saturating_sub(i128::from(now_ms()));
    let info = PeerInfo {
        id,
        direction,
        remote: remote_of(connection),
        release: hello.release,
        status: hello.status,
        last_signed_seen: hello.last_signed_seen,
        clock_skew_ms: i64::try_from(skew).unwrap_or(i64::MAX),
    };
    let peer = Arc::new(Peer::new(Arc::new(info), hello.incarnation, distance, connection.clone()));
    let registered = shared.register(&peer).map_err(super::Refusal::closed)?;
    if matches!(registered, Registered::Duplicate) {
        return Err(Closed::here(CloseCode::Duplicate, "another connection stays"));
    }
    if let Some(record) = hello.record {
        learn(shared, &peer.id, record, distance);
    }
    shared.learn_own_address(&id, connection.local_ip(), hello.observed);
    Ok((peer, registered))
}

/// Takes a record into the address book. Only a forged one is held against its teller.
pub(crate) fn learn(shared: &Shared, teller: &NodeId, record: PeerRecord, distance: Scope) {
    if record.signer == *shared.own.public_key() {
        return;
    }
    let learned = locked(&shared.book).learn(record, distance, now_ms());
    match learned {
        Ok(true) => shared.wake.notify_one(),
        Ok(false) => {}
        Err(error @ crate::peers::book::RecordError::Signature { .. }) => {
            debug!(target: "PEERS", peer = %teller, %error, "forged peer record");
            shared.count(*teller, Conduct::Malformed);
        }
        Err(error) => debug!(target: "PEERS", peer = %teller, %error, "peer record not kept"),
    }
}

fn hello_frame(hello: &OwnHello) -> Bytes {
    frame(&proto::ControlFrame { message: Some(Message::Hello(hello.to_proto())) })
}

async fn write(
    connection: &quinn::Connection,
    send: &mut quinn::SendStream,
    bytes: &[u8],
) -> Result<(), Closed> {
    send.write_all(bytes).await.map_err(|_| ended(connection, "the control stream broke"))
}

/// The next control message; every failure as the reason to close.
pub(super) async fn next_control(
    connection: &quinn::Connection,
    reader: &mut FrameReader,
) -> Result<Message, Closed> {
    let frame = match reader.next().await {
        Ok(Some(frame)) => frame,
        Ok(None) => return Err(ended(connection, "the control stream ended")),
        Err(error @ FrameError::Stalled) => {
            return Err(Closed::here(CloseCode::Timeout, error.to_string()));
        }
        Err(error) if error.punishes_peer() => {
            return Err(Closed::here(CloseCode::Protocol, error.to_string()));
        }
        Err(_) => return Err(ended(connection, "the control stream broke")),
    };
    let frame = proto::ControlFrame::decode(frame)
        .map_err(|error| Closed::here(CloseCode::Protocol, format!("control stream: {error}")))?;
    frame
        .message
        .ok_or_else(|| Closed::here(CloseCode::Protocol, "control message of an unknown kind"))
}

/// What the connection says of its end, else `otherwise`.
pub(super) fn ended(connection: &quinn::Connection, otherwise: &str) -> Closed {
    match connection.close_reason() {
        Some(error) => Closed::from_error(&error),
        None => Closed::here(CloseCode::Protocol, otherwise),
    }
}

/// The other side gets time to read before the connection is closed.
async fn wait_for_end(connection: &quinn::Connection) {
    if timeout(LAST_WORDS, connection.closed()).await.is_err() {
        debug!(target: "PEERS", "the peer did not close");
    }
}

/// A full node names others to try.
async fn farewell(
    shared: &Arc<Shared>,
    connection: &quinn::Connection,
    goodbye: proto::Goodbye,
) -> Closed {
    if shared.config.pex && goodbye.peers.len() <= crate::peers::book::MAX_ANSWER {
        let teller = kwil_quic::peer_node_id(connection).unwrap_or(shared.own);
        for record in goodbye.peers.iter().filter_map(|bytes| PeerRecord::decode(bytes).ok()) {
            learn(shared, &teller, record, distance_of(connection));
        }
    }
    wait_for_end(connection).await;
    ended(connection, "the peer said goodbye")
}

/// Tells a dialer that there is no slot, and where else to try. Best effort.
pub(super) async fn say_full(shared: &Shared, connection: &quinn::Connection) {
    let words = async {
        let (mut send, _reader) = accept_control(shared, connection).await?;
        let peers = if shared.config.pex {
            shared.records_for(distance_of(connection))
        } else {
            Vec::new()
        };
        let goodbye = proto::Goodbye {
            code: CloseCode::Full.code(),
            reason: "no free slot".to_owned(),
            peers,
        };
        let bytes = frame(&proto::ControlFrame { message: Some(Message::Goodbye(goodbye)) });
        write(connection, &mut send, &bytes).await?;
        let finished = send.finish();
        wait_for_delivery(&send).await;
        finished.map_err(|_| Closed::here(CloseCode::Full, "no free slot"))
    };
    match timeout(LAST_WORDS, words).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(target: "PEERS", %error, "could not say why there is no slot"),
        Err(_) => debug!(target: "PEERS", "could not say in time why there is no slot"),
    }
}

async fn wait_for_delivery(send: &quinn::SendStream) {
    if send.stopped().await.is_err() {
        debug!(target: "PEERS", "the peer left before it heard why");
    }
}
