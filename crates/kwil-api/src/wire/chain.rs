//! The chain service.

use bytes::Bytes;
use kwil_proto::rpc::v1 as pb;

use kwil_crypto::{Hash, PublicKey};

use super::shared::{
    all, all_out, hash_in, hash_out, hashes_in, millis_in, millis_out, opt_hash_in, opt_hash_out,
    required,
};
use super::user::updates_in;
use super::{Wire, WireError, empty};
use crate::chain::{
    Block, BlockAnswer, BlockAt, BlockHeader, BlockRequest, BlockResults, ChainHealth, ChainTx,
    ChainTxRequest, CommitInfo, ConsensusParams, Genesis, HeaderAnswer, Unconfirmed,
    UnconfirmedRequest, UnconfirmedTx, Validators, ValidatorsRequest, VoteInfo, VoteSignature,
};
use crate::user::Empty;

empty!(
    Empty as ChainServiceGetVersionRequest,
    ChainServiceGetHealthRequest,
    GetGenesisRequest,
    GetParamsRequest
);

impl Wire<pb::ChainServiceGetHealthResponse> for ChainHealth {
    fn into_wire(self) -> pb::ChainServiceGetHealthResponse {
        pb::ChainServiceGetHealthResponse {
            chain_id: self.chain_id,
            height: self.height,
            healthy: self.healthy,
        }
    }

    fn from_wire(wire: pb::ChainServiceGetHealthResponse) -> Result<Self, WireError> {
        Ok(Self { chain_id: wire.chain_id, height: wire.height, healthy: wire.healthy })
    }
}

impl Wire<pb::BlockAt> for BlockAt {
    fn into_wire(self) -> pb::BlockAt {
        let at = match self.hash {
            Some(hash) => pb::block_at::At::Hash(hash_out(hash)),
            None => pb::block_at::At::Height(self.height),
        };
        pb::BlockAt { at: Some(at) }
    }

    fn from_wire(wire: pb::BlockAt) -> Result<Self, WireError> {
        match wire.at {
            Some(pb::block_at::At::Hash(hash)) => {
                Ok(Self { height: 0, hash: Some(hash_in("hash", &hash)?) })
            }
            Some(pb::block_at::At::Height(height)) => Ok(Self { height, hash: None }),
            None => Ok(Self::default()),
        }
    }
}

fn at_in(at: Option<pb::BlockAt>) -> Result<BlockAt, WireError> {
    at.map_or_else(|| Ok(BlockAt::default()), BlockAt::from_wire)
}

impl Wire<pb::GetBlockRequest> for BlockRequest {
    fn into_wire(self) -> pb::GetBlockRequest {
        let at = BlockAt { height: self.height, hash: self.hash };
        pb::GetBlockRequest {
            at: Some(at.into_wire()),
            raw: self.raw,
            tx_ids_only: self.tx_ids_only,
        }
    }

    fn from_wire(wire: pb::GetBlockRequest) -> Result<Self, WireError> {
        let BlockAt { height, hash } = at_in(wire.at)?;
        Ok(Self { height, hash, raw: wire.raw, tx_ids_only: wire.tx_ids_only })
    }
}

impl Wire<pb::GetBlockHeaderRequest> for BlockAt {
    fn into_wire(self) -> pb::GetBlockHeaderRequest {
        pb::GetBlockHeaderRequest { at: Some(self.into_wire()) }
    }

    fn from_wire(wire: pb::GetBlockHeaderRequest) -> Result<Self, WireError> {
        at_in(wire.at)
    }
}

impl Wire<pb::GetBlockResultsRequest> for BlockAt {
    fn into_wire(self) -> pb::GetBlockResultsRequest {
        pb::GetBlockResultsRequest { at: Some(self.into_wire()) }
    }

    fn from_wire(wire: pb::GetBlockResultsRequest) -> Result<Self, WireError> {
        at_in(wire.at)
    }
}

impl Wire<pb::BlockHeader> for BlockHeader {
    fn into_wire(self) -> pb::BlockHeader {
        pb::BlockHeader {
            version: self.version.into(),
            height: self.height,
            num_txns: self.num_txns,
            prev_hash: hash_out(self.prev_hash),
            prev_app_hash: hash_out(self.prev_app_hash),
            time_unix_ms: self.stamp_ms,
            merkle_root: hash_out(self.merkle_root),
            validators_hash: hash_out(self.vals_hash),
            params_hash: hash_out(self.params_hash),
            new_leader: self.new_leader.map(PublicKey::into_wire),
            view: self.view,
            proposer: self.proposer.map(PublicKey::into_wire),
            chain_hash: opt_hash_out(self.chain_hash),
        }
    }

