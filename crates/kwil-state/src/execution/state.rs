//! Everything that a block changes in memory, with one way to undo it.

use std::collections::{BTreeMap, BTreeSet};

use kwil_crypto::PublicKey;
use kwil_types::{AccountId, TxId};
use uuid::Uuid;

use crate::accounts::{Account, Accounts};
use crate::network_state::NetworkState;
use crate::overlay::Checkpoint;
use crate::params_state::Params;
use crate::validators::Validators;
use crate::votes::{BookCheckpoint, VoteBook};

/// What every transaction of a block sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BlockContext {
    /// Height of the block.
    pub(crate) height: u64,
    /// Block time in whole Unix seconds.
    pub(crate) time: i64,
    /// Who created the block.
    pub(crate) proposer: PublicKey,
}

/// A transaction's place in the block and who sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TxContext {
    /// Id of the transaction.
    pub(crate) id: TxId,
    /// Account that pays.
    pub(crate) sender: AccountId,
    /// Text identity of the sender: address or public key.
    pub(crate) caller: String,
    /// Authenticator that vouched for the sender.
    pub(crate) auth_type: String,
}

/// What had to be read before execution.
#[derive(Clone, Debug, Default)]
pub(crate) struct Loaded {
    pub(crate) asked_accounts: BTreeSet<AccountId>,
    pub(crate) accounts: BTreeMap<AccountId, Account>,
    pub(crate) asked_processed: BTreeSet<Uuid>,
    pub(crate) processed: Vec<Uuid>,
}

/// The state of a block that is being executed.
#[derive(Debug)]
pub(crate) struct BlockState {
    pub(crate) context: BlockContext,
    pub(crate) accounts: Accounts,
    pub(crate) book: VoteBook,
    pub(crate) validators: Validators,
    pub(crate) params: Params,
}

/// A point to go back to.
#[derive(Debug)]
pub(crate) struct StateCheckpoint {
    accounts: Checkpoint,
    book: BookCheckpoint,
    validators: Validators,
    params: Params,
}

impl BlockState {
    pub(crate) fn new(context: BlockContext, committed: &NetworkState, loaded: Loaded) -> Self {
        let NetworkState { params, validators, resolutions, votes } = committed.clone();
        Self {
            context,
            accounts: Accounts::new(loaded.asked_accounts, loaded.accounts),
            book: VoteBook::new(resolutions, votes, loaded.asked_processed, loaded.processed),
            validators: Validators::new(validators),
            params: Params::new(params),
        }
    }

    pub(crate) fn checkpoint(&self) -> StateCheckpoint {
        StateCheckpoint {
            accounts: self.accounts.checkpoint(),
            book: self.book.checkpoint(),
            validators: self.validators.clone(),
            params: self.params.clone(),
        }
    }

    pub(crate) fn rollback_to(&mut self, point: StateCheckpoint) {
        self.accounts.rollback_to(point.accounts);
        self.book.rollback_to(point.book);
        self.validators = point.validators;
        self.params = point.params;
    }

    /// Takes a validator's power and its votes away. Fails, and changes nothing, when nobody would be left.
    pub(crate) fn remove_validator(
        &mut self,
        key: &PublicKey,
    ) -> Result<(), kwil_types::ValidatorSetError> {
        self.validators.set_power(*key, 0)?;
        self.book.remove_voter(key);
        Ok(())
    }

    /// The agreed state after the block.
    pub(crate) fn into_next(self) -> NetworkState {
        let params = self.params.next().into();
        let (resolutions, votes) = self.book.into_base();
        NetworkState { params, validators: self.validators.into_next(), resolutions, votes }
    }
}
