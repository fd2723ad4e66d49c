//! `replace-leader`.

use kwil_types::Height;

use super::stage::Stage;
use crate::event::Command;

fn order(stage: &mut Stage, nodes: &[usize], candidate: usize, from_height: u64) {
    let candidate = stage.key(candidate);
    for node in nodes {
        let command = Command::ReplaceLeader { candidate, from_height: Height(from_height) };
        stage.order(*node, command).unwrap();
    }
}

fn make_blocks(stage: &mut Stage, count: usize) {
    for _ in 0..count {
        stage.submit();
        stage.wait(2500);
    }
}

#[test]
fn a_majority_replaces_the_leader_for_good() {
    let mut stage = Stage::new(3);
    order(&mut stage, &[1, 2], 2, 2);
    make_blocks(&mut stage, 4);
    let replaced = stage.block(0, 2);
    assert_eq!(replaced.header().new_leader, Some(stage.key(2)));
    assert_eq!(stage.machine(0).preferred_leader(), stage.key(2));
    assert_eq!(stage.block(0, 3).header().proposer, stage.key(2));
    assert_eq!(stage.certificate_view(0, 3).0, 0);
    stage.assert_agreement();
}

#[test]
fn a_minority_changes_nothing_and_stops_nothing() {
    let mut stage = Stage::new(3);
    order(&mut stage, &[2], 2, 2);
    make_blocks(&mut stage, 8);
    assert!((0..3).all(|node| stage.height(node) >= 8));
    assert_eq!(stage.machine(2).preferred_leader(), stage.key(0));
    assert!((1..=8).all(|height| stage.block(0, height).header().new_leader.is_none()));
    let last = stage.certificate_view(2, 8);
    assert_eq!(last.0, 0, "after three heights the view is not forced any more");
}

#[test]
fn exactly_half_stalls_nothing() {
    let mut stage = Stage::new(4);
    order(&mut stage, &[2, 3], 3, 2);
    make_blocks(&mut stage, 8);
    assert!(stage.height(0) >= 8);
    assert_eq!(stage.machine(0).preferred_leader(), stage.key(0));
    stage.assert_agreement();
}

#[test]
fn two_rival_candidates_do_not_stall_the_network() {
    let mut stage = Stage::new(4);
    order(&mut stage, &[0, 1], 1, 2);
    order(&mut stage, &[2, 3], 3, 2);
    make_blocks(&mut stage, 8);
    assert!(stage.height(0) >= 8);
    stage.assert_agreement();
}

#[test]
fn a_block_of_the_old_leader_that_may_be_committed_comes_first() {
    let mut stage = Stage::new(3);
    stage.lose(|_, _, message| matches!(message, crate::message::Message::Vote(_)));
    stage.submit();
    stage.wait(20);
    assert_eq!(stage.actors[1].votes_sent(), 1);
    stage.lose_nothing();
    order(&mut stage, &[1, 2], 2, 1);
    make_blocks(&mut stage, 3);
    assert_eq!(stage.block(0, 1).header().proposer, stage.key(0));
    assert_eq!(stage.block(0, 1).header().new_leader, None);
    assert_eq!(stage.machine(0).preferred_leader(), stage.key(2), "the replacement followed");
}

#[test]
fn orders_for_the_past_for_strangers_and_on_followers_are_refused() {
    let mut stage = Stage::with_followers(2, 1);
    stage.submit();
    stage.wait(50);
    let (member, stranger) = (stage.key(1), stage.key(2));
    let mut refuse = |node, candidate, height| {
        let command = Command::ReplaceLeader { candidate, from_height: Height(height) };
        stage.order(node, command).unwrap_err().to_string()
    };
    assert_eq!(refuse(0, member, 1), "height 1 is less than or equal to the current height 1");
    assert_eq!(refuse(0, stranger, 5), format!("validator {stranger} is not in the validator set"));
    assert_eq!(refuse(2, member, 5), "this node is not a validator");
}
