//! The user and function services.

use kwil_proto::rpc::v1 as pb;
use serde_json::{Map, Value};

use super::shared::{
    all, all_out, amount_in, hash_in, hash_out, nonzero, required, uuid_in, uuid_out,
};
use super::{Wire, WireError, empty};
use crate::account::AccountId;
use crate::convert::decode_transaction;
use crate::function::{VerifySig, VerifySigRequest};
use crate::transaction::{Signature, Transaction, TxQuery, TxQueryRequest, TxResult};
use crate::user::{
    Account, AccountCount, AccountRequest, BroadcastRequest, Broadcasted, ChainInfo, Challenge,
    Empty, Health, Mode, Ping, Pong, Price, PriceRequest, ProposalRequest, UpdateProposal,
    UpdateProposals,
};

empty!(
    Empty as UserServiceGetVersionRequest,
    UserServiceGetHealthRequest,
    GetChainInfoRequest,
    CountAccountsRequest,
    GetChallengeRequest,
    ListUpdateProposalsRequest,
    FunctionServiceGetVersionRequest
);

impl Wire<pb::PingRequest> for Ping {
    fn into_wire(self) -> pb::PingRequest {
        pb::PingRequest { message: self.message }
    }

    fn from_wire(wire: pb::PingRequest) -> Result<Self, WireError> {
        Ok(Self { message: wire.message })
    }
}

impl Wire<pb::PingResponse> for Pong {
    fn into_wire(self) -> pb::PingResponse {
        pb::PingResponse { message: self.message }
    }

    fn from_wire(wire: pb::PingResponse) -> Result<Self, WireError> {
        Ok(Self { message: wire.message })
    }
}

impl Wire<pb::ChainInfo> for ChainInfo {
    fn into_wire(self) -> pb::ChainInfo {
        pb::ChainInfo {
            chain_id: self.chain_id,
            height: self.block_height,
            block_hash: hash_out(self.block_hash),
            gas: self.gas,
        }
    }

    fn from_wire(wire: pb::ChainInfo) -> Result<Self, WireError> {
        Ok(Self {
            chain_id: wire.chain_id,
            block_height: wire.height,
            block_hash: hash_in("block_hash", &wire.block_hash)?,
            gas: wire.gas,
        })
    }
}

impl Wire<pb::Health> for Health {
    fn into_wire(self) -> pb::Health {
        let mode = match self.mode {
            Mode::Open => pb::health::Mode::Open,
            Mode::Private => pb::health::Mode::Private,
        };
        pb::Health {
            chain: Some(self.chain.into_wire()),
            healthy: self.healthy,
            version: self.version,
            block_time_unix_ms: self.block_time,
            block_age_ms: self.block_age,
            syncing: self.syncing,
            app_hash: hash_out(self.app_hash),
            peer_count: self.peer_count,
            mode: mode.into(),
            phase: self.phase,
            reasons: self.reasons,
            target_height: self.target_height,
            progress: self.progress,
            node_version: self.node_version,
        }
    }

    fn from_wire(wire: pb::Health) -> Result<Self, WireError> {
        let mode = match wire.mode() {
            pb::health::Mode::Open => Mode::Open,
            pb::health::Mode::Private => Mode::Private,
        };
        let chain: ChainInfo = required("chain", wire.chain)?;
        let height = i64::try_from(chain.block_height)
            .map_err(|_big| WireError::new("height", "too big"))?;
        Ok(Self {
            chain,
            healthy: wire.healthy,
            version: wire.version,
            block_time: wire.block_time_unix_ms,
            block_age: wire.block_age_ms,
            syncing: wire.syncing,
            height,
            app_hash: hash_in("app_hash", &wire.app_hash)?,
            peer_count: wire.peer_count,
            mode,
            phase: wire.phase,
            reasons: wire.reasons,
            target_height: wire.target_height,
            progress: wire.progress,
            node_version: wire.node_version,
        })
    }
}

impl Wire<pb::GetAccountRequest> for AccountRequest {
    fn into_wire(self) -> pb::GetAccountRequest {
        pb::GetAccountRequest { id: self.id.map(AccountId::into_wire), pending: self.status > 0 }
    }

    fn from_wire(wire: pb::GetAccountRequest) -> Result<Self, WireError> {
        Ok(Self { id: wire.id.map(AccountId::from_wire).transpose()?, status: wire.pending.into() })
    }
}

impl Wire<pb::GetAccountResponse> for Account {
    fn into_wire(self) -> pb::GetAccountResponse {
        pb::GetAccountResponse {
            id: self.id.map(AccountId::into_wire),
            balance: self.balance.to_string(),
            nonce: self.nonce,
        }
    }

