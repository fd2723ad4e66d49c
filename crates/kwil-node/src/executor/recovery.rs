//! From a database that is behind the block log to one that agrees with it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kwil_consensus::{CommitAnnounce, NextHeight};
use kwil_crypto::Hash;
use kwil_state::{BlockInput, ChainState, ExecuteError, Executor};
use kwil_store::BlockLogHandle;
use kwil_types::{Block, CommitCertificate, Height, RawTx, ValidatorSet};
use tokio_util::sync::CancellationToken;

use super::commit::{Outlets, next_height, results_of};
use crate::chain::{ChainReads, CommittedBlock};
use crate::error::NodeError;

/// Pauses between two attempts to reach the database.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Blocks between two lines about the progress of a replay.
const PROGRESS_EVERY: u64 = 100;

/// The committed end of the chain after recovery, as consensus wants it.
#[derive(Debug)]
pub(crate) struct Tip {
    pub(crate) tip: kwil_consensus::Tip,
    pub(crate) set: Option<Arc<ValidatorSet>>,
    pub(crate) next: NextHeight,
}

/// Brings the database to the block log's height at start and describes where the chain stands.
///
/// # Errors
/// A database ahead of the log, one that disagrees with it, or a block that gives another app hash than its certificate.
pub(crate) async fn open(state: &mut Executor, chain: &ChainReads) -> Result<Tip, NodeError> {
    replay(state, &chain.blocks, u64::MAX).await?;
    let at = state.chain();
    let next = state.subscribe().borrow().network.clone();
    let Some(newest) = chain.block(at.height).await? else {
        let tip = kwil_consensus::Tip {
            height: Height(at.height),
            block_hash: Hash::ZERO,
            app_hash: at.app_hash,
            time_ms: 0,
            announce: None,
        };
        return Ok(Tip { tip, set: None, next: next_height(&next, false) });
    };
    let CommittedBlock { block, certificate } = newest;
    let set = chain.voters(&block);
    chain.index.caught_up().await?;
    let updates = chain.results(at.height).await?.map(|(_, updates)| updates);
    let leader_changed =
        updates.map_or(block.header().new_leader.is_some(), |updates| updates.changes_leader());
    let announce = CommitAnnounce {
        header: block.header().clone(),
        block_signature: *block.signature(),
        certificate,
    };
    Ok(Tip {
        tip: kwil_consensus::Tip::of(Arc::new(announce)),
        set,
        next: next_height(&next, leader_changed),
    })
}

/// Waits until the database answers, then replays up to `last`. Ends early only when the node stops.
pub(super) async fn until_usable(
    state: &mut Executor,
    outlets: &Outlets,
    last: Height,
    stop: &CancellationToken,
) -> Result<(), NodeError> {
    let mut pause = FIRST_PAUSE;
    loop {
        match replay(state, &outlets.blocks, last.get()).await {
            Ok(()) => return Ok(()),
            Err(NodeError::State(fault)) if fault.is_retryable() => {
                tracing::warn!(target: "PG", %fault, retry_ms = pause.as_millis(), "Database is not usable, trying again");
            }
            Err(other) => return Err(other),
        }
        tokio::select! {
            () = stop.cancelled() => return Err(NodeError::Stopping),
            () = tokio::time::sleep(pause) => pause = pause.saturating_mul(2).min(LONGEST_PAUSE),
        }
    }
}

/// Executes and commits the blocks up to `last` that the log has and the database has not. Sync stores blocks before
/// their turn comes, so the log may hold more than what was committed.
async fn replay(state: &mut Executor, blocks: &BlockLogHandle, last: u64) -> Result<(), NodeError> {
    state.reconnect().await?;
    let at = state.chain();
    let newest = blocks.reader().tip().next_height.saturating_sub(1);
    if at.height > newest && at.block_hash != Hash::ZERO {
        return Err(NodeError::Genesis(format!(
            "the database is ahead of the block log ({} > {newest}): was an old block log restored?",
            at.height
        )));
    }
    agree(&at, blocks).await?;
    let newest = newest.min(last);
    if at.height < newest {
        tracing::info!(target: "CONS", from = at.height, to = newest, "Replaying blocks into the database");
    }
    for height in at.height.saturating_add(1)..=newest {
        let record = blocks.get(height).await?.ok_or_else(|| {
            NodeError::Invariant(format!("block {height} is missing from the block log"))
        })?;
        let undecodable = |error: &dyn std::fmt::Display| {
            NodeError::Invariant(format!("block {height}: {error}"))
        };
        let block = Block::decode(&record.block).map_err(|error| undecodable(&error))?;
        let certificate =
            CommitCertificate::decode(&record.certificate).map_err(|error| undecodable(&error))?;
        let results = replay_one(state, &block, &certificate).await?;
        // A crash may have taken the results of a block that sync had stored alone.
        blocks.append_results(height, results).await?;
        if height.checked_rem(PROGRESS_EVERY) == Some(0) {
            tracing::info!(target: "CONS", height, to = newest, "Replayed blocks");
        }
    }
    Ok(())
}

/// The block log must hold the very block that the database stands at.
async fn agree(at: &ChainState, blocks: &BlockLogHandle) -> Result<(), NodeError> {
    let Some(record) = blocks.get(at.height).await? else { return Ok(()) };
    let certificate = CommitCertificate::decode(&record.certificate).map_err(|error| {
        NodeError::Invariant(format!("certificate of block {}: {error}", at.height))
    })?;
    if record.hash == at.block_hash && certificate.app_hash() == at.app_hash {
        return Ok(());
    }
    Err(NodeError::Genesis(format!(
        "database and block log differ at height {}: block {} app hash {} in the database, block {} app hash {} in the log; \
         `kwild admin verify-state` tells which tables differ",
        at.height,
        at.block_hash,
        at.app_hash,
        record.hash,
        certificate.app_hash()
    )))
}

async fn replay_one(
    state: &mut Executor,
    block: &Block,
    certificate: &CommitCertificate,
) -> Result<Vec<Bytes>, NodeError> {
    let height = block.header().height.get();
    let decoded =
        block.txs().iter().map(|bytes| RawTx::decode(bytes.clone())).collect::<Result<Vec<_>, _>>();
    let txs = decoded.map_err(|error| NodeError::Invariant(format!("block {height}: {error}")))?;
    let input = BlockInput { header: block.header().clone(), hash: block.hash(), txs: txs.into() };
    let outcome = match state.execute(&input, CancellationToken::new()).await {
        Ok(outcome) => outcome,
        Err(ExecuteError::Node(fault)) => return Err(fault.into()),
        Err(ExecuteError::Invalid(error)) => {
            return Err(NodeError::Invariant(format!("block {height}: {error}")));
        }
    };
    if outcome.app_hash != certificate.app_hash() {
        state.abort().await;
        let (own, certified) = (outcome.app_hash, certificate.app_hash());
        return Err(NodeError::Diverged { height, block: block.hash(), own, certified });
    }
    state.commit().await?;
    Ok(results_of(&outcome))
}
