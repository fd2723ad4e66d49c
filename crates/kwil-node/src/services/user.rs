//! Accounts, prices, and sending transactions.

use kwil_api::read::{CallResult, QueryResult};
use kwil_api::user::{Broadcasted, Health, UpdateProposal};
use kwil_api::{RpcError, account_of};
use kwil_rpc::{
    AccountState, AccountTotal, KnownTx, ReadBounds, Script, TxPlace, UserApi, ViewCall, Wait,
    async_trait,
};
use kwil_state::{AccountRow, PendingResolution};
use kwil_types::{
    AccountId, Amount, RawTx, ResolutionBody, ResolutionType, Transaction, TxCode, TxId,
};

use super::{Services, internal, signed, unreadable};
use crate::mempool::{Admitted, Origin, Outcome, Rejected, Waiter};

#[async_trait]
impl UserApi for Services {
    fn health(&self) -> Health {
        self.health_now()
    }

    fn starting(&self) -> Option<String> {
        None
    }

    fn best_height(&self) -> i64 {
        signed(self.tip.borrow().height)
    }

    async fn account(
        &self,
        id: AccountId,
        pending: bool,
    ) -> Result<Option<AccountState>, RpcError> {
        if pending && let Some(facts) = self.mempool.pending(&id) {
            return Ok(Some(AccountState { balance: facts.balance, nonce: facts.nonce }));
        }
        let found = kwil_state::account_of(&self.database, &id)
            .await
            .map_err(|error| unreadable(&error))?;
        Ok(found.map(|account| AccountState { balance: account.balance, nonce: account.nonce }))
    }

    async fn num_accounts(&self) -> Result<AccountTotal, RpcError> {
        let mut view = self.database.inspect().await.map_err(|error| unreadable(&error))?;
        let height = view.chain().map_or(0, |chain| chain.height);
        let count = view.count::<AccountRow>().await.map_err(|error| unreadable(&error))?;
        Ok(AccountTotal { count, height })
    }

    async fn estimate_price(&self, tx: Transaction) -> Result<Amount, RpcError> {
        let state = self.state();
        kwil_state::estimate_price(&tx, state.network.params(), true)
            .map_err(|refused| RpcError::invalid_params(refused.to_string()))
    }

    async fn broadcast(&self, tx: RawTx, wait: Wait) -> Result<Broadcasted, RpcError> {
        self.send(tx, Origin::Client, wait).await
    }

    async fn transaction(&self, id: TxId) -> Result<Option<KnownTx>, RpcError> {
        // The mempool is asked first and last: a block may move the transaction between the two questions.
        for _ in 0..2 {
            if let Some(raw) = self.mempool.get(&id) {
                return Ok(Some(KnownTx { raw, place: None }));
            }
            self.chain.index.caught_up().await.map_err(|error| internal(&error.into()))?;
            if let Some(tx) = self.chain.transaction(id).await.map_err(|error| internal(&error))? {
                let (height, index) = (tx.height, tx.index);
                let place = tx.result.map(|result| TxPlace { height, index, result });
                return Ok(Some(KnownTx { raw: tx.raw, place }));
            }
        }
        Ok(None)
    }

    async fn query(&self, script: Script, bounds: ReadBounds) -> Result<QueryResult, RpcError> {
        Box::pin(self.run_query(script, bounds)).await
    }

    async fn call(&self, call: ViewCall, bounds: ReadBounds) -> Result<CallResult, RpcError> {
        Box::pin(self.run_call(call, bounds)).await
    }

    async fn reached(&self, height: u64) {
        let mut published = self.published.clone();
        // The executor ends only with the node, and then nobody waits for answers.
        if published.wait_for(|state| state.chain.height >= height).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    async fn update_proposals(&self) -> Result<Vec<UpdateProposal>, RpcError> {
        let state = self.state();
        let mut pending: Vec<PendingResolution> = state
            .network
            .pending_resolutions()
            .filter(|pending| {
                pending.resolution.event_type() == ResolutionType::ParamUpdates.name()
            })
            .collect();
        pending.sort_by_key(|pending| pending.resolution.expiration);
        Ok(pending.iter().filter_map(proposal).collect())
    }
}

impl Services {
    /// Hands a transaction to the mempool and the network; waits for its block when asked to.
    pub(super) async fn send(
        &self,
        tx: RawTx,
        origin: Origin,
        wait: Wait,
    ) -> Result<Broadcasted, RpcError> {
        let id = tx.id();
        if let Some(known) = self.chain.transaction(id).await.map_err(|error| internal(&error))? {
            return Ok(Broadcasted {
                tx_hash: id,
                height: Some(signed(known.height)),
                result: known.result.as_ref().map(Into::into),
            });
        }
        let waiter = match wait {
            Wait::Accept => None,
            Wait::Commit(deadline) => {
                Some((self.mempool.wait_for(id).map_err(|error| refused(id, &error))?, deadline))
            }
        };
        let admitted =
            self.mempool.admit(tx.clone(), origin).await.map_err(|error| refused(id, &error))?;
        if admitted == Admitted::New {
            self.intake.spread(&tx);
        }
        match waiter {
            None => Ok(Broadcasted { tx_hash: id, ..Broadcasted::default() }),
            Some((waiter, deadline)) => included(id, waiter, deadline).await,
        }
    }
}

async fn included(
    id: TxId,
    mut waiter: Waiter,
    deadline: tokio::time::Instant,
) -> Result<Broadcasted, RpcError> {
    let timed_out = || {
        let text = TxCode::CommitTimeout.text();
        RpcError::broadcast(TxCode::CommitTimeout.code(), id, text)
    };
    match tokio::time::timeout_at(deadline, waiter.outcome()).await {
        Ok(Some(Outcome::Included { height, result, .. })) => Ok(Broadcasted {
            tx_hash: id,
            result: Some((&result).into()),
            height: Some(signed(height)),
        }),
        Ok(Some(Outcome::Dropped(reason))) => Err(refused(id, &reason)),
        Ok(None) | Err(_) => Err(timed_out()),
    }
}

fn refused(id: TxId, reason: &Rejected) -> RpcError {
    RpcError::broadcast(reason.code.code(), id, reason.to_string())
}

fn proposal(pending: &PendingResolution) -> Option<UpdateProposal> {
    let Ok(ResolutionBody::ParamUpdates(body)) =
        ResolutionBody::decode(ResolutionType::ParamUpdates, pending.resolution.body())
    else {
        return None;
    };
    Some(UpdateProposal {
        id: pending.resolution.id(),
        description: body.description,
        updates: body.updates.to_json().as_object().cloned().unwrap_or_default(),
        board: pending.board.iter().map(|(key, _)| account_of(key)).collect(),
        approved: pending.board.iter().map(|(_, voted)| *voted).collect(),
        expires_at: Some(super::admin::expiry_ms(pending)),
    })
}