    fn from_wire(wire: pb::GetAccountResponse) -> Result<Self, WireError> {
        Ok(Self {
            id: wire.id.map(AccountId::from_wire).transpose()?,
            balance: amount_in("balance", &wire.balance)?,
            nonce: wire.nonce,
        })
    }
}

impl Wire<pb::CountAccountsResponse> for AccountCount {
    fn into_wire(self) -> pb::CountAccountsResponse {
        pb::CountAccountsResponse { count: self.count, height: self.height }
    }

    fn from_wire(wire: pb::CountAccountsResponse) -> Result<Self, WireError> {
        Ok(Self { count: wire.count, height: wire.height })
    }
}

impl Wire<pb::EstimatePriceRequest> for PriceRequest {
    fn into_wire(self) -> pb::EstimatePriceRequest {
        pb::EstimatePriceRequest { transaction: self.tx.map(Transaction::into_wire) }
    }

    fn from_wire(wire: pb::EstimatePriceRequest) -> Result<Self, WireError> {
        Ok(Self { tx: wire.transaction.map(Transaction::from_wire).transpose()? })
    }
}

impl Wire<pb::EstimatePriceResponse> for Price {
    fn into_wire(self) -> pb::EstimatePriceResponse {
        pb::EstimatePriceResponse { price: self.price.to_string() }
    }

    fn from_wire(wire: pb::EstimatePriceResponse) -> Result<Self, WireError> {
        Ok(Self { price: amount_in("price", &wire.price)? })
    }
}

impl Wire<pb::BroadcastRequest> for BroadcastRequest {
    fn into_wire(self) -> pb::BroadcastRequest {
        let wait = if self.sync == 1 {
            pb::broadcast_request::Wait::Commit
        } else {
            pb::broadcast_request::Wait::Accept
        };
        pb::BroadcastRequest {
            tx: self.tx.map(|tx| pb::broadcast_request::Tx::Transaction(tx.into_wire())),
            wait: wait.into(),
            wait_timeout_ms: self.wait_timeout_ms.unwrap_or_default(),
        }
    }

    fn from_wire(wire: pb::BroadcastRequest) -> Result<Self, WireError> {
        let sync = match pb::broadcast_request::Wait::try_from(wire.wait) {
            Ok(pb::broadcast_request::Wait::Accept) => 0,
            Ok(pb::broadcast_request::Wait::Commit) => 1,
            Err(_unknown) => {
                return Err(WireError::new("wait", format!("unknown value {}", wire.wait)));
            }
        };
        let tx = match wire.tx {
            Some(pb::broadcast_request::Tx::Transaction(tx)) => Some(Transaction::from_wire(tx)?),
            Some(pb::broadcast_request::Tx::Raw(raw)) => Some(
                decode_transaction(raw)
                    .map_err(|error| WireError::new("raw", error.to_string()))?,
            ),
            None => None,
        };
        Ok(Self {
            tx,
            sync,
            wait_timeout_ms: (wire.wait_timeout_ms != 0).then_some(wire.wait_timeout_ms),
        })
    }
}

impl Wire<pb::BroadcastResponse> for Broadcasted {
    fn into_wire(self) -> pb::BroadcastResponse {
        pb::BroadcastResponse {
            hash: hash_out(self.tx_hash),
            result: self.result.map(TxResult::into_wire),
            height: self.height.unwrap_or_default(),
        }
    }

    fn from_wire(wire: pb::BroadcastResponse) -> Result<Self, WireError> {
        Ok(Self {
            tx_hash: hash_in("hash", &wire.hash)?,
            result: wire.result.map(TxResult::from_wire).transpose()?,
            height: nonzero(wire.height),
        })
    }
}

impl Wire<pb::UserServiceGetTransactionRequest> for TxQueryRequest {
    fn into_wire(self) -> pb::UserServiceGetTransactionRequest {
        pb::UserServiceGetTransactionRequest { hash: hash_out(self.tx_hash) }
    }

    fn from_wire(wire: pb::UserServiceGetTransactionRequest) -> Result<Self, WireError> {
        Ok(Self { tx_hash: hash_in("hash", &wire.hash)? })
    }
}

impl Wire<pb::UserServiceGetTransactionResponse> for TxQuery {
    fn into_wire(self) -> pb::UserServiceGetTransactionResponse {
        pb::UserServiceGetTransactionResponse {
            hash: hash_out(self.tx_hash),
            height: self.height,
            transaction: Some(self.tx.into_wire()),
            result: self.tx_result.map(TxResult::into_wire),
        }
    }

