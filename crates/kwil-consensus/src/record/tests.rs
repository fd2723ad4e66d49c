#![allow(clippy::cast_possible_truncation, reason = "random bytes are cut on purpose")]

use std::sync::Arc;

use bytes::Bytes;
use kwil_crypto::{Hash, sha256};
use kwil_types::{
    Block, DirectiveBody, Header, Height, LeaderDirective, ProposalBody, ReportedVote,
    SignedProposal, View, ViewChange, ViewChangeBody, Vote, VoteBody, VoteKind, tx_root,
};
use proptest::prelude::*;

use super::{Candidate, Record};
use crate::message::{Proposal, ViewChangeMessage, VoteProof};
use crate::sim::chain::{Instruction, Keys, transaction};
use crate::testing::{fuzz_proposal, fuzz_record};

/// What a generated record is made from.
#[derive(Debug, Clone)]
struct Seeds {
    height: u64,
    view: u64,
    txs: u64,
    changes: usize,
    directives: usize,
    with_block: bool,
}

fn seeds() -> impl Strategy<Value = Seeds> {
    (any::<u64>(), 0..1000_u64, 0..4_u64, 0..4_usize, 0..3_usize, any::<bool>()).prop_map(
        |(height, view, txs, changes, directives, with_block)| Seeds {
            height,
            view: view + 1,
            txs,
            changes,
            directives,
            with_block,
        },
    )
}

fn candidate(seeds: &Seeds) -> Candidate {
    let keys = Keys::new(4);
    let txs: Vec<_> = (0..seeds.txs).map(|n| transaction(n, Instruction::Nothing)).collect();
    let tx_ids: Vec<_> = txs.iter().map(kwil_types::RawTx::id).collect();
    let header = Header {
        chain_hash: sha256(b"chain"),
        height: Height(seeds.height),
        view: View(seeds.view),
        prev_hash: sha256(b"parent"),
        prev_app_hash: sha256(b"app"),
        tx_count: u32::try_from(seeds.txs).unwrap(),
        tx_root: tx_root(&tx_ids),
        validators_hash: sha256(b"set"),
        params_hash: sha256(b"params"),
        time_ms: seeds.height / 2,
        proposer: keys.public(0),
        new_leader: (seeds.directives > 0).then(|| keys.public(0)),
    };
    let bytes = txs.iter().map(|tx| tx.bytes().clone()).collect();
    let block = Block::propose(header, bytes, keys.private(0));
    let justification = (0..seeds.changes).map(|node| change(seeds, &keys, node)).collect();
    let body = ProposalBody {
        chain_hash: sha256(b"chain"),
        height: Height(seeds.height),
        view: View(seeds.view),
        block_hash: block.hash(),
        justification: sha256(b"justification"),
    };
    let order = DirectiveBody {
        chain_hash: sha256(b"chain"),
        from_height: Height(seeds.height),
        candidate: keys.public(0),
    };
    let proposal = Proposal {
        signed: SignedProposal::sign(body, keys.private(0)),
        header: block.header().clone(),
        block_signature: *block.signature(),
        tx_ids,
        inline: None,
        directives: (0..seeds.directives)
            .map(|node| LeaderDirective::sign(order, keys.private(node)))
            .collect(),
        justification,
    };
    let block = seeds.with_block.then(|| Arc::new(block));
    Candidate { proposal: Arc::new(proposal), block }
}

fn change(seeds: &Seeds, keys: &Keys, node: usize) -> ViewChangeMessage {
    let vote = (node > 0).then(|| ReportedVote {
        view: View(seeds.view - 1),
        block_hash: sha256(&[1]),
        app_hash: sha256(&[2]),
    });
    let body = ViewChangeBody {
        chain_hash: sha256(b"chain"),
        height: Height(seeds.height),
        view: View(seeds.view),
        vote,
    };
    let signed = ViewChange::sign(body, keys.private(node));
    let proof =
        vote.map(|_| VoteProof { justification: sha256(&[3]), signature: signed.signature });
    ViewChangeMessage { signed, proof }
}

fn records(seeds: &Seeds) -> Vec<Record> {
    let keys = Keys::new(1);
    let (height, view) = (Height(seeds.height), View(seeds.view));
    let vote = VoteBody {
        kind: VoteKind::Commit,
        chain_hash: sha256(b"chain"),
        height,
        view,
        block_hash: sha256(&[4]),
        app_hash: sha256(&[5]),
    };
    vec![
        Record::Promise { height, view },
        Record::Candidate(candidate(seeds)),
        Record::Vote(Vote::sign(vote, keys.private(0))),
        Record::HeightStart { height, chain_hash: sha256(b"chain") },
        Record::Incarnation(seeds.height ^ seeds.view),
    ]
}

