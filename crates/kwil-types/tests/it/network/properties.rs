//! Properties of every network codec over generated values, and a pinned hash over their encodings.

use std::fmt::Debug;

use bytes::Bytes;
use kwil_crypto::{Hash, Hasher, KeyType, NetworkSignature, PrivateKey, PublicKey, context};
use kwil_types::wire::WireError;
use kwil_types::{
    AbortBody, Block, CommitCertificate, DirectiveBody, Evidence, Header, HeartbeatBody,
    HeartbeatFlags, Height, InclusionProof, MigrationStatus, NetworkParams, ParamUpdates,
    ParamValue, PeerRecordBody, ProposalBody, ReportedVote, Signed, SignedBody, Validator,
    ValidatorSet, View, ViewChangeBody, Vote, VoteBody, VoteKind, tx_root,
};
use proptest::prelude::*;

/// A stream of values that depends on the seed only, so that encodings can be pinned.
struct Source(u64);

impl Source {
    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn hash(&mut self) -> Hash {
        let mut bytes = [0; 32];
        bytes.chunks_mut(8).for_each(|chunk| chunk.copy_from_slice(&self.next().to_be_bytes()));
        Hash(bytes)
    }

    fn key(&mut self) -> PrivateKey {
        let key_type = KeyType::ALL[usize::try_from(self.below(2)).unwrap()];
        let seed = self.hash();
        PrivateKey::generate(key_type, |buffer| {
            buffer.copy_from_slice(&seed.0);
            Ok::<(), std::convert::Infallible>(())
        })
        .unwrap()
    }

    fn public(&mut self) -> PublicKey {
        self.key().public_key()
    }

    fn signature(&mut self) -> NetworkSignature {
        let mut bytes = [0; 64];
        bytes.chunks_mut(8).for_each(|chunk| chunk.copy_from_slice(&self.next().to_be_bytes()));
        NetworkSignature(bytes)
    }

    fn signed<B>(&mut self, body: B) -> Signed<B> {
        Signed { body, signer: self.public(), signature: self.signature() }
    }

    fn height(&mut self) -> Height {
        Height(self.next())
    }

    fn view(&mut self) -> View {
        View(self.next() | 1)
    }

    fn header(&mut self) -> Header {
        Header {
            chain_hash: self.hash(),
            height: self.height(),
            view: self.view(),
            prev_hash: self.hash(),
            prev_app_hash: self.hash(),
            tx_count: u32::try_from(self.below(9)).unwrap(),
            tx_root: self.hash(),
            validators_hash: self.hash(),
            params_hash: self.hash(),
            time_ms: self.next(),
            proposer: self.public(),
            new_leader: (self.below(2) == 0).then(|| self.public()),
        }
    }

    fn vote(&mut self) -> Vote {
        let kind = if self.below(3) == 0 { VoteKind::Reject } else { VoteKind::Commit };
        let app_hash = if kind == VoteKind::Commit { self.hash() } else { Hash::ZERO };
        let body = VoteBody {
            kind,
            chain_hash: self.hash(),
            height: self.height(),
            view: self.view(),
            block_hash: self.hash(),
            app_hash,
        };
        self.signed(body)
    }

    fn view_change(&mut self) -> ViewChangeBody {
        ViewChangeBody {
            chain_hash: self.hash(),
            height: self.height(),
            view: self.view(),
            vote: (self.below(2) == 0).then(|| ReportedVote {
                view: self.view(),
                block_hash: self.hash(),
                app_hash: self.hash(),
            }),
        }
    }

    fn block(&mut self) -> Block {
        let txs = (0..self.below(5)).map(|_| {
            let length = usize::try_from(self.below(40)).unwrap();
            Bytes::from(self.hash().0.repeat(2)[..length].to_vec())
        });
        let txs: Vec<Bytes> = txs.collect();
        let header = Header { tx_count: u32::try_from(txs.len()).unwrap(), ..self.header() };
        Block::from_parts(header, self.signature(), txs)
    }

    fn validators(&mut self) -> (ValidatorSet, Vec<PrivateKey>) {
        let keys: Vec<PrivateKey> = (0..=self.below(11)).map(|_| self.key()).collect();
        let members = keys.iter().map(|key| Validator { key: key.public_key(), power: 1 });
        (ValidatorSet::new(members).unwrap(), keys)
    }

    fn certificate(&mut self) -> CommitCertificate {
        let (set, keys) = self.validators();
        let body = VoteBody { kind: VoteKind::Commit, app_hash: self.hash(), ..self.vote().body };
        let votes: Vec<Vote> = keys
            .iter()
            .take(set.quorum())
            .map(|key| Signed { body, signer: key.public_key(), signature: self.signature() })
            .collect();
        CommitCertificate::from_votes(&set, &votes).unwrap()
    }

    fn params(&mut self) -> ParamUpdates {
        let status = MigrationStatus::ALL[usize::try_from(self.below(5)).unwrap()];
        let values = [
            ParamValue::Leader(self.public()),
            ParamValue::MaxBlockSize(self.next() >> 1),
            ParamValue::JoinExpiry(kwil_types::GoDuration::from_nanos(self.next().cast_signed())),
            ParamValue::DisabledGasCosts(self.below(2) == 0),
            ParamValue::MaxVotesPerTx(self.next() >> 1),
            ParamValue::MigrationStatus(status),
            ParamValue::MaaActivationHeight(self.next() >> 1),
        ];
        values.into_iter().filter(|_| self.below(3) > 0).collect()
    }

