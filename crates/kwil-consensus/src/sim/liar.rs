//! Lying nodes: an honest machine whose messages are falsified on the way out.

use std::sync::Arc;

use kwil_crypto::{Hash, PrivateKey};
use kwil_types::{
    Block, CommitCertificate, Height, ProposalBody, SignedProposal, View, ViewChange,
    ViewChangeBody, Vote, VoteBody,
};

use super::script::Liar;
use crate::machine::Machine;
use crate::message::{CommitAnnounce, Message, ViewChangeMessage};

/// A falsified message and who gets it: `Some(parity)` = nodes of that parity only.
pub(crate) type Lie = (Message, Option<usize>);

/// What a liar sends instead of a message.
pub(crate) fn falsify(
    liar: Liar,
    message: &Message,
    machine: &Machine,
    key: &PrivateKey,
) -> Vec<Lie> {
    let honest = || vec![(message.clone(), None)];
    match (liar, message) {
        (Liar::Equivocates, Message::Proposal(proposal)) => {
            let fresh = proposal.header.view == proposal.signed.body.view;
            let other = fresh.then(|| other_block(machine, &proposal.header, key));
            let Some(block) = other else { return honest() };
            let body = ProposalBody { block_hash: block.hash(), ..proposal.signed.body };
            let signed = SignedProposal::sign(body, key);
            let justification = proposal.justification.clone();
            let lie = Machine::compose(signed, &Arc::new(block), Vec::new(), justification);
            vec![(message.clone(), Some(0)), (Message::Proposal(Arc::new(lie)), Some(1))]
        }
        (Liar::Withholds, Message::Proposal(_) | Message::Vote(_)) => {
            vec![(message.clone(), Some(0))]
        }
        (Liar::HidesVotes, Message::ViewChange(change)) => {
            let body = ViewChangeBody { vote: None, ..change.signed.body };
            let signed = ViewChange::sign(body, key);
            vec![(Message::ViewChange(Arc::new(ViewChangeMessage { signed, proof: None })), None)]
        }
        (Liar::VotesTwice, Message::Vote(vote)) => {
            let wrong = kwil_crypto::sha256(&vote.body.app_hash.0);
            let body = VoteBody { app_hash: wrong, ..vote.body };
            vec![(message.clone(), Some(0)), (Message::Vote(Vote::sign(body, key)), Some(1))]
        }
        (Liar::JumpsViews, Message::Heartbeat(_)) => {
            let body = ViewChangeBody {
                chain_hash: machine.chain,
                height: machine.height(),
                view: View(1 << 40),
                vote: None,
            };
            let signed = ViewChange::sign(body, key);
            let far = Message::ViewChange(Arc::new(ViewChangeMessage { signed, proof: None }));
            vec![(message.clone(), None), (far, None)]
        }
        (Liar::Unjustified, Message::ViewChange(change)) if machine.leads(machine.view()) => {
            unjustified(machine, change, key)
        }
        (Liar::Floods, Message::Heartbeat(beat)) => {
            let flood = (0..30).map(|number| early_vote(machine, beat.body.sequence + number, key));
            honest().into_iter().chain(flood.map(|vote| (Message::Vote(vote), None))).collect()
        }
        (Liar::ReusesOrders, Message::Proposal(proposal)) if proposal.signed.body.view.0 == 0 => {
            vec![(reused_orders(machine, proposal, key), None)]
        }
        _ => honest(),
    }
}

/// A proposal that rests on the liar's own view change alone.
fn unjustified(machine: &Machine, change: &Arc<ViewChangeMessage>, key: &PrivateKey) -> Vec<Lie> {
    let honest = (Message::ViewChange(Arc::clone(change)), None);
    let Some(parent) = machine.tip().announce.as_ref() else { return vec![honest] };
    let mut header = parent.header.clone();
    header.height = machine.height();
    header.view = change.signed.body.view;
    header.prev_hash = parent.header.hash();
    header.prev_app_hash = parent.certificate.app_hash();
    header.validators_hash = machine.committee.set_hash;
    header.params_hash = machine.next().params_hash;
    header.time_ms += 7;
    header.proposer = key.public_key();
    header.new_leader = None;
    header.tx_count = 0;
    header.tx_root = Hash::ZERO;
    let block = Arc::new(Block::propose(header, Vec::new(), key));
    let changes = vec![change.as_ref().clone()];
    let signed: Vec<_> = changes.iter().map(|change| change.signed.clone()).collect();
    let justification = kwil_types::justification_hash(&machine.committee.set, &signed);
    let body = ProposalBody {
        chain_hash: machine.chain,
        height: machine.height(),
        view: change.signed.body.view,
        block_hash: block.hash(),
        justification: justification.unwrap_or(Hash::ZERO),
    };
    let proposal = Machine::compose(SignedProposal::sign(body, key), &block, Vec::new(), changes);
    vec![honest, (Message::Proposal(Arc::new(proposal)), None)]
}

