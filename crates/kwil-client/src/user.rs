//! What users and programs ask a node.

use std::time::Duration;

use kwil_api::chain::{
    BlockAnswer, BlockAt, BlockRequest, BlockResults, ChainTx, ChainTxRequest, ConsensusParams,
    Genesis, HeaderAnswer, Unconfirmed, UnconfirmedRequest, Validators, ValidatorsRequest,
};
use kwil_api::user::{
    Account, AccountCount, AccountRequest, BroadcastRequest, Broadcasted, ChainInfo, Challenge,
    Empty, Health, Ping, Price, PriceRequest, ProposalRequest, UpdateProposal, Version,
};
use kwil_api::{
    ChainBlock, ChainBlockHeader, ChainBlockResult, ChainConsensusParams, ChainGenesis,
    ChainTransaction, ChainUnconfirmed, ChainValidators, Transaction, TxQuery, TxQueryRequest,
    UserAccount, UserBroadcast, UserChainInfo, UserChallenge, UserEstimatePrice, UserHealth,
    UserListUpdateProposals, UserNumAccounts, UserPing, UserTxQuery, UserUpdateProposalStatus,
    UserVersion,
};
use kwil_crypto::Hash;
use kwil_types::AccountId;

use crate::client::{WAY, client};
use crate::error::ClientError;
use crate::transport::Transport;

/// A client of the user and chain services. Clones share the connection; nothing is dialled before the first call.
#[derive(Clone, Debug)]
pub struct UserClient {
    transport: Transport,
}

client!(UserClient);

impl UserClient {
    pub(crate) const fn over(transport: Transport) -> Self {
        Self { transport }
    }

    /// This client, with answers of reads that show at least this height: the node waits for it some seconds.
    #[must_use]
    pub fn at_least(&self, height: u64) -> Self {
        Self { transport: self.transport.at_least(height) }
    }

