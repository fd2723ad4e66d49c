//! The vectors of the network formats, valid and invalid.

mod hostile;
mod params;
mod properties;
mod validators;

use bytes::Bytes;
use kwil_crypto::{Context, Hash, KeyType, NetworkSignature, PrivateKey, PublicKey, context, hash};
use kwil_types::wire::{Reader, Writer};
use kwil_types::{
    AbortBody, Block, BlockError, CertificateError, CommitCertificate, DirectiveBody, Evidence,
    EvidenceError, Expected, Header, HeaderError, HeartbeatBody, Height, InclusionProof,
    ProposalBody, Signed, SignedBody, Validator, ValidatorSet, View, ViewChange, ViewChangeBody,
    Vote, VoteBody, VoteKind, justification_hash, tx_root,
};
use serde_json::Value as Json;

fn vectors() -> Json {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/vectors/consensus.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn text<'j>(json: &'j Json, key: &str) -> &'j str {
    json[key].as_str().unwrap_or_else(|| panic!("{key} in {json}"))
}

fn bytes(json: &Json, key: &str) -> Vec<u8> {
    hex::decode(text(json, key)).unwrap()
}

fn list<'j>(json: &'j Json, key: &str) -> &'j [Json] {
    json[key].as_array().unwrap()
}

/// The three validators of the vectors, in the order of the file.
fn keys() -> Vec<PrivateKey> {
    list(&vectors()["private_keys"], "validators")
        .iter()
        .map(|key| {
            let key_type: KeyType = text(key, "type").parse().unwrap();
            // The vectors give the seed alone.
            let mut raw = bytes(key, "key_hex");
            if key_type == KeyType::Ed25519 {
                raw.extend(bytes(key, "public_hex"));
            }
            let private = PrivateKey::from_bytes(key_type, &raw).unwrap();
            assert_eq!(private.public_key().to_hex(), text(key, "public_hex"));
            private
        })
        .collect()
}

fn key_of(node_id: &str) -> PrivateKey {
    keys().into_iter().find(|key| key.public_key().to_string() == node_id).unwrap()
}

fn set() -> ValidatorSet {
    ValidatorSet::new(keys().iter().map(|key| Validator { key: key.public_key(), power: 1 }))
        .unwrap()
}

fn chain_hash() -> Hash {
    text(&vectors(), "chain_hash").parse().unwrap()
}

fn signature(json: &Json, key: &str) -> NetworkSignature {
    NetworkSignature(bytes(json, key).try_into().unwrap())
}

#[test]
fn contexts_hash_as_the_vectors_say() {
    for case in list(&vectors(), "blake3_derive_key") {
        let context =
            context::ALL.iter().find(|context| context.name() == text(case, "context")).unwrap();
        assert_eq!(
            hex::encode(hash(*context, &bytes(case, "input_hex")).0),
            text(case, "output_hex")
        );
    }
}

#[test]
fn keys_are_written_and_read_with_type_and_length() {
    for case in list(&vectors(), "key_encoding") {
        let key: PublicKey = text(case, "node_id").parse().unwrap();
        let mut writer = Writer::new();
        writer.key(&key);
        assert_eq!(hex::encode(writer.finish().unwrap()), text(case, "hex"));
        let raw = bytes(case, "hex");
        assert_eq!(Reader::new(&raw).key().unwrap(), key);
    }
}

#[test]
fn transaction_roots_and_proofs_of_every_size() {
    let vectors = vectors();
    let cases = list(&vectors, "tx_roots");
    assert_eq!(cases.len(), 10);
    for case in cases {
        let ids: Vec<Hash> = list(case, "tx_hashes")
            .iter()
            .map(|id| id.as_str().unwrap().parse().unwrap())
            .collect();
        let root: Hash = text(case, "root").parse().unwrap();
        assert_eq!(tx_root(&ids), root);
        let count = u32::try_from(ids.len()).unwrap();
        for (index, id) in ids.iter().enumerate() {
            let proof = InclusionProof::new(&ids, index).unwrap();
            assert!(proof.proves(id, &root, count), "{index} of {count}");
            assert_eq!(InclusionProof::decode(&proof.encode()).unwrap(), proof);
            assert!(!proof.proves(&Hash([9; 32]), &root, count));
            assert!(!proof.proves(id, &Hash([9; 32]), count));
            assert!(!proof.proves(id, &root, count + 1));
            for other in ids.iter().filter(|other| *other != id) {
                assert!(!proof.proves(other, &root, count));
            }
        }
        assert_eq!(InclusionProof::new(&ids, ids.len()), None);
    }
}

