//! The one table of methods: names in both front ends, cost class, promise of idempotence.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use kwil_proto::rpc::v1 as pb;

use crate::wire::Wire;
use crate::{admin, chain, function, read, user};

/// A service; each can be switched off by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Accounts, prices, transactions.
    User,
    /// Blocks, validators, parameters.
    Chain,
    /// Functions without state.
    Function,
    /// The operator's methods; never on the public port.
    Admin,
}

impl Service {
    /// Name in methods, health and configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Chain => "chain",
            Self::Function => "function",
            Self::Admin => "admin",
        }
    }

    /// Version of the interface: major, minor, patch.
    #[must_use]
    pub const fn version(self) -> (u32, u32, u32) {
        match self {
            Self::User | Self::Chain | Self::Admin => (0, 2, 0),
            Self::Function => (0, 1, 0),
        }
    }

    /// The version as text.
    #[must_use]
    pub fn version_text(self) -> String {
        let (major, minor, patch) = self.version();
        format!("{major}.{minor}.{patch}")
    }
}

/// What a method costs; each class has its own limit of concurrency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Answered from memory, never queued.
    Free,
    /// Reads the database.
    Read,
    /// Checks a signature.
    Check,
    /// Reads the block store.
    Chain,
    /// The operator's.
    Admin,
}

/// Facts about one method.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    /// JSON-RPC name, `user.account`.
    pub name: &'static str,
    /// gRPC path, `/kwil.rpc.v1.UserService/GetAccount`.
    pub path: &'static str,
    /// Service it belongs to.
    pub service: Service,
    /// What it costs.
    pub class: Class,
    /// Whether a client may send it again after a lost connection.
    pub idempotent: bool,
    /// Whether it answers while the node starts.
    pub always: bool,
    /// One line for the documentation.
    pub summary: &'static str,
}

/// A method with its types: what client and server agree on.
pub trait Call: Send + Sync + 'static {
    /// Parameters.
    type Request: Serialize
        + DeserializeOwned
        + Wire<Self::ProtoRequest>
        + Debug
        + PartialEq
        + Send
        + 'static;
    /// Result.
    type Response: Serialize
        + DeserializeOwned
        + Wire<Self::ProtoResponse>
        + Debug
        + PartialEq
        + Send
        + 'static;
    /// Parameters in protobuf.
    type ProtoRequest: prost::Message + Default + Send + 'static;
    /// Result in protobuf.
    type ProtoResponse: prost::Message + Default + Send + 'static;
    /// Facts about it.
    const METHOD: Method;
}

/// Something to do with a method's types.
#[cfg(any(test, feature = "testing"))]
pub(crate) trait Visit {
    /// Does it.
    fn visit<C: Call>(&self);
}

macro_rules! is_repeat {
    (again) => {
        true
    };
    (once) => {
        false
    };
}

macro_rules! is_always {
    (always) => {
        true
    };
    (ready) => {
        false
    };
}

macro_rules! calls {
    ($($call:ident: $service:ident $class:ident $repeat:ident $when:ident, $name:literal, $path:literal,
        $request:ty as $proto_request:ident => $response:ty as $proto_response:ident, $summary:literal;)*) => {
        $(
            #[doc = $summary]
            #[derive(Clone, Copy, Debug)]
            pub struct $call;

            impl Call for $call {
                type Request = $request;
                type Response = $response;
                type ProtoRequest = pb::$proto_request;
                type ProtoResponse = pb::$proto_response;
                const METHOD: Method = Method {
                    name: $name,
                    path: concat!("/kwil.rpc.v1.", $path),
                    service: Service::$service,
                    class: Class::$class,
                    idempotent: is_repeat!($repeat),
                    always: is_always!($when),
                    summary: $summary,
                };
            }
        )*

        /// Every method, in the order of the services.
        pub const METHODS: &[Method] = &[$($call::METHOD),*];

        /// Runs a check on the method at a place of the table.
        #[cfg(any(test, feature = "testing"))]
        pub(crate) fn with_method<V: Visit>(place: usize, visit: &V) {
            let checks: &[fn(&V)] = &[$(V::visit::<$call>),*];
            if let Some(check) = checks.get(place) {
                check(visit);
            }
        }
    };
}

