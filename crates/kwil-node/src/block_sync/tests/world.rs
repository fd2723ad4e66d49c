//! A real chain with real signatures, whose validator set changes on the way.

use std::sync::{Arc, LazyLock};

use kwil_crypto::{Hash, KeyType, NodeId, PrivateKey};
use kwil_types::{
    Block, CommitCertificate, Header, Height, Validator, ValidatorSet, View, Vote, VoteBody,
    VoteKind, tx_root,
};

use super::super::planner::SyncTip;
use super::super::step::{Candidate, Fault, Verdict};

pub(super) const CHAIN: Hash = Hash([5; 32]);
/// The set of this height and all later ones has one validator more.
pub(super) const CHANGE: u64 = 41;

pub(super) fn key(n: u8) -> PrivateKey {
    PrivateKey::from_bytes(KeyType::Secp256k1, &[n; 32]).unwrap()
}

pub(super) fn peer(n: u8) -> NodeId {
    NodeId::from(key(100 + n).public_key())
}

static KEYS: LazyLock<Vec<PrivateKey>> = LazyLock::new(|| (1..=4).map(key).collect());
static SETS: LazyLock<[ValidatorSet; 2]> = LazyLock::new(|| [3, 4].map(set));

fn set(count: usize) -> ValidatorSet {
    let members = KEYS.iter().take(count).map(|key| Validator { key: key.public_key(), power: 1 });
    ValidatorSet::new(members).unwrap()
}

pub(super) fn set_of(height: u64) -> &'static ValidatorSet {
    &SETS[usize::from(height >= CHANGE)]
}

/// The blocks 1 to `len`.
pub(super) struct Chain(pub(super) Vec<Candidate>);

impl Chain {
    pub(super) fn new(len: u64) -> Self {
        let mut blocks: Vec<Candidate> = Vec::new();
        for height in 1..=len {
            let parent =
                blocks.last().map_or(Hash([0; 32]), |parent: &Candidate| parent.block.hash());
            blocks.push(certified(block(height, parent), height));
        }
        Self(blocks)
    }

    pub(super) fn get(&self, height: u64) -> Option<&Candidate> {
        self.0.get(usize::try_from(height).unwrap().checked_sub(1)?)
    }
}

pub(super) fn genesis() -> SyncTip {
    SyncTip { height: Height(0), hash: Hash([0; 32]), next_validators: set_of(1).hash() }
}

pub(super) fn block(height: u64, prev_hash: Hash) -> Block {
    let header = Header {
        chain_hash: CHAIN,
        height: Height(height),
        view: View(0),
        prev_hash,
        prev_app_hash: app_hash(height - 1),
        tx_count: 0,
        tx_root: tx_root(&[]),
        validators_hash: set_of(height).hash(),
        params_hash: Hash([6; 32]),
        time_ms: height * 1000,
        proposer: KEYS[0].public_key(),
        new_leader: None,
    };
    Block::propose(header, Vec::new(), &KEYS[0])
}

fn app_hash(height: u64) -> Hash {
    let mut hash = [8; 32];
    hash[..8].copy_from_slice(&height.to_be_bytes());
    Hash(hash)
}

/// The block with the votes of two validators more than half of the set of `height` demands.
pub(super) fn certified(block: Block, height: u64) -> Candidate {
    let body = VoteBody {
        kind: VoteKind::Commit,
        chain_hash: CHAIN,
        height: Height(height),
        view: View(0),
        block_hash: block.hash(),
        app_hash: app_hash(height),
    };
    let set = set_of(height);
    let votes: Vec<Vote> =
        KEYS.iter().take(set.quorum()).map(|key| Vote::sign(body, key)).collect();
    let certificate = CommitCertificate::from_votes(set, &votes).unwrap();
    Candidate::decode(block.encode().into(), certificate.encode().into()).unwrap()
}

/// What the owner of a planner does for `CheckBody`.
pub(super) fn check_body(candidate: &Candidate) -> Verdict {
    let checked = candidate.block.check(1 << 20).map(drop).map_err(|error| error.to_string());
    verdict(checked, Fault::Block)
}

/// What it does for `CheckCertificate`, with the set behind the executed height.
pub(super) fn check_certificate(candidate: &Candidate, set: &ValidatorSet) -> Verdict {
    if candidate.block.header().validators_hash != set.hash() {
        return Verdict::Bad(Fault::Certificate("other validators".to_owned()));
    }
    let checked = candidate.certificate.verify(CHAIN, set).map_err(|error| error.to_string());
    verdict(checked, Fault::Certificate)
}

fn verdict(checked: Result<(), String>, fault: fn(String) -> Fault) -> Verdict {
    match checked {
        Ok(()) => Verdict::Good,
        Err(text) => Verdict::Bad(fault(text)),
    }
}

pub(super) fn height_of(candidate: &Arc<Candidate>) -> u64 {
    candidate.block.header().height.get()
}
