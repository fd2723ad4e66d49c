//! Consensus messages over several hops.

use std::sync::Arc;

use kwil_consensus::{CommitAnnounce, Message};
use kwil_crypto::{Hash, NodeId};
use kwil_p2p::NetworkEvent;
use kwil_types::{
    CommitCertificate, Header, Heartbeat, HeartbeatBody, HeartbeatFlags, Height, Signed, View,
    VoteBody, VoteKind,
};

use crate::harness::{Node, Setup, chain, id, key, view};

/// A commit vote of a node.
pub(crate) fn vote(seed: u8, height: u64, view: u64) -> Message {
    let body = VoteBody {
        kind: VoteKind::Commit,
        chain_hash: chain().hash,
        height: Height(height),
        view: View(view),
        block_hash: Hash([1; 32]),
        app_hash: Hash([2; 32]),
    };
    Message::Vote(Signed::sign(body, &key(seed)))
}

fn heartbeat(seed: u8, sequence: u64) -> Message {
    let body = HeartbeatBody {
        chain_hash: chain().hash,
        committed: Height(10),
        view: View(0),
        sequence,
        flags: HeartbeatFlags { ready: true, ..HeartbeatFlags::default() },
    };
    Message::Heartbeat(Heartbeat::sign(body, &key(seed)))
}

/// Header and certificate of a block, committed by these validators.
pub(crate) fn commit(validators: &[u8], height: u64, signers: &[u8]) -> CommitAnnounce {
    let set = view(validators).validators;
    let header = Header {
        chain_hash: chain().hash,
        height: Height(height),
        view: View(0),
        prev_hash: Hash::ZERO,
        prev_app_hash: Hash::ZERO,
        tx_count: 0,
        tx_root: Hash::ZERO,
        validators_hash: set.hash(),
        params_hash: Hash::ZERO,
        time_ms: 1,
        proposer: key(1).public_key(),
        new_leader: None,
    };
    let body = VoteBody {
        kind: VoteKind::Commit,
        chain_hash: chain().hash,
        height: Height(height),
        view: View(0),
        block_hash: header.hash(),
        app_hash: Hash([2; 32]),
    };
    let votes: Vec<_> = signers.iter().map(|seed| Signed::sign(body, &key(*seed))).collect();
    let block_signature =
        key(1).sign_network(kwil_crypto::context::BLOCK, header.hash().as_bytes());
    CommitAnnounce {
        header,
        block_signature,
        certificate: CommitCertificate::from_votes(&set, &votes).unwrap(),
    }
}

fn committed(event: NetworkEvent) -> Option<(Height, NodeId)> {
    let NetworkEvent::Consensus { from, message } = event else { return None };
    let Message::Commit(announce) = message.into_message() else { return None };
    Some((announce.certificate.height(), from))
}

/// Signer, height and deliverer of a vote.
pub(crate) fn voted(event: NetworkEvent) -> Option<(NodeId, Height, NodeId)> {
    let NetworkEvent::Consensus { from, message } = event else { return None };
    let Message::Vote(vote) = message.into_message() else { return None };
    Some((NodeId::new(vote.signer), vote.body.height, from))
}

fn beaten(event: NetworkEvent) -> Option<(NodeId, u64)> {
    let NetworkEvent::Consensus { message, .. } = event else { return None };
    let Message::Heartbeat(beat) = message.into_message() else { return None };
    Some((NodeId::new(beat.signer), beat.body.sequence))
}

/// Validators 1 and 3 with a sentry between them; they do not know each other.
async fn line() -> (Node, Node, Node) {
    let validators = || view(&[1, 3]);
    let setup = |seed| {
        let mut setup = Setup::new(seed);
        setup.view = validators();
        setup
    };
    let mut middle = setup(2).start();
    let mut left = setup(1).knowing(&[&middle]).start();
    let mut right = setup(3).knowing(&[&middle]).start();
    left.connected_to(middle.id).await;
    right.connected_to(middle.id).await;
    middle
        .wait({
            let mut seen = 0;
            move |event| {
                seen += usize::from(matches!(event, NetworkEvent::PeerConnected(_)));
                (seen == 2).then_some(())
            }
        })
        .await;
    (left, middle, right)
}

