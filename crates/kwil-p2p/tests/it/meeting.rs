//! How two nodes come together, or do not.

use kwil_crypto::Hash;
use kwil_p2p::{CloseCode, Direction, NetworkEvent};
use kwil_types::Height;

use crate::harness::{Node, Setup, eventually, id, key, pair, peer_at, view};
use crate::stranger::{Stranger, hello};

#[tokio::test]
async fn nodes_of_both_key_types_meet_and_know_where_the_other_stands() {
    let mut a = Setup::new(1).start();
    let mut b = Setup::new(2).knowing(&[&a]).start();
    let seen_by_a = a.connected_to(b.id).await;
    let seen_by_b = b.connected_to(a.id).await;
    assert_eq!(
        (seen_by_a.direction, seen_by_b.direction),
        (Direction::Inbound, Direction::Outbound)
    );
    assert_eq!(seen_by_b.status.height, Height(10));
    assert_eq!(seen_by_b.status.best_hash, Hash([9; 32]));
    assert_eq!(seen_by_b.remote, a.address());

    let mut later = view(&[1, 2, 3]);
    later.tip = Height(11);
    a.handle.update_chain(later);
    let status = b
        .wait(|event| match event {
            NetworkEvent::PeerStatus { peer, status } if peer == id(1) => Some(status),
            _ => None,
        })
        .await;
    assert_eq!(status.height, Height(11));
    a.stop().await;
    assert_eq!(b.disconnected_from(id(1)).await.code, Some(CloseCode::Shutdown));
    b.stop().await;
}

#[tokio::test]
async fn another_identity_at_the_address_is_named() {
    let a = Setup::new(1).start();
    let mut setup = Setup::new(2);
    setup.config.bootnodes.push(peer_at(id(5), a.address()));
    let b = setup.start();
    let problem = b.problem_with(id(5)).await;
    assert_eq!(problem, format!("peer identity mismatch: dialed {}, got {}", id(5), id(1)));
    assert!(b.connected().is_empty());
}

#[tokio::test]
async fn both_sides_say_that_the_chains_differ() {
    let a = Setup::new(1).start();
    let mut setup = Setup::new(2).knowing(&[&a]);
    setup.chain.hash = Hash([8; 32]);
    let b = setup.start();
    let (one, other) =
        (format!("kwil-test/{}", Hash([7; 32])), format!("kwil-test/{}", Hash([8; 32])));
    let (at_a, at_b) = (a.rejection_of(b.id).await, b.rejection_of(a.id).await);
    assert_eq!(at_a, format!("chain mismatch: ours {one}, theirs {other} (CHAIN)"));
    assert_eq!(at_b, format!("chain mismatch: ours {other}, theirs {one} (CHAIN)"));
    assert!(b.problem_with(a.id).await.contains("chain mismatch"));
}

#[tokio::test]
async fn both_sides_say_that_the_versions_differ() {
    let a = Setup::new(1).start();
    let b = Setup::new(2)
        .knowing(&[&a])
        .with(|config| config.release = "0.2.4".parse().unwrap())
        .start();
    let (at_a, at_b) = (a.rejection_of(b.id).await, b.rejection_of(a.id).await);
    let sentence = |ours, theirs| {
        format!(
            "incompatible version: ours {ours}, theirs {theirs}; MAJOR.MINOR must be equal (VERSION)"
        )
    };
    assert_eq!(at_a, sentence("0.1.0", "0.2.4"));
    assert_eq!(at_b, sentence("0.2.4", "0.1.0"));
}

#[tokio::test]
async fn another_patch_release_is_welcome() {
    let mut a = Setup::new(1).start();
    let b = Setup::new(2)
        .knowing(&[&a])
        .with(|config| config.release = "0.1.9".parse().unwrap())
        .start();
    assert_eq!(a.connected_to(b.id).await.release, "0.1.9".parse().unwrap());
}

