//! What an operator asks the own node.

use std::time::Duration;

use kwil_api::admin::{
    AbortRequest, ApproveResolution, BlacklistRequest, BlacklistedPeer, BlockExecution,
    CandidateRequest, CandidateSubmit, ConfigRequest, CreateResolution, JoinRequest, JoinRequests,
    KeyParam, Peer, PeerRequest, ReplaceLeaderRequest, ResolutionRequest, ResolutionStatus,
    StateCheck, Status, SubmitRequest, Submitted, TxOptions,
};
use kwil_api::user::{Empty, Version};
use kwil_api::{
    AdminAbortBlockExecution, AdminAddPeer, AdminApprove, AdminApproveResolution,
    AdminBlacklistPeer, AdminBlockExecStatus, AdminConfig, AdminCreateResolution, AdminHealthCheck,
    AdminJoin, AdminJoinRequests, AdminJoinStatus, AdminLeave, AdminListBlacklisted,
    AdminListPeers, AdminPeers, AdminRemove, AdminRemoveBlacklisted, AdminRemovePeer,
    AdminReplaceLeader, AdminResolutionStatus, AdminStatus, AdminValidators, AdminVerifyState,
    AdminVersion, Call, Validator,
};
use kwil_crypto::{Hash, NodeId};
use kwil_types::GoDuration;
use uuid::Uuid;

use crate::client::{WAY, client};
use crate::error::ClientError;
use crate::transport::Transport;
use crate::user::UserClient;

/// Time of calls that read the whole state.
const LONG: Duration = Duration::from_secs(600);

/// A client of the admin service. Clones share the connection; nothing is dialled before the first call.
#[derive(Clone, Debug)]
pub struct AdminClient {
    transport: Transport,
}

client!(AdminClient);

impl AdminClient {
    /// The user and chain services, which the admin listener serves too.
    #[must_use]
    pub fn user(&self) -> UserClient {
        UserClient::over(self.transport.clone())
    }

    /// Calls that make a transaction take as long as they may wait.
    async fn submit<C: Call<Response = Submitted>>(
        &self,
        request: C::Request,
        options: TxOptions,
    ) -> Result<Submitted, ClientError>
    where
        C::Request: Clone,
    {
        let nanos = u64::try_from(options.timeout.as_nanos()).unwrap_or_default();
        let wait = if options.wait {
            Duration::from_nanos(nanos).saturating_add(WAY)
        } else {
            Duration::ZERO
        };
        self.transport.call::<C>(request, self.transport.timeout().max(wait)).await
    }

