//! Handlers of the admin service.

use kwil_api::admin::{
    AbortRequest, AdminHealth, ApproveResolution, Blacklist, BlacklistRequest, BlockExecAnswer,
    CandidateRequest, CandidateSubmit, ConfigRequest, ConfigText, CreateResolution, JoinRequests,
    JoinStatus, KeyParam, Nothing, PeerRequest, Peers, Removed, ReplaceLeaderRequest,
    ResolutionAnswer, ResolutionRequest, StateCheck, Status, SubmitRequest, Submitted, TxOptions,
    ValidatorList, Whitelist,
};
use kwil_api::user::{Empty, Version};
use kwil_api::{
    AdminAbortBlockExecution, AdminAddPeer, AdminApprove, AdminApproveResolution,
    AdminBlacklistPeer, AdminBlockExecStatus, AdminConfig, AdminCreateResolution, AdminHealthCheck,
    AdminJoin, AdminJoinRequests, AdminJoinStatus, AdminLeave, AdminListBlacklisted,
    AdminListPeers, AdminPeers, AdminRemove, AdminRemoveBlacklisted, AdminRemovePeer,
    AdminReplaceLeader, AdminResolutionStatus, AdminStatus, AdminValidators, AdminVerifyState,
    AdminVersion, RpcCode, RpcError, Service, Validator,
};
use kwil_crypto::{NodeId, PublicKey};
use kwil_types::GoDuration;

use super::user::wait_until;
use super::version;
use crate::api::{Ban, NodeCommand, Wait};
use crate::front::{Context, Front, Handle};

const NANOS_PER_MILLI: i64 = 1_000_000;

impl Handle for AdminVersion {
    async fn handle(
        front: &Front,
        _context: &Context,
        _request: Empty,
    ) -> Result<Version, RpcError> {
        Ok(version(front, Service::Admin))
    }
}

impl Handle for AdminHealthCheck {
    async fn handle(
        front: &Front,
        _context: &Context,
        _request: Empty,
    ) -> Result<AdminHealth, RpcError> {
        let validators = match front.apis.user.starting() {
            Some(_phase) => 0,
            None => front.apis.chain.validators(None).await?.map_or(0, |set| set.validators.len()),
        };
        Ok(AdminHealth {
            version: Service::Admin.version_text(),
            healthy: front.health().healthy,
            pubkey: front.apis.admin.status().validator.key.as_bytes().to_vec(),
            num_validators: u32::try_from(validators).unwrap_or(u32::MAX),
        })
    }
}

impl Handle for AdminStatus {
    async fn handle(
        front: &Front,
        _context: &Context,
        _request: Empty,
    ) -> Result<Status, RpcError> {
        Ok(front.apis.admin.status())
    }
}

impl Handle for AdminPeers {
    async fn handle(front: &Front, _context: &Context, _request: Empty) -> Result<Peers, RpcError> {
        Ok(Peers { peers: front.apis.admin.peers().await? })
    }
}

impl Handle for AdminConfig {
    async fn handle(
        front: &Front,
        _context: &Context,
        request: ConfigRequest,
    ) -> Result<ConfigText, RpcError> {
        Ok(ConfigText { config: front.apis.admin.config(request.show_secrets).await?.into_bytes() })
    }
}

fn wait(front: &Front, context: &Context, options: TxOptions) -> Result<Wait, RpcError> {
    if !options.wait {
        return Ok(Wait::Accept);
    }
    let millis = options.timeout.as_nanos().checked_div(NANOS_PER_MILLI).unwrap_or_default();
    let asked = match u32::try_from(millis) {
        Ok(0) => None,
        Ok(millis) => Some(millis),
        Err(_negative_or_long) => {
            return Err(RpcError::invalid_params(format!(
                "timeout must be between 0 and 49 days, got {}",
                options.timeout
            )));
        }
    };
    Ok(Wait::Commit(wait_until(front, context, asked)))
}

async fn submit(
    front: &Front,
    context: &Context,
    command: NodeCommand,
    options: TxOptions,
) -> Result<Submitted, RpcError> {
    front.apis.admin.submit(command, wait(front, context, options)?).await
}

