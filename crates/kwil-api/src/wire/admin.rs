//! The admin service.

use kwil_proto::rpc::v1 as pb;
use kwil_types::GoDuration;

use super::shared::{
    all, all_out, hash_in, hash_out, hashes_in, millis_in, millis_out, nonzero, opt_hash_in,
    opt_hash_out, required, uuid_in, uuid_out,
};
use super::{Wire, WireError, empty};
use crate::account::{AccountId, parse_key_type};
use crate::admin::{
    AbortRequest, AdminHealth, ApproveResolution, Blacklist, BlacklistRequest, BlacklistedPeer,
    BlockExecAnswer, BlockExecution, CandidateRequest, CandidateSubmit, ConfigRequest, ConfigText,
    CreateResolution, JoinRequest, JoinRequests, JoinStatus, KeyParam, NodeStatus, Nothing, Peer,
    PeerRequest, Peers, Removed, ReplaceLeaderRequest, ResolutionAnswer, ResolutionRequest,
    ResolutionStatus, StateCheck, Status, SubmitRequest, Submitted, SyncStatus, TxOptions,
    TxProgress, ValidatorList, Whitelist,
};
use crate::transaction::TxResult;
use crate::user::Empty;

empty!(
    Empty as AdminServiceGetVersionRequest,
    AdminServiceGetHealthRequest,
    GetStatusRequest,
    ListPeersRequest,
    AdminServiceListValidatorsRequest,
    ListJoinRequestsRequest,
    ListWhitelistRequest,
    ListBlacklistedPeersRequest,
    GetBlockExecutionRequest,
    VerifyStateRequest,
    AddPeerResponse,
    RemovePeerResponse,
    BlacklistPeerResponse,
    AbortBlockExecutionResponse
);
empty!(Nothing as ReplaceLeaderResponse);

impl Wire<pb::AdminServiceGetHealthResponse> for AdminHealth {
    fn into_wire(self) -> pb::AdminServiceGetHealthResponse {
        // The length tells the two key types apart.
        let key_type = if self.pubkey.len() == 33 { "secp256k1" } else { "ed25519" };
        pb::AdminServiceGetHealthResponse {
            version: self.version,
            healthy: self.healthy,
            key: Some(pb::PublicKey { key_type: key_type.to_owned(), key: self.pubkey.into() }),
            num_validators: self.num_validators,
        }
    }

    fn from_wire(wire: pb::AdminServiceGetHealthResponse) -> Result<Self, WireError> {
        Ok(Self {
            version: wire.version,
            healthy: wire.healthy,
            pubkey: wire.key.map(|key| key.key.into()).unwrap_or_default(),
            num_validators: wire.num_validators,
        })
    }
}

impl Wire<pb::GetStatusResponse> for Status {
    fn into_wire(self) -> pb::GetStatusResponse {
        let Self { node, sync, validator } = self;
        pb::GetStatusResponse {
            node: Some(pb::get_status_response::Node {
                chain_id: node.chain_id,
                node_id: node.node_id,
                app_version: node.app_ver,
                listen_addr: node.listen_addr,
                role: node.role,
                rpc_addr: node.rpc_addr,
                version: node.version,
                uptime_ms: node.uptime_ms,
            }),
            sync: Some(pb::get_status_response::Sync {
                app_hash: opt_hash_out(sync.app_hash),
                best_block_hash: opt_hash_out(sync.best_block_hash),
                height: sync.best_block_height,
                time_unix_ms: sync.best_block_time,
                syncing: sync.syncing,
                target_height: sync.target_height,
                phase: sync.phase,
                progress: sync.progress,
            }),
            validator: Some(validator.into_wire()),
        }
    }

    fn from_wire(wire: pb::GetStatusResponse) -> Result<Self, WireError> {
        let node = wire.node.ok_or_else(|| WireError::missing("node"))?;
        let sync = wire.sync.ok_or_else(|| WireError::missing("sync"))?;
        Ok(Self {
            node: NodeStatus {
                chain_id: node.chain_id,
                node_id: node.node_id,
                app_ver: node.app_version,
                listen_addr: node.listen_addr,
                role: node.role,
                rpc_addr: node.rpc_addr,
                version: node.version,
                uptime_ms: node.uptime_ms,
            },
            sync: SyncStatus {
                app_hash: opt_hash_in("app_hash", &sync.app_hash)?,
                best_block_hash: opt_hash_in("best_block_hash", &sync.best_block_hash)?,
                best_block_height: sync.height,
                best_block_time: sync.time_unix_ms,
                syncing: sync.syncing,
                target_height: sync.target_height,
                phase: sync.phase,
                progress: sync.progress,
            },
            validator: required("validator", wire.validator)?,
        })
    }
}

