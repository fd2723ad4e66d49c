use std::sync::Arc;

use kwil_crypto::{Hash, sha256};
use kwil_types::{
    Abort, AbortBody, Block, Header, Heartbeat, HeartbeatBody, HeartbeatFlags, Height,
    ProposalBody, SignedProposal, Validator, ValidatorSet, View, ViewChange, ViewChangeBody, Vote,
    VoteBody, VoteKind,
};

use super::{Verified, VerifyError};
use crate::flood::worth_forwarding;
use crate::machine::Machine;
use crate::message::{Message, Nack, NackReason, Proposal, ViewChangeMessage};
use crate::sim::chain::Keys;

const CHAIN: Hash = Hash([7; 32]);

fn keys() -> Keys {
    Keys::new(3)
}

fn set() -> ValidatorSet {
    let keys = keys();
    ValidatorSet::new((0..2).map(|node| Validator { key: keys.public(node), power: 1 })).unwrap()
}

fn check(message: Message) -> Result<Verified, VerifyError> {
    Verified::check(message, CHAIN, &set())
}

fn vote(kind: VoteKind) -> Vote {
    let app_hash = if kind == VoteKind::Commit { Hash([2; 32]) } else { Hash::ZERO };
    let body = VoteBody {
        kind,
        chain_hash: CHAIN,
        height: Height(4),
        view: View(0),
        block_hash: Hash([1; 32]),
        app_hash,
    };
    Vote::sign(body, keys().private(0))
}

fn proposal() -> Proposal {
    let header = Header {
        chain_hash: CHAIN,
        height: Height(4),
        view: View(0),
        prev_hash: sha256(&[1]),
        prev_app_hash: sha256(&[2]),
        tx_count: 0,
        tx_root: Hash::ZERO,
        validators_hash: sha256(&[3]),
        params_hash: sha256(&[4]),
        time_ms: 5,
        proposer: keys().public(0),
        new_leader: None,
    };
    let block = Arc::new(Block::propose(header, Vec::new(), keys().private(0)));
    let body = ProposalBody {
        chain_hash: CHAIN,
        height: Height(4),
        view: View(0),
        block_hash: block.hash(),
        justification: Hash::ZERO,
    };
    let signed = SignedProposal::sign(body, keys().private(0));
    Machine::compose(signed, &block, Vec::new(), Vec::new())
}

#[test]
fn what_machines_send_verifies() {
    assert!(check(Message::Vote(vote(VoteKind::Commit))).is_ok());
    assert!(check(Message::Proposal(Arc::new(proposal()))).is_ok());
    let nack =
        Nack { vote: vote(VoteKind::Reject), reason: NackReason::Clock, text: "late".to_owned() };
    assert!(check(Message::Nack(nack)).is_ok());
}

#[test]
fn a_foreign_signature_names_the_part_that_carries_it() {
    let mut forged = vote(VoteKind::Commit);
    forged.signer = keys().public(1);
    let refused = check(Message::Vote(forged)).unwrap_err();
    assert!(matches!(refused, VerifyError::Signature { what: "vote", .. }), "{refused}");
}

#[test]
fn another_chain_is_named() {
    let refused = Verified::check(Message::Vote(vote(VoteKind::Commit)), Hash::ZERO, &set());
    let want = VerifyError::Chain { what: "vote", want: Hash::ZERO, got: CHAIN };
    assert_eq!(refused, Err(want));
}

#[test]
fn a_rejection_does_not_pass_as_a_vote_nor_a_vote_as_a_rejection() {
    assert!(matches!(check(Message::Vote(vote(VoteKind::Reject))), Err(VerifyError::Shape(_))));
    let nack =
        Nack { vote: vote(VoteKind::Commit), reason: NackReason::Clock, text: String::new() };
    assert!(matches!(check(Message::Nack(nack)), Err(VerifyError::Shape(_))));
    let nack =
        Nack { vote: vote(VoteKind::Reject), reason: NackReason::Clock, text: "x".repeat(201) };
    assert!(matches!(check(Message::Nack(nack)), Err(VerifyError::TooLong { got: 201, .. })));
}

#[test]
fn the_parts_of_a_proposal_belong_together() {
    let good = proposal();
    let refuse = |bad: Proposal| check(Message::Proposal(Arc::new(bad))).unwrap_err();
    let mut header = good.header.clone();
    header.time_ms += 1;
    let other = Proposal { header, ..good.clone() };
    assert_eq!(refuse(other), VerifyError::Shape("proposal and header differ in the block"));
    let ids = Proposal { tx_ids: vec![Hash([1; 32])], ..good.clone() };
    assert_eq!(refuse(ids), VerifyError::Shape("transaction ids and header differ in number"));
    let mut block_signature = good.block_signature;
    block_signature.0[5] ^= 1;
    let resigned = Proposal { block_signature, inline: None, ..good.clone() };
    assert!(matches!(refuse(resigned), VerifyError::Signature { what: "block signature", .. }));
    let change = ViewChange::sign(
        ViewChangeBody { chain_hash: CHAIN, height: Height(4), view: View(3), vote: None },
        keys().private(1),
    );
    let justification = vec![ViewChangeMessage { signed: change, proof: None }];
    let foreign = Proposal { justification, ..good };
    assert_eq!(refuse(foreign), VerifyError::Shape("a justification is of another height or view"));
}

#[test]
fn a_heartbeat_on_its_signers_connection_needs_no_signature_check() {
    let flags = HeartbeatFlags { ready: true, syncing: false, held: false };
    let body = HeartbeatBody {
        chain_hash: CHAIN,
        committed: Height(3),
        view: View(0),
        sequence: 1,
        flags,
    };
    let mut beat = Heartbeat::sign(body, keys().private(0));
    beat.signature.0[0] ^= 1;
    let own = keys().public(0);
    assert!(Verified::heartbeat_from(beat.clone(), own, CHAIN).is_ok());
    assert!(Verified::heartbeat_from(beat.clone(), keys().public(1), CHAIN).is_err());
    assert!(check(Message::Heartbeat(beat)).is_err());
}

#[test]
fn only_members_messages_near_the_tip_are_worth_passing_on() {
    let vote = Message::Vote(vote(VoteKind::Commit));
    let worth = |tip| worth_forwarding(&vote, Height(tip), &set());
    assert_eq!([1, 2, 3, 4].map(worth), [false, true, true, false]);
    let body =
        AbortBody { chain_hash: CHAIN, height: Height(4), view: View(0), block_hash: Hash::ZERO };
    let stranger = Message::Abort(Abort::sign(body, keys().private(2)));
    assert!(!worth_forwarding(&stranger, Height(3), &set()));
}
