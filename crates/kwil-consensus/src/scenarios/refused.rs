//! Messages that must not change anything: of the past, of nodes that are no validators.

use std::sync::Arc;

use kwil_crypto::Hash;
use kwil_types::{Block, ProposalBody, SignedProposal, View, Vote, VoteBody, VoteKind};

use super::stage::Stage;
use crate::message::Message;
use crate::verify::Verified;

fn everyone_at(stage: &mut Stage, height: u64) {
    stage.submit();
    stage.wait_until(|stage| (0..3).all(|node| stage.height(node) >= height));
}

#[test]
fn proposals_votes_and_view_changes_of_past_heights_change_nothing() {
    let mut stage = Stage::new(3);
    everyone_at(&mut stage, 1);
    let old: Vec<Message> = (0..3).flat_map(|node| stage.actors[node].sent.clone()).collect();
    everyone_at(&mut stage, 2);
    stage.wait(1000);
    let past = old.into_iter().filter(|message| {
        matches!(message, Message::Proposal(_) | Message::Vote(_) | Message::ViewChange(_))
    });
    let past: Vec<Message> = past.collect();
    assert!(past.iter().any(|message| matches!(message, Message::Proposal(_))));
    assert!(past.iter().any(|message| matches!(message, Message::Vote(_))));
    for node in 0..3 {
        let votes = stage.actors[node].votes_sent();
        let (view, phase) = (stage.view(node), stage.phase(node).clone());
        for message in &past {
            let from = message.signer().and_then(|key| stage.keys.index(&key)).unwrap();
            stage.deliver(node, from, message.clone());
        }
        assert_eq!(stage.height(node), 2);
        assert_eq!(stage.actors[node].votes_sent(), votes);
        assert_eq!((stage.view(node), stage.phase(node)), (view, &phase));
        assert!(stage.actors[node].evidence.is_empty());
    }
    everyone_at(&mut stage, 3);
    stage.assert_agreement();
}

#[test]
fn the_vote_of_a_node_that_is_no_validator_does_not_count() {
    let mut stage = Stage::with_followers(3, 1);
    stage.lose(|_, _, message| matches!(message, Message::Vote(_)));
    stage.submit();
    stage.wait(100);
    let own = stage.actors[0].sent.iter().find_map(|message| match message {
        Message::Vote(vote) => Some(vote.body),
        _ => None,
    });
    let body: VoteBody = own.expect("the leader votes for its own block");
    assert_eq!(body.kind, VoteKind::Commit);
    stage.deliver(0, 3, Message::Vote(Vote::sign(body, stage.keys.private(3))));
    assert_eq!(stage.height(0), 0, "one of three and a stranger made a certificate");
    // One validator's vote makes the difference.
    stage.deliver(0, 1, Message::Vote(Vote::sign(body, stage.keys.private(1))));
    stage.wait(100);
    assert_eq!(stage.height(0), 1);
}

#[test]
fn the_proposal_of_a_node_that_is_no_validator_gets_no_vote() {
    let mut stage = Stage::with_followers(3, 1);
    stage.lose(|from, _, _| from == 0);
    stage.submit();
    stage.wait(20);
    let real = stage.actors[0].sent.iter().find_map(|message| match message {
        Message::Proposal(proposal) => Some(proposal.clone()),
        _ => None,
    });
    let real = real.expect("the leader proposes");
    let mut header = real.header.clone();
    header.proposer = stage.key(3);
    let txs = real.inline.as_ref().expect("a small block travels inside").txs().to_vec();
    let block = Block::propose(header, txs, stage.keys.private(3));
    let body = ProposalBody { block_hash: block.hash(), view: View(0), ..real.signed.body };
    let forged = Message::Proposal(Arc::new(crate::Proposal {
        signed: SignedProposal::sign(body, stage.keys.private(3)),
        header: block.header().clone(),
        block_signature: *block.signature(),
        inline: Some(Arc::new(block)),
        ..real.as_ref().clone()
    }));
    let set = stage.machine(1).next().validators.clone();
    let votes = stage.actors[1].votes_sent();
    // Refused by its look or by the machine: both are well, a vote is not.
    if Verified::check(forged.clone(), stage.chain, &set).is_ok() {
        stage.deliver(1, 3, forged);
    }
    assert_eq!(stage.actors[1].votes_sent(), votes);
    assert_eq!(stage.height(1), 0);
    assert_ne!(body.block_hash, Hash::ZERO);
}