fn key_of(param: &KeyParam) -> Result<PublicKey, RpcError> {
    param.key().map_err(|error| RpcError::invalid_params(format!("invalid pubkey: {error}")))
}

impl Handle for AdminJoin {
    async fn handle(
        front: &Front,
        context: &Context,
        request: SubmitRequest,
    ) -> Result<Submitted, RpcError> {
        submit(front, context, NodeCommand::Join, request.options).await
    }
}

impl Handle for AdminLeave {
    async fn handle(
        front: &Front,
        context: &Context,
        request: SubmitRequest,
    ) -> Result<Submitted, RpcError> {
        submit(front, context, NodeCommand::Leave, request.options).await
    }
}

impl Handle for AdminApprove {
    async fn handle(
        front: &Front,
        context: &Context,
        request: CandidateSubmit,
    ) -> Result<Submitted, RpcError> {
        let command = NodeCommand::Approve(key_of(&request.candidate)?);
        submit(front, context, command, request.options).await
    }
}

impl Handle for AdminRemove {
    async fn handle(
        front: &Front,
        context: &Context,
        request: CandidateSubmit,
    ) -> Result<Submitted, RpcError> {
        let command = NodeCommand::Remove(key_of(&request.candidate)?);
        submit(front, context, command, request.options).await
    }
}

impl Handle for AdminValidators {
    async fn handle(
        front: &Front,
        _context: &Context,
        _request: Empty,
    ) -> Result<ValidatorList, RpcError> {
        let set = front.apis.chain.validators(None).await?;
        let validators =
            set.map(|set| set.validators.iter().map(Validator::from).collect()).unwrap_or_default();
        Ok(ValidatorList { validators })
    }
}

impl Handle for AdminJoinRequests {
    async fn handle(
        front: &Front,
        _context: &Context,
        _request: Empty,
    ) -> Result<JoinRequests, RpcError> {
        front.apis.admin.join_requests().await
    }
}

impl Handle for AdminJoinStatus {
    async fn handle(
        front: &Front,
        _context: &Context,
        request: CandidateRequest,
    ) -> Result<JoinStatus, RpcError> {
        let key = key_of(&request.candidate)?;
        let wanted = kwil_api::account_of(&key);
        let requests = front.apis.admin.join_requests().await?.join_requests;
        let join_request = requests.into_iter().find(|join| join.candidate == wanted);
        join_request
            .map(|join_request| JoinStatus { join_request })
            .ok_or_else(|| RpcError::new(RpcCode::VALIDATOR_NOT_FOUND, "no active join request"))
    }
}

fn height_of(height: i64) -> Result<u64, RpcError> {
    u64::try_from(height).map_err(|_negative| RpcError::invalid_params("height cannot be negative"))
}

impl Handle for AdminReplaceLeader {
    async fn handle(
        front: &Front,
        _context: &Context,
        request: ReplaceLeaderRequest,
    ) -> Result<Nothing, RpcError> {
        let leader = key_of(&request.candidate)?;
        front.apis.admin.replace_leader(leader, height_of(request.height)?).await?;
        Ok(Nothing)
    }
}

fn node_of(text: &str) -> Result<NodeId, RpcError> {
    NodeId::parse_lenient(text)
        .map_err(|error| RpcError::invalid_params(format!("invalid peer id {text:?}: {error}")))
}

impl Handle for AdminAddPeer {
    async fn handle(
        front: &Front,
        _context: &Context,
        request: PeerRequest,
    ) -> Result<Empty, RpcError> {
        front.apis.admin.add_peer(node_of(&request.peerid)?).await?;
        Ok(Empty {})
    }
}

impl Handle for AdminRemovePeer {
    async fn handle(
        front: &Front,
        _context: &Context,
        request: PeerRequest,
    ) -> Result<Empty, RpcError> {
        front.apis.admin.remove_peer(node_of(&request.peerid)?).await?;
        Ok(Empty {})
    }
}

