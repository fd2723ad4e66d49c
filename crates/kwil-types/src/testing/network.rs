//! Fuzz entry points of the network formats.

use std::fmt::Debug;

use bytes::Bytes;

use crate::wire::WireError;
use crate::{
    AbortBody, Block, CommitCertificate, DirectiveBody, Evidence, Header, HeartbeatBody,
    InclusionProof, NetworkParams, ParamUpdates, PeerRecordBody, ProposalBody, Signed, SignedBody,
    ValidatorSet, ViewChangeBody, VoteBody,
};

/// Whatever decodes is written back as the same bytes.
fn same<T: Debug>(
    data: &[u8],
    decode: impl Fn(&[u8]) -> Result<T, WireError>,
    encode: impl Fn(&T) -> Vec<u8>,
) {
    if let Ok(value) = decode(data) {
        assert_eq!(encode(&value), data, "a second encoding of {value:?}");
    }
}

/// Header bytes.
pub fn fuzz_header(data: &[u8]) {
    same(data, Header::decode, Header::encode);
}

/// Raw blocks, with the checks that follow decoding.
pub fn fuzz_block(data: &[u8]) {
    let raw = Bytes::copy_from_slice(data);
    same(data, |_| Block::decode(&raw), Block::encode);
    if let Ok((block, ids)) = Block::receive(&raw, 1 << 20) {
        assert_eq!(block.txs().len(), ids.len());
    }
}

/// Signed votes.
pub fn fuzz_vote(data: &[u8]) {
    signed::<VoteBody>(data);
}

/// Commit certificates.
pub fn fuzz_certificate(data: &[u8]) {
    same(data, CommitCertificate::decode, CommitCertificate::encode);
}

/// Every other signed message.
pub fn fuzz_signed_messages(data: &[u8]) {
    signed::<ProposalBody>(data);
    signed::<ViewChangeBody>(data);
    signed::<HeartbeatBody>(data);
    signed::<DirectiveBody>(data);
    signed::<AbortBody>(data);
    signed::<PeerRecordBody>(data);
}

/// Evidence, validator sets, parameter lists and inclusion proofs.
pub fn fuzz_network_lists(data: &[u8]) {
    same(data, Evidence::decode, Evidence::encode);
    same(data, ValidatorSet::decode, ValidatorSet::encode);
    same(data, ParamUpdates::decode, ParamUpdates::encode);
    same(data, NetworkParams::decode, NetworkParams::encode);
    same(data, InclusionProof::decode, InclusionProof::encode);
    if let Ok(updates) = ParamUpdates::decode_reference(data) {
        assert_eq!(
            updates.encode_reference().as_deref(),
            Ok(data),
            "a second encoding of {updates:?}"
        );
    }
}

fn signed<B: SignedBody + Debug>(data: &[u8]) {
    same(data, Signed::<B>::decode, Signed::encode);
}

#[cfg(test)]
mod tests {
    use kwil_crypto::{Hasher, context};

    use super::*;

    fn run(data: &[u8]) {
        fuzz_header(data);
        fuzz_block(data);
        fuzz_vote(data);
        fuzz_certificate(data);
        fuzz_signed_messages(data);
        fuzz_network_lists(data);
    }

    /// Every hex text of the consensus vectors, and the reference form of updates.
    fn corpus() -> Vec<Vec<u8>> {
        let mut inputs = Vec::new();
        for name in ["consensus.json", "genesis.json", "tx-node.json"] {
            let path = format!("{}/../../tests/data/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(path).unwrap();
            inputs.extend(
                text.split('"')
                    .filter_map(|part| hex::decode(part).ok())
                    .filter(|hex| hex.len() > 8),
            );
        }
        assert!(inputs.len() > 100);
        inputs
    }

    /// Pseudo-random bytes that depend on the number only.
    fn noise(number: u64, out: &mut [u8]) {
        let mut hasher = Hasher::new(context::STATE);
        hasher.update(&number.to_be_bytes()).finalize_xof(out);
    }

    #[test]
    fn decoders_keep_their_promises_on_the_corpus_and_its_mutations() {
        let mut random = [0; 12];
        for (number, input) in (0..).zip(corpus()) {
            run(&input);
            noise(number, &mut random);
            for choice in random {
                let mut damaged = input.clone();
                let place = damaged.len() * usize::from(choice) / 256;
                match choice % 4 {
                    0 => damaged[place] ^= 1 << (choice % 8),
                    1 => damaged[place] = 0xff,
                    2 => damaged.truncate(place),
                    _ => damaged.insert(place, choice),
                }
                run(&damaged);
            }
        }
    }

    #[test]
    fn decoders_keep_their_promises_on_random_bytes() {
        for number in 0..3_000 {
            let mut data = [0; 200];
            noise(number, &mut data);
            // Versions and lengths that are right let the bytes reach further.
            data[0] = u8::from(number % 3 > 0);
            data[1] = u8::from(number % 2 > 0);
            data[2..5].fill(0);
            let length = usize::from(data[5]) % data.len();
            run(&data[..length]);
        }
    }
}
