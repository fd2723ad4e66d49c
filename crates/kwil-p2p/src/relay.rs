//! The way of consensus messages: in from one peer, out to the node and to the other peers.

use std::sync::Arc;
use std::time::Instant;

use bytes::{BufMut as _, Bytes, BytesMut};
use kwil_consensus::{CommitAnnounce, Message, MessageKind, Verified, VerifyError};
use kwil_crypto::NodeId;
use tracing::debug;

use crate::flood::{Around, Dropped, Meta};
use crate::metrics::Metrics;
use crate::peers::peer::{Peer, locked};
use crate::peers::standing::Conduct;
use crate::shared::Shared;
use crate::wire::consensus::{MessageError, decode, encode, meta};
use crate::{ChainView, NetworkEvent};

/// A message that its deliverer should have refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Offence {
    #[error("consensus stream: {0}")]
    Message(#[from] MessageError),
    #[error("consensus message: {0}")]
    Verify(#[from] VerifyError),
    #[error("certificate: {0}")]
    Certificate(#[from] kwil_types::CertificateError),
}

impl Offence {
    pub(crate) const fn conduct(&self, kind: Option<MessageKind>) -> Conduct {
        match (self, kind) {
            (Self::Certificate(_), _)
            | (
                Self::Verify(VerifyError::Signature { .. }),
                Some(MessageKind::Proposal | MessageKind::Commit),
            ) => Conduct::InvalidBlock,
            (Self::Message(_) | Self::Verify(_), _) => Conduct::Malformed,
        }
    }
}

impl Dropped {
    const fn name(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::NotMember => "not_member",
            Self::Stale => "stale",
            Self::TooMany => "too_many",
        }
    }
}

/// Takes the content of a consensus frame. The error ends the connection.
pub(crate) async fn receive(
    shared: &Arc<Shared>,
    peer: &Arc<Peer>,
    content: Bytes,
) -> Result<(), (Offence, Conduct)> {
    let (message, resend) = decode(&content).map_err(|error| {
        let offence = Offence::from(error);
        let conduct = offence.conduct(None);
        (offence, conduct)
    })?;
    take(shared, peer, message, resend, frame_of(&content)).await
}

/// Takes a certificate that came on the gossip stream.
pub(crate) async fn receive_commit(
    shared: &Arc<Shared>,
    peer: &Arc<Peer>,
    announce: CommitAnnounce,
) -> Result<(), (Offence, Conduct)> {
    let message = Message::Commit(Arc::new(announce));
    let frame = encode(&message, 0);
    take(shared, peer, message, 0, frame).await
}

async fn take(
    shared: &Arc<Shared>,
    peer: &Arc<Peer>,
    message: Message,
    resend: u32,
    frame: Bytes,
) -> Result<(), (Offence, Conduct)> {
    let (kind, view) = (message.kind(), shared.view());
    let about = meta(&message, resend);
    let mut around = shared.around(&view, &message);
    if let Message::Commit(announce) = &message {
        // A certificate of another set cannot be checked here, so it must not travel.
        around.worth_forwarding &= is_by_known_set(announce, &view);
    }
    let screened = locked(&shared.flood).screen(&about, &around);
    if let Err(reason) = screened {
        Metrics::count(&shared.metrics.dropped, reason.name());
        return Ok(());
    }
    let verified = check(shared, peer, message, (&view, &around)).await.map_err(|offence| {
        let conduct = offence.conduct(Some(kind));
        (offence, conduct)
    })?;
    let passed = locked(&shared.flood).pass(&about, &around, Instant::now());
    match passed {
        Err(reason) => {
            Metrics::count(&shared.metrics.dropped, reason.name());
            return Ok(());
        }
        Ok(true) => flood(shared, &view, &about, &frame, Some(&peer.id)),
        Ok(false) => {}
    }
    let event = NetworkEvent::Consensus { from: peer.id, message: verified };
    if shared.urgent.send(event).await.is_err() {
        debug!(target: "P2P", "nobody takes consensus messages any more");
    }
    Ok(())
}

async fn check(
    shared: &Arc<Shared>,
    peer: &Peer,
    message: Message,
    (view, around): (&Arc<ChainView>, &Around<'_>),
) -> Result<Verified, Offence> {
    let chain = shared.chain.hash;
    if let Message::Heartbeat(beat) = &message {
        let own_channel = beat.signer == *peer.id.public_key();
        // The channel proves who speaks, but only to this node.
        if own_channel && !around.relays_heartbeats {
            return Ok(Verified::heartbeat_from(beat.clone(), *peer.id.public_key(), chain)?);
        }
    }
    let is_large = match &message {
        Message::Proposal(_) | Message::Evidence(_) | Message::Commit(_) => true,
        Message::Vote(_)
        | Message::ViewChange(_)
        | Message::Nack(_)
        | Message::Heartbeat(_)
        | Message::Directive(_)
        | Message::Abort(_) => false,
    };
    let view = Arc::clone(view);
    let work = move || -> Result<Verified, Offence> {
        if let Message::Commit(announce) = &message
            && is_by_known_set(announce, &view)
        {
            announce.certificate.verify(chain, &view.validators)?;
        }
        Ok(Verified::check(message, chain, &view.validators)?)
    };
    // Many signatures or many ids are work for a thread of its own.
    if !is_large {
        return work();
    }
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        // The runtime stops, or the check panicked: either way nothing is known about the message.
        Err(_) => Err(VerifyError::Shape("the check was cut off").into()),
    }
}

/// Whether the certificate is by the set that this node knows.
fn is_by_known_set(announce: &CommitAnnounce, view: &ChainView) -> bool {
    announce.header.validators_hash == view.validators.hash()
}

fn frame_of(content: &Bytes) -> Bytes {
    let mut frame = BytesMut::with_capacity(content.len().saturating_add(5));
    prost::encoding::encode_varint(u64::try_from(content.len()).unwrap_or(u64::MAX), &mut frame);
    frame.put_slice(content);
    frame.freeze()
}

/// Queues a frame for every peer but one, validators first.
fn flood(shared: &Shared, view: &ChainView, about: &Meta, frame: &Bytes, except: Option<&NodeId>) {
    let (first, then): (Vec<_>, Vec<_>) = shared
        .peers
        .all()
        .into_iter()
        .partition(|peer| view.validators.contains(peer.id.public_key()));
    for peer in first.into_iter().chain(then).filter(|peer| Some(&peer.id) != except) {
        if !peer.status().seeder {
            peer.push(about, frame.clone());
        }
    }
}

/// Sends a message of this node to every peer.
pub(crate) fn broadcast(shared: &Shared, message: &Message, resend: u32) {
    let about = meta(message, resend);
    locked(&shared.flood).sent(&about);
    flood(shared, &shared.view(), &about, &encode(message, resend), None);
}

/// Sends a message to one peer. False when it is not connected.
pub(crate) fn send(shared: &Shared, to: &NodeId, message: &Message, resend: u32) -> bool {
    let Some(peer) = shared.peers.get(to) else { return false };
    peer.push(&meta(message, resend), encode(message, resend));
    true
}

/// Sends a certificate to the peers that have not reached its height. Returns their number.
pub(crate) fn announce(shared: &Shared, announce: &Arc<CommitAnnounce>) -> usize {
    let message = Message::Commit(Arc::clone(announce));
    let about = meta(&message, 0);
    locked(&shared.flood).sent(&about);
    let frame = encode(&message, 0);
    let mut told = 0_usize;
    for peer in shared.peers.all() {
        if peer.status().height < announce.certificate.height() {
            peer.push(&about, frame.clone());
            told = told.saturating_add(1);
        }
    }
    told
}
