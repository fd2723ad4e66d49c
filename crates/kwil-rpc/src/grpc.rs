//! gRPC: the generated services over the same handlers, with reflection and the standard health service.

mod deadline;
mod descriptors;
mod health;

use std::sync::Arc;

use kwil_api::{RpcError, Wire};
use kwil_proto::rpc::v1 as pb;
use pb::admin_service_server::{AdminService, AdminServiceServer};
use pb::chain_service_server::{ChainService, ChainServiceServer};
use pb::function_service_server::{FunctionService, FunctionServiceServer};
use pb::user_service_server::{UserService, UserServiceServer};
use tonic::service::RoutesBuilder;
use tonic::{Request, Response, Status};

use crate::front::{Front, Handle};
pub(crate) use descriptors::descriptors;
pub(crate) use health::HealthBoard;

/// One value behind all generated services.
#[derive(Clone, Debug)]
struct Grpc(Arc<Front>);

impl Grpc {
    async fn run<C: Handle>(
        &self,
        request: Request<C::ProtoRequest>,
    ) -> Result<Response<C::ProtoResponse>, Status> {
        let context = deadline::context(&self.0, &request);
        let answer = async {
            let request = C::Request::from_wire(request.into_inner())
                .map_err(|error| RpcError::invalid_params(error.to_string()))?;
            self.0.run::<C>(&context, request).await
        };
        answer
            .await
            .map(|response| Response::new(response.into_wire()))
            .map_err(|error| error.to_status(&context.request_id))
    }
}

macro_rules! service {
    ($service:ident { $($rpc:ident => $call:ident,)* }) => {
        #[tonic::async_trait]
        impl $service for Grpc {
            $(async fn $rpc(
                &self,
                request: Request<<kwil_api::$call as kwil_api::Call>::ProtoRequest>,
            ) -> Result<Response<<kwil_api::$call as kwil_api::Call>::ProtoResponse>, Status> {
                self.run::<kwil_api::$call>(request).await
            })*
        }
    };
}

service!(UserService {
    get_version => UserVersion,
    ping => UserPing,
    get_health => UserHealth,
    get_chain_info => UserChainInfo,
    get_account => UserAccount,
    count_accounts => UserNumAccounts,
    estimate_price => UserEstimatePrice,
    broadcast => UserBroadcast,
    call => UserCall,
    query => UserQuery,
    authenticated_query => UserAuthenticatedQuery,
    get_transaction => UserTxQuery,
    get_challenge => UserChallenge,
    list_update_proposals => UserListUpdateProposals,
    get_update_proposal => UserUpdateProposalStatus,
});

service!(ChainService {
    get_version => ChainVersion,
    get_health => ChainHealthCheck,
    get_block => ChainBlock,
    get_block_header => ChainBlockHeader,
    get_block_results => ChainBlockResult,
    get_transaction => ChainTransaction,
    get_genesis => ChainGenesis,
    get_params => ChainConsensusParams,
    list_validators => ChainValidators,
    list_unconfirmed => ChainUnconfirmed,
});

service!(FunctionService {
    get_version => FunctionVersion,
    verify_signature => FunctionVerifySig,
});

service!(AdminService {
    get_version => AdminVersion,
    get_health => AdminHealthCheck,
    get_status => AdminStatus,
    list_peers => AdminPeers,
    get_config => AdminConfig,
    join => AdminJoin,
    leave => AdminLeave,
    approve => AdminApprove,
    remove => AdminRemove,
    list_validators => AdminValidators,
    list_join_requests => AdminJoinRequests,
    get_join_status => AdminJoinStatus,
    replace_leader => AdminReplaceLeader,
    add_peer => AdminAddPeer,
    remove_peer => AdminRemovePeer,
    list_whitelist => AdminListPeers,
    blacklist_peer => AdminBlacklistPeer,
    remove_blacklisted_peer => AdminRemoveBlacklisted,
    list_blacklisted_peers => AdminListBlacklisted,
    create_resolution => AdminCreateResolution,
    approve_resolution => AdminApproveResolution,
    get_resolution => AdminResolutionStatus,
    get_block_execution => AdminBlockExecStatus,
    abort_block_execution => AdminAbortBlockExecution,
    verify_state => AdminVerifyState,
});

/// The services of a listener, its reflection, and its health.
pub(crate) fn routes(
    front: &Arc<Front>,
    board: &HealthBoard,
) -> Result<tonic::service::Routes, tonic_reflection::server::Error> {
    let grpc = Grpc(Arc::clone(front));
    let limits = front.limits();
    let mut routes = RoutesBuilder::default();
    macro_rules! add {
        ($server:ident) => {
            routes.add_service(
                $server::new(grpc.clone())
                    .max_decoding_message_size(limits.max_request)
                    .max_encoding_message_size(limits.max_response),
            )
        };
    }
    // A service that is switched off is mounted too: its methods say "unknown method" like any other.
    add!(UserServiceServer);
    add!(ChainServiceServer);
    add!(FunctionServiceServer);
    if front.serves(kwil_api::Service::Admin) {
        add!(AdminServiceServer);
    }
    let set = descriptors(front);
    let builder = || {
        tonic_reflection::server::Builder::configure()
            .register_file_descriptor_set(set.clone())
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    routes.add_service(builder().build_v1()?);
    routes.add_service(builder().build_v1alpha()?);
    routes.add_service(board.server());
    Ok(routes.routes())
}
