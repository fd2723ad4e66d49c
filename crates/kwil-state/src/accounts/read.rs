//! Committed accounts for the node itself.

use kwil_types::AccountId;

use super::{Account, AccountRow};
use crate::database::Snapshot;
use crate::fault::NodeFault;

impl Snapshot {
    /// Balances and nonces of accounts, in no particular order; one that does not exist is left out. Only in a view from
    /// [`crate::Database::inspect`].
    ///
    /// # Errors
    /// [`NodeFault`].
    pub async fn accounts(
        &mut self,
        ids: &[AccountId],
    ) -> Result<Vec<(AccountId, Account)>, NodeFault> {
        let keys: Vec<_> = ids.iter().map(AccountRow::key).collect();
        let rows = self.load::<AccountRow>(&keys).await?;
        Ok(rows.into_iter().map(|row| (row.id, row.account)).collect())
    }

    /// One account; `None` when it does not exist. Only in a view from [`crate::Database::inspect`].
    ///
    /// # Errors
    /// [`NodeFault`].
    pub async fn account(&mut self, id: &AccountId) -> Result<Option<Account>, NodeFault> {
        Ok(self
            .accounts(std::slice::from_ref(id))
            .await?
            .into_iter()
            .next()
            .map(|(_, account)| account))
    }

    /// How many accounts there are. Only in a view from [`crate::Database::inspect`].
    ///
    /// # Errors
    /// [`NodeFault`].
    pub async fn num_accounts(&mut self) -> Result<u64, NodeFault> {
        self.count::<AccountRow>().await
    }
}
