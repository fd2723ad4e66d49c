//! Fuzz entry points: each takes any bytes, and fails only when a decoder breaks its promises.
#![expect(clippy::panic, reason = "a broken promise must stop the fuzzer")]

use bytes::Bytes;
use kwil_crypto::Hash;
use kwil_types::{Validator, ValidatorSet};

use crate::message::Message;
use crate::record::{Record, decode_proposal, encode_proposal};
use crate::verify::Verified;

/// Records of the consensus log: the first byte is the kind.
pub fn fuzz_record(data: &[u8]) {
    let Some((kind, payload)) = data.split_first() else { return };
    if let Ok(record) = Record::decode(*kind, &Bytes::copy_from_slice(payload))
        && (record.payload() != payload || record.kind() != *kind)
    {
        panic!("a second encoding of {record:?}");
    }
}

/// Proposals, and the checks at the edge: whatever decodes is judged without a panic.
pub fn fuzz_proposal(data: &[u8]) {
    let Ok(proposal) = decode_proposal(data) else { return };
    if encode_proposal(&proposal) != data {
        panic!("a second encoding of {proposal:?}");
    }
    let chain = proposal.signed.body.chain_hash;
    let signer = Validator { key: proposal.signed.signer, power: 1 };
    let Ok(set) = ValidatorSet::new([signer]) else { return };
    let message = Message::Proposal(std::sync::Arc::new(proposal));
    for chain in [chain, Hash::ZERO] {
        let _verdict = Verified::check(message.clone(), chain, &set);
    }
}
