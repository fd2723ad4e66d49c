//! Opening block log, index and consensus log.

use std::path::Path;
use std::task::Poll;

use kwil_genesis::Genesis;
use kwil_store::{
    BlockIndex, BlockIndexHandle, BlockLog, BlockLogConfig, BlockLogHandle, ConsensusLog,
    ConsensusLogHandle, Recovered, TornTail,
};
use tokio_util::sync::CancellationToken;

use crate::error::NodeError;
use crate::tasks::Tasks;

/// Handles of the stores, and what the consensus log remembered.
pub(super) struct Stores {
    pub(super) blocks: BlockLogHandle,
    pub(super) index: BlockIndexHandle,
    pub(super) consensus: ConsensusLogHandle,
    pub(super) recovered: Recovered,
    pub(super) owners: Owners,
}

type Owner = std::pin::Pin<Box<dyn Future<Output = Result<(), kwil_store::StoreError>> + Send>>;

/// The owners' futures. Reading needs none of them; writing waits until they run.
pub(super) struct Owners(Vec<(&'static str, CancellationToken, Owner)>);

impl Owners {
    /// Lets the owners work beside `work`, before they have tasks of their own. Fails when one of them ends.
    pub(super) async fn run_beside<T>(
        &mut self,
        work: impl Future<Output = Result<T, NodeError>>,
    ) -> Result<T, NodeError> {
        let mut work = std::pin::pin!(work);
        std::future::poll_fn(|context| {
            for (name, _, owner) in &mut self.0 {
                if let Poll::Ready(ended) = owner.as_mut().poll(context) {
                    return Poll::Ready(Err(ended
                        .err()
                        .map_or(NodeError::TaskEnded(name), NodeError::from)));
                }
            }
            work.as_mut().poll(context)
        })
        .await
    }

    /// Runs the owners. The logs stop last, consensus log first, and the index after the log that it follows.
    pub(super) fn spawn(self, tasks: &mut Tasks) {
        for (name, own, owner) in self.0 {
            tasks.spawn(name, |stop| async move {
                let mut owner = owner;
                tokio::select! {
                    ended = &mut owner => return Ok(ended?),
                    () = stop.cancelled() => own.cancel(),
                }
                Ok(owner.await?)
            });
        }
    }
}

/// Opens everything under `root`. Torn tails are cut and told; damage is an error.
pub(super) fn open(root: &Path, genesis: &Genesis) -> Result<Stores, NodeError> {
    let first = genesis.initial_height().next().get();
    let (log, torn) = BlockLog::open(&BlockLogConfig::new(root, genesis.hash(), first))?;
    tell_torn(torn.as_ref());
    // What a crash kept from the index, its owner adds while the database starts.
    let index = BlockIndex::open(root, log.reader())?;
    let (consensus_log, recovered) = ConsensusLog::open(root)?;
    tell_torn(recovered.torn.as_ref());
    let stop = [CancellationToken::new(), CancellationToken::new(), CancellationToken::new()];
    let [stop_consensus, stop_log, stop_index] = stop;
    let (consensus, consensus_owner) = consensus_log.start(stop_consensus.clone());
    let (blocks, log_owner) = log.start(stop_log.clone());
    let (index, index_owner) = index.start(stop_index.clone());
    let owners = Owners(vec![
        ("consensus log", stop_consensus, Box::pin(consensus_owner)),
        ("blockstore", stop_log, Box::pin(log_owner)),
        ("block index", stop_index, Box::pin(index_owner)),
    ]);
    Ok(Stores { blocks, index, consensus, recovered, owners })
}

fn tell_torn(torn: Option<&TornTail>) {
    if let Some(TornTail { file, offset, bytes }) = torn {
        tracing::warn!(target: "KWILD", file = %file.display(), offset, bytes, "Cut a half-written record that a crash left");
    }
}
