//! Blocks, transactions, validators, parameters and genesis.

use kwil_api::RpcError;
use kwil_api::chain::{CommitInfo, ConsensusParams};
use kwil_rpc::{
    BlockRef, ChainApi, SetAt, StoredBlock, StoredResults, TxPlace, Waiting, async_trait,
};
use kwil_types::{RawTx, TxId, Validator};

use super::{Services, internal};

#[async_trait]
impl ChainApi for Services {
    async fn block(&self, at: BlockRef) -> Result<Option<StoredBlock>, RpcError> {
        let Some(height) = self.height(at).await? else { return Ok(None) };
        let Some(stored) = self.chain.block(height).await.map_err(|error| internal(&error))? else {
            return Ok(None);
        };
        let updates = self
            .chain
            .results(height)
            .await
            .map_err(|error| internal(&error))?
            .map(|(_, updates)| updates);
        let commit = self.chain.voters(&stored.block).map(|set| {
            let info = CommitInfo::from_certificate(&stored.certificate, &set);
            let updates = updates.unwrap_or_default();
            let params = updates.params.to_json().as_object().cloned().unwrap_or_default();
            info.with_updates(params, &updates.validators)
        });
        Ok(Some(StoredBlock { block: stored.block, commit }))
    }

    async fn results(&self, at: BlockRef) -> Result<Option<StoredResults>, RpcError> {
        let Some(height) = self.height(at).await? else { return Ok(None) };
        let Some(stored) = self.chain.block(height).await.map_err(|error| internal(&error))? else {
            return Ok(None);
        };
        let results = self.chain.results(height).await.map_err(|error| internal(&error))?;
        Ok(results.map(|(results, _)| StoredResults { height, hash: stored.block.hash(), results }))
    }

    async fn committed(&self, id: TxId) -> Result<Option<(RawTx, TxPlace)>, RpcError> {
        let found = self.chain.transaction(id).await.map_err(|error| internal(&error))?;
        Ok(found.and_then(|tx| {
            let (height, index) = (tx.height, tx.index);
            tx.result.map(|result| (tx.raw, TxPlace { height, index, result }))
        }))
    }

    fn genesis(&self) -> kwil_api::chain::Genesis {
        (&*self.facts.genesis).into()
    }

    async fn params(&self) -> Result<ConsensusParams, RpcError> {
        let state = self.state();
        Ok(ConsensusParams::at(state.chain.height.saturating_add(1), state.network.params()))
    }

    async fn validators(&self, height: Option<u64>) -> Result<Option<SetAt>, RpcError> {
        let state = self.state();
        let next = state.chain.height.saturating_add(1);
        if height.is_none_or(|height| height == next) {
            let validators = state.network.validators().iter().copied().collect();
            return Ok(Some(SetAt { height: next, validators }));
        }
        let Some(height) = height else { return Ok(None) };
        let Some(stored) = self.chain.block(height).await.map_err(|error| internal(&error))? else {
            return Ok(None);
        };
        let set = self.chain.voters(&stored.block);
        Ok(set.map(|set| SetAt {
            height,
            validators: set.iter().copied().collect::<Vec<Validator>>(),
        }))
    }

    async fn unconfirmed(&self, limit: usize) -> Result<Waiting, RpcError> {
        let total = u64::try_from(self.mempool.summary().txs).unwrap_or(u64::MAX);
        Ok(Waiting { total, first: self.mempool.list(limit) })
    }
}

impl Services {
    /// The height that is meant; `None` when there is no such block.
    async fn height(&self, at: BlockRef) -> Result<Option<u64>, RpcError> {
        match at {
            BlockRef::Latest => Ok(self.chain.best()),
            BlockRef::Height(height) => Ok(Some(height)),
            BlockRef::Hash(hash) => {
                self.chain.height_of(hash).await.map_err(|error| internal(&error))
            }
        }
    }
}