    /// Version of the user service and of the node.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn version(&self) -> Result<Version, ClientError> {
        self.call::<UserVersion>(Empty {}).await
    }

    /// Whether somebody answers: `pong`.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn ping(&self) -> Result<String, ClientError> {
        Ok(self.call::<UserPing>(Ping { message: "ping".to_owned() }).await?.message)
    }

    /// Health of the node; tells chain id and private mode too.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn health(&self) -> Result<Health, ClientError> {
        self.call::<UserHealth>(Empty {}).await
    }

    /// Name and best block of the network.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn chain_info(&self) -> Result<ChainInfo, ClientError> {
        self.call::<UserChainInfo>(Empty {}).await
    }

    /// Balance and nonce of an account, as of the last block or with the node's mempool.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn account(&self, id: &AccountId, pending: bool) -> Result<Account, ClientError> {
        self.call::<UserAccount>(AccountRequest { id: Some(id.into()), status: pending.into() })
            .await
    }

    /// Number of accounts.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn num_accounts(&self) -> Result<AccountCount, ClientError> {
        self.call::<UserNumAccounts>(Empty {}).await
    }

    /// What a transaction costs; it may be unsigned.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn estimate_price(&self, tx: Transaction) -> Result<Price, ClientError> {
        self.call::<UserEstimatePrice>(PriceRequest { tx: Some(tx) }).await
    }

    /// Sends a signed transaction and returns when the mempool has it.
    ///
    /// # Errors
    /// As [`Self::call`]; a refusal is [`ClientError::Rpc`] with a `tx_code`.
    pub async fn broadcast(&self, tx: Transaction) -> Result<Broadcasted, ClientError> {
        self.call::<UserBroadcast>(BroadcastRequest {
            tx: Some(tx),
            sync: 0,
            wait_timeout_ms: None,
        })
        .await
    }

    /// Sends a signed transaction and returns when it is in a block, whatever its result; `wait` bounds that, as does
    /// the node.
    ///
    /// # Errors
    /// As [`Self::broadcast`]; code 10 when the wait is over, the transaction then still stands.
    pub async fn broadcast_and_wait(
        &self,
        tx: Transaction,
        wait: Duration,
    ) -> Result<Broadcasted, ClientError> {
        let wait_timeout_ms = Some(u32::try_from(wait.as_millis()).unwrap_or(u32::MAX));
        let request = BroadcastRequest { tx: Some(tx), sync: 1, wait_timeout_ms };
        self.transport.call::<UserBroadcast>(request, wait.saturating_add(WAY)).await
    }

    /// A transaction in a block or in the mempool.
    ///
    /// # Errors
    /// As [`Self::call`]; code -202 when the node does not know it.
    pub async fn tx_query(&self, hash: Hash) -> Result<TxQuery, ClientError> {
        self.call::<UserTxQuery>(TxQueryRequest { tx_hash: hash }).await
    }

    /// Bytes to sign for an authenticated read.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn challenge(&self) -> Result<Challenge, ClientError> {
        self.call::<UserChallenge>(Empty {}).await
    }

    /// Pending changes of network parameters.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn update_proposals(&self) -> Result<Vec<UpdateProposal>, ClientError> {
        Ok(self.call::<UserListUpdateProposals>(Empty {}).await?.proposals)
    }

    /// One pending change of network parameters, with its votes.
    ///
    /// # Errors
    /// As [`Self::call`]; code -801 when there is no such proposal.
    pub async fn update_proposal(&self, id: uuid::Uuid) -> Result<UpdateProposal, ClientError> {
        let answer =
            self.call::<UserUpdateProposalStatus>(ProposalRequest { id: Some(id) }).await?;
        answer.proposals.into_iter().next().ok_or_else(|| ClientError::Answer {
            endpoint: self.endpoint().to_owned(),
            problem: "no proposal in the answer".to_owned(),
        })
    }

    /// A block by height; 0 is the latest.
    ///
    /// # Errors
    /// As [`Self::call`]; code -204 when there is none.
    pub async fn block(&self, height: i64) -> Result<BlockAnswer, ClientError> {
        self.call::<ChainBlock>(BlockRequest { height, ..BlockRequest::default() }).await
    }

    /// A block in the form that is asked for.
    ///
    /// # Errors
    /// As [`Self::block`].
    pub async fn block_as(&self, request: BlockRequest) -> Result<BlockAnswer, ClientError> {
        self.call::<ChainBlock>(request).await
    }

    /// A block header.
    ///
    /// # Errors
    /// As [`Self::block`].
    pub async fn block_header(&self, at: BlockAt) -> Result<HeaderAnswer, ClientError> {
        self.call::<ChainBlockHeader>(at).await
    }

    /// Results of a block's transactions.
    ///
    /// # Errors
    /// As [`Self::block`].
    pub async fn block_results(&self, at: BlockAt) -> Result<BlockResults, ClientError> {
        self.call::<ChainBlockResult>(at).await
    }

    /// A transaction in a block.
    ///
    /// # Errors
    /// As [`Self::tx_query`].
    pub async fn chain_tx(&self, hash: Hash) -> Result<ChainTx, ClientError> {
        self.call::<ChainTransaction>(ChainTxRequest { hash: Some(hash) }).await
    }

    /// The genesis document.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn genesis(&self) -> Result<Genesis, ClientError> {
        self.call::<ChainGenesis>(Empty {}).await
    }

    /// Parameters in force.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn consensus_params(&self) -> Result<ConsensusParams, ClientError> {
        self.call::<ChainConsensusParams>(Empty {}).await
    }

    /// The validator set of a height, or the current one.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn validators(&self, height: Option<i64>) -> Result<Validators, ClientError> {
        self.call::<ChainValidators>(ValidatorsRequest { height }).await
    }

    /// The first transactions of the mempool.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn unconfirmed(&self, limit: i64) -> Result<Unconfirmed, ClientError> {
        self.call::<ChainUnconfirmed>(UnconfirmedRequest { limit }).await
    }
}
