//! Nodes that must stop signing.

use kwil_crypto::Hash;
use kwil_types::{ProposalBody, SignedProposal, View, Vote, VoteBody, VoteKind};

use super::stage::Stage;
use crate::event::{Command, Event, ExecutionFailure};
use crate::held::HeldReason;
use crate::machine::Phase;
use crate::message::Message;

#[test]
fn a_diverged_node_is_quarantined_and_the_others_go_on() {
    let mut stage = Stage::new(3);
    stage.actors[2].diverged = true;
    stage.submit();
    stage.wait(100);
    assert!(matches!(stage.actors[2].held, Some(HeldReason::Diverged { .. })));
    assert_eq!([0, 1, 2].map(|node| stage.height(node)), [1, 1, 0]);
    let votes = stage.actors[2].votes_sent();
    stage.submit();
    stage.wait(5000);
    assert_eq!(stage.height(0), 2);
    assert_eq!(stage.actors[2].votes_sent(), votes);
    stage.kill(2);
    stage.start(2);
    assert!(matches!(stage.phase(2), Phase::Held(_)), "a restart alone does not clear it");
}

#[test]
fn a_diverged_leader_is_replaced() {
    let mut stage = Stage::new(3);
    stage.actors[0].diverged = true;
    stage.submit();
    stage.wait_until(|stage| stage.height(1) >= 1);
    stage.submit();
    stage.wait_until(|stage| stage.height(1) >= 2);
    assert_ne!(stage.block(1, 2).header().proposer, stage.key(0));
}

#[test]
fn without_a_majority_for_any_app_hash_everybody_stops_with_the_reason() {
    let mut stage = Stage::new(3);
    for node in 0..3 {
        stage.actors[node].diverged = true;
    }
    stage.submit();
    stage.wait(100);
    for node in 0..3 {
        let reason = stage.actors[node].held.as_ref().map(HeldReason::name);
        assert_eq!(reason, Some("no_app_hash_majority"), "node {node}");
        assert_eq!(stage.height(node), 0);
    }
}

#[test]
fn another_app_hash_after_a_restart_is_never_signed() {
    let mut stage = Stage::new(3);
    stage.lose(|_, _, message| matches!(message, Message::Vote(_)));
    stage.submit();
    stage.wait(20);
    stage.kill(1);
    stage.actors[1].diverged = true;
    stage.start(1);
    stage.wait(10);
    assert!(matches!(stage.actors[1].held, Some(HeldReason::Nondeterminism { .. })));
}

#[test]
fn a_database_that_fails_four_times_holds_the_node_until_it_is_back() {
    let mut stage = Stage::new(3);
    stage.actors[1].stuck = true;
    stage.submit();
    stage.wait(5);
    for token in 1..=4 {
        let result = Err(ExecutionFailure::Database("connection refused".to_owned()));
        stage.tell(1, Event::Executed { token, result });
        stage.wait(1001);
    }
    assert_eq!(stage.actors[1].held.as_ref().map(HeldReason::name), Some("database"));
    stage.actors[1].stuck = false;
    stage.tell(1, Event::Database { usable: true });
    stage.wait_until(|stage| stage.height(1) == stage.height(0));
    assert_eq!(stage.actors[1].held, None);
}

#[test]
fn a_full_disk_stops_votes_until_there_is_room() {
    let mut stage = Stage::new(2);
    stage.tell(1, Event::Disk { low: true });
    stage.submit();
    stage.wait(3000);
    assert_eq!(stage.height(0), 0);
    stage.tell(1, Event::Disk { low: false });
    stage.wait_until(|stage| stage.height(0) == 1 && stage.height(1) == 1);
}

#[test]
fn resume_needs_a_held_node() {
    let mut stage = Stage::new(1);
    let refused = stage.order(0, Command::Resume).unwrap_err();
    assert_eq!(refused.to_string(), "consensus is not held");
}

#[test]
fn of_two_processes_with_one_key_exactly_one_stops() {
    let mut stage = Stage::new(3);
    stage.wait(11_000);
    // A second process with node 2's key, started a little later, hears and is heard.
    let mut twin = stage.machine(2).clone();
    let now = crate::Millis(stage.now);
    for round in 0..8_u64 {
        stage.wait(125);
        let now = crate::Millis(now.0 + 125 * (round + 1));
        let beats: Vec<_> = twin
            .step(Event::Tick, now)
            .into_iter()
            .filter_map(|effect| match effect {
                crate::Effect::Broadcast { message: Message::Heartbeat(beat), .. } => Some(beat),
                _ => None,
            })
            .collect();
        for mut beat in beats {
            // Its clock is a little ahead.
            beat.body.sequence += 60;
            let beat = kwil_types::Heartbeat::sign(beat.body, stage.keys.private(2));
            stage.deliver(2, 0, Message::Heartbeat(beat));
        }
    }
    assert_eq!(stage.actors[2].held, Some(HeldReason::KeyInUse));
    let held = stage.actors[2].sent.iter().rev().find_map(|message| match message {
        Message::Heartbeat(beat) => Some(beat.clone()),
        _ => None,
    });
    let held = held.unwrap();
    assert!(held.body.flags.held);
    let message = Message::Heartbeat(held);
    let set = stage.machine(0).next().validators.clone();
    let message = crate::Verified::check(message, stage.chain, &set).unwrap();
    let from = kwil_crypto::NodeId::new(stage.key(0));
    twin.step(Event::Message { from, message, wall_ms: 0 }, crate::Millis(stage.now + 5000));
    assert_eq!(twin.held_reason(), None, "a held twin does not stop the other");
}

#[test]
fn two_blocks_in_one_view_are_proven_and_only_one_is_voted_for() {
    let mut stage = Stage::new(3);
    stage.submit();
    stage.wait(20);
    let first = stage.actors[0].sent.iter().find_map(|message| match message {
        Message::Proposal(proposal) => Some(proposal.clone()),
        _ => None,
    });
    let first = first.unwrap();
    let mut stage = Stage::new(3);
    stage.deliver(1, 0, Message::Proposal(first.clone()));
    let mut header = first.header.clone();
    header.time_ms += 1;
    let block = kwil_types::Block::propose(
        header,
        first.inline.as_ref().unwrap().txs().to_vec(),
        stage.keys.private(0),
    );
    let body = ProposalBody { block_hash: block.hash(), ..first.signed.body };
    let second = crate::Proposal {
        signed: SignedProposal::sign(body, stage.keys.private(0)),
        header: block.header().clone(),
        block_signature: *block.signature(),
        inline: Some(std::sync::Arc::new(block)),
        ..first.as_ref().clone()
    };
    stage.deliver(1, 0, Message::Proposal(std::sync::Arc::new(second)));
    assert_eq!(stage.actors[1].evidence, ["double_proposal"]);
    assert_eq!(stage.actors[1].votes_sent(), 1);
}

#[test]
fn a_second_vote_in_a_view_is_accused_and_not_counted() {
    let mut stage = Stage::new(4);
    let vote = |app: u8| {
        let body = VoteBody {
            kind: VoteKind::Commit,
            chain_hash: stage.chain,
            height: stage.machine(0).height(),
            view: View(0),
            block_hash: Hash([9; 32]),
            app_hash: Hash([app; 32]),
        };
        Message::Vote(Vote::sign(body, stage.keys.private(2)))
    };
    let (first, second) = (vote(1), vote(2));
    stage.deliver(1, 2, first);
    stage.deliver(1, 2, second);
    assert_eq!(stage.actors[1].evidence, ["double_vote"]);
}
