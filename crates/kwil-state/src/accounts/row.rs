//! Accounts as rows.

use kwil_crypto::KeyType;
use kwil_types::AccountId;

use super::Account;
use crate::canon::Cell;
use crate::database::Database;
use crate::fault::NodeFault;
use crate::overlay::Change;
use crate::store::{ACCOUNTS, EngineRow, EngineTable, RowChange};

/// A row of the accounts table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRow {
    /// Which account.
    pub id: AccountId,
    /// Balance and nonce.
    pub account: Account,
}

impl AccountRow {
    /// The key of an account, as the table has it.
    pub(crate) fn key(id: &AccountId) -> Vec<Cell> {
        vec![Cell::Bytea(id.identifier().to_vec()), Cell::Int8(i64::from(id.key_type().id()))]
    }

    /// A change of an account as a change of its row.
    pub(crate) fn change(change: Change<AccountId, Account>) -> RowChange<Self> {
        let Change { key, old, new } = change;
        let row = |account| Self { id: key.clone(), account };
        RowChange { old: old.map(row), new: new.map(row) }
    }
}

/// An account as of the last committed block; `None` when it does not exist.
///
/// # Errors
/// [`NodeFault`] when the database cannot be read.
pub async fn account_of(database: &Database, id: &AccountId) -> Result<Option<Account>, NodeFault> {
    database.inspect().await?.account(id).await
}

impl EngineRow for AccountRow {
    const TABLE: &'static EngineTable = &ACCOUNTS;

    fn to_cells(&self) -> Vec<Cell> {
        let mut cells = Self::key(&self.id);
        cells.push(Cell::Text(self.account.balance.to_string()));
        // A nonce counts transactions one by one, so it cannot reach the sign bit.
        cells.push(Cell::Int8(self.account.nonce.cast_signed()));
        cells
    }

    fn from_cells(cells: &[Cell]) -> Option<Self> {
        let [Cell::Bytea(identifier), Cell::Int8(key_type), Cell::Text(balance), Cell::Int8(nonce)] =
            cells
        else {
            return None;
        };
        let key_type = KeyType::from_id(u32::try_from(*key_type).ok()?).ok()?;
        let id = AccountId::new(key_type, identifier).ok()?;
        let account =
            Account { balance: balance.parse().ok()?, nonce: u64::try_from(*nonce).ok()? };
        Some(Self { id, account })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_read_back_and_nonsense_is_no_account() {
        let id = AccountId::new(KeyType::Ed25519, &[7; 32]).unwrap();
        let row = AccountRow { id, account: Account { balance: 12_u64.into(), nonce: 3 } };
        assert_eq!(AccountRow::from_cells(&row.to_cells()), Some(row.clone()));
        let mut cells = row.to_cells();
        cells[2] = Cell::Text("-1".into());
        assert_eq!(AccountRow::from_cells(&cells), None);
    }
}