    fn peer_record(&mut self) -> Signed<PeerRecordBody> {
        let addresses = (0..self.below(9))
            .map(|port| format!("node{}.example:{port}", self.below(1000)))
            .collect();
        let signer = self.public();
        let sequence = self.next();
        let body = PeerRecordBody { node: signer, sequence, addresses, flags: 3 };
        Signed { body, signer, signature: self.signature() }
    }

    fn evidence(&mut self) -> Evidence {
        let proposal = |source: &mut Self| {
            let body = ProposalBody {
                chain_hash: source.hash(),
                height: source.height(),
                view: source.view(),
                block_hash: source.hash(),
                justification: source.hash(),
            };
            source.signed(body)
        };
        let view_change = |source: &mut Self| {
            let body = source.view_change();
            source.signed(body)
        };
        match self.below(6) {
            0 => Evidence::DoubleProposal(Box::new([proposal(self), proposal(self)])),
            1 => Evidence::DoubleVote(Box::new([self.vote(), self.vote()])),
            2 => Evidence::TwoAppHashes(Box::new([self.vote(), self.vote()])),
            3 => Evidence::Amnesia(Box::new((self.vote(), view_change(self)))),
            4 => {
                let count = self.below(4);
                let list = (0..count).map(|_| view_change(self)).collect();
                Evidence::BadProposal(Box::new((proposal(self), list)))
            }
            _ => Evidence::ConflictingCertificates(Box::new([
                self.certificate(),
                self.certificate(),
            ])),
        }
    }

    fn proof(&mut self) -> (Vec<Hash>, usize, InclusionProof) {
        let ids: Vec<Hash> = (0..=self.below(40)).map(|_| self.hash()).collect();
        let index = usize::try_from(self.below(ids.len() as u64)).unwrap();
        let proof = InclusionProof::new(&ids, index).unwrap();
        (ids, index, proof)
    }
}

/// What every codec keeps: round trip, no prefix, no trailing byte, one encoding per value, no panic on damage.
fn check<T: PartialEq + Debug>(
    value: &T,
    encode: impl Fn(&T) -> Vec<u8>,
    decode: impl Fn(&[u8]) -> Result<T, WireError>,
) -> Vec<u8> {
    let bytes = encode(value);
    assert_eq!(decode(&bytes).as_ref(), Ok(value));
    for cut in 0..bytes.len() {
        assert!(decode(&bytes[..cut]).is_err(), "prefix of {cut} bytes");
    }
    for extra in [0, 1, 0xff] {
        let longer = [bytes.as_slice(), &[extra]].concat();
        assert!(decode(&longer).is_err(), "trailing {extra}");
    }
    // One bit of each byte; which one depends on the place, so all of them occur.
    for place in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[place] ^= 1 << (place % 8);
        if let Ok(other) = decode(&damaged) {
            assert_ne!(&other, value, "bit flip at {place} decodes to the same value");
            assert_eq!(encode(&other), damaged, "bit flip at {place} is a second encoding");
        }
    }
    bytes
}

fn check_signed<B: SignedBody + PartialEq + Debug>(message: &Signed<B>) -> Vec<u8> {
    check(message, Signed::encode, Signed::decode)
}

/// Checks one generated value of every codec and returns the encodings.
fn check_all(seed: u64) -> Vec<Vec<u8>> {
    let mut source = Source(seed);
    let (chain_hash, height, view) = (source.hash(), source.height(), source.view());
    let proposal = ProposalBody {
        chain_hash,
        height,
        view,
        block_hash: source.hash(),
        justification: source.hash(),
    };
    let flags =
        HeartbeatFlags { ready: seed & 1 == 0, syncing: seed & 2 == 0, held: seed & 4 == 0 };
    let heartbeat =
        HeartbeatBody { chain_hash, committed: height, view, sequence: source.next(), flags };
    let directive = DirectiveBody { chain_hash, from_height: height, candidate: source.public() };
    let abort = AbortBody { chain_hash, height, view, block_hash: source.hash() };
    let view_change = source.view_change();
    let mut params = NetworkParams::new(source.public());
    params.apply(&source.params());
    let (ids, index, proof) = source.proof();
    assert!(proof.proves(&ids[index], &tx_root(&ids), u32::try_from(ids.len()).unwrap()));
    vec![
        check(&source.header(), Header::encode, Header::decode),
        check(&source.block(), Block::encode, |bytes| {
            Block::decode(&Bytes::copy_from_slice(bytes))
        }),
        check(&source.certificate(), CommitCertificate::encode, CommitCertificate::decode),
        check(&source.validators().0, ValidatorSet::encode, ValidatorSet::decode),
        check(&source.params(), ParamUpdates::encode, ParamUpdates::decode),
        check(&params, NetworkParams::encode, NetworkParams::decode),
        check(&source.evidence(), Evidence::encode, Evidence::decode),
        check(&proof, InclusionProof::encode, InclusionProof::decode),
        check_signed(&source.vote()),
        check_signed(&source.signed(proposal)),
        check_signed(&source.signed(view_change)),
        check_signed(&source.signed(heartbeat)),
        check_signed(&source.signed(directive)),
        check_signed(&source.signed(abort)),
        check_signed(&source.peer_record()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_codec_is_exact_and_canonical(seed: u64) {
        check_all(seed);
    }
}

/// A change of this hash is a change of bytes that networks have signed: it needs a new context number.
#[test]
fn encodings_have_not_changed() {
    let mut hasher = Hasher::new(context::HEADER);
    for seed in 0..16 {
        for encoding in check_all(seed) {
            hasher.update(&(encoding.len() as u64).to_be_bytes()).update(&encoding);
        }
    }
    assert_eq!(
        hasher.finalize().to_string(),
        "2bc1690a5b9769f63b575a88bc571eba194c891e70e289eddbe0472f0e05ec7a"
    );
}
