//! Balances and nonces during a block.
//!
//! Accounts are loaded before execution, changed in memory and stored once at the end of the block. An account is made
//! by its first transaction or the first tokens it gets.

mod read;
mod row;
mod spend;

pub use row::{AccountRow, account_of};
pub(crate) use spend::{Spent, Unspent};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kwil_types::{AccountId, Amount};

use crate::overlay::{Change, Checkpoint, Overlay};

/// Balance and nonce of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Tokens in base units.
    pub balance: Amount,
    /// Nonce of the account's last transaction; 0 before the first.
    pub nonce: u64,
}

/// Why tokens cannot move.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BalanceError {
    /// The balance is too small.
    #[error(
        "insufficient funds: account {account} tried to use {wanted}, but only has balance {balance}"
    )]
    Insufficient {
        /// Whose balance.
        account: AccountId,
        /// What was asked for.
        wanted: Amount,
        /// What is there.
        balance: Amount,
    },
    /// The balance would be above 2^256 − 1.
    #[error("balance of account {account} would be above 2^256 - 1")]
    TooLarge {
        /// Whose balance.
        account: AccountId,
    },
    /// The account was not loaded before execution: a mistake of this program, never a result.
    #[error("account {0} was not loaded")]
    NotLoaded(AccountId),
}

/// The accounts that a block can touch.
#[derive(Debug)]
pub(crate) struct Accounts {
    overlay: Overlay<AccountId, Account>,
    known: BTreeSet<AccountId>,
}

impl Accounts {
    /// `known` were asked for, `loaded` exist.
    pub(crate) fn new(known: BTreeSet<AccountId>, loaded: BTreeMap<AccountId, Account>) -> Self {
        Self { overlay: Overlay::new(Arc::new(loaded)), known }
    }

    pub(crate) fn checkpoint(&self) -> Checkpoint {
        self.overlay.checkpoint()
    }

    pub(crate) fn rollback_to(&mut self, point: Checkpoint) {
        self.overlay.rollback_to(point);
    }

    /// The account as it is now; `None` when it does not exist.
    pub(crate) fn get(&self, id: &AccountId) -> Result<Option<&Account>, BalanceError> {
        if !self.known.contains(id) {
            return Err(BalanceError::NotLoaded(id.clone()));
        }
        Ok(self.overlay.get(id))
    }

    /// Adds tokens; makes the account when it is missing, also for amount 0.
    pub(crate) fn credit(&mut self, id: &AccountId, amount: &Amount) -> Result<(), BalanceError> {
        let mut account = self.get(id)?.cloned().unwrap_or_default();
        let sum = account.balance.checked_add(amount);
        account.balance = sum.ok_or_else(|| BalanceError::TooLarge { account: id.clone() })?;
        self.overlay.put(id.clone(), Some(account));
        Ok(())
    }

    /// Moves tokens. Nothing changes when it fails; a transfer to oneself needs the balance and changes nothing.
    pub(crate) fn transfer(
        &mut self,
        from: &AccountId,
        to: &AccountId,
        amount: &Amount,
    ) -> Result<(), BalanceError> {
        let mut payer = self.get(from)?.cloned().unwrap_or_default();
        let Some(rest) = payer.balance.checked_sub(amount) else {
            let (account, wanted) = (from.clone(), amount.clone());
            return Err(BalanceError::Insufficient { account, wanted, balance: payer.balance });
        };
        if from == to {
            return Ok(());
        }
        self.credit(to, amount)?;
        payer.balance = rest;
        self.overlay.put(from.clone(), Some(payer));
        Ok(())
    }

    /// What the block changed, in the order of the accounts.
    pub(crate) fn changes(&self) -> Vec<Change<AccountId, Account>> {
        self.overlay.changes()
    }
}

#[cfg(test)]
mod tests {
    use kwil_crypto::EthAddress;
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn id(byte: u8) -> AccountId {
        EthAddress([byte; 20]).into()
    }

    fn accounts(balances: &[u64]) -> Accounts {
        let known = (0..8).map(id).collect();
        let loaded = (0..).zip(balances).map(|(byte, balance)| {
            (id(byte), Account { balance: Amount::from(*balance), nonce: 0 })
        });
        Accounts::new(known, loaded.collect())
    }

    fn balance(accounts: &Accounts, byte: u8) -> Option<String> {
        accounts.get(&id(byte)).unwrap().map(|account| account.balance.to_string())
    }

    #[test]
    fn a_transfer_to_oneself_changes_nothing() {
        let mut accounts = accounts(&[10]);
        accounts.transfer(&id(0), &id(0), &Amount::from(7)).unwrap();
        assert_eq!(accounts.changes(), []);
        let error = accounts.transfer(&id(0), &id(0), &Amount::from(11)).unwrap_err();
        assert!(matches!(error, BalanceError::Insufficient { .. }));
    }

    #[test]
    fn the_receiver_is_made_even_for_nothing() {
        let mut accounts = accounts(&[10]);
        accounts.transfer(&id(0), &id(1), &Amount::ZERO).unwrap();
        assert_eq!(balance(&accounts, 1).as_deref(), Some("0"));
        assert_eq!(accounts.changes().len(), 1);
    }

    #[test]
    fn a_transfer_from_nobody_says_what_is_there() {
        let mut accounts = accounts(&[]);
        let error = accounts.transfer(&id(0), &id(1), &Amount::from(1)).unwrap_err();
        let text =
            format!("insufficient funds: account {} tried to use 1, but only has balance 0", id(0));
        assert_eq!(error.to_string(), text);
        assert_eq!(accounts.changes(), []);
    }

    #[test]
    fn an_account_that_was_not_loaded_is_never_taken_for_a_missing_one() {
        let mut accounts = accounts(&[]);
        assert_eq!(accounts.get(&id(9)), Err(BalanceError::NotLoaded(id(9))));
        assert_eq!(accounts.credit(&id(9), &Amount::ZERO), Err(BalanceError::NotLoaded(id(9))));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn transfers_conserve_tokens_and_undo_completely(
            balances in vec(0_u64..50, 4),
            moves in vec((0_u8..6, 0_u8..6, 0_u64..40, any::<bool>()), 0..30),
        ) {
            let mut accounts = accounts(&balances);
            let total: u64 = balances.iter().sum();
            for (from, to, amount, undo) in moves {
                let (before, point) = (accounts.changes(), accounts.checkpoint());
                let moved = accounts.transfer(&id(from), &id(to), &Amount::from(amount));
                if undo || moved.is_err() {
                    accounts.rollback_to(point);
                    prop_assert_eq!(accounts.changes(), before);
                }
                let sum = (0..8).filter_map(|byte| balance(&accounts, byte)).map(|text| text.parse::<u64>().unwrap());
                prop_assert_eq!(sum.sum::<u64>(), total);
            }
        }
    }
}