impl Wire<pb::Peer> for Peer {
    fn into_wire(self) -> pb::Peer {
        pb::Peer {
            node_id: self.node_id,
            remote_addr: self.remote_addr,
            local_addr: self.local_addr,
            inbound: self.inbound,
            height: self.height,
            version: self.version,
            rtt_ms: self.rtt_ms,
            connected_since_unix_ms: self.connected_since.unwrap_or_default(),
            role: self.role,
        }
    }

    fn from_wire(wire: pb::Peer) -> Result<Self, WireError> {
        Ok(Self {
            remote_addr: wire.remote_addr,
            local_addr: wire.local_addr,
            inbound: wire.inbound,
            node_id: wire.node_id,
            height: wire.height,
            version: wire.version,
            role: wire.role,
            rtt_ms: wire.rtt_ms,
            connected_since: nonzero(wire.connected_since_unix_ms),
        })
    }
}

impl Wire<pb::ListPeersResponse> for Peers {
    fn into_wire(self) -> pb::ListPeersResponse {
        pb::ListPeersResponse { peers: all_out(self.peers) }
    }

    fn from_wire(wire: pb::ListPeersResponse) -> Result<Self, WireError> {
        Ok(Self { peers: all(wire.peers)? })
    }
}

impl Wire<pb::GetConfigRequest> for ConfigRequest {
    fn into_wire(self) -> pb::GetConfigRequest {
        pb::GetConfigRequest { show_secrets: self.show_secrets }
    }

    fn from_wire(wire: pb::GetConfigRequest) -> Result<Self, WireError> {
        Ok(Self { show_secrets: wire.show_secrets })
    }
}

impl Wire<pb::GetConfigResponse> for ConfigText {
    fn into_wire(self) -> pb::GetConfigResponse {
        pb::GetConfigResponse { toml: self.config.into() }
    }

    fn from_wire(wire: pb::GetConfigResponse) -> Result<Self, WireError> {
        Ok(Self { config: wire.toml.into() })
    }
}

impl Wire<pb::TxOptions> for TxOptions {
    fn into_wire(self) -> pb::TxOptions {
        let millis = millis_out(self.timeout).clamp(0, u32::MAX.into());
        pb::TxOptions { wait: self.wait, timeout_ms: millis.try_into().unwrap_or(u32::MAX) }
    }

    fn from_wire(wire: pb::TxOptions) -> Result<Self, WireError> {
        Ok(Self { wait: wire.wait, timeout: millis_in("timeout_ms", wire.timeout_ms.into())? })
    }
}

fn options_in(options: Option<pb::TxOptions>) -> Result<TxOptions, WireError> {
    options.map_or_else(|| Ok(TxOptions::default()), TxOptions::from_wire)
}

/// `Some` only when something differs from the default.
fn options_out(options: TxOptions) -> Option<pb::TxOptions> {
    (options != TxOptions::default()).then(|| options.into_wire())
}

impl Wire<pb::SubmitResponse> for Submitted {
    fn into_wire(self) -> pb::SubmitResponse {
        pb::SubmitResponse {
            hash: hash_out(self.tx_hash),
            height: self.height.unwrap_or_default(),
            result: self.result.map(TxResult::into_wire),
        }
    }

    fn from_wire(wire: pb::SubmitResponse) -> Result<Self, WireError> {
        Ok(Self {
            tx_hash: hash_in("hash", &wire.hash)?,
            result: wire.result.map(TxResult::from_wire).transpose()?,
            height: nonzero(wire.height),
        })
    }
}

macro_rules! submit_request {
    ($($proto:ident),+) => {
        $(impl Wire<pb::$proto> for SubmitRequest {
            fn into_wire(self) -> pb::$proto {
                pb::$proto { options: options_out(self.options) }
            }

            fn from_wire(wire: pb::$proto) -> Result<Self, WireError> {
                Ok(Self { options: options_in(wire.options)? })
            }
        })+
    };
}

