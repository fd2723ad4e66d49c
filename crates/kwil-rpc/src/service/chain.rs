//! Handlers of the chain service.

use kwil_api::chain::{
    Block, BlockAnswer, BlockAt, BlockHeader, BlockRequest, BlockResults, ChainHealth, ChainTx,
    ChainTxRequest, ConsensusParams, Genesis, HeaderAnswer, Unconfirmed, UnconfirmedRequest,
    UnconfirmedTx, Validators, ValidatorsRequest,
};
use kwil_api::user::{Empty, Version};
use kwil_api::{
    ChainBlock, ChainBlockHeader, ChainBlockResult, ChainConsensusParams, ChainGenesis,
    ChainHealthCheck, ChainTransaction, ChainUnconfirmed, ChainValidators, ChainVersion, RpcCode,
    RpcError, Service, Validator,
};
use kwil_crypto::Hash;
use kwil_types::RawTx;

use super::{shown, shown_result, signed, version};
use crate::api::{BlockRef, StoredBlock, TxPlace};
use crate::front::{Context, Front, Handle};

/// Transactions that `chain.unconfirmed_txs` lists unless told, and at most.
const UNCONFIRMED_DEFAULT: usize = 10;
const UNCONFIRMED_MAX: usize = 50;
/// Bytes of transactions in one list.
const UNCONFIRMED_BYTES: usize = 8_000_000;

impl Handle for ChainVersion {
    async fn handle(
        front: &Front,
        _context: &Context,
        _request: Empty,
    ) -> Result<Version, RpcError> {
        Ok(version(front, Service::Chain))
    }
}

impl Handle for ChainHealthCheck {
    async fn handle(
        front: &Front,
        _context: &Context,
        _request: Empty,
    ) -> Result<ChainHealth, RpcError> {
        let health = front.health();
        let healthy = front.apis.user.starting().is_none();
        Ok(ChainHealth { chain_id: health.chain.chain_id, height: health.height, healthy })
    }
}

/// A hash wins over a height; height 0 is the latest block.
fn block_ref(height: i64, hash: Option<Hash>) -> Result<BlockRef, RpcError> {
    match (hash, u64::try_from(height)) {
        (Some(hash), _) => Ok(BlockRef::Hash(hash)),
        (None, Ok(0)) => Ok(BlockRef::Latest),
        (None, Ok(height)) => Ok(BlockRef::Height(height)),
        (None, Err(_negative)) => Err(RpcError::invalid_params("height cannot be negative")),
    }
}

fn unreadable(error: impl std::fmt::Display) -> RpcError {
    tracing::error!(%error, "a stored transaction does not decode");
    RpcError::internal("a stored transaction does not decode")
}

impl Handle for ChainBlock {
    async fn handle(
        front: &Front,
        _context: &Context,
        request: BlockRequest,
    ) -> Result<BlockAnswer, RpcError> {
        let at = block_ref(request.height, request.hash)?;
        if request.raw && front.settings().redact {
            return Err(RpcError::new(
                RpcCode::NO_QUERIES,
                "raw blocks are not shown in private mode",
            ));
        }
        let found = front.apis.chain.block(at).await?;
        let StoredBlock { block, commit } = found.ok_or_else(RpcError::block_not_found)?;
        let mut answer =
            BlockAnswer { hash: block.hash(), commit_info: commit, ..BlockAnswer::default() };
        if request.raw {
            answer.raw_block = block.encode();
        } else if request.tx_ids_only {
            answer.tx_ids = block.tx_ids();
        } else {
            let decode =
                |bytes: &bytes::Bytes| RawTx::decode(bytes.clone()).map(|raw| shown(front, &raw));
            answer.block = Some(Block {
                header: block.header().into(),
                txns: block
                    .txs()
                    .iter()
                    .map(decode)
                    .collect::<Result<_, _>>()
                    .map_err(unreadable)?,
                sig: block.signature().0.to_vec(),
            });
        }
        Ok(answer)
    }
}

impl Handle for ChainBlockHeader {
    async fn handle(
        front: &Front,
        _context: &Context,
        request: BlockAt,
    ) -> Result<HeaderAnswer, RpcError> {
        let at = block_ref(request.height, request.hash)?;
        let header = front.apis.chain.header(at).await?.ok_or_else(RpcError::block_not_found)?;
        Ok(HeaderAnswer { hash: header.hash(), header: BlockHeader::from(&header) })
    }
}

impl Handle for ChainBlockResult {
    async fn handle(
        front: &Front,
        _context: &Context,
        request: BlockAt,
    ) -> Result<BlockResults, RpcError> {
        let at = block_ref(request.height, request.hash)?;
        let found = front.apis.chain.results(at).await?.ok_or_else(RpcError::block_not_found)?;
        Ok(BlockResults {
            height: signed(found.height),
            hash: found.hash,
            tx_results: found.results.iter().map(|result| shown_result(front, result)).collect(),
        })
    }
}

impl Handle for ChainTransaction {
    async fn handle(
        front: &Front,
        _context: &Context,
        request: ChainTxRequest,
    ) -> Result<ChainTx, RpcError> {
        let hash = request.hash.ok_or_else(|| RpcError::invalid_params("hash is required"))?;
        let found = front.apis.chain.committed(hash).await?.ok_or_else(RpcError::tx_not_found)?;
        let (raw, TxPlace { height, index, result }) = found;
        Ok(ChainTx {
            hash: raw.id(),
            height: signed(height),
            index,
            tx: shown(front, &raw),
            tx_result: shown_result(front, &result),
        })
    }
}

impl Handle for ChainGenesis {
    async fn handle(
        front: &Front,
        _context: &Context,
        _request: Empty,
    ) -> Result<Genesis, RpcError> {
        Ok(front.apis.chain.genesis())
    }
}

impl Handle for ChainConsensusParams {
    async fn handle(
        front: &Front,
        _context: &Context,
        _request: Empty,
    ) -> Result<ConsensusParams, RpcError> {
        front.apis.chain.params().await
    }
}

impl Handle for ChainValidators {
    async fn handle(
        front: &Front,
        _context: &Context,
        request: ValidatorsRequest,
    ) -> Result<Validators, RpcError> {
        let height = request
            .height
            .map(|height| {
                u64::try_from(height)
                    .map_err(|_| RpcError::invalid_params("height cannot be negative"))
            })
            .transpose()?;
        let set =
            front.apis.chain.validators(height).await?.ok_or_else(RpcError::block_not_found)?;
        Ok(Validators {
            height: signed(set.height),
            validators: set.validators.iter().map(Validator::from).collect(),
        })
    }
}

impl Handle for ChainUnconfirmed {
    async fn handle(
        front: &Front,
        _context: &Context,
        request: UnconfirmedRequest,
    ) -> Result<Unconfirmed, RpcError> {
        let limit = match usize::try_from(request.limit) {
            Ok(0) => UNCONFIRMED_DEFAULT,
            Ok(limit) => limit.min(UNCONFIRMED_MAX),
            Err(_negative) => return Err(RpcError::invalid_params("invalid limit")),
        };
        let waiting = front.apis.chain.unconfirmed(limit).await?;
        let mut bytes: usize = 0;
        let fits = |raw: &&RawTx| {
            bytes = bytes.saturating_add(raw.len());
            bytes <= UNCONFIRMED_BYTES
        };
        let txs = waiting.first.iter().take_while(fits);
        let txs = txs.map(|raw| UnconfirmedTx { hash: raw.id(), tx: shown(front, raw) }).collect();
        Ok(Unconfirmed { total: signed(waiting.total), txs })
    }
}
