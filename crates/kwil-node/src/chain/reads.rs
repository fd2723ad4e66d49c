//! Reading committed blocks.

use std::sync::Arc;

use bytes::Bytes;
use kwil_consensus::CommitAnnounce;
use kwil_crypto::Hash;
use kwil_store::{BlockIndexHandle, BlockLogHandle, BlockRecord};
use kwil_types::{Block, CommitCertificate, Height, RawTx, TxId, TxResult, ValidatorSet};

use super::{BlockUpdates, SetHistory};
use crate::error::NodeError;

/// A block of the log, decoded.
#[derive(Debug, Clone)]
pub(crate) struct CommittedBlock {
    pub(crate) block: Block,
    pub(crate) certificate: CommitCertificate,
}

/// Read access to the chain; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct ChainReads {
    pub(crate) blocks: BlockLogHandle,
    pub(crate) index: BlockIndexHandle,
    pub(crate) sets: SetHistory,
}

/// A transaction in a block, with its place and result.
#[derive(Debug, Clone)]
pub(crate) struct CommittedTx {
    pub(crate) raw: RawTx,
    pub(crate) height: u64,
    pub(crate) index: u32,
    pub(crate) result: Option<TxResult>,
}

impl ChainReads {
    /// The newest height on disk; `None` before the first block.
    pub(crate) fn best(&self) -> Option<u64> {
        let tip = self.blocks.reader().tip();
        let newest = tip.next_height.checked_sub(1)?;
        (newest >= self.blocks.reader().first_height()).then_some(newest)
    }

    pub(crate) async fn block(&self, height: u64) -> Result<Option<CommittedBlock>, NodeError> {
        self.blocks.get(height).await?.map(decode).transpose()
    }

    pub(crate) async fn height_of(&self, hash: Hash) -> Result<Option<u64>, NodeError> {
        Ok(self.index.height_of(hash).await?)
    }

    /// Results of a block and what it changed; `None` when it is not stored or not executed here yet.
    pub(crate) async fn results(
        &self,
        height: u64,
    ) -> Result<Option<(Vec<TxResult>, BlockUpdates)>, NodeError> {
        let Some(stored) = self.index.results(height).await? else { return Ok(None) };
        let Some((updates, results)) = stored.split_last() else { return Ok(None) };
        let updates = BlockUpdates::decode(updates).map_err(|error| damaged(height, &error))?;
        let results =
            results.iter().map(|bytes| result(bytes, height)).collect::<Result<_, _>>()?;
        Ok(Some((results, updates)))
    }

    pub(crate) async fn transaction(&self, id: TxId) -> Result<Option<CommittedTx>, NodeError> {
        let Some(stored) = self.index.transaction(id).await? else { return Ok(None) };
        let height = stored.location.height;
        let raw = RawTx::decode(stored.raw).map_err(|error| damaged(height, &error))?;
        let result = stored.result.as_ref().map(|bytes| result(bytes, height)).transpose()?;
        Ok(Some(CommittedTx { raw, height, index: stored.location.index, result }))
    }

    /// The set whose votes a block of this header counts.
    pub(crate) fn voters(&self, block: &Block) -> Option<Arc<ValidatorSet>> {
        self.sets.get(block.header().validators_hash)
    }
}

/// Header and certificate of a stored height.
pub(crate) async fn announce_at(
    blocks: &BlockLogHandle,
    height: Height,
) -> Result<Option<Arc<CommitAnnounce>>, NodeError> {
    let Some(record) = blocks.get(height.get()).await? else { return Ok(None) };
    let CommittedBlock { block, certificate } = decode(record)?;
    let block_signature = *block.signature();
    Ok(Some(Arc::new(CommitAnnounce {
        header: block.header().clone(),
        block_signature,
        certificate,
    })))
}

fn decode(record: BlockRecord) -> Result<CommittedBlock, NodeError> {
    let height = record.height;
    let block = Block::decode(&record.block).map_err(|error| damaged(height, &error))?;
    let certificate =
        CommitCertificate::decode(&record.certificate).map_err(|error| damaged(height, &error))?;
    Ok(CommittedBlock { block, certificate })
}

fn result(bytes: &Bytes, height: u64) -> Result<TxResult, NodeError> {
    TxResult::decode(bytes).map_err(|error| damaged(height, &error))
}

/// The log's checksum held, so what was written was wrong: a defect of this program, not of the disk.
fn damaged(height: u64, error: &dyn std::fmt::Display) -> NodeError {
    NodeError::Invariant(format!("block {height} of the block log does not decode: {error}"))
}
