//! Checks of a block's body before it is executed: each transaction decodes, is signed, and is for this chain.
//!
//! What the mempool has admitted was verified there; only the rest costs signature checks, spread over all cores.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use kwil_crypto::Hash;
use kwil_crypto::auth::Registry;
use kwil_types::{Block, BlockError, RawTx, TxId};
use tokio::task::JoinSet;

use crate::mempool::Mempool;

/// Checked blocks whose parsed transactions are kept for execution: more than sync checks ahead, unless they are large.
const KEPT: usize = 80;
const KEPT_BYTES: usize = 64 * 1024 * 1024;
/// Signatures checked in one piece of work, about 5 ms.
const PIECE: usize = 64;

/// Why a body is not usable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is not the body that the header commits to: somebody sent another one.
    OtherBody,
    /// It is the right body, and the block is invalid.
    BreaksRule(String),
}

/// Parsed and verified transactions of a block, in order.
pub(crate) type BlockTxs = Arc<[RawTx]>;
type Checked = VecDeque<(Hash, BlockTxs)>;

/// What never changes on a network.
#[derive(Debug)]
struct Network {
    chain_id: String,
    authenticators: Arc<Registry>,
}

/// The checks; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct BlockChecks {
    mempool: Mempool,
    network: Arc<Network>,
    checked: Arc<Mutex<Checked>>,
}

impl BlockChecks {
    pub(crate) fn new(mempool: Mempool, chain_id: String, authenticators: Arc<Registry>) -> Self {
        Self {
            mempool,
            network: Arc::new(Network { chain_id, authenticators }),
            checked: Arc::default(),
        }
    }

    /// The bytes of transactions that wait in the mempool, in the order asked.
    pub(crate) fn known(&self, ids: &[TxId]) -> Vec<Option<Bytes>> {
        self.mempool.bodies(ids).into_iter().map(|tx| tx.map(|raw| raw.bytes().clone())).collect()
    }

    /// Checks the body and keeps its parsed transactions for [`BlockChecks::transactions`].
    pub(crate) async fn check(&self, block: &Arc<Block>, max_block_size: u64) -> Result<(), Fault> {
        self.transactions(block, max_block_size).await.map(drop)
    }

    /// The parsed transactions of a valid block; checks it unless that was done before.
    pub(crate) async fn transactions(
        &self,
        block: &Arc<Block>,
        max_block_size: u64,
    ) -> Result<BlockTxs, Fault> {
        if let Some(txs) = self.remembered(block.hash()) {
            return Ok(txs);
        }
        let ids = block.check(max_block_size).map_err(|error| fault(&error))?;
        let waiting = self.mempool.bodies(&ids);
        let txs = BlockTxs::from(self.parse(block, waiting).await?);
        self.remember(block.hash(), Arc::clone(&txs));
        Ok(txs)
    }

    /// Keeps what a block of our own was made of.
    pub(crate) fn remember(&self, block: Hash, txs: BlockTxs) {
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if checked.iter().all(|(known, _)| *known != block) {
            checked.push_back((block, txs));
        }
        let bytes = |txs: &BlockTxs| txs.iter().map(RawTx::len).sum::<usize>();
        let mut kept: usize = checked.iter().map(|(_, txs)| bytes(txs)).sum();
        while checked.len() > KEPT || (kept > KEPT_BYTES && checked.len() > 1) {
            let Some((_, oldest)) = checked.pop_front() else { break };
            kept = kept.saturating_sub(bytes(&oldest));
        }
    }

    fn remembered(&self, block: Hash) -> Option<BlockTxs> {
        let checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        checked.iter().find(|(known, _)| *known == block).map(|(_, txs)| Arc::clone(txs))
    }

    async fn parse(&self, block: &Block, waiting: Vec<Option<RawTx>>) -> Result<Vec<RawTx>, Fault> {
        let mut parsed: Vec<Option<RawTx>> = waiting;
        let fresh: Vec<(usize, Bytes)> = parsed
            .iter()
            .zip(block.txs())
            .enumerate()
            .filter(|(_, (known, _))| known.is_none())
            .map(|(position, (_, bytes))| (position, bytes.clone()))
            .collect();
        let mut work = JoinSet::new();
        for piece in fresh.chunks(PIECE) {
            let (piece, network) = (piece.to_vec(), Arc::clone(&self.network));
            work.spawn_blocking(move || network.verify(piece));
        }
        while let Some(done) = work.join_next().await {
            let verified = done
                .map_err(|error| Fault::BreaksRule(format!("a signature check died: {error}")))??;
            for (position, raw) in verified {
                if let Some(slot) = parsed.get_mut(position) {
                    *slot = Some(raw);
                }
            }
        }
        parsed.into_iter().collect::<Option<_>>().ok_or(Fault::OtherBody)
    }
}

impl Network {
    fn verify(&self, piece: Vec<(usize, Bytes)>) -> Result<Vec<(usize, RawTx)>, Fault> {
        let verify_one = |(position, bytes)| {
            let raw = self
                .verify_one(bytes)
                .map_err(|why| Fault::BreaksRule(format!("transaction {position}: {why}")))?;
            Ok((position, raw))
        };
        piece.into_iter().map(verify_one).collect()
    }

    fn verify_one(&self, bytes: Bytes) -> Result<RawTx, String> {
        let raw = RawTx::decode(bytes).map_err(|error| error.to_string())?;
        let tx = raw.transaction();
        if tx.body.chain_id != self.chain_id {
            return Err(format!("chain id {:?}", tx.body.chain_id));
        }
        let message = tx.signed_message().map_err(|error| error.to_string())?;
        let signature = &tx.signature;
        let verdict = self.authenticators.verify(
            &signature.auth_type,
            &tx.sender,
            &message,
            &signature.bytes,
        );
        verdict.map_err(|error| error.to_string())?;
        Ok(raw)
    }
}

fn fault(error: &BlockError) -> Fault {
    match error {
        BlockError::TxRoot { .. } | BlockError::TxCount { .. } | BlockError::Wire(_) => {
            Fault::OtherBody
        }
        other => Fault::BreaksRule(other.to_string()),
    }
}
