//! Handlers of the user service.

use std::time::Duration;

use kwil_api::user::{
    Account, AccountCount, AccountRequest, BroadcastRequest, Broadcasted, ChainInfo, Challenge,
    Empty, Health, Ping, Pong, Price, PriceRequest, ProposalRequest, UpdateProposal,
    UpdateProposals, Version,
};
use kwil_api::{
    RpcCode, RpcError, Service, Transaction, TxQuery, TxQueryRequest, UserAccount, UserBroadcast,
    UserChainInfo, UserChallenge, UserEstimatePrice, UserHealth, UserListUpdateProposals,
    UserNumAccounts, UserPing, UserTxQuery, UserUpdateProposalStatus, UserVersion,
};
use kwil_types::{AccountId, RawTx, TxError};
use tokio::time::Instant;

use super::read::now_ms;
use super::{shown, shown_result, signed, version};
use crate::api::{KnownTx, Wait};
use crate::front::{Context, Front, Handle};

/// An answer needs this long to be written before the request's deadline.
const ANSWER_TIME: Duration = Duration::from_millis(100);

impl Handle for UserVersion {
    async fn handle(
        front: &Front,
        _context: &Context,
        _request: Empty,
    ) -> Result<Version, RpcError> {
        Ok(version(front, Service::User))
    }
}

impl Handle for UserPing {
    async fn handle(_front: &Front, _context: &Context, _request: Ping) -> Result<Pong, RpcError> {
        Ok(Pong { message: "pong".to_owned() })
    }
}

impl Handle for UserHealth {
    async fn handle(
        front: &Front,
        _context: &Context,
        _request: Empty,
    ) -> Result<Health, RpcError> {
        Ok(front.health())
    }
}

impl Handle for UserChainInfo {
    async fn handle(
        front: &Front,
        _context: &Context,
        _request: Empty,
    ) -> Result<ChainInfo, RpcError> {
        Ok(front.health().chain)
    }
}

impl Handle for UserAccount {
    async fn handle(
        front: &Front,
        _context: &Context,
        request: AccountRequest,
    ) -> Result<Account, RpcError> {
        let id = request.id.filter(|id| !id.identifier.is_empty());
        let id = id.ok_or_else(|| RpcError::invalid_params("missing account identifier"))?;
        let account = AccountId::try_from(&id)
            .map_err(|error| RpcError::invalid_params(error.to_string()))?;
        let state = front.apis.user.account(account, request.status > 0).await?.unwrap_or_default();
        let exists = state.nonce > 0 || !state.balance.is_zero();
        Ok(Account { id: exists.then_some(id), balance: state.balance, nonce: signed(state.nonce) })
    }
}

impl Handle for UserNumAccounts {
    async fn handle(
        front: &Front,
        _context: &Context,
        _request: Empty,
    ) -> Result<AccountCount, RpcError> {
        let total = front.apis.user.num_accounts().await?;
        Ok(AccountCount { count: signed(total.count), height: signed(total.height) })
    }
}

/// The parts that must be there before anything else is looked at.
fn whole(tx: Option<Transaction>) -> Result<Transaction, RpcError> {
    let tx = tx.ok_or_else(|| RpcError::invalid_params("missing tx"))?;
    if tx.body.is_none() {
        return Err(RpcError::invalid_params("missing tx.body"));
    }
    Ok(tx)
}

impl Handle for UserEstimatePrice {
    /// Clients ask before they sign: signature and serialization may be missing.
    async fn handle(
        front: &Front,
        _context: &Context,
        request: PriceRequest,
    ) -> Result<Price, RpcError> {
        let mut tx = whole(request.tx)?;
        tx.signature.get_or_insert_default();
        if tx.serialization.is_empty() {
            "concat".clone_into(&mut tx.serialization);
        }
        let tx = kwil_types::Transaction::try_from(tx)
            .map_err(|error| RpcError::new(RpcCode::TX_PAYLOAD, error.to_string()))?;
        Ok(Price { price: front.apis.user.estimate_price(tx).await? })
    }
}

