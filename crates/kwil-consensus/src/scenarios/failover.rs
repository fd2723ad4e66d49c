//! The leader is gone, in various ways.

use super::stage::Stage;
use crate::effect::{Notice, Trigger};
use crate::event::{Command, Event};
use crate::message::Message;

const fn is_vote(message: &Message) -> bool {
    matches!(message, Message::Vote(_))
}

fn proposed_block(stage: &Stage, node: usize) -> kwil_crypto::Hash {
    let last = stage.actors[node].sent.iter().rev().find_map(|message| match message {
        Message::Proposal(proposal) => Some(proposal.signed.body.block_hash),
        _ => None,
    });
    last.expect("the node proposed")
}

#[test]
fn three_validators_commit_the_leaders_block_in_view_0() {
    let mut stage = Stage::new(3);
    stage.submit();
    stage.wait(100);
    assert_eq!([0, 1, 2].map(|node| stage.height(node)), [1, 1, 1]);
    assert_eq!(stage.certificate_view(1, 1).0, 0);
    assert_eq!(stage.block(2, 1).header().proposer, stage.key(0));
    stage.assert_agreement();
}

#[test]
fn a_block_that_everybody_voted_for_survives_the_leaders_death() {
    let mut stage = Stage::new(3);
    stage.lose(|_, _, message| is_vote(message));
    stage.submit();
    stage.wait(20);
    let block = proposed_block(&stage, 0);
    assert_eq!(stage.actors[1].votes_sent(), 1, "the others voted, nobody heard it");
    stage.kill(0);
    stage.lose_nothing();
    stage.wait_until(|stage| stage.height(1) >= 1 && stage.height(2) >= 1);
    assert_eq!(stage.block(1, 1).hash(), block, "the half-voted block is proposed again");
    assert!(stage.certificate_view(1, 1).0 > 0);
    assert_eq!(stage.block(1, 1).header().proposer, stage.key(0), "it keeps its proposer");
}

#[test]
fn the_next_leader_fetches_the_body_of_a_block_that_only_another_voted_for() {
    let mut stage = Stage::new(3);
    // Only node 2 gets the proposal; its vote reaches nobody.
    stage.lose(|_, to, message| {
        is_vote(message) || (matches!(message, Message::Proposal(_)) && to != 2)
    });
    stage.submit();
    stage.wait(20);
    let block = proposed_block(&stage, 0);
    stage.kill(0);
    stage.lose_nothing();
    stage.wait_until(|stage| stage.height(1) >= 1 && stage.height(2) >= 1);
    assert_eq!(stage.block(1, 1).hash(), block);
    assert!(stage.actors[1].fetched > 0, "node 1 leads view 1 and did not have the body");
}

#[test]
fn a_dead_leader_is_noticed_within_its_timeout_and_a_heartbeat() {
    let mut stage = Stage::new(3);
    stage.kill(0);
    stage.submit();
    let before = stage.now;
    stage.wait_until(|stage| stage.height(1) >= 1);
    assert!(stage.now - before <= 1300, "it took {} ms", stage.now - before);
    let noticed = |notice: &Notice| matches!(notice, Notice::LeaderNotResponding { .. });
    assert!(stage.actors[1].notices.iter().chain(&stage.actors[2].notices).any(noticed));
}

#[test]
fn after_a_failover_the_new_leader_stays_and_the_old_one_follows() {
    let mut stage = Stage::new(3);
    stage.submit();
    stage.wait(50);
    stage.kill(0);
    stage.submit();
    stage.wait_until(|stage| stage.height(1) == 2);
    let heir = stage.block(1, 2).header().proposer;
    assert_ne!(heir, stage.key(0));
    stage.start(0);
    stage.wait_until(|stage| stage.height(0) == 2);
    stage.submit();
    stage.wait_until(|stage| stage.height(0) == 3);
    assert_eq!(stage.block(0, 3).header().proposer, heir);
    assert_eq!(stage.certificate_view(0, 3).0, 0, "no time-out per block");
    stage.assert_agreement();
}

#[test]
fn leadership_returns_after_32_reliable_blocks() {
    let mut stage = Stage::new(3);
    stage.kill(0);
    stage.submit();
    stage.wait_until(|stage| stage.height(1) >= 1);
    stage.start(0);
    for _ in 0..40 {
        stage.submit();
        stage.wait(400);
    }
    stage.wait(1000);
    stage.submit();
    stage.wait(400);
    let last = stage.height(1);
    assert_eq!(stage.block(1, last).header().proposer, stage.key(0));
    let early = stage.block(1, 20).header().proposer;
    assert_ne!(early, stage.key(0), "not before it proved reliable");
}

#[test]
fn two_validators_need_each_other_and_go_on_when_the_second_returns() {
    let mut stage = Stage::new(2);
    stage.submit();
    stage.wait(50);
    assert_eq!(stage.height(0), 1);
    stage.kill(1);
    stage.submit();
    stage.wait(30_000);
    assert_eq!(stage.height(0), 1);
    assert_eq!(stage.view(0), 0, "a lone half does not run its views up");
    stage.start(1);
    stage.wait_until(|stage| stage.height(0) == 2 && stage.height(1) == 2);
}

#[test]
fn an_even_split_stands_still_and_heals_within_three_seconds() {
    let mut stage = Stage::new(4);
    stage.submit();
    stage.wait(50);
    stage.lose(|from, to, _| (from < 2) != (to < 2));
    stage.submit();
    stage.wait(20_000);
    assert_eq!([0, 1, 2, 3].map(|node| stage.height(node)), [1; 4]);
    assert_eq!([0, 1, 2, 3].map(|node| stage.view(node)), [0; 4]);
    let healed = stage.now;
    stage.lose_nothing();
    stage.wait_until(|stage| (0..4).all(|node| stage.height(node) == 2));
    assert!(stage.now - healed <= 3000, "it took {} ms", stage.now - healed);
}

