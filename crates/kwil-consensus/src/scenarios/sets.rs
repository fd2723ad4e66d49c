//! Validators join and leave.

use super::stage::Stage;
use crate::machine::Phase;
use crate::sim::chain::Instruction;

#[test]
fn a_fourth_validator_votes_from_the_height_after_it_joined() {
    let mut stage = Stage::with_followers(3, 1);
    assert!(!stage.machine(3).is_validator());
    stage.submit_instruction(Instruction::Join(3));
    stage.wait(100);
    assert_eq!(stage.actors[0].chain[0].1.certificate.set_size(), 3);
    assert!(stage.machine(3).is_validator());
    assert_eq!(stage.machine(3).quorum(), 3);
    stage.wait(300);
    stage.submit();
    stage.wait(100);
    assert_eq!(stage.actors[0].chain[1].1.certificate.set_size(), 4);
    assert_eq!(stage.actors[3].votes_sent(), 1);
    stage.assert_agreement();
}

#[test]
fn a_joined_but_dead_validator_can_stop_the_network() {
    let mut stage = Stage::with_followers(1, 1);
    stage.kill(1);
    stage.submit_instruction(Instruction::Join(1));
    stage.wait(100);
    stage.submit();
    stage.wait(10_000);
    assert_eq!(stage.height(0), 1, "two validators need both");
    stage.start(1);
    stage.wait_until(|stage| stage.height(0) == 2 && stage.height(1) == 2);
}

#[test]
fn a_removed_validator_signs_its_last_height_and_follows() {
    let mut stage = Stage::new(4);
    stage.submit_instruction(Instruction::Leave(3));
    stage.wait(100);
    let voted = stage.actors[3].votes_sent();
    assert_eq!(voted, 1);
    stage.submit();
    stage.wait(100);
    assert_eq!(stage.height(3), 2, "it follows");
    assert_eq!(stage.actors[3].votes_sent(), voted, "and votes no more");
    assert_eq!(*stage.phase(3), Phase::Await);
    assert_eq!(stage.machine(0).quorum(), 2);
}

#[test]
fn a_removed_acting_leader_is_followed_by_the_preferred_one() {
    let mut stage = Stage::new(4);
    stage.kill(0);
    stage.submit();
    stage.wait_until(|stage| stage.height(1) == 1);
    stage.start(0);
    stage.wait_until(|stage| stage.height(0) == 1);
    let heir = stage.block(1, 1).header().proposer;
    let heir = stage.keys.index(&heir).unwrap();
    stage.wait(500);
    stage.submit_instruction(Instruction::Leave(heir));
    stage.wait_until(|stage| stage.height(0) == 2);
    stage.wait(300);
    stage.submit();
    stage.wait_until(|stage| stage.height(0) == 3);
    assert_eq!(stage.block(0, 3).header().proposer, stage.key(0));
}

#[test]
fn a_follower_commits_what_the_validators_certify() {
    let mut stage = Stage::with_followers(3, 1);
    for _ in 0..3 {
        stage.submit();
        stage.wait(100);
    }
    assert_eq!(stage.height(3), 3);
    assert_eq!(stage.actors[3].votes_sent(), 0);
}

#[test]
fn a_solo_validator_needs_no_messages_and_its_follower_learns_from_announcements() {
    let mut stage = Stage::with_followers(1, 1);
    stage.submit();
    stage.wait(100);
    assert_eq!([stage.height(0), stage.height(1)], [1, 1]);
    assert!(stage.actors[0].sent.is_empty());
    assert!(stage.actors[0].records.is_empty(), "nothing but the block log is fsynced");
}