impl Handle for UserBroadcast {
    async fn handle(
        front: &Front,
        context: &Context,
        request: BroadcastRequest,
    ) -> Result<Broadcasted, RpcError> {
        let wait = match request.sync {
            0 => Wait::Accept,
            1 => Wait::Commit(wait_until(front, context, request.wait_timeout_ms)),
            _ => return Err(RpcError::invalid_params("sync must be 0 or 1")),
        };
        let raw = raw_tx(whole(request.tx)?)?;
        front.apis.user.broadcast(raw, wait).await
    }
}

/// The first of: what the sender asked for, what the node allows, what the request has left.
pub(super) fn wait_until(front: &Front, context: &Context, asked_ms: Option<u32>) -> Instant {
    let allowed = front.limits().broadcast_timeout;
    let asked =
        asked_ms.map_or(allowed, |millis| Duration::from_millis(millis.into()).min(allowed));
    let wait = asked.min(context.left().saturating_sub(ANSWER_TIME));
    let now = Instant::now();
    now.checked_add(wait).unwrap_or(now)
}

fn raw_tx(tx: Transaction) -> Result<RawTx, RpcError> {
    let refused = |error: TxError| match error {
        TxError::Missing(part) => RpcError::invalid_params(format!("missing tx.{part}")),
        TxError::Unsigned => {
            refusal(error.tx_code().code(), "failed to verify the transaction: it is not signed")
        }
        other => refusal(other.tx_code().code(), &other.to_string()),
    };
    let tx = kwil_types::Transaction::try_from(tx).map_err(refused)?;
    RawTx::new(&tx).map_err(refused)
}

/// A refusal of something that has no transaction id.
fn refusal(code: u32, message: &str) -> RpcError {
    RpcError::new(RpcCode::BROADCAST, "broadcast error").with("code", code).with("message", message)
}

impl Handle for UserTxQuery {
    async fn handle(
        front: &Front,
        _context: &Context,
        request: TxQueryRequest,
    ) -> Result<TxQuery, RpcError> {
        let found = front.apis.user.transaction(request.tx_hash).await?;
        let KnownTx { raw, place } = found.ok_or_else(RpcError::tx_not_found)?;
        Ok(TxQuery {
            tx_hash: raw.id(),
            height: place.as_ref().map_or(-1, |place| signed(place.height)),
            tx: shown(front, &raw),
            tx_result: place.map(|place| shown_result(front, &place.result)),
        })
    }
}

impl Handle for UserChallenge {
    async fn handle(
        front: &Front,
        context: &Context,
        _request: Empty,
    ) -> Result<Challenge, RpcError> {
        if !front.may_ask_challenge(context.client) {
            return Err(RpcError::new(RpcCode::TOO_MANY_CHALLENGES, "too many challenge requests"));
        }
        let issued = front.challenges().issue(now_ms());
        let (challenge, expires) = issued.map_err(|error| {
            tracing::error!(%error, "the system gives no random bytes");
            RpcError::internal("no challenge can be made")
        })?;
        Ok(Challenge { challenge: challenge.to_vec(), expires_unix_ms: signed(expires) })
    }
}

impl Handle for UserListUpdateProposals {
    async fn handle(
        front: &Front,
        _context: &Context,
        _request: Empty,
    ) -> Result<UpdateProposals, RpcError> {
        list(front).await
    }
}

/// The list has no votes; one proposal has.
async fn list(front: &Front) -> Result<UpdateProposals, RpcError> {
    let short = |proposal: UpdateProposal| UpdateProposal {
        board: Vec::new(),
        approved: Vec::new(),
        expires_at: None,
        ..proposal
    };
    let proposals = front.apis.user.update_proposals().await?;
    Ok(UpdateProposals { proposals: proposals.into_iter().map(short).collect() })
}

impl Handle for UserUpdateProposalStatus {
    async fn handle(
        front: &Front,
        _context: &Context,
        request: ProposalRequest,
    ) -> Result<UpdateProposals, RpcError> {
        let Some(id) = request.id else { return list(front).await };
        let mut proposals = front.apis.user.update_proposals().await?;
        proposals.retain(|proposal| proposal.id == id);
        if proposals.is_empty() {
            return Err(RpcError::new(RpcCode::VALIDATOR_NOT_FOUND, "proposal not found"));
        }
        Ok(UpdateProposals { proposals })
    }
}