    fn from_wire(wire: pb::UserServiceGetTransactionResponse) -> Result<Self, WireError> {
        Ok(Self {
            tx_hash: hash_in("hash", &wire.hash)?,
            height: wire.height,
            tx: required("transaction", wire.transaction)?,
            tx_result: wire.result.map(TxResult::from_wire).transpose()?,
        })
    }
}

impl Wire<pb::GetChallengeResponse> for Challenge {
    fn into_wire(self) -> pb::GetChallengeResponse {
        pb::GetChallengeResponse {
            challenge: self.challenge.into(),
            expires_unix_ms: self.expires_unix_ms,
        }
    }

    fn from_wire(wire: pb::GetChallengeResponse) -> Result<Self, WireError> {
        Ok(Self { challenge: wire.challenge.into(), expires_unix_ms: wire.expires_unix_ms })
    }
}

impl Wire<pb::UpdateProposal> for UpdateProposal {
    fn into_wire(self) -> pb::UpdateProposal {
        pb::UpdateProposal {
            id: uuid_out(self.id),
            description: self.description,
            updates: self
                .updates
                .into_iter()
                .map(|(name, value)| (name, value.to_string()))
                .collect(),
            expires_unix_ms: self.expires_at.unwrap_or_default(),
            board: all_out(self.board),
            approved: self.approved,
        }
    }

    fn from_wire(wire: pb::UpdateProposal) -> Result<Self, WireError> {
        Ok(Self {
            id: uuid_in("id", &wire.id)?,
            description: wire.description,
            updates: updates_in(wire.updates)?,
            board: all(wire.board)?,
            approved: wire.approved,
            expires_at: nonzero(wire.expires_unix_ms),
        })
    }
}

/// Parameter values travel as JSON texts.
pub(super) fn updates_in(
    updates: std::collections::HashMap<String, String>,
) -> Result<Map<String, Value>, WireError> {
    updates
        .into_iter()
        .map(|(name, text)| match serde_json::from_str(&text) {
            Ok(value) => Ok((name, value)),
            Err(error) => Err(WireError::new("updates", error.to_string())),
        })
        .collect()
}

impl Wire<pb::ListUpdateProposalsResponse> for UpdateProposals {
    fn into_wire(self) -> pb::ListUpdateProposalsResponse {
        pb::ListUpdateProposalsResponse { proposals: all_out(self.proposals) }
    }

    fn from_wire(wire: pb::ListUpdateProposalsResponse) -> Result<Self, WireError> {
        Ok(Self { proposals: all(wire.proposals)? })
    }
}

impl Wire<pb::GetUpdateProposalRequest> for ProposalRequest {
    fn into_wire(self) -> pb::GetUpdateProposalRequest {
        pb::GetUpdateProposalRequest { id: self.id.map(uuid_out).unwrap_or_default() }
    }

    fn from_wire(wire: pb::GetUpdateProposalRequest) -> Result<Self, WireError> {
        Ok(Self { id: Some(uuid_in("id", &wire.id)?) })
    }
}

/// Over gRPC exactly one proposal is asked for.
impl Wire<pb::GetUpdateProposalResponse> for UpdateProposals {
    fn into_wire(self) -> pb::GetUpdateProposalResponse {
        pb::GetUpdateProposalResponse {
            proposal: self.proposals.into_iter().next().map(UpdateProposal::into_wire),
        }
    }

    fn from_wire(wire: pb::GetUpdateProposalResponse) -> Result<Self, WireError> {
        Ok(Self { proposals: vec![required("proposal", wire.proposal)?] })
    }
}

impl Wire<pb::VerifySignatureRequest> for VerifySigRequest {
    fn into_wire(self) -> pb::VerifySignatureRequest {
        pb::VerifySignatureRequest {
            signature: self.signature.map(Signature::into_wire),
            sender: self.sender.into(),
            message: self.msg.into(),
        }
    }

    fn from_wire(wire: pb::VerifySignatureRequest) -> Result<Self, WireError> {
        Ok(Self {
            signature: wire.signature.map(Signature::from_wire).transpose()?,
            sender: wire.sender.into(),
            msg: wire.message.into(),
        })
    }
}

impl Wire<pb::VerifySignatureResponse> for VerifySig {
    fn into_wire(self) -> pb::VerifySignatureResponse {
        pb::VerifySignatureResponse { valid: self.valid, reason: self.reason }
    }

    fn from_wire(wire: pb::VerifySignatureResponse) -> Result<Self, WireError> {
        Ok(Self { valid: wire.valid, reason: wire.reason })
    }
}