    fn from_wire(wire: pb::BlockHeader) -> Result<Self, WireError> {
        Ok(Self {
            version: wire
                .version
                .try_into()
                .map_err(|_big| WireError::new("version", "more than 16 bits"))?,
            height: wire.height,
            num_txns: wire.num_txns,
            prev_hash: hash_in("prev_hash", &wire.prev_hash)?,
            prev_app_hash: hash_in("prev_app_hash", &wire.prev_app_hash)?,
            stamp_ms: wire.time_unix_ms,
            merkle_root: hash_in("merkle_root", &wire.merkle_root)?,
            vals_hash: hash_in("validators_hash", &wire.validators_hash)?,
            params_hash: hash_in("params_hash", &wire.params_hash)?,
            new_leader: wire.new_leader.map(PublicKey::from_wire).transpose()?,
            chain_hash: opt_hash_in("chain_hash", &wire.chain_hash)?,
            view: wire.view,
            proposer: wire.proposer.map(PublicKey::from_wire).transpose()?,
        })
    }
}

impl Wire<pb::Block> for Block {
    fn into_wire(self) -> pb::Block {
        pb::Block {
            header: Some(self.header.into_wire()),
            transactions: all_out(self.txns),
            signature: self.sig.into(),
        }
    }

    fn from_wire(wire: pb::Block) -> Result<Self, WireError> {
        Ok(Self {
            header: required("header", wire.header)?,
            txns: all(wire.transactions)?,
            sig: wire.signature.into(),
        })
    }
}

impl Wire<pb::Vote> for VoteInfo {
    fn into_wire(self) -> pb::Vote {
        pb::Vote {
            ack: self.ack.into(),
            app_hash: opt_hash_out(self.app_hash),
            key: Some(pb::PublicKey { key_type: self.sig.key_type, key: self.sig.key.into() }),
            signature: self.sig.sig.into(),
        }
    }

    fn from_wire(wire: pb::Vote) -> Result<Self, WireError> {
        let key = wire.key.ok_or_else(|| WireError::missing("key"))?;
        Ok(Self {
            ack: wire.ack.try_into().map_err(|_unknown| WireError::new("ack", "unknown value"))?,
            app_hash: opt_hash_in("app_hash", &wire.app_hash)?,
            sig: VoteSignature {
                key: key.key.into(),
                key_type: key.key_type,
                sig: wire.signature.into(),
            },
        })
    }
}

impl Wire<pb::CommitInfo> for CommitInfo {
    fn into_wire(self) -> pb::CommitInfo {
        pb::CommitInfo {
            app_hash: hash_out(self.app_hash),
            votes: all_out(self.votes),
            param_updates: self
                .param_updates
                .into_iter()
                .map(|(name, value)| (name, value.to_string()))
                .collect(),
            validator_updates: all_out(self.validator_updates),
            view: self.view,
            certificate: self.certificate.into(),
        }
    }

    fn from_wire(wire: pb::CommitInfo) -> Result<Self, WireError> {
        Ok(Self {
            app_hash: hash_in("app_hash", &wire.app_hash)?,
            votes: all(wire.votes)?,
            param_updates: updates_in(wire.param_updates)?,
            validator_updates: all(wire.validator_updates)?,
            view: wire.view,
            certificate: wire.certificate.into(),
        })
    }
}

impl Wire<pb::GetBlockResponse> for BlockAnswer {
    fn into_wire(self) -> pb::GetBlockResponse {
        pb::GetBlockResponse {
            hash: hash_out(self.hash),
            block: self.block.map(Block::into_wire),
            raw: self.raw_block.into(),
            tx_ids: self.tx_ids.into_iter().map(hash_out).collect(),
            commit: self.commit_info.map(CommitInfo::into_wire),
        }
    }

    fn from_wire(wire: pb::GetBlockResponse) -> Result<Self, WireError> {
        Ok(Self {
            hash: hash_in("hash", &wire.hash)?,
            block: wire.block.map(Block::from_wire).transpose()?,
            raw_block: wire.raw.into(),
            tx_ids: hashes_in("tx_ids", &wire.tx_ids)?,
            commit_info: wire.commit.map(CommitInfo::from_wire).transpose()?,
        })
    }
}

impl Wire<pb::GetBlockHeaderResponse> for HeaderAnswer {
    fn into_wire(self) -> pb::GetBlockHeaderResponse {
        pb::GetBlockHeaderResponse {
            hash: hash_out(self.hash),
            header: Some(self.header.into_wire()),
        }
    }

    fn from_wire(wire: pb::GetBlockHeaderResponse) -> Result<Self, WireError> {
        Ok(Self { header: required("header", wire.header)?, hash: hash_in("hash", &wire.hash)? })
    }
}

impl Wire<pb::GetBlockResultsResponse> for BlockResults {
    fn into_wire(self) -> pb::GetBlockResultsResponse {
        pb::GetBlockResultsResponse {
            height: self.height,
            hash: hash_out(self.hash),
            results: all_out(self.tx_results),
        }
    }

    fn from_wire(wire: pb::GetBlockResultsResponse) -> Result<Self, WireError> {
        Ok(Self {
            height: wire.height,
            hash: hash_in("hash", &wire.hash)?,
            tx_results: all(wire.results)?,
        })
    }
}

impl Wire<pb::ChainServiceGetTransactionRequest> for ChainTxRequest {
    fn into_wire(self) -> pb::ChainServiceGetTransactionRequest {
        pb::ChainServiceGetTransactionRequest { hash: opt_hash_out(self.hash) }
    }

