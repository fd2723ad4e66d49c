//! Who may be a peer, and how nodes hear of each other.

use std::time::Duration;

use kwil_p2p::{CloseCode, Conduct};

use crate::harness::{Setup, id, key, pair, peer_at};
use crate::stranger::Stranger;

fn quick(setup: Setup) -> Setup {
    setup.with(|config| {
        config.pex = true;
        config.timing.ask_peers = Duration::from_millis(200);
        config.timing.probe = Duration::from_millis(50);
    })
}

#[tokio::test]
async fn nodes_that_share_a_bootnode_find_each_other() {
    let a = quick(Setup::new(4)).start();
    let mut b = quick(Setup::new(5)).knowing(&[&a]).start();
    let mut c = quick(Setup::new(6)).knowing(&[&a]).start();
    b.connected_to(c.id).await;
    c.connected_to(b.id).await;
}

#[tokio::test]
async fn hidden_node_is_told_to_nobody() {
    let a = quick(Setup::new(4)).with(|config| config.hide = [id(5)].into()).start();
    let mut b = quick(Setup::new(5)).knowing(&[&a]).start();
    b.connected_to(a.id).await;
    let mut d = quick(Setup::new(7)).knowing(&[&a]).start();
    d.connected_to(a.id).await;
    let mut c = quick(Setup::new(6)).knowing(&[&a]).start();
    // c hears of d, which joined after b, and still not of b.
    c.connected_to(d.id).await;
    assert!(!c.handle.known_peers().iter().any(|known| known.id == b.id));
    assert!(!c.handle.is_connected(&b.id));
}

#[tokio::test]
async fn private_node_lets_in_whom_it_knows() {
    let mut a = Setup::new(1).with(|config| config.private = true).start();
    let b = Setup::new(5).knowing(&[&a]).start();
    assert_eq!(a.rejection_of(b.id).await, "private mode: not on the whitelist (NOT_ALLOWED)");
    assert!(b.problem_with(a.id).await.contains("private mode"));

    assert!(a.handle.whitelist_add(b.id));
    a.connected_to(b.id).await;
    assert!(!a.handle.whitelist_add(b.id));

    assert!(a.handle.whitelist_remove(&b.id));
    let closed = a.disconnected_from(b.id).await;
    assert_eq!(closed.code, Some(CloseCode::NotAllowed));
    assert!(!a.handle.whitelist_remove(&b.id));
}

#[tokio::test]
async fn private_node_lets_validators_in() {
    let mut a = Setup::new(1).with(|config| config.private = true).start();
    let b = Setup::new(2).knowing(&[&a]).start();
    a.connected_to(b.id).await;
}

#[tokio::test]
async fn private_node_lets_in_who_becomes_a_validator() {
    let mut a = Setup::new(1).with(|config| config.private = true).start();
    let b = Setup::new(5).knowing(&[&a]).start();
    assert!(a.rejection_of(b.id).await.contains("NOT_ALLOWED"));
    a.handle.update_chain(crate::harness::view(&[1, 2, 3, 5]));
    a.connected_to(b.id).await;
}

#[tokio::test]
async fn blacklisted_node_is_sent_away_and_kept_away() {
    let (mut a, mut b) = pair().await;
    a.handle.blacklist_add(b.id, "manual", None);
    assert_eq!(b.disconnected_from(a.id).await.reason, "blacklisted");
    a.disconnected_from(b.id).await;
    assert_eq!(a.rejection_of(b.id).await, "blacklisted (NOT_ALLOWED)");
    let listed = a.handle.blacklist();
    assert_eq!((listed.len(), listed[0].node, listed[0].reason.as_str()), (1, b.id, "manual"));

    assert!(a.handle.blacklist_remove(&b.id));
    a.connected_to(b.id).await;
}

#[tokio::test]
async fn whitelist_and_blacklist_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("addrbook.json");
    let start = || Setup::new(1).with(|config| config.address_book = Some(path.clone())).start();
    let a = start();
    a.handle.whitelist_add(id(5));
    a.handle.blacklist_add(id(6), "manual", Some(Duration::from_secs(3600)));
    a.stop().await;
    let again = start();
    assert_eq!(again.handle.whitelist(), [id(5)]);
    assert_eq!(again.handle.blacklist()[0].node, id(6));
}