calls! {
    UserVersion: User Free again always, "user.version", "UserService/GetVersion",
        user::Empty as UserServiceGetVersionRequest => user::Version as VersionInfo, "Version of the user service.";
    UserPing: User Free again always, "user.ping", "UserService/Ping",
        user::Ping as PingRequest => user::Pong as PingResponse, "Answers pong.";
    UserHealth: User Free again always, "user.health", "UserService/GetHealth",
        user::Empty as UserServiceGetHealthRequest => user::Health as Health, "Health of the node.";
    UserChainInfo: User Free again ready, "user.chain_info", "UserService/GetChainInfo",
        user::Empty as GetChainInfoRequest => user::ChainInfo as ChainInfo, "Name and best block of the network.";
    UserAccount: User Read again ready, "user.account", "UserService/GetAccount",
        user::AccountRequest as GetAccountRequest => user::Account as GetAccountResponse, "Balance and nonce of an account.";
    UserNumAccounts: User Read again ready, "user.num_accounts", "UserService/CountAccounts",
        user::Empty as CountAccountsRequest => user::AccountCount as CountAccountsResponse, "Number of accounts.";
    UserEstimatePrice: User Read again ready, "user.estimate_price", "UserService/EstimatePrice",
        user::PriceRequest as EstimatePriceRequest => user::Price as EstimatePriceResponse, "Price of a transaction, which may be unsigned.";
    UserBroadcast: User Check again ready, "user.broadcast", "UserService/Broadcast",
        user::BroadcastRequest as BroadcastRequest => user::Broadcasted as BroadcastResponse, "Sends a signed transaction.";
    UserCall: User Read again ready, "user.call", "UserService/Call",
        read::CallMessage as CallRequest => read::CallResult as CallResponse, "Calls a view action.";
    UserQuery: User Read again ready, "user.query", "UserService/Query",
        read::QueryRequest as QueryRequest => read::QueryResult as QueryResponse, "Runs SQL that reads.";
    UserAuthenticatedQuery: User Read again ready, "user.authenticated_query", "UserService/AuthenticatedQuery",
        read::AuthenticatedQuery as AuthenticatedQueryRequest => read::QueryResult as AuthenticatedQueryResponse, "Runs SQL that reads, with proof of who asks.";
    UserTxQuery: User Chain again ready, "user.tx_query", "UserService/GetTransaction",
        crate::transaction::TxQueryRequest as UserServiceGetTransactionRequest => crate::transaction::TxQuery as UserServiceGetTransactionResponse, "A transaction in a block or in the mempool.";
    UserChallenge: User Free once ready, "user.challenge", "UserService/GetChallenge",
        user::Empty as GetChallengeRequest => user::Challenge as GetChallengeResponse, "Bytes to sign for an authenticated read.";
    UserListUpdateProposals: User Read again ready, "user.list_update_proposals", "UserService/ListUpdateProposals",
        user::Empty as ListUpdateProposalsRequest => user::UpdateProposals as ListUpdateProposalsResponse, "Pending changes of network parameters.";
    UserUpdateProposalStatus: User Read again ready, "user.update_proposal_status", "UserService/GetUpdateProposal",
        user::ProposalRequest as GetUpdateProposalRequest => user::UpdateProposals as GetUpdateProposalResponse, "One pending change of network parameters with its votes.";

    ChainVersion: Chain Free again always, "chain.version", "ChainService/GetVersion",
        user::Empty as ChainServiceGetVersionRequest => user::Version as VersionInfo, "Version of the chain service.";
    ChainHealthCheck: Chain Free again always, "chain.health", "ChainService/GetHealth",
        user::Empty as ChainServiceGetHealthRequest => chain::ChainHealth as ChainServiceGetHealthResponse, "Health of the chain service.";
    ChainBlock: Chain Chain again ready, "chain.block", "ChainService/GetBlock",
        chain::BlockRequest as GetBlockRequest => chain::BlockAnswer as GetBlockResponse, "A block by height or hash.";
    ChainBlockHeader: Chain Chain again ready, "chain.block_header", "ChainService/GetBlockHeader",
        chain::BlockAt as GetBlockHeaderRequest => chain::HeaderAnswer as GetBlockHeaderResponse, "A block header by height or hash.";
    ChainBlockResult: Chain Chain again ready, "chain.block_result", "ChainService/GetBlockResults",
        chain::BlockAt as GetBlockResultsRequest => chain::BlockResults as GetBlockResultsResponse, "Results of a block's transactions.";
    ChainTransaction: Chain Chain again ready, "chain.tx", "ChainService/GetTransaction",
        chain::ChainTxRequest as ChainServiceGetTransactionRequest => chain::ChainTx as ChainServiceGetTransactionResponse, "A transaction in a block.";
    ChainGenesis: Chain Chain again ready, "chain.genesis", "ChainService/GetGenesis",
        user::Empty as GetGenesisRequest => chain::Genesis as GetGenesisResponse, "The genesis document.";
    ChainConsensusParams: Chain Chain again ready, "chain.consensus_params", "ChainService/GetParams",
        user::Empty as GetParamsRequest => chain::ConsensusParams as GetParamsResponse, "Network parameters in force.";
    ChainValidators: Chain Chain again ready, "chain.validators", "ChainService/ListValidators",
        chain::ValidatorsRequest as ChainServiceListValidatorsRequest => chain::Validators as ChainServiceListValidatorsResponse, "The validator set.";
    ChainUnconfirmed: Chain Chain again ready, "chain.unconfirmed_txs", "ChainService/ListUnconfirmed",
        chain::UnconfirmedRequest as ListUnconfirmedRequest => chain::Unconfirmed as ListUnconfirmedResponse, "Transactions of the mempool.";

    FunctionVersion: Function Free again always, "function.version", "FunctionService/GetVersion",
        user::Empty as FunctionServiceGetVersionRequest => user::Version as VersionInfo, "Version of the function service.";
    FunctionVerifySig: Function Check again always, "function.verify_sig", "FunctionService/VerifySignature",
        function::VerifySigRequest as VerifySignatureRequest => function::VerifySig as VerifySignatureResponse, "Checks a signature in any form the node knows.";

    AdminVersion: Admin Free again always, "admin.version", "AdminService/GetVersion",
        user::Empty as AdminServiceGetVersionRequest => user::Version as VersionInfo, "Version of the admin service.";
    AdminHealthCheck: Admin Free again always, "admin.health", "AdminService/GetHealth",
        user::Empty as AdminServiceGetHealthRequest => admin::AdminHealth as AdminServiceGetHealthResponse, "Health of the admin service.";
    AdminStatus: Admin Admin again always, "admin.status", "AdminService/GetStatus",
        user::Empty as GetStatusRequest => admin::Status as GetStatusResponse, "The node, how far it is, its voting power.";
    AdminPeers: Admin Admin again always, "admin.peers", "AdminService/ListPeers",
        user::Empty as ListPeersRequest => admin::Peers as ListPeersResponse, "Connected peers.";
    AdminConfig: Admin Admin again always, "admin.config", "AdminService/GetConfig",
        admin::ConfigRequest as GetConfigRequest => admin::ConfigText as GetConfigResponse, "Configuration in force.";
    AdminJoin: Admin Admin once ready, "admin.val_join", "AdminService/Join",
        admin::SubmitRequest as JoinRequest => admin::Submitted as SubmitResponse, "Asks the validators to let this node in.";
    AdminLeave: Admin Admin once ready, "admin.val_leave", "AdminService/Leave",
        admin::SubmitRequest as LeaveRequest => admin::Submitted as SubmitResponse, "Takes this node out of the validators.";
    AdminApprove: Admin Admin once ready, "admin.val_approve", "AdminService/Approve",
        admin::CandidateSubmit as ApproveRequest => admin::Submitted as SubmitResponse, "Approves a join request.";
    AdminRemove: Admin Admin once ready, "admin.val_remove", "AdminService/Remove",
        admin::CandidateSubmit as RemoveRequest => admin::Submitted as SubmitResponse, "Votes to remove a validator.";
    AdminValidators: Admin Admin again ready, "admin.val_list", "AdminService/ListValidators",
        user::Empty as AdminServiceListValidatorsRequest => admin::ValidatorList as AdminServiceListValidatorsResponse, "The validator set.";
    AdminJoinRequests: Admin Admin again ready, "admin.val_list_joins", "AdminService/ListJoinRequests",
        user::Empty as ListJoinRequestsRequest => admin::JoinRequests as ListJoinRequestsResponse, "Pending join requests.";
    AdminJoinStatus: Admin Admin again ready, "admin.val_join_status", "AdminService/GetJoinStatus",
        admin::CandidateRequest as GetJoinStatusRequest => admin::JoinStatus as GetJoinStatusResponse, "One pending join request.";
    AdminReplaceLeader: Admin Admin again ready, "admin.val_promote", "AdminService/ReplaceLeader",
        admin::ReplaceLeaderRequest as ReplaceLeaderRequest => admin::Nothing as ReplaceLeaderResponse, "Accepts another leader from a height on.";
    AdminAddPeer: Admin Admin again ready, "admin.add_peer", "AdminService/AddPeer",
        admin::PeerRequest as AddPeerRequest => user::Empty as AddPeerResponse, "Puts a node on the whitelist.";
    AdminRemovePeer: Admin Admin again ready, "admin.remove_peer", "AdminService/RemovePeer",
        admin::PeerRequest as RemovePeerRequest => user::Empty as RemovePeerResponse, "Takes a node off the whitelist.";
    AdminListPeers: Admin Admin again ready, "admin.list_peers", "AdminService/ListWhitelist",
        user::Empty as ListWhitelistRequest => admin::Whitelist as ListWhitelistResponse, "The whitelist.";
    AdminBlacklistPeer: Admin Admin again ready, "admin.blacklist_peer", "AdminService/BlacklistPeer",
        admin::BlacklistRequest as BlacklistPeerRequest => user::Empty as BlacklistPeerResponse, "Refuses a node.";
    AdminRemoveBlacklisted: Admin Admin again ready, "admin.remove_blacklisted_peer", "AdminService/RemoveBlacklistedPeer",
        admin::PeerRequest as RemoveBlacklistedPeerRequest => admin::Removed as RemoveBlacklistedPeerResponse, "Takes a node off the blacklist.";
    AdminListBlacklisted: Admin Admin again ready, "admin.list_blacklisted_peers", "AdminService/ListBlacklistedPeers",
        user::Empty as ListBlacklistedPeersRequest => admin::Blacklist as ListBlacklistedPeersResponse, "The blacklist.";
    AdminCreateResolution: Admin Admin once ready, "admin.create_resolution", "AdminService/CreateResolution",
        admin::CreateResolution as CreateResolutionRequest => admin::Submitted as SubmitResponse, "Proposes a resolution.";
    AdminApproveResolution: Admin Admin once ready, "admin.approve_resolution", "AdminService/ApproveResolution",
        admin::ApproveResolution as ApproveResolutionRequest => admin::Submitted as SubmitResponse, "Approves a resolution.";
    AdminResolutionStatus: Admin Admin again ready, "admin.resolution_status", "AdminService/GetResolution",
        admin::ResolutionRequest as GetResolutionRequest => admin::ResolutionAnswer as GetResolutionResponse, "A pending resolution and its votes.";
    AdminBlockExecStatus: Admin Admin again ready, "admin.block_exec_status", "AdminService/GetBlockExecution",
        user::Empty as GetBlockExecutionRequest => admin::BlockExecAnswer as GetBlockExecutionResponse, "The block that is being executed.";
    AdminAbortBlockExecution: Admin Admin once ready, "admin.abort_block_execution", "AdminService/AbortBlockExecution",
        admin::AbortRequest as AbortBlockExecutionRequest => user::Empty as AbortBlockExecutionResponse, "Stops the execution of a block.";
    AdminVerifyState: Admin Admin again ready, "admin.verify_state", "AdminService/VerifyState",
        user::Empty as VerifyStateRequest => admin::StateCheck as VerifyStateResponse, "Recomputes the state hash from the tables.";
}

/// The method with this JSON-RPC name.
#[must_use]
pub fn method_named(name: &str) -> Option<&'static Method> {
    METHODS.iter().find(|method| method.name == name)
}