    /// Version of the node.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn version(&self) -> Result<Version, ClientError> {
        self.call::<AdminVersion>(Empty {}).await
    }

    /// Health of the admin service.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn health(&self) -> Result<kwil_api::admin::AdminHealth, ClientError> {
        self.call::<AdminHealthCheck>(Empty {}).await
    }

    /// The node, how far it is, its voting power.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn status(&self) -> Result<Status, ClientError> {
        self.call::<AdminStatus>(Empty {}).await
    }

    /// Connected peers.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn peers(&self) -> Result<Vec<Peer>, ClientError> {
        Ok(self.call::<AdminPeers>(Empty {}).await?.peers)
    }

    /// The configuration in force, as TOML.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn config(&self, show_secrets: bool) -> Result<String, ClientError> {
        let bytes = self.call::<AdminConfig>(ConfigRequest { show_secrets }).await?.config;
        String::from_utf8(bytes).map_err(|error| ClientError::Answer {
            endpoint: self.endpoint().to_owned(),
            problem: format!("configuration: {error}"),
        })
    }

    /// Asks the validators to let this node in.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn join(&self, options: TxOptions) -> Result<Submitted, ClientError> {
        self.submit::<AdminJoin>(SubmitRequest { options }, options).await
    }

    /// Takes this node out of the validators.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn leave(&self, options: TxOptions) -> Result<Submitted, ClientError> {
        self.submit::<AdminLeave>(SubmitRequest { options }, options).await
    }

    /// Approves a join request.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn approve(
        &self,
        candidate: &NodeId,
        options: TxOptions,
    ) -> Result<Submitted, ClientError> {
        let candidate = KeyParam::new(candidate.public_key());
        self.submit::<AdminApprove>(CandidateSubmit { candidate, options }, options).await
    }

    /// Votes to remove a validator.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn remove(
        &self,
        validator: &NodeId,
        options: TxOptions,
    ) -> Result<Submitted, ClientError> {
        let candidate = KeyParam::new(validator.public_key());
        self.submit::<AdminRemove>(CandidateSubmit { candidate, options }, options).await
    }

    /// The validator set.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn validators(&self) -> Result<Vec<Validator>, ClientError> {
        Ok(self.call::<AdminValidators>(Empty {}).await?.validators)
    }

    /// Pending join requests and the power that they need.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn join_requests(&self) -> Result<JoinRequests, ClientError> {
        self.call::<AdminJoinRequests>(Empty {}).await
    }

    /// The pending join request of a candidate.
    ///
    /// # Errors
    /// As [`Self::call`]; code -801 when there is none.
    pub async fn join_status(&self, candidate: &NodeId) -> Result<JoinRequest, ClientError> {
        let candidate = KeyParam::new(candidate.public_key());
        Ok(self.call::<AdminJoinStatus>(CandidateRequest { candidate }).await?.join_request)
    }

    /// Accepts another leader from a height on.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn replace_leader(&self, leader: &NodeId, height: i64) -> Result<(), ClientError> {
        let candidate = KeyParam::new(leader.public_key());
        self.call::<AdminReplaceLeader>(ReplaceLeaderRequest { candidate, height })
            .await
            .map(|_done| ())
    }

    /// Puts a node on the whitelist.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn whitelist_add(&self, node: &NodeId) -> Result<(), ClientError> {
        self.call::<AdminAddPeer>(PeerRequest { peerid: node.to_string() }).await.map(|_done| ())
    }

    /// Takes a node off the whitelist.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn whitelist_remove(&self, node: &NodeId) -> Result<(), ClientError> {
        self.call::<AdminRemovePeer>(PeerRequest { peerid: node.to_string() }).await.map(|_done| ())
    }

    /// The whitelist.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn whitelist(&self) -> Result<Vec<String>, ClientError> {
        Ok(self.call::<AdminListPeers>(Empty {}).await?.peers)
    }

    /// Refuses a node; without a duration for ever.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn blacklist_add(
        &self,
        node: &NodeId,
        reason: &str,
        duration: Option<GoDuration>,
    ) -> Result<(), ClientError> {
        let request = BlacklistRequest {
            peerid: node.to_string(),
            reason: reason.to_owned(),
            duration: duration.map(|duration| duration.to_string()).unwrap_or_default(),
        };
        self.call::<AdminBlacklistPeer>(request).await.map(|_done| ())
    }

    /// Takes a node off the blacklist.
    ///
    /// # Errors
    /// As [`Self::call`]; code -32602 when it is not there.
    pub async fn blacklist_remove(&self, node: &NodeId) -> Result<(), ClientError> {
        self.call::<AdminRemoveBlacklisted>(PeerRequest { peerid: node.to_string() })
            .await
            .map(|_done| ())
    }

    /// The blacklist, newest first.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn blacklist(&self) -> Result<Vec<BlacklistedPeer>, ClientError> {
        Ok(self.call::<AdminListBlacklisted>(Empty {}).await?.blacklisted_peers)
    }

    /// Proposes a resolution.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn create_resolution(
        &self,
        kind: &str,
        body: Vec<u8>,
        options: TxOptions,
    ) -> Result<Submitted, ClientError> {
        let request =
            CreateResolution { resolution: body, resolution_type: kind.to_owned(), options };
        self.submit::<AdminCreateResolution>(request, options).await
    }

    /// Approves a resolution.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn approve_resolution(
        &self,
        id: Uuid,
        options: TxOptions,
    ) -> Result<Submitted, ClientError> {
        self.submit::<AdminApproveResolution>(
            ApproveResolution { resolution_id: id, options },
            options,
        )
        .await
    }

    /// A pending resolution and its votes.
    ///
    /// # Errors
    /// As [`Self::call`]; code -801 when there is none.
    pub async fn resolution(&self, id: Uuid) -> Result<ResolutionStatus, ClientError> {
        Ok(self
            .call::<AdminResolutionStatus>(ResolutionRequest { resolution_id: id })
            .await?
            .status)
    }

    /// The block that is being executed, if one is.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn block_execution(&self) -> Result<Option<BlockExecution>, ClientError> {
        Ok(self.call::<AdminBlockExecStatus>(Empty {}).await?.0)
    }

    /// Stops the execution of a block and drops transactions from the mempool.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn abort_block_execution(
        &self,
        height: i64,
        txs: Vec<Hash>,
    ) -> Result<(), ClientError> {
        self.call::<AdminAbortBlockExecution>(AbortRequest { height, txs }).await.map(|_done| ())
    }

    /// Recomputes the state hash from the tables; takes as long as reading the database.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn verify_state(&self) -> Result<StateCheck, ClientError> {
        self.transport.call::<AdminVerifyState>(Empty {}, LONG).await
    }
}
