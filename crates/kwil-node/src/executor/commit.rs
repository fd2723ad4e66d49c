//! What follows an execution that a quorum has confirmed: durability, then everybody who waits for the new height.

use std::sync::Arc;

use bytes::Bytes;
use kwil_consensus::NextHeight;
use kwil_crypto::Hash;
use kwil_state::{Account, BlockOutcome, NetworkState};
use kwil_store::{BlockLogHandle, BlockRecord};
use kwil_types::{AccountId, CommitCertificate, MigrationStatus, TxResult};
use tokio::sync::watch;

use super::task::Open;
use crate::chain::{BlockUpdates, SetHistory, ShownChain};
use crate::checks::BlockTxs;
use crate::error::NodeError;
use crate::mempool::{CommittedTxs, Mempool};
use crate::metrics::ChainMetrics;
use crate::rules::RulesSource;

/// The committed end of the chain, as the rest of the node follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChainTip {
    pub(crate) height: u64,
    pub(crate) block_hash: Hash,
    pub(crate) app_hash: Hash,
    /// Block time, Unix milliseconds.
    pub(crate) time_ms: u64,
}

impl ChainTip {
    pub(crate) fn of(tip: &super::Tip) -> Self {
        let tip = &tip.tip;
        Self {
            height: tip.height.get(),
            block_hash: tip.block_hash,
            app_hash: tip.app_hash,
            time_ms: tip.time_ms,
        }
    }
}

/// Where committed blocks go.
#[derive(Debug)]
pub(crate) struct Outlets {
    pub(crate) blocks: BlockLogHandle,
    pub(crate) sets: SetHistory,
    pub(crate) mempool: Mempool,
    pub(crate) rules: RulesSource,
    pub(crate) tip: watch::Sender<ChainTip>,
    pub(crate) shown: ShownChain,
    pub(crate) metrics: ChainMetrics,
}

/// A committed block, ready to be told.
pub(super) struct Applied {
    pub(super) height: u64,
    tip: ChainTip,
    txs: BlockTxs,
    results: Vec<TxResult>,
    accounts: Vec<(AccountId, Account)>,
    updates: BlockUpdates,
    next: NetworkState,
}

impl Applied {
    pub(super) fn of(open: &Open, certificate: &CommitCertificate) -> Self {
        let (header, outcome) = (open.block.header(), &open.outcome);
        Self {
            height: header.height.get(),
            tip: ChainTip {
                height: header.height.get(),
                block_hash: open.block.hash(),
                app_hash: certificate.app_hash(),
                time_ms: header.time_ms,
            },
            txs: Arc::clone(&open.txs),
            results: outcome.results.clone(),
            accounts: outcome.accounts.clone(),
            updates: updates_of(&open.outcome),
            next: outcome.next.clone(),
        }
    }
}

impl Outlets {
    /// Block, certificate and results, on disk when this returns: the block is final then.
    pub(super) async fn append(
        &self,
        open: &Open,
        certificate: &CommitCertificate,
    ) -> Result<(), NodeError> {
        let block = BlockRecord {
            height: open.block.header().height.get(),
            hash: open.block.hash(),
            block: open.block.encode().into(),
            certificate: certificate.encode().into(),
        };
        Ok(self.blocks.append(block, Some(results_of(&open.outcome))).await?)
    }

    /// Results of a block that sync has stored already.
    pub(super) async fn append_results(&self, open: &Open) -> Result<(), NodeError> {
        let height = open.block.header().height.get();
        Ok(self.blocks.append_results(height, results_of(&open.outcome)).await?)
    }

    pub(super) fn count(&self, open: &Open) {
        let bytes = open.txs.iter().map(kwil_types::RawTx::len).sum::<usize>();
        self.metrics.blocks.inc();
        self.metrics.block_bytes.inc_by(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    /// Tells everybody who follows the chain; returns what consensus needs for the next height.
    pub(super) async fn publish(&self, applied: Applied) -> Result<NextHeight, NodeError> {
        let Applied { height, tip, txs, results, accounts, updates, next } = applied;
        self.remember_set(&next).await?;
        self.mempool.commit(&CommittedTxs { height, txs: Arc::clone(&txs), results, accounts });
        if !updates.params.is_empty() || !updates.validators.is_empty() {
            self.mempool.set_rules(self.rules.rules(&next));
        }
        self.log(&tip, &updates, txs.len());
        self.tip.send_replace(tip);
        self.shown.show();
        Ok(next_height(&next, updates.changes_leader()))
    }

    pub(super) async fn remember_set(&self, next: &NetworkState) -> Result<(), NodeError> {
        let (sets, set) = (self.sets.clone(), Arc::clone(next.validators()));
        if sets.knows(&set) {
            return Ok(());
        }
        tokio::task::spawn_blocking(move || sets.remember(&set))
            .await
            .map_err(|_| NodeError::TaskEnded("disk"))?
    }

    fn log(&self, tip: &ChainTip, updates: &BlockUpdates, txs: usize) {
        if self.shown.is_syncing() {
            return;
        }
        let changed = if updates.params.is_empty() {
            "null".to_owned()
        } else {
            updates.params.to_json().to_string()
        };
        tracing::info!(
            target: "CONS", height = tip.height, hash = %tip.block_hash, appHash = %tip.app_hash, updates = %changed,
            detail.num_txs = txs, "Committed Block"
        );
    }
}

/// What consensus must know of the state to decide the next height.
pub(crate) fn next_height(next: &NetworkState, leader_changed: bool) -> NextHeight {
    let params = next.params();
    NextHeight {
        validators: Arc::clone(next.validators()),
        params_hash: params.hash(),
        leader: params.leader,
        leader_changed,
        max_block_size: params.max_block_size,
        produce: params.migration_status != MigrationStatus::MigrationCompleted,
    }
}

fn updates_of(outcome: &BlockOutcome) -> BlockUpdates {
    BlockUpdates {
        params: outcome.param_updates.clone(),
        validators: outcome.validator_updates.clone(),
    }
}

/// One entry for each transaction, then the updates.
pub(super) fn results_of(outcome: &BlockOutcome) -> Vec<Bytes> {
    let mut encoded: Vec<Bytes> =
        outcome.results.iter().map(|result| result.encode().into()).collect();
    encoded.push(updates_of(outcome).encode());
    encoded
}