impl Handle for AdminListPeers {
    async fn handle(
        front: &Front,
        _context: &Context,
        _request: Empty,
    ) -> Result<Whitelist, RpcError> {
        let nodes = front.apis.admin.whitelist().await?;
        Ok(Whitelist { peers: nodes.iter().map(NodeId::to_string).collect() })
    }
}

impl Handle for AdminBlacklistPeer {
    async fn handle(
        front: &Front,
        _context: &Context,
        request: BlacklistRequest,
    ) -> Result<Empty, RpcError> {
        let node = node_of(&request.peerid)?;
        let duration = ban_duration(&request.duration)?;
        let reason = if request.reason.is_empty() { "manual".to_owned() } else { request.reason };
        front.apis.admin.ban(Ban { node, reason, duration }).await?;
        Ok(Empty {})
    }
}

fn ban_duration(text: &str) -> Result<Option<GoDuration>, RpcError> {
    if text.is_empty() {
        return Ok(None);
    }
    let duration: GoDuration = text
        .parse()
        .map_err(|error| RpcError::invalid_params(format!("invalid duration format: {error}")))?;
    if duration <= GoDuration::ZERO {
        return Err(RpcError::invalid_params(format!(
            "invalid duration format: must be positive, got {text}"
        )));
    }
    Ok(Some(duration))
}

impl Handle for AdminRemoveBlacklisted {
    async fn handle(
        front: &Front,
        _context: &Context,
        request: PeerRequest,
    ) -> Result<Removed, RpcError> {
        if front.apis.admin.unban(node_of(&request.peerid)?).await? {
            return Ok(Removed { removed: true });
        }
        Err(RpcError::invalid_params("peer not found in blacklist").reason("PEER_NOT_FOUND"))
    }
}

impl Handle for AdminListBlacklisted {
    async fn handle(
        front: &Front,
        _context: &Context,
        _request: Empty,
    ) -> Result<Blacklist, RpcError> {
        Ok(Blacklist { blacklisted_peers: front.apis.admin.banned().await? })
    }
}

impl Handle for AdminCreateResolution {
    async fn handle(
        front: &Front,
        context: &Context,
        request: CreateResolution,
    ) -> Result<Submitted, RpcError> {
        if request.resolution_type.is_empty() {
            return Err(RpcError::invalid_params("missing resolution_type"));
        }
        let command = NodeCommand::CreateResolution {
            kind: request.resolution_type,
            body: request.resolution,
        };
        submit(front, context, command, request.options).await
    }
}

impl Handle for AdminApproveResolution {
    async fn handle(
        front: &Front,
        context: &Context,
        request: ApproveResolution,
    ) -> Result<Submitted, RpcError> {
        submit(
            front,
            context,
            NodeCommand::ApproveResolution(request.resolution_id),
            request.options,
        )
        .await
    }
}

impl Handle for AdminResolutionStatus {
    async fn handle(
        front: &Front,
        _context: &Context,
        request: ResolutionRequest,
    ) -> Result<ResolutionAnswer, RpcError> {
        let status = front.apis.admin.resolution(request.resolution_id).await?;
        status.map(|status| ResolutionAnswer { status }).ok_or_else(|| {
            RpcError::new(
                RpcCode::VALIDATOR_NOT_FOUND,
                "failed to retrieve resolution: it does not exist",
            )
        })
    }
}

impl Handle for AdminBlockExecStatus {
    async fn handle(
        front: &Front,
        _context: &Context,
        _request: Empty,
    ) -> Result<BlockExecAnswer, RpcError> {
        Ok(BlockExecAnswer(front.apis.admin.block_execution().await?))
    }
}

impl Handle for AdminAbortBlockExecution {
    async fn handle(
        front: &Front,
        _context: &Context,
        request: AbortRequest,
    ) -> Result<Empty, RpcError> {
        front.apis.admin.abort_block_execution(height_of(request.height)?, request.txs).await?;
        Ok(Empty {})
    }
}

impl Handle for AdminVerifyState {
    async fn handle(
        front: &Front,
        _context: &Context,
        _request: Empty,
    ) -> Result<StateCheck, RpcError> {
        front.apis.admin.verify_state().await
    }
}
