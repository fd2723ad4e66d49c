//! Crashes, lost logs, old images.

use kwil_crypto::NodeId;
use kwil_types::{Height, View};

use super::stage::Stage;
use crate::config::Config;
use crate::effect::{Notice, Trigger};
use crate::event::Event;
use crate::machine::Phase;
use crate::message::Message;
use crate::record::Record;

#[test]
fn a_vote_is_durable_before_it_leaves_and_is_repeated_after_a_crash() {
    let mut stage = Stage::new(3);
    stage.lose(|_, _, message| matches!(message, Message::Vote(_)));
    stage.submit();
    stage.wait(20);
    let first = stage.actors[1].sent.iter().find(|m| matches!(m, Message::Vote(_))).cloned();
    let Some(Message::Vote(vote)) = first.clone() else { panic!("no vote") };
    assert!(stage.actors[1].records.contains(&Record::Vote(vote)));
    stage.kill(1);
    stage.actors[1].sent.clear();
    stage.start(1);
    let again = stage.actors[1].sent.iter().find(|m| matches!(m, Message::Vote(_))).cloned();
    assert_eq!(again, first, "the same vote, byte for byte");
    stage.lose_nothing();
    stage.wait_until(|stage| stage.height(1) == 1);
}

#[test]
fn a_leader_that_dies_between_proposal_and_vote_does_not_propose_in_that_view_again() {
    let mut stage = Stage::new(3);
    stage.actors[0].stuck = true;
    stage.lose(|from, _, _| from == 0);
    stage.submit();
    stage.wait(20);
    stage.kill(0);
    stage.actors[0].stuck = false;
    stage.lose_nothing();
    stage.start(0);
    let restarted = |notice: &Notice| matches!(notice, Notice::NewView { trigger: Trigger::Restarted, view, .. } if view.0 == 3);
    assert!(stage.actors[0].notices.iter().any(restarted));
    stage.wait_until(|stage| (0..3).all(|node| stage.height(node) >= 1));
    stage.assert_agreement();
}

#[test]
fn all_validators_restart_at_once_and_go_on() {
    let mut stage = Stage::new(3);
    stage.submit();
    stage.wait(100);
    (0..3).for_each(|node| stage.kill(node));
    (0..3).for_each(|node| stage.start(node));
    stage.submit();
    stage.wait_until(|stage| (0..3).all(|node| stage.height(node) >= 2));
    stage.assert_agreement();
}

#[test]
fn a_validator_that_lost_its_log_follows_until_a_new_height_is_certified() {
    let mut stage = Stage::new(3);
    stage.submit();
    stage.wait(100);
    // It votes at height 2; the vote is then forgotten.
    stage.lose(|_, _, message| matches!(message, Message::Vote(_)));
    stage.submit();
    stage.wait(20);
    assert_eq!(stage.actors[1].votes_sent(), 2);
    stage.kill(1);
    stage.actors[1].records.clear();
    stage.actors[1].log_lost = true;
    stage.actors[1].sent.clear();
    stage.start(1);
    stage.lose(|from, _, message| matches!(message, Message::Vote(_)) && from == 1);
    stage.wait(2000);
    assert_eq!(stage.actors[1].votes_sent(), 0, "silent at height 2");
    assert!(stage.actors[1].notices.iter().any(|n| matches!(n, Notice::Muted { .. })));
    stage.lose_nothing();
    stage.wait_until(|stage| stage.height(1) == 2);
    stage.submit();
    stage.wait_until(|stage| stage.height(1) == 3);
    assert!(stage.actors[1].votes_sent() > 0, "it votes again at height 3");
    stage.assert_agreement();
}

#[test]
fn a_peer_that_saw_later_messages_silences_a_restored_node() {
    let mut stage = Stage::new(3);
    let peer = NodeId::new(stage.key(0));
    let event =
        Event::Hello { peer, height: Height(0), last_signed_seen: Some((Height(1), View(7))) };
    stage.tell(1, event);
    stage.submit();
    stage.wait(50);
    assert_eq!(stage.actors[1].votes_sent(), 0);
    assert_eq!(stage.height(1), 1, "two others decide, it follows");
    stage.submit();
    stage.wait(50);
    assert_eq!(stage.actors[1].votes_sent(), 1, "height 2 was not certified before");
}

#[test]
fn peers_report_the_last_vote_and_not_the_last_proposal() {
    let mut stage = Stage::new(3);
    stage.lose(|_, _, message| matches!(message, Message::Vote(_)));
    stage.submit();
    stage.wait(20);
    assert_eq!(stage.machine(1).last_signed_by(&stage.key(0)), None);
    stage.lose_nothing();
    stage.wait(1100);
    assert_eq!(
        stage.machine(1).last_signed_by(&stage.key(0)).map(|(height, _)| height),
        Some(Height(1))
    );
}