#[test]
fn headers_have_the_bytes_and_hashes_of_the_vectors() {
    for case in list(&vectors(), "headers") {
        let header = Header::decode(&bytes(case, "header_hex")).unwrap();
        assert_eq!(hex::encode(header.encode()), text(case, "header_hex"));
        assert_eq!(
            header.encode().len(),
            usize::try_from(case["length"].as_u64().unwrap()).unwrap()
        );
        assert_eq!(header.hash().to_string(), text(case, "block_hash"));
        assert_eq!(header.chain_hash, chain_hash());
        assert_eq!(header.validators_hash, set().hash());
    }
}

#[test]
fn malformed_headers_are_refused() {
    let vectors = vectors();
    let cases = list(&vectors, "invalid_headers");
    assert_eq!(cases.len(), 6);
    for case in cases {
        Header::decode(&bytes(case, "header_hex")).expect_err(text(case, "reason"));
    }
    let mut long = bytes(&list(&vectors, "headers")[0], "header_hex");
    long.resize(1025, 0);
    Header::decode(&long).unwrap_err();
}

/// The second header of the vectors, with three transactions.
fn sample_block() -> Block {
    let raw: Bytes = bytes(&vectors()["raw_block"], "raw_hex").into();
    Block::receive(&raw, 6_291_456).unwrap().0
}

#[test]
fn raw_block_of_the_vectors_passes_every_check() {
    let case = &vectors()["raw_block"];
    let raw: Bytes = bytes(case, "raw_hex").into();
    let (block, ids) = Block::receive(&raw, 6_291_456).unwrap();
    assert_eq!(block.encode(), raw);
    let ids: Vec<String> = ids.iter().map(Hash::to_string).collect();
    let expected: Vec<&str> =
        list(case, "tx_hashes").iter().map(|id| id.as_str().unwrap()).collect();
    assert_eq!(ids, expected);
    assert_eq!(*block.signature(), signature(case, "proposer_signature_hex"));
    let (header, _, txs) = block.clone().into_parts();
    let key = key_of(&header.proposer.to_string());
    assert_eq!(Block::propose(header, txs, &key), block);
}

#[test]
fn blocks_are_refused_at_the_first_broken_rule() {
    let block = sample_block();
    let (header, signature, txs) = block.clone().into_parts();
    let key = key_of(&header.proposer.to_string());
    let total: u64 = txs.iter().map(|tx| tx.len() as u64).sum();
    let raw: Bytes = block.encode().into();

    let too_long = Block::receive(&Bytes::from(vec![1; (1 << 20) + 4097]), 4096).unwrap_err();
    assert!(matches!(too_long, BlockError::TooLong { limit: 1_052_672, .. }), "{too_long}");
    let count =
        Block::from_parts(header.clone(), signature, txs[..2].to_vec()).check(4096).unwrap_err();
    assert_eq!(count, BlockError::TxCount { header: 3, block: 2 });
    assert_eq!(block.check(128).unwrap_err(), BlockError::TooManyTxs { limit: 2, got: 3 });
    // The number is judged before the transactions are read.
    let cut = raw.slice(..raw.len() - 1);
    assert_eq!(Block::receive(&cut, 128).unwrap_err(), BlockError::TooManyTxs { limit: 2, got: 3 });
    assert!(matches!(Block::receive(&cut, 4096).unwrap_err(), BlockError::Wire(_)));
    let forged = Block::from_parts(header.clone(), NetworkSignature([7; 64]), txs.clone());
    assert!(matches!(forged.check(4096).unwrap_err(), BlockError::Proposer(_)));
    assert_eq!(
        Block::receive(&raw, total - 1).unwrap_err(),
        BlockError::TooLarge { limit: total - 1, got: total }
    );
    Block::receive(&raw, total).unwrap();
    let swapped = vec![txs[1].clone(), txs[0].clone(), txs[2].clone()];
    let swapped = Block::from_parts(header.clone(), signature, swapped).check(4096).unwrap_err();
    assert!(matches!(swapped, BlockError::TxRoot { .. }));

    let twice = vec![txs[0].clone(), txs[1].clone(), txs[0].clone()];
    let ids: Vec<Hash> = twice.iter().map(|tx| kwil_crypto::sha256(tx)).collect();
    let header = Header { tx_root: tx_root(&ids), ..header };
    let twice = Block::propose(header, twice, &key).check(4096).unwrap_err();
    assert_eq!(twice, BlockError::DuplicateTx { id: ids[0] });
}