    fn from_wire(wire: pb::ChainServiceGetTransactionRequest) -> Result<Self, WireError> {
        Ok(Self { hash: opt_hash_in("hash", &wire.hash)? })
    }
}

impl Wire<pb::ChainServiceGetTransactionResponse> for ChainTx {
    fn into_wire(self) -> pb::ChainServiceGetTransactionResponse {
        pb::ChainServiceGetTransactionResponse {
            hash: hash_out(self.hash),
            height: self.height,
            index: self.index,
            transaction: Some(self.tx.into_wire()),
            result: Some(self.tx_result.into_wire()),
        }
    }

    fn from_wire(wire: pb::ChainServiceGetTransactionResponse) -> Result<Self, WireError> {
        Ok(Self {
            hash: hash_in("hash", &wire.hash)?,
            height: wire.height,
            index: wire.index,
            tx: required("transaction", wire.transaction)?,
            tx_result: required("result", wire.result)?,
        })
    }
}

/// The document travels as its JSON text.
impl Wire<pb::GetGenesisResponse> for Genesis {
    fn into_wire(self) -> pb::GetGenesisResponse {
        let hash = hash_out(self.genesis_hash);
        pb::GetGenesisResponse {
            json: serde_json::to_vec(&self).map(Bytes::from).unwrap_or_default(),
            hash,
        }
    }

    fn from_wire(wire: pb::GetGenesisResponse) -> Result<Self, WireError> {
        let hash: Hash = hash_in("hash", &wire.hash)?;
        let genesis: Self = serde_json::from_slice(&wire.json)
            .map_err(|error| WireError::new("json", error.to_string()))?;
        if genesis.genesis_hash != hash {
            return Err(WireError::new(
                "hash",
                format!("document says {}, answer says {hash}", genesis.genesis_hash),
            ));
        }
        Ok(genesis)
    }
}

impl Wire<pb::GetParamsResponse> for ConsensusParams {
    fn into_wire(self) -> pb::GetParamsResponse {
        pb::GetParamsResponse {
            height: self.height,
            params: Some(pb::NetworkParams {
                leader: Some(self.leader.into_wire()),
                max_block_size: self.max_block_size,
                join_expiry_ms: millis_out(self.join_expiry),
                disabled_gas_costs: self.disabled_gas_costs,
                max_votes_per_tx: self.max_votes_per_tx,
                migration_status: self.migration_status,
            }),
        }
    }

    fn from_wire(wire: pb::GetParamsResponse) -> Result<Self, WireError> {
        let params = wire.params.ok_or_else(|| WireError::missing("params"))?;
        Ok(Self {
            height: wire.height,
            leader: required("leader", params.leader)?,
            max_block_size: params.max_block_size,
            join_expiry: millis_in("join_expiry_ms", params.join_expiry_ms)?,
            disabled_gas_costs: params.disabled_gas_costs,
            max_votes_per_tx: params.max_votes_per_tx,
            migration_status: params.migration_status,
        })
    }
}

impl Wire<pb::ChainServiceListValidatorsRequest> for ValidatorsRequest {
    fn into_wire(self) -> pb::ChainServiceListValidatorsRequest {
        pb::ChainServiceListValidatorsRequest { height: self.height }
    }

    fn from_wire(wire: pb::ChainServiceListValidatorsRequest) -> Result<Self, WireError> {
        Ok(Self { height: wire.height })
    }
}

impl Wire<pb::ChainServiceListValidatorsResponse> for Validators {
    fn into_wire(self) -> pb::ChainServiceListValidatorsResponse {
        pb::ChainServiceListValidatorsResponse {
            height: self.height,
            validators: all_out(self.validators),
        }
    }

    fn from_wire(wire: pb::ChainServiceListValidatorsResponse) -> Result<Self, WireError> {
        Ok(Self { height: wire.height, validators: all(wire.validators)? })
    }
}

impl Wire<pb::ListUnconfirmedRequest> for UnconfirmedRequest {
    fn into_wire(self) -> pb::ListUnconfirmedRequest {
        pb::ListUnconfirmedRequest { limit: self.limit }
    }

    fn from_wire(wire: pb::ListUnconfirmedRequest) -> Result<Self, WireError> {
        Ok(Self { limit: wire.limit })
    }
}

impl Wire<pb::UnconfirmedTx> for UnconfirmedTx {
    fn into_wire(self) -> pb::UnconfirmedTx {
        pb::UnconfirmedTx { hash: hash_out(self.hash), transaction: Some(self.tx.into_wire()) }
    }

    fn from_wire(wire: pb::UnconfirmedTx) -> Result<Self, WireError> {
        Ok(Self {
            hash: hash_in("hash", &wire.hash)?,
            tx: required("transaction", wire.transaction)?,
        })
    }
}

impl Wire<pb::ListUnconfirmedResponse> for Unconfirmed {
    fn into_wire(self) -> pb::ListUnconfirmedResponse {
        pb::ListUnconfirmedResponse { total: self.total, transactions: all_out(self.txs) }
    }

    fn from_wire(wire: pb::ListUnconfirmedResponse) -> Result<Self, WireError> {
        Ok(Self { total: wire.total, txs: all(wire.transactions)? })
    }
}