fn early_vote(machine: &Machine, view: u64, key: &PrivateKey) -> Vote {
    let body = VoteBody {
        kind: kwil_types::VoteKind::Commit,
        chain_hash: machine.chain,
        height: machine.height().next(),
        view: View(view),
        block_hash: Hash([5; 32]),
        app_hash: Hash([6; 32]),
    };
    Vote::sign(body, key)
}

/// The same block with the liar as new leader, justified by one order that is counted several times.
fn reused_orders(
    machine: &Machine,
    proposal: &crate::message::Proposal,
    key: &PrivateKey,
) -> Message {
    let Some(inline) = &proposal.inline else {
        return Message::Proposal(Arc::new(proposal.clone()));
    };
    let mut header = proposal.header.clone();
    header.new_leader = Some(key.public_key());
    let block = Arc::new(Block::propose(header, inline.txs().to_vec(), key));
    let body = ProposalBody { block_hash: block.hash(), ..proposal.signed.body };
    let order = crate::Directive { candidate: key.public_key(), from_height: machine.height() };
    let orders = vec![machine.sign_directive(order); machine.quorum()];
    let signed = SignedProposal::sign(body, key);
    Message::Proposal(Arc::new(Machine::compose(signed, &block, orders, Vec::new())))
}

/// The same header a millisecond later, without transactions.
fn other_block(machine: &Machine, header: &kwil_types::Header, key: &PrivateKey) -> Block {
    let mut other = header.clone();
    other.time_ms += 1;
    other.tx_count = 0;
    other.tx_root = Hash::ZERO;
    debug_assert_eq!(other.height, machine.height());
    Block::propose(other, Vec::new(), key)
}

/// A block that nobody voted for, with a certificate that carries one signature of its maker.
pub(crate) fn forged_commit(machine: &Machine, key: &PrivateKey) -> Option<Message> {
    let tip = machine.tip().announce.as_ref()?;
    let mut header = tip.header.clone();
    header.height = machine.height();
    header.prev_hash = tip.header.hash();
    header.prev_app_hash = tip.certificate.app_hash();
    header.time_ms += 5;
    header.proposer = key.public_key();
    let block = Block::propose(header, Vec::new(), key);
    let certificate = forged_certificate(machine, &block, key)?;
    Some(Message::Commit(Arc::new(CommitAnnounce {
        header: block.header().clone(),
        block_signature: *block.signature(),
        certificate,
    })))
}

fn forged_certificate(
    machine: &Machine,
    block: &Block,
    key: &PrivateKey,
) -> Option<CommitCertificate> {
    let height: Height = machine.height();
    let body = VoteBody {
        kind: kwil_types::VoteKind::Commit,
        chain_hash: machine.chain,
        height,
        view: View(0),
        block_hash: block.hash(),
        app_hash: Hash([3; 32]),
    };
    let vote = Vote::sign(body, key);
    let n = machine.committee.n();
    let mut bytes = vec![1];
    bytes.extend_from_slice(&height.0.to_be_bytes());
    bytes.extend_from_slice(&0_u64.to_be_bytes());
    bytes.extend_from_slice(&block.hash().0);
    bytes.extend_from_slice(&[3; 32]);
    bytes.extend_from_slice(&(n as u32).to_be_bytes());
    let mut bitmap = vec![0_u8; n.div_ceil(8)];
    bitmap[0] = 1;
    bytes.extend_from_slice(&bitmap);
    bytes.extend_from_slice(&vote.signature.0);
    CommitCertificate::decode(&bytes).ok()
}