#[test]
fn headers_must_continue_the_committed_chain() {
    let header = sample_block().header().clone();
    let set = set();
    let expected = Expected {
        chain_hash: header.chain_hash,
        height: header.height,
        prev_hash: header.prev_hash,
        prev_app_hash: header.prev_app_hash,
        validators: &set,
        validators_hash: set.hash(),
        params_hash: header.params_hash,
        // View 3 of three validators is led by the leader of view 0.
        first_leader: header.proposer,
        parent_time_ms: header.time_ms - 1,
    };
    header.check(&expected).unwrap();
    let other = Hash([9; 32]);
    type Change = fn(&mut Header, Hash);
    let hashes: [(&str, Change); 5] = [
        ("chain_hash", |header, hash| header.chain_hash = hash),
        ("prev_hash", |header, hash| header.prev_hash = hash),
        ("prev_app_hash", |header, hash| header.prev_app_hash = hash),
        ("validators_hash", |header, hash| header.validators_hash = hash),
        ("params_hash", |header, hash| header.params_hash = hash),
    ];
    for (name, change) in hashes {
        let mut wrong = header.clone();
        change(&mut wrong, other);
        match wrong.check(&expected) {
            Err(HeaderError::Hash { field, got, .. }) => assert_eq!((field, got), (name, other)),
            result => panic!("{name}: {result:?}"),
        }
    }
    let wrong = Header { height: header.height.next(), ..header.clone() };
    assert!(matches!(wrong.check(&expected), Err(HeaderError::Height { .. })));
    let wrong = Header { view: View(4), ..header.clone() };
    assert_eq!(
        wrong.check(&expected),
        Err(HeaderError::Proposer { view: View(4), got: header.proposer })
    );
    let somebody = set.get(0).unwrap().key;
    let wrong = Header { new_leader: Some(somebody), ..header.clone() };
    assert_eq!(wrong.check(&expected), Err(HeaderError::NewLeader { got: somebody }));
    let late = Expected { parent_time_ms: header.time_ms, ..expected };
    assert!(matches!(header.check(&late), Err(HeaderError::Time { .. })));
}

#[test]
fn votes_have_the_bytes_digests_and_signatures_of_the_vectors() {
    for case in list(&vectors(), "votes") {
        let vote = Vote::decode(&bytes(case, "vote_hex")).unwrap();
        assert_eq!(hex::encode(vote.encode()), text(case, "vote_hex"));
        assert_eq!(hex::encode(vote.body_bytes()), text(case, "body_hex"));
        assert_eq!(vote.body_bytes().len(), kwil_types::VOTE_BODY_LEN);
        assert_eq!(hash(context::VOTE, &vote.body_bytes()).to_string(), text(case, "digest_hex"));
        vote.verify().unwrap();
        let index = set().index_of(&vote.signer).unwrap();
        assert_eq!(index as u64, case["index"].as_u64().unwrap());
        let key = key_of(text(case, "validator"));
        assert_eq!(Vote::sign(vote.body, &key), vote);
        let kind = if case["kind"] == 1 { VoteKind::Commit } else { VoteKind::Reject };
        assert_eq!(vote.body.kind, kind);
    }
}

#[test]
fn votes_with_an_unknown_kind_or_a_rejected_app_hash_are_refused() {
    let raw = bytes(&list(&vectors(), "votes")[0], "vote_hex");
    for kind in [0, 2, 3] {
        let mut raw = raw.clone();
        raw[1] = kind;
        Vote::decode(&raw).unwrap_err();
    }
}

fn check_signed<B: SignedBody + Clone + PartialEq + std::fmt::Debug>(case: &Json) {
    let key = key_of(text(case, "signer"));
    let mut raw = bytes(case, "body_hex");
    let mut writer = Writer::new();
    writer.key(&key.public_key()).signature(&signature(case, "signature_hex"));
    raw.extend(writer.finish().unwrap());
    let message = Signed::<B>::decode(&raw).unwrap();
    message.verify().unwrap();
    assert_eq!(message.encode(), raw);
    assert_eq!(hash(B::CONTEXT, &message.body_bytes()).to_string(), text(case, "digest_hex"));
    assert_eq!(Signed::sign(message.body.clone(), &key), message);
}