#[tokio::test]
async fn addresses_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("addrbook.json");
    let mut b = quick(Setup::new(5)).start();
    let mut a = quick(Setup::new(1))
        .knowing(&[&b])
        .with(|config| config.address_book = Some(path.clone()))
        .start();
    a.connected_to(b.id).await;
    b.connected_to(a.id).await;
    a.stop().await;
    b.disconnected_from(id(1)).await;
    // No bootnode this time.
    let mut again =
        quick(Setup::new(1)).with(|config| config.address_book = Some(path.clone())).start();
    again.connected_to(b.id).await;
}

#[tokio::test]
async fn banned_peer_is_closed_and_refused() {
    let mut a = Setup::new(1).start();
    let (stranger, _send, _receive) = Stranger::greet(&a, key(9)).await;
    a.connected_to(id(9)).await;
    a.handle.report(id(9), Conduct::InvalidBlock);
    let banned = (u64::from(CloseCode::Banned.code()), "banned for its conduct".to_owned());
    assert_eq!(stranger.closed().await, banned);
    let again = Stranger::dial(&a, key(9)).await;
    assert_eq!(again.closed().await, banned);
}

#[tokio::test]
async fn full_node_says_so_and_names_others() {
    let a = quick(Setup::new(4)).with(|config| config.target_connections = 0).start();
    let mut b = quick(Setup::new(5)).start();
    // b is a reserved peer of a and needs no slot.
    a.handle.add_bootnodes(&[b.peer()]);
    b.connected_to(a.id).await;
    let mut c = quick(Setup::new(6)).knowing(&[&a]).start();
    assert!(
        c.rejection_of(a.id).await.contains("no free slot"),
        "{:?}",
        c.handle.recent_rejections()
    );
    c.connected_to(b.id).await;
}

#[tokio::test]
async fn seeder_brings_nodes_together_and_lets_them_go() {
    let seeder = quick(Setup::new(4)).with(|config| {
        config.seeder = true;
        config.timing.seeder = Duration::from_millis(700);
    });
    let seeder = seeder.start();
    let mut b = quick(Setup::new(5)).knowing(&[&seeder]).start();
    let mut c = quick(Setup::new(6)).knowing(&[&seeder]).start();
    b.connected_to(c.id).await;
    c.connected_to(b.id).await;
    let mut d = quick(Setup::new(7)).knowing(&[&seeder]).start();
    let closed = d.disconnected_from(seeder.id).await;
    assert_eq!(closed.code, Some(CloseCode::Done));
}

#[tokio::test]
async fn validators_find_each_other_although_their_slots_are_full() {
    let full = |seed| quick(Setup::new(seed)).with(|config| config.target_connections = 0);
    let a = quick(Setup::new(1)).start();
    let mut b = full(2).knowing(&[&a]).start();
    let mut c = full(3).knowing(&[&a]).start();
    b.connected_to(c.id).await;
    c.connected_to(b.id).await;
}

#[tokio::test]
async fn dual_stack_node_reaches_and_is_reached_by_ipv4() {
    let listen = |config: &mut kwil_p2p::Config| config.listen = "[::]:0".parse().unwrap();
    let mut both = Setup::new(1).with(listen).start();
    let port = both.address().port();
    let mut four = Setup::new(2);
    four.config.bootnodes.push(peer_at(both.id, format!("127.0.0.1:{port}").parse().unwrap()));
    let mut four = four.start();
    both.connected_to(four.id).await;
    four.connected_to(both.id).await;
    let mut six = Setup::new(3).with(listen);
    six.config.bootnodes.push(four.peer());
    six.config.bootnodes.push(peer_at(both.id, format!("[::1]:{port}").parse().unwrap()));
    let six = six.start();
    four.connected_to(six.id).await;
    both.connected_to(six.id).await;
}