fn decode(kind: u8, payload: &[u8]) -> Result<Record, kwil_types::wire::WireError> {
    Record::decode(kind, &Bytes::copy_from_slice(payload))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn records_read_back(seeds in seeds()) {
        for record in records(&seeds) {
            let payload = record.payload();
            prop_assert_eq!(decode(record.kind(), &payload), Ok(record.clone()));
        }
    }

    #[test]
    fn every_strict_prefix_and_every_trailing_byte_is_refused(seeds in seeds(), extra in any::<u8>()) {
        for record in records(&seeds) {
            let payload = record.payload();
            for cut in 0..payload.len() {
                prop_assert!(decode(record.kind(), &payload[..cut]).is_err(), "{record:?} cut at {cut}");
            }
            let mut longer = payload;
            longer.push(extra);
            prop_assert!(decode(record.kind(), &longer).is_err());
        }
    }

    #[test]
    fn a_flipped_bit_is_never_the_same_record(seeds in seeds(), at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        for record in records(&seeds) {
            let mut payload = record.payload();
            let at = at.index(payload.len());
            payload[at] ^= 1 << bit;
            let read = decode(record.kind(), &payload);
            prop_assert_ne!(read.as_ref().ok(), Some(&record));
            fuzz_record(&[&[record.kind()][..], &payload].concat());
        }
    }
}

#[test]
fn lengths_are_compared_with_what_is_left_before_anything_is_allocated() {
    let seeds = Seeds { height: 7, view: 3, txs: 0, changes: 0, directives: 0, with_block: false };
    let payload = Record::Candidate(candidate(&seeds)).payload();
    // The count of transaction ids follows signed part, header and signature.
    let signed = u32::from_be_bytes(payload[4..8].try_into().unwrap()) as usize;
    let header_at = 8 + signed;
    let header = u32::from_be_bytes(payload[header_at..header_at + 4].try_into().unwrap()) as usize;
    let count_at = header_at + 4 + header + 64;
    let mut huge = payload;
    huge[count_at..count_at + 4].copy_from_slice(&[0xff; 4]);
    assert!(decode(2, &huge).is_err());
}

#[test]
fn a_rejection_is_no_vote_record_and_a_block_belongs_to_its_candidate() {
    let keys = Keys::new(1);
    let body = VoteBody {
        kind: VoteKind::Reject,
        chain_hash: sha256(b"chain"),
        height: Height(1),
        view: View(0),
        block_hash: sha256(&[4]),
        app_hash: Hash::ZERO,
    };
    assert!(decode(3, &Vote::sign(body, keys.private(0)).encode()).is_err());
    let seeds = Seeds { height: 7, view: 3, txs: 1, changes: 0, directives: 0, with_block: true };
    let own = candidate(&seeds);
    let other = candidate(&Seeds { height: 8, ..seeds });
    let mixed = Candidate { proposal: own.proposal, block: other.block };
    assert!(decode(2, &Record::Candidate(mixed).payload()).is_err());
}

#[test]
fn the_byte_form_is_pinned() {
    let promise = Record::Promise { height: Height(1), view: View(2) };
    assert_eq!(promise.payload(), [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2]);
    let seeds = Seeds { height: 7, view: 3, txs: 2, changes: 2, directives: 1, with_block: true };
    let digest = sha256(&Record::Candidate(candidate(&seeds)).payload());
    assert_eq!(
        digest.to_string(),
        "f912ed93cd0ac5f5b8a4f40be8643a0bf43bba4d67e7a6652be6e1afcbb4b6f5"
    );
}

#[test]
fn fuzz_entries_survive_thousands_of_random_inputs() {
    let seeds = Seeds { height: 9, view: 4, txs: 2, changes: 3, directives: 2, with_block: true };
    let corpus: Vec<Vec<u8>> = records(&seeds)
        .iter()
        .map(|record| [&[record.kind()][..], &record.payload()].concat())
        .collect();
    let proposal = super::encode_proposal(&candidate(&seeds).proposal);
    fuzz_proposal(&proposal);
    let mut state = 0x1234_5678_9abc_def0_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    for round in 0..4000 {
        let mut input = match round % 3 {
            0 => (0..random() % 300).map(|_| random() as u8).collect(),
            1 => corpus[random() % corpus.len()].clone(),
            _ => proposal.clone(),
        };
        for _ in 0..random() % 4 {
            if !input.is_empty() {
                let at = random() % input.len();
                input[at] = random() as u8;
            }
        }
        input.truncate(if random() % 5 == 0 { random() % (input.len() + 1) } else { input.len() });
        fuzz_record(&input);
        fuzz_proposal(&input);
    }
}
