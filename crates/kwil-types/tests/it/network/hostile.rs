//! Encodings that look right and break one rule.

use kwil_crypto::{Hash, KeyType, PrivateKey};
use kwil_types::wire::Writer;
use kwil_types::{
    CommitCertificate, Header, InclusionProof, ParamUpdates, PeerRecord, PeerRecordBody,
    ProposalBody, SignedProposal, ValidatorSet, View, Vote, tx_root,
};

use super::{bytes, keys, list, set, vectors};

/// The same entries in the order given, with their number before them.
fn joined(entries: &[&[u8]]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.count_u32_be(entries.len());
    for entry in entries {
        writer.raw(entry);
    }
    writer.finish().unwrap()
}

#[test]
fn a_certificate_bit_beyond_the_set_is_refused_with_its_signature() {
    let vectors = vectors();
    let raw = bytes(&list(&vectors, "certificates")[1], "certificate_hex");
    let bitmap = raw.len() - 2 * 64 - 1;
    assert_eq!(raw[bitmap], 0b101);
    let mut beyond = raw.clone();
    beyond[bitmap] |= 0b1000;
    beyond.extend_from_slice(&raw[raw.len() - 64..]);
    CommitCertificate::decode(&beyond).unwrap_err();
    // The same inside the set is a certificate.
    let mut inside = raw.clone();
    inside[bitmap] |= 0b10;
    inside.extend_from_slice(&raw[raw.len() - 64..]);
    CommitCertificate::decode(&inside).unwrap();
}

#[test]
fn a_certificate_of_a_huge_set_costs_nothing() {
    let vectors = vectors();
    let mut raw = bytes(&list(&vectors, "certificates")[0], "certificate_hex");
    let size = raw.len() - 3 * 64 - 1 - 4;
    raw[size..size + 4].fill(0xff);
    CommitCertificate::decode(&raw).unwrap_err();
}

#[test]
fn validators_out_of_order_or_twice_are_refused() {
    let set = set();
    let one = |index: usize| {
        let member = ValidatorSet::new([*set.get(index).unwrap()]).unwrap();
        member.encode()[4..].to_vec()
    };
    let [first, second] = [one(0), one(1)];
    ValidatorSet::decode(&joined(&[&first, &second])).unwrap();
    ValidatorSet::decode(&joined(&[&second, &first])).unwrap_err();
    ValidatorSet::decode(&joined(&[&first, &first])).unwrap_err();
    ValidatorSet::decode(&joined(&[])).unwrap_err();
}

#[test]
fn parameters_out_of_order_or_twice_are_refused() {
    let entry = |name: &str, value: &[u8]| {
        let mut writer = Writer::new();
        writer.text(name).bytes(value);
        writer.finish().unwrap()
    };
    let size = entry("max_block_size", &[0, 0, 0, 0, 0, 0x60, 0, 0]);
    let votes = entry("max_votes_per_tx", &[0, 0, 0, 0, 0, 0, 0, 9]);
    assert_eq!(ParamUpdates::decode(&joined(&[&size, &votes])).unwrap().len(), 2);
    for wrong in [
        joined(&[&votes, &size]),
        joined(&[&votes, &votes]),
        joined(&[&entry("max_size", &[0; 8])]),
        joined(&[&entry("max_block_size", &[0; 7])]),
        joined(&[&entry("max_block_size", &[0xff; 8])]),
        joined(&[&entry("disabled_gas_costs", &[2])]),
        joined(&[&entry("migration_status", b"nomigration")]),
    ] {
        ParamUpdates::decode(&wrong).unwrap_err();
    }
    // The reference form has the same rules.
    let reference = |names: &[&str]| {
        let mut writer = Writer::new();
        writer.u16_le(0).count_u16_le(names.len());
        for name in names {
            writer.count_u16_le(name.len()).raw(name.as_bytes()).u64_le(9);
        }
        writer.finish().unwrap()
    };
    ParamUpdates::decode_reference(&reference(&["max_block_size", "max_votes_per_tx"])).unwrap();
    ParamUpdates::decode_reference(&reference(&["max_votes_per_tx", "max_block_size"]))
        .unwrap_err();
    ParamUpdates::decode_reference(&reference(&["max_block_size", "max_block_size"])).unwrap_err();
}

#[test]
fn proofs_for_places_outside_the_block_prove_nothing() {
    let id = Hash([1; 32]);
    let root = tx_root(&[id]);
    let proof = |index: u32, siblings: &[Hash]| {
        let mut writer = Writer::new();
        writer.u32_be(index).u32_be(1).count_u32_be(siblings.len());
        siblings.iter().for_each(|sibling| {
            writer.hash(sibling);
        });
        InclusionProof::decode(&writer.finish().unwrap()).unwrap()
    };
    assert!(proof(0, &[]).proves(&id, &root, 1));
    assert!(!proof(1, &[]).proves(&id, &root, 1));
    // A sibling too many.
    assert!(!proof(0, &[id]).proves(&id, &root, 1));
    // An inner node cannot pose as a leaf, nor a root as an id.
    let pair = [Hash([2; 32]), Hash([3; 32])];
    assert_ne!(tx_root(&[tx_root(&pair)]), tx_root(&pair));
}

#[test]
fn peer_records_are_signed_by_their_node_and_bounded() {
    let [one, other, _] = keys().try_into().unwrap();
    let record = |addresses: Vec<String>| PeerRecordBody {
        node: one.public_key(),
        sequence: 1,
        addresses,
        flags: 0,
    };
    let address = "node.example:6600".to_owned();
    let good = PeerRecord::sign(record(vec![address.clone(); 8]), &one);
    let decoded = PeerRecord::decode(&good.encode()).unwrap();
    decoded.verify().unwrap();
    assert_eq!(decoded, good);
    for wrong in [
        PeerRecord::sign(record(vec![address.clone()]), &other),
        PeerRecord::sign(record(vec![address; 9]), &one),
        PeerRecord::sign(record(vec!["a".repeat(261)]), &one),
    ] {
        PeerRecord::decode(&wrong.encode()).unwrap_err();
    }
}

#[test]
fn a_proposal_in_view_zero_justifies_nothing() {
    let body = ProposalBody {
        chain_hash: Hash([1; 32]),
        height: kwil_types::Height(2),
        view: View::ZERO,
        block_hash: Hash([3; 32]),
        justification: Hash([4; 32]),
    };
    let key = PrivateKey::from_bytes(KeyType::Secp256k1, &[1; 32]).unwrap();
    SignedProposal::decode(&SignedProposal::sign(body, &key).encode()).unwrap_err();
    let plain = ProposalBody { justification: Hash::ZERO, ..body };
    SignedProposal::decode(&SignedProposal::sign(plain, &key).encode()).unwrap();
}

#[test]
fn a_vote_of_one_context_is_no_other_message() {
    let vectors = vectors();
    let vote = bytes(&list(&vectors, "votes")[0], "vote_hex");
    Vote::decode(&vote).unwrap();
    SignedProposal::decode(&vote).unwrap_err();
    Header::decode(&vote).unwrap_err();
}