submit_request!(JoinRequest, LeaveRequest);

macro_rules! candidate_submit {
    ($($proto:ident),+) => {
        $(impl Wire<pb::$proto> for CandidateSubmit {
            fn into_wire(self) -> pb::$proto {
                pb::$proto { candidate: Some(self.candidate.into_wire()), options: options_out(self.options) }
            }

            fn from_wire(wire: pb::$proto) -> Result<Self, WireError> {
                Ok(Self { candidate: required("candidate", wire.candidate)?, options: options_in(wire.options)? })
            }
        })+
    };
}

candidate_submit!(ApproveRequest, RemoveRequest);

impl Wire<pb::AccountId> for KeyParam {
    fn into_wire(self) -> pb::AccountId {
        pb::AccountId { identifier: self.pubkey.into(), key_type: self.pubkey_type }
    }

    fn from_wire(wire: pb::AccountId) -> Result<Self, WireError> {
        parse_key_type(&wire.key_type).map_err(|problem| WireError::new("key_type", problem))?;
        Ok(Self { pubkey: wire.identifier.into(), pubkey_type: wire.key_type })
    }
}

impl Wire<pb::AdminServiceListValidatorsResponse> for ValidatorList {
    fn into_wire(self) -> pb::AdminServiceListValidatorsResponse {
        pb::AdminServiceListValidatorsResponse { validators: all_out(self.validators) }
    }

    fn from_wire(wire: pb::AdminServiceListValidatorsResponse) -> Result<Self, WireError> {
        Ok(Self { validators: all(wire.validators)? })
    }
}

impl Wire<pb::PendingJoin> for JoinRequest {
    fn into_wire(self) -> pb::PendingJoin {
        pb::PendingJoin {
            candidate: Some(self.candidate.into_wire()),
            power: self.power,
            expires_unix_ms: self.expires_at,
            board: all_out(self.board),
            approved: self.approved,
            needed: self.needed,
        }
    }

    fn from_wire(wire: pb::PendingJoin) -> Result<Self, WireError> {
        Ok(Self {
            candidate: required::<AccountId, _>("candidate", wire.candidate)?,
            power: wire.power,
            expires_at: wire.expires_unix_ms,
            board: all(wire.board)?,
            approved: wire.approved,
            needed: wire.needed,
        })
    }
}

impl Wire<pb::ListJoinRequestsResponse> for JoinRequests {
    fn into_wire(self) -> pb::ListJoinRequestsResponse {
        pb::ListJoinRequestsResponse {
            requests: all_out(self.join_requests),
            needed: self.needed,
            total_power: self.total_power,
        }
    }

    fn from_wire(wire: pb::ListJoinRequestsResponse) -> Result<Self, WireError> {
        Ok(Self {
            join_requests: all(wire.requests)?,
            needed: wire.needed,
            total_power: wire.total_power,
        })
    }
}

impl Wire<pb::GetJoinStatusRequest> for CandidateRequest {
    fn into_wire(self) -> pb::GetJoinStatusRequest {
        pb::GetJoinStatusRequest { candidate: Some(self.candidate.into_wire()) }
    }

    fn from_wire(wire: pb::GetJoinStatusRequest) -> Result<Self, WireError> {
        Ok(Self { candidate: required("candidate", wire.candidate)? })
    }
}

impl Wire<pb::GetJoinStatusResponse> for JoinStatus {
    fn into_wire(self) -> pb::GetJoinStatusResponse {
        pb::GetJoinStatusResponse { request: Some(self.join_request.into_wire()) }
    }

    fn from_wire(wire: pb::GetJoinStatusResponse) -> Result<Self, WireError> {
        Ok(Self { join_request: required("request", wire.request)? })
    }
}

impl Wire<pb::ReplaceLeaderRequest> for ReplaceLeaderRequest {
    fn into_wire(self) -> pb::ReplaceLeaderRequest {
        pb::ReplaceLeaderRequest {
            candidate: Some(self.candidate.into_wire()),
            height: self.height,
        }
    }

    fn from_wire(wire: pb::ReplaceLeaderRequest) -> Result<Self, WireError> {
        Ok(Self { candidate: required("candidate", wire.candidate)?, height: wire.height })
    }
}

