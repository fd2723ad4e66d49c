//! A fetched block is believed because of its certificate, never because of the peer that sent it.

use std::sync::Arc;

use kwil_crypto::Hash;
use kwil_p2p::CommittedBlock;
use kwil_types::{Block, CommitCertificate, Height, ValidatorSet};

/// Where the next block must fit.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    pub(super) chain_hash: Hash,
    pub(super) height: Height,
    pub(super) prev_hash: Hash,
    pub(super) prev_app_hash: Hash,
    pub(super) validators: Arc<ValidatorSet>,
    pub(super) max_block_size: u64,
}

/// Why a fetched block is not the next one of this chain.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("block {height}: {what}")]
pub(super) struct NotTheNext {
    height: u64,
    what: String,
}

/// Checks block and certificate against each other and against the chain so far.
pub(super) fn verify(fetched: &CommittedBlock, expected: &Expected) -> Result<(Arc<Block>, CommitCertificate), NotTheNext> {
    let wrong = |what: String| NotTheNext { height: expected.height.get(), what };
    let (block, _) = Block::receive(&fetched.raw, expected.max_block_size).map_err(|error| wrong(error.to_string()))?;
    let certificate = CommitCertificate::decode(&fetched.certificate).map_err(|error| wrong(error.to_string()))?;
    let header = block.header();
    if header.chain_hash != expected.chain_hash || header.height != expected.height {
        return Err(wrong(format!("is block {} of chain {}", header.height.get(), header.chain_hash)));
    }
    if header.prev_hash != expected.prev_hash || header.prev_app_hash != expected.prev_app_hash {
        return Err(wrong(format!("continues block {} with app hash {}", header.prev_hash, header.prev_app_hash)));
    }
    if header.validators_hash != expected.validators.hash() {
        return Err(wrong(format!("is voted on by set {}", header.validators_hash)));
    }
    if certificate.block_hash() != block.hash() || certificate.height() != header.height {
        return Err(wrong(format!("has the certificate of block {}", certificate.block_hash())));
    }
    certificate.verify(expected.chain_hash, &expected.validators).map_err(|error| wrong(error.to_string()))?;
    Ok((Arc::new(block), certificate))
}