#[tokio::test]
async fn a_node_does_not_talk_to_itself() {
    let mut setup = Setup::new(1);
    setup.config.bootnodes.push(peer_at(id(1), "127.0.0.1:9".parse().unwrap()));
    let a = setup.start();
    assert!(a.handle.known_peers().is_empty());
    let same_key = Stranger::dial(&a, key(1)).await;
    assert_eq!(same_key.closed().await, (1, "this is the same node".to_owned()));
}

#[tokio::test]
async fn two_nodes_that_dial_each_other_end_with_one_connection() {
    for round in 0..4 {
        let mut a = Setup::new(1).start();
        let mut b = Setup::new(2).knowing(&[&a]).start();
        a.handle.add_bootnodes(&[b.peer()]);
        a.connected_to(b.id).await;
        b.connected_to(a.id).await;
        // A message in each direction proves that both use a living connection.
        for (from, to) in [(1, 2), (2, 1)] {
            let (sender, receiver) = if from == 1 { (&a, &mut b) } else { (&b, &mut a) };
            sender.handle.broadcast(&crate::flood::vote(from, 11, round), 0);
            let got = receiver.wait(crate::flood::voted).await;
            assert_eq!(got, (id(from), Height(11), id(from)), "to {to}");
        }
        assert_eq!((a.handle.peers().len(), b.handle.peers().len()), (1, 1));
    }
}

#[tokio::test]
async fn restarted_peer_is_found_again() {
    let (a, mut b) = pair().await;
    let address = a.address();
    a.stop().await;
    b.disconnected_from(id(1)).await;
    let mut again = Setup::new(1).with(|config| config.listen = address).start();
    b.connected_to(id(1)).await;
    again.connected_to(id(2)).await;
}

#[tokio::test]
async fn new_process_replaces_the_connection_of_the_old_one() {
    let mut a = Setup::new(1).start();
    let (first, _send, _receive) = Stranger::greet(&a, key(4)).await;
    a.connected_to(id(4)).await;
    let second = Stranger::dial(&a, key(4)).await;
    let mut reborn = hello();
    reborn.incarnation = 78;
    let _streams = second.hello(reborn).await;
    assert_eq!(first.closed().await.0, u64::from(CloseCode::Duplicate.code()));
    a.disconnected_from(id(4)).await;
    a.connected_to(id(4)).await;
    assert_eq!(a.handle.peers().len(), 1);
}

#[tokio::test]
async fn end_of_events_follows_the_stop() {
    let (mut a, b) = pair().await;
    b.stop().await;
    a.disconnected_from(id(2)).await;
    let handle = a.handle.clone();
    let mut events = std::mem::replace(&mut a.events, Setup::new(3).start().events);
    a.stop().await;
    while events.recv().await.is_some() {}
    assert!(handle.peers().is_empty());
}

#[tokio::test]
async fn network_of_five_heals_after_restarts() {
    let quick = |config: &mut kwil_p2p::Config| {
        config.pex = true;
        config.timing.ask_peers = std::time::Duration::from_millis(300);
        config.timing.probe = std::time::Duration::from_millis(50);
    };
    let seeds = [1, 2, 3, 4, 5];
    let setup = |seed| {
        let mut setup = Setup::new(seed).with(quick);
        setup.view = view(&seeds);
        setup
    };
    let first = setup(1).start();
    let mut nodes: Vec<Node> = vec![first];
    for seed in [2, 3, 4, 5] {
        let next = setup(seed).knowing(&[&nodes[0]]).start();
        nodes.push(next);
    }
    let complete =
        |nodes: &[Node]| nodes.iter().all(|node| node.connected().len() == 4).then_some(());
    eventually(|| complete(&nodes)).await;
    for (victim, seed) in [(3, 4), (1, 2), (0, 1)] {
        let dead = nodes.remove(victim);
        let address = dead.address();
        dead.stop().await;
        let again = setup(seed).with(|config| config.listen = address).start();
        nodes.insert(victim, again);
        eventually(|| complete(&nodes)).await;
    }
    let [one, others @ ..] = nodes.as_mut_slice() else { panic!("nodes") };
    one.handle.broadcast(&crate::flood::vote(1, 11, 0), 0);
    for node in others {
        assert_eq!(node.wait(crate::flood::voted).await.0, id(1));
    }
}