macro_rules! peer_request {
    ($($proto:ident),+) => {
        $(impl Wire<pb::$proto> for PeerRequest {
            fn into_wire(self) -> pb::$proto {
                pb::$proto { node_id: self.peerid }
            }

            fn from_wire(wire: pb::$proto) -> Result<Self, WireError> {
                Ok(Self { peerid: wire.node_id })
            }
        })+
    };
}

peer_request!(AddPeerRequest, RemovePeerRequest, RemoveBlacklistedPeerRequest);

impl Wire<pb::ListWhitelistResponse> for Whitelist {
    fn into_wire(self) -> pb::ListWhitelistResponse {
        pb::ListWhitelistResponse { node_ids: self.peers }
    }

    fn from_wire(wire: pb::ListWhitelistResponse) -> Result<Self, WireError> {
        Ok(Self { peers: wire.node_ids })
    }
}

impl Wire<pb::BlacklistPeerRequest> for BlacklistRequest {
    fn into_wire(self) -> pb::BlacklistPeerRequest {
        // A text that is no duration travels as one that the node refuses.
        let duration_ms = match self.duration.as_str() {
            "" => 0,
            text => text.parse::<GoDuration>().map_or(-1, millis_out),
        };
        pb::BlacklistPeerRequest { node_id: self.peerid, reason: self.reason, duration_ms }
    }

    fn from_wire(wire: pb::BlacklistPeerRequest) -> Result<Self, WireError> {
        let duration = match wire.duration_ms {
            0 => String::new(),
            millis => millis_in("duration_ms", millis)?.to_string(),
        };
        Ok(Self { peerid: wire.node_id, reason: wire.reason, duration })
    }
}

impl Wire<pb::RemoveBlacklistedPeerResponse> for Removed {
    fn into_wire(self) -> pb::RemoveBlacklistedPeerResponse {
        pb::RemoveBlacklistedPeerResponse { removed: self.removed }
    }

    fn from_wire(wire: pb::RemoveBlacklistedPeerResponse) -> Result<Self, WireError> {
        Ok(Self { removed: wire.removed })
    }
}

impl Wire<pb::BlacklistedPeer> for BlacklistedPeer {
    fn into_wire(self) -> pb::BlacklistedPeer {
        pb::BlacklistedPeer {
            node_id: self.peer_id,
            reason: self.reason,
            since_unix_ms: self.timestamp,
            expires_unix_ms: self.expires_at.unwrap_or_default(),
        }
    }

    fn from_wire(wire: pb::BlacklistedPeer) -> Result<Self, WireError> {
        let expires_at = nonzero(wire.expires_unix_ms);
        Ok(Self {
            peer_id: wire.node_id,
            reason: wire.reason,
            timestamp: wire.since_unix_ms,
            permanent: expires_at.is_none(),
            expires_at,
        })
    }
}

impl Wire<pb::ListBlacklistedPeersResponse> for Blacklist {
    fn into_wire(self) -> pb::ListBlacklistedPeersResponse {
        pb::ListBlacklistedPeersResponse { peers: all_out(self.blacklisted_peers) }
    }

    fn from_wire(wire: pb::ListBlacklistedPeersResponse) -> Result<Self, WireError> {
        Ok(Self { blacklisted_peers: all(wire.peers)? })
    }
}

impl Wire<pb::CreateResolutionRequest> for CreateResolution {
    fn into_wire(self) -> pb::CreateResolutionRequest {
        pb::CreateResolutionRequest {
            r#type: self.resolution_type,
            body: self.resolution.into(),
            options: options_out(self.options),
        }
    }

    fn from_wire(wire: pb::CreateResolutionRequest) -> Result<Self, WireError> {
        Ok(Self {
            resolution: wire.body.into(),
            resolution_type: wire.r#type,
            options: options_in(wire.options)?,
        })
    }
}

impl Wire<pb::ApproveResolutionRequest> for ApproveResolution {
    fn into_wire(self) -> pb::ApproveResolutionRequest {
        pb::ApproveResolutionRequest {
            id: uuid_out(self.resolution_id),
            options: options_out(self.options),
        }
    }