#[test]
fn nothing_is_signed_after_a_start_before_peers_or_three_seconds() {
    let config = Config { empty_block_timeout: std::time::Duration::ZERO, ..Config::default() };
    let mut stage = Stage::closed(2, 0, config);
    stage.start(0);
    stage.submit();
    stage.wait(2900);
    assert_eq!(stage.view(0), 0);
    assert_eq!(stage.machine(0).production_due(), None);
    stage.start(1);
    stage.wait_until(|stage| stage.height(0) == 1 && stage.height(1) == 1);
}

#[test]
fn validators_that_show_a_gap_for_half_a_second_make_a_node_sync() {
    let mut stage = Stage::new(4);
    stage.lose(|_, to, message| to == 3 && !matches!(message, Message::Heartbeat(_)));
    for _ in 0..3 {
        stage.submit();
        stage.wait(50);
    }
    stage.wait(1000);
    assert!(stage.actors[3].entered_sync);
    assert_eq!(stage.height(3), 3);
    assert_ne!(*stage.phase(3), Phase::Sync);
}

#[test]
fn a_single_liar_about_heights_stops_nobody_within_five_seconds() {
    let mut stage = Stage::with_followers(3, 1);
    stage.wait(6000);
    stage.submit();
    stage.wait(50);
    let peer = NodeId::new(stage.key(3));
    stage.tell(1, Event::PeerHeight { peer, height: Some(Height(1_000_000)) });
    stage.wait(4000);
    assert!(!stage.actors[1].entered_sync);
    stage.tell(1, Event::ClaimRefuted { peer });
    stage.tell(1, Event::PeerHeight { peer, height: Some(Height(1_000_000)) });
    stage.wait(10_000);
    assert!(!stage.actors[1].entered_sync, "a refuted peer is not believed");
}

#[test]
fn a_node_with_a_checkpoint_refuses_another_block_there_and_does_not_vote_below() {
    let checkpoint = Some((Height(2), kwil_crypto::Hash([9; 32])));
    let config = Config { empty_block_timeout: std::time::Duration::ZERO, ..Config::default() };
    let mut stage = Stage::closed(3, 0, config.clone());
    stage.config = Config { checkpoint, ..config.clone() };
    stage.start(2);
    stage.config = config;
    stage.start(0);
    stage.start(1);
    stage.wait(300);
    stage.submit();
    stage.wait(100);
    assert_eq!(stage.height(2), 1, "it follows");
    assert_eq!(stage.actors[2].votes_sent(), 0, "and does not vote below");
    stage.submit();
    stage.wait(100);
    assert_eq!([stage.height(0), stage.height(2)], [2, 1]);
    assert_eq!(stage.actors[2].held.as_ref().map(crate::HeldReason::name), Some("fork"));
}

/// Three validators make a block every 50 ms; a follower that executes only when told is `behind` heights behind.
fn slow_follower(behind: u64) -> Stage {
    let mut stage = Stage::with_followers(3, 1);
    // A node that has just started believes anybody.
    stage.wait(6000);
    stage.actors[3].stuck = true;
    for _ in 0..behind {
        stage.submit();
        stage.wait(50);
    }
    assert_eq!((stage.height(0), stage.height(3)), (behind, 0));
    stage
}

#[test]
fn a_follower_that_keeps_pace_a_few_heights_behind_does_not_start_to_fetch() {
    let mut stage = slow_follower(4);
    for _ in 0..100 {
        stage.submit();
        stage.end_one(3);
        stage.wait(50);
    }
    assert!(!stage.actors[3].entered_sync);
    assert!(stage.height(3) > 90, "the follower stands at {}", stage.height(3));
}

#[test]
fn a_burst_after_a_quiet_time_is_no_gap() {
    let mut stage = Stage::with_followers(3, 1);
    stage.wait(60_000);
    stage.actors[3].stuck = true;
    for _ in 0..4 {
        stage.submit();
        stage.wait(50);
    }
    assert!(!stage.actors[3].entered_sync, "the last commit is long ago, the gap is new");
    assert_eq!((stage.height(0), stage.height(3)), (4, 0));
}

#[test]
fn a_follower_that_stands_still_or_falls_far_behind_fetches() {
    let mut still = slow_follower(4);
    still.wait(600);
    assert!(still.actors[3].entered_sync);
    // Two blocks are made for each that it executes.
    let mut falling = slow_follower(2);
    for _ in 0..40 {
        falling.submit();
        falling.wait(25);
        falling.submit();
        falling.end_one(3);
        falling.wait(25);
    }
    assert!(falling.actors[3].entered_sync);
}