#[test]
fn signed_messages_have_the_digests_and_signatures_of_the_vectors() {
    type Check = fn(&Json);
    let checks: [(Context, Check); 5] = [
        (context::PROPOSAL, check_signed::<ProposalBody>),
        (context::VIEW, check_signed::<ViewChangeBody>),
        (context::HEARTBEAT, check_signed::<HeartbeatBody>),
        (context::DIRECTIVE, check_signed::<DirectiveBody>),
        (context::ABORT, check_signed::<AbortBody>),
    ];
    let vectors = vectors();
    let cases = list(&vectors, "signed_messages");
    assert_eq!(cases.len(), 14);
    for case in cases {
        let (_, check) =
            checks.iter().find(|(context, _)| context.name() == text(case, "context")).unwrap();
        check(case);
    }
}

#[test]
fn justification_hash_is_that_of_the_vectors_in_any_order() {
    let case = &vectors()["justification"];
    let set = set();
    let mut messages: Vec<ViewChange> = list(case, "view_change_bodies")
        .iter()
        .map(|entry| {
            let index = usize::try_from(entry["index"].as_u64().unwrap()).unwrap();
            let key = key_of(&set.get(index).unwrap().key.to_string());
            let raw = bytes(entry, "body_hex");
            let mut reader = Reader::new(&raw);
            let body = ViewChangeBody::read(&mut reader).unwrap();
            reader.finish().unwrap();
            ViewChange::sign(body, &key)
        })
        .collect();
    let expected: Hash = text(case, "justification_hash").parse().unwrap();
    assert_eq!(justification_hash(&set, &messages), Some(expected));
    messages.reverse();
    assert_eq!(justification_hash(&set, &messages), Some(expected));
    messages.push(messages[0].clone());
    assert_eq!(justification_hash(&set, &messages), None);
}

fn certified_votes() -> Vec<Vote> {
    let body = VoteBody {
        kind: VoteKind::Commit,
        chain_hash: chain_hash(),
        height: Height(2),
        view: View(3),
        block_hash: sample_block().hash(),
        app_hash: text(&vectors(), "app_hash").parse().unwrap(),
    };
    set().iter().map(|member| Vote::sign(body, &key_of(&member.key.to_string()))).collect()
}

#[test]
fn certificates_have_the_bytes_of_the_vectors_and_verify() {
    let (set, votes) = (set(), certified_votes());
    for case in list(&vectors(), "certificates") {
        let signers: Vec<usize> = list(case, "signers")
            .iter()
            .map(|index| usize::try_from(index.as_u64().unwrap()).unwrap())
            .collect();
        let chosen: Vec<Vote> = signers.iter().rev().map(|index| votes[*index].clone()).collect();
        let certificate = CommitCertificate::from_votes(&set, &chosen).unwrap();
        assert_eq!(hex::encode(certificate.encode()), text(case, "certificate_hex"));
        assert_eq!(certificate.encode().len() as u64, case["length"].as_u64().unwrap());
        assert_eq!(CommitCertificate::decode(&certificate.encode()).unwrap(), certificate);
        certificate.verify(chain_hash(), &set).unwrap();
        certificate.verify(Hash([1; 32]), &set).unwrap_err();
        assert_eq!(certificate.votes(chain_hash(), &set).unwrap().len(), signers.len());
    }
}

#[test]
fn bad_certificates_are_refused() {
    let vectors = vectors();
    let cases = list(&vectors, "invalid_certificates");
    assert_eq!(cases.len(), 10);
    for case in cases {
        let result = CommitCertificate::decode(&bytes(case, "certificate_hex"));
        let reason = text(case, "reason");
        let malformed = [
            "trailing byte",
            "truncated",
            "bit beyond the set size",
            "three bits, two signatures",
            "version",
        ];
        match result {
            Err(_) => assert!(malformed.contains(&reason), "{reason}"),
            Ok(certificate) => {
                assert!(!malformed.contains(&reason), "{reason}");
                // A certificate is compared with the block it is for, then verified.
                let for_block = certificate.block_hash() == sample_block().hash();
                let verified = certificate.verify(chain_hash(), &set());
                assert!(!for_block || verified.is_err(), "{reason}");
                assert!(verified.is_err(), "{reason}");
            }
        }
    }
}