    fn from_wire(wire: pb::ApproveResolutionRequest) -> Result<Self, WireError> {
        Ok(Self { resolution_id: uuid_in("id", &wire.id)?, options: options_in(wire.options)? })
    }
}

impl Wire<pb::GetResolutionRequest> for ResolutionRequest {
    fn into_wire(self) -> pb::GetResolutionRequest {
        pb::GetResolutionRequest { id: uuid_out(self.resolution_id) }
    }

    fn from_wire(wire: pb::GetResolutionRequest) -> Result<Self, WireError> {
        Ok(Self { resolution_id: uuid_in("id", &wire.id)? })
    }
}

impl Wire<pb::GetResolutionResponse> for ResolutionAnswer {
    fn into_wire(self) -> pb::GetResolutionResponse {
        let status = self.status;
        pb::GetResolutionResponse {
            r#type: status.r#type,
            id: uuid_out(status.resolution_id),
            expires_unix_ms: status.expires_at,
            board: all_out(status.board),
            approved: status.approved,
        }
    }

    fn from_wire(wire: pb::GetResolutionResponse) -> Result<Self, WireError> {
        Ok(Self {
            status: ResolutionStatus {
                r#type: wire.r#type,
                resolution_id: uuid_in("id", &wire.id)?,
                expires_at: wire.expires_unix_ms,
                board: all(wire.board)?,
                approved: wire.approved,
            },
        })
    }
}

impl Wire<pb::GetBlockExecutionResponse> for BlockExecAnswer {
    fn into_wire(self) -> pb::GetBlockExecutionResponse {
        pb::GetBlockExecutionResponse { status: self.0.map(BlockExecution::into_wire) }
    }

    fn from_wire(wire: pb::GetBlockExecutionResponse) -> Result<Self, WireError> {
        Ok(Self(wire.status.map(BlockExecution::from_wire).transpose()?))
    }
}

impl Wire<pb::BlockExecution> for BlockExecution {
    fn into_wire(self) -> pb::BlockExecution {
        let tx =
            |TxProgress { id, status }| pb::block_execution::Tx { id: hash_out(id), done: status };
        pb::BlockExecution {
            started_unix_ms: self.start_time,
            ended_unix_ms: self.end_time.unwrap_or_default(),
            height: self.height,
            transactions: self.tx_info.into_iter().map(tx).collect(),
        }
    }

    fn from_wire(wire: pb::BlockExecution) -> Result<Self, WireError> {
        let tx = |tx: pb::block_execution::Tx| {
            Ok(TxProgress { id: hash_in("id", &tx.id)?, status: tx.done })
        };
        Ok(Self {
            start_time: wire.started_unix_ms,
            end_time: nonzero(wire.ended_unix_ms),
            height: wire.height,
            tx_info: wire.transactions.into_iter().map(tx).collect::<Result<_, WireError>>()?,
        })
    }
}

impl Wire<pb::AbortBlockExecutionRequest> for AbortRequest {
    fn into_wire(self) -> pb::AbortBlockExecutionRequest {
        pb::AbortBlockExecutionRequest {
            height: self.height,
            transactions: self.txs.into_iter().map(hash_out).collect(),
        }
    }

    fn from_wire(wire: pb::AbortBlockExecutionRequest) -> Result<Self, WireError> {
        Ok(Self { height: wire.height, txs: hashes_in("transactions", &wire.transactions)? })
    }
}

impl Wire<pb::VerifyStateResponse> for StateCheck {
    fn into_wire(self) -> pb::VerifyStateResponse {
        pb::VerifyStateResponse {
            height: self.height,
            ok: self.ok,
            want_app_hash: hash_out(self.want_app_hash),
            got_app_hash: hash_out(self.got_app_hash),
            tables: self.tables,
            rows: self.rows,
            differing_tables: self.differing_tables,
        }
    }

    fn from_wire(wire: pb::VerifyStateResponse) -> Result<Self, WireError> {
        Ok(Self {
            height: wire.height,
            ok: wire.ok,
            want_app_hash: hash_in("want_app_hash", &wire.want_app_hash)?,
            got_app_hash: hash_in("got_app_hash", &wire.got_app_hash)?,
            tables: wire.tables,
            rows: wire.rows,
            differing_tables: wire.differing_tables,
        })
    }
}