#[test]
fn a_majority_goes_on_without_a_cut_off_leader_who_rejoins() {
    let mut stage = Stage::new(3);
    stage.lose(|from, to, _| from == 0 || to == 0);
    for _ in 0..4 {
        stage.submit();
        stage.wait(1500);
    }
    assert_eq!([1, 2].map(|node| stage.height(node)), [4, 4]);
    assert_eq!((stage.height(0), stage.view(0)), (0, 0));
    stage.lose_nothing();
    stage.wait_until(|stage| stage.height(0) == 4);
    stage.assert_agreement();
}

#[test]
fn slow_execution_is_never_cut_short() {
    let mut stage = Stage::new(3);
    stage.actors[1].stuck = true;
    stage.actors[2].stuck = true;
    stage.submit();
    stage.wait(60_000);
    assert_eq!([1, 2].map(|node| stage.view(node)), [0, 0]);
    stage.unstick(1);
    stage.wait_until(|stage| stage.height(0) == 1);
    assert_eq!(stage.certificate_view(0, 1).0, 0);
}

#[test]
fn a_leader_that_drains_hands_over_without_a_time_out() {
    let mut stage = Stage::new(4);
    stage.submit();
    stage.wait(50);
    let before = stage.now;
    stage.order(0, Command::Drain).unwrap();
    stage.submit();
    stage.wait_until(|stage| stage.actors[0].drained);
    stage.kill(0);
    stage.wait_until(|stage| stage.height(1) == 2);
    assert!(stage.now - before < 500, "it took {} ms", stage.now - before);
    let resigned =
        |notice: &Notice| matches!(notice, Notice::NewView { trigger: Trigger::Resigned, .. });
    assert!(stage.actors[0].notices.iter().any(resigned));
}

#[test]
fn a_follower_drains_at_once() {
    let mut stage = Stage::new(3);
    stage.order(1, Command::Drain).unwrap();
    assert!(stage.actors[1].drained);
}

#[test]
fn an_aborted_block_is_given_up_by_all_and_another_leader_goes_on() {
    let mut stage = Stage::new(3);
    for node in 0..3 {
        stage.actors[node].stuck = true;
    }
    stage.submit();
    stage.wait(50);
    assert_eq!(
        stage.order(1, Command::Abort { drop: Vec::new() }).unwrap_err().to_string(),
        "only the leader can abort block execution"
    );
    for node in 0..3 {
        stage.actors[node].stuck = false;
    }
    stage.order(0, Command::Abort { drop: Vec::new() }).unwrap();
    stage.wait_until(|stage| stage.height(1) >= 1);
    assert_eq!(stage.certificate_view(1, 1).0, 3, "the same leader leads view + n");
    assert_eq!(
        stage.order(0, Command::Abort { drop: Vec::new() }).unwrap_err().to_string(),
        "cannot abort block execution, block is already executed or committed"
    );
}

#[test]
fn an_abort_loses_against_votes() {
    let mut stage = Stage::new(3);
    stage.actors[0].stuck = true;
    stage.lose(|_, _, message| is_vote(message));
    stage.submit();
    stage.wait(50);
    let block = proposed_block(&stage, 0);
    assert_eq!([1, 2].map(|node| stage.actors[node].votes_sent()), [1, 1]);
    stage.actors[0].stuck = false;
    stage.lose_nothing();
    stage.order(0, Command::Abort { drop: Vec::new() }).unwrap();
    stage.wait_until(|stage| stage.height(0) >= 1);
    assert_eq!(stage.block(0, 1).hash(), block);
}

/// Three validators of which each has executed the first block for 400 ms and does not come to an end.
fn with_a_stuck_block(config: crate::Config) -> Stage {
    let empty_block_timeout = std::time::Duration::ZERO;
    let mut stage = Stage::closed(3, 0, crate::Config { empty_block_timeout, ..config });
    for node in 0..3 {
        stage.actors[node].stuck = true;
        stage.start(node);
    }
    stage.wait(300);
    stage.submit();
    stage.wait(400);
    stage
}

#[test]
fn a_leader_gives_up_its_own_block_when_it_runs_too_long() {
    let config = crate::Config {
        max_block_time: std::time::Duration::from_millis(500),
        ..crate::Config::default()
    };
    let mut stage = with_a_stuck_block(config);
    assert_eq!(stage.view(0), 0);
    for node in 0..3 {
        stage.actors[node].stuck = false;
    }
    stage.wait_until(|stage| stage.height(1) >= 1);
    assert_eq!(stage.certificate_view(1, 1).0, 3);
}

#[test]
fn a_leader_gives_up_its_own_block_when_a_transaction_runs_too_long() {
    let mut stage = with_a_stuck_block(crate::Config::default());
    let token = stage.machine(0).exec.as_ref().map(|exec| exec.token).unwrap();
    stage.tell(0, Event::Slow { token: token + 1 });
    assert_eq!(stage.view(0), 0, "another execution is meant");
    stage.tell(1, Event::Slow { token });
    assert_eq!(stage.view(1), 0, "only the leader gives its block up");
    for node in 0..3 {
        stage.actors[node].stuck = false;
    }
    stage.tell(0, Event::Slow { token });
    stage.wait_until(|stage| stage.height(1) >= 1);
    assert_eq!(stage.certificate_view(1, 1).0, 3);
}