#[tokio::test]
async fn messages_travel_through_a_node_that_does_not_vote() {
    let (left, mut middle, mut right) = line().await;
    left.handle.broadcast(&vote(1, 11, 0), 0);
    assert_eq!(middle.wait(voted).await, (id(1), Height(11), id(1)));
    assert_eq!(right.wait(voted).await, (id(1), Height(11), id(2)));
    left.handle.broadcast(&heartbeat(1, 5), 0);
    assert_eq!(right.wait(beaten).await, (id(1), 5));
}

#[tokio::test]
async fn repetition_needs_a_raised_counter() {
    let (left, _middle, mut right) = line().await;
    left.handle.broadcast(&vote(1, 11, 0), 0);
    left.handle.broadcast(&vote(1, 11, 0), 0);
    left.handle.broadcast(&vote(1, 11, 0), 1);
    left.handle.broadcast(&vote(1, 11, 1), 0);
    // Views 0, 0 (raised) and 1 arrive, in order; the plain repetition does not.
    let mut views = Vec::new();
    for _ in 0..3 {
        views.push(
            right
                .wait(|event| {
                    let NetworkEvent::Consensus { message, .. } = event else { return None };
                    let Message::Vote(vote) = message.into_message() else { return None };
                    Some(vote.body.view.0)
                })
                .await,
        );
    }
    assert_eq!(views, [0, 0, 1]);
}

#[tokio::test]
async fn far_heights_are_heard_but_do_not_travel() {
    let (left, mut middle, mut right) = line().await;
    left.handle.broadcast(&vote(1, 40, 0), 0);
    left.handle.broadcast(&vote(1, 12, 0), 0);
    assert_eq!(middle.wait(voted).await.1, Height(40));
    assert_eq!(right.wait(voted).await.1, Height(12));
}

#[tokio::test]
async fn strangers_votes_are_not_heard() {
    let (_left, middle, mut right) = line().await;
    middle.handle.broadcast(&vote(2, 11, 0), 0);
    middle.handle.broadcast(&vote(1, 11, 0), 0);
    assert_eq!(right.wait(voted).await.0, id(1));
}

#[tokio::test]
async fn message_to_one_peer_reaches_only_that_one() {
    let (left, mut middle, right) = line().await;
    assert!(left.handle.send(&middle.id, &vote(1, 11, 0), 0));
    assert_eq!(middle.wait(voted).await.0, id(1));
    assert!(!left.handle.send(&right.id, &vote(1, 11, 0), 0));
}

#[tokio::test]
async fn new_connection_tells_the_highest_signed_message() {
    let (mut a, b) = crate::harness::pair().await;
    b.handle.broadcast(&vote(2, 12, 3), 0);
    a.wait(voted).await;
    b.stop().await;
    a.disconnected_from(id(2)).await;
    let mut again = Setup::new(2).knowing(&[&a]).start();
    let info = again.connected_to(a.id).await;
    let seen = info.last_signed_seen.unwrap();
    assert_eq!((seen.height, seen.view), (Height(12), View(3)));
}

#[tokio::test]
async fn certificate_travels_when_its_set_is_known() {
    let (left, mut middle, mut right) = line().await;
    left.handle.broadcast(&Message::Commit(Arc::new(commit(&[1, 2], 11, &[1, 2]))), 0);
    left.handle.broadcast(&Message::Commit(Arc::new(commit(&[1, 3], 12, &[1, 3]))), 0);
    // The first one is by another set: heard, for the machine to judge, but not passed on.
    assert_eq!(middle.wait(committed).await, (Height(11), id(1)));
    assert_eq!(middle.wait(committed).await, (Height(12), id(1)));
    assert_eq!(right.wait(committed).await, (Height(12), id(2)));
}

#[tokio::test]
async fn certificate_is_announced_to_peers_that_are_behind() {
    let (left, middle, _right) = line().await;
    let mut ahead = view(&[1, 3]);
    ahead.tip = Height(12);
    middle.handle.update_chain(ahead);
    let at_twelve = |peer: kwil_p2p::PeerSnapshot| (peer.status.height == Height(12)).then_some(());
    crate::harness::eventually(|| left.handle.peers().pop().and_then(at_twelve)).await;
    assert_eq!(left.handle.announce_commit(&Arc::new(commit(&[1, 3], 12, &[1, 3]))), 0);
    assert_eq!(left.handle.announce_commit(&Arc::new(commit(&[1, 3], 13, &[1, 3]))), 1);
}