#[test]
fn certificates_are_not_made_from_votes_that_differ_or_are_too_few() {
    let (set, votes) = (set(), certified_votes());
    let too_few = CommitCertificate::from_votes(&set, &votes[..1]).unwrap_err();
    assert_eq!(too_few, CertificateError::Quorum { want: 2, got: 1 });
    // One validator twice is one validator.
    let twice = [votes[0].clone(), votes[0].clone()];
    assert_eq!(CommitCertificate::from_votes(&set, &twice).unwrap_err(), too_few);
    let other = VoteBody { view: View(4), ..votes[1].body };
    let other = Vote::sign(other, &key_of(&votes[1].signer.to_string()));
    assert!(CommitCertificate::from_votes(&set, &[votes[0].clone(), other]).is_err());
    let key = PrivateKey::from_bytes(KeyType::Secp256k1, &[1; 32]).unwrap();
    let stranger = Vote::sign(votes[0].body, &key);
    let result = CommitCertificate::from_votes(&set, &[votes[0].clone(), stranger]);
    assert_eq!(result, Err(CertificateError::Vote { validator: key.public_key() }));
}

#[test]
fn evidence_needs_a_real_contradiction_of_one_signer() {
    let (set, chain, votes) = (set(), chain_hash(), certified_votes());
    let key = key_of(&votes[0].signer.to_string());
    let vote = |change: fn(&mut VoteBody)| {
        let mut body = votes[0].body;
        change(&mut body);
        Vote::sign(body, &key)
    };
    let check = |evidence: Evidence| {
        let decoded = Evidence::decode(&evidence.encode()).unwrap();
        assert_eq!(decoded, evidence);
        decoded.check(chain, &set)
    };
    let other_block = vote(|body| body.block_hash = Hash([5; 32]));
    let other_app = vote(|body| body.app_hash = Hash([5; 32]));
    let later_app = vote(|body| (body.app_hash, body.view) = (Hash([5; 32]), View(9)));
    let later_block = vote(|body| (body.block_hash, body.view) = (Hash([5; 32]), View(9)));
    let pair = |left: &Vote, right: &Vote| Box::new([left.clone(), right.clone()]);

    assert_eq!(check(Evidence::DoubleVote(pair(&votes[0], &other_block))), Ok(()));
    assert_eq!(check(Evidence::DoubleVote(pair(&votes[0], &other_app))), Ok(()));
    assert_eq!(check(Evidence::TwoAppHashes(pair(&votes[0], &later_app))), Ok(()));
    for innocent in [
        Evidence::DoubleVote(pair(&votes[0], &votes[0])),
        Evidence::DoubleVote(pair(&votes[0], &later_block)),
        Evidence::TwoAppHashes(pair(&votes[0], &later_block)),
    ] {
        assert_eq!(check(innocent), Err(EvidenceError::NoContradiction));
    }
    assert_eq!(
        check(Evidence::DoubleVote(pair(&votes[0], &votes[1]))),
        Err(EvidenceError::TwoSigners)
    );
    let mut forged = other_block.clone();
    forged.signature = votes[0].signature;
    assert!(matches!(
        check(Evidence::DoubleVote(pair(&votes[0], &forged))),
        Err(EvidenceError::Signature(_))
    ));
    let foreign = Evidence::DoubleVote(pair(&votes[0], &other_block));
    assert_eq!(foreign.check(Hash([1; 32]), &set), Err(EvidenceError::OtherChain));

    let view_change = |vote: Option<u64>, view: u64| {
        let VoteBody { chain_hash, height, block_hash, app_hash, .. } = votes[0].body;
        let vote =
            vote.map(|view| kwil_types::ReportedVote { view: View(view), block_hash, app_hash });
        ViewChange::sign(ViewChangeBody { chain_hash, height, view: View(view), vote }, &key)
    };
    let amnesia =
        |message: ViewChange| check(Evidence::Amnesia(Box::new((votes[0].clone(), message))));
    assert_eq!(amnesia(view_change(None, 4)), Ok(()));
    assert_eq!(amnesia(view_change(Some(2), 4)), Ok(()));
    assert_eq!(amnesia(view_change(Some(3), 4)), Err(EvidenceError::NoContradiction));
    // The vote came after this view change.
    assert_eq!(amnesia(view_change(None, 3)), Err(EvidenceError::NoContradiction));

    let certificate = |body: VoteBody| {
        let votes: Vec<Vote> =
            set.iter().map(|member| Vote::sign(body, &key_of(&member.key.to_string()))).collect();
        CommitCertificate::from_votes(&set, &votes).unwrap()
    };
    let one = certificate(votes[0].body);
    let other = certificate(VoteBody { app_hash: Hash([5; 32]), ..votes[0].body });
    assert_eq!(check(Evidence::ConflictingCertificates(Box::new([one.clone(), other]))), Ok(()));
    let same = Evidence::ConflictingCertificates(Box::new([one.clone(), one]));
    assert_eq!(check(same), Err(EvidenceError::NoContradiction));
}
