//! The state before the first block.

use std::collections::BTreeMap;

use kwil_crypto::Hash;
use kwil_engine::catalog::Catalog;
use kwil_genesis::Genesis;
use kwil_types::AccountId;

use crate::accounts::{Account, AccountRow};
use crate::block::Block;
use crate::chain::ChainIdentity;
use crate::execution::genesis_app_hash;
use crate::fault::NodeFault;
use crate::params_state::rows_of;
use crate::store::RowChange;
use crate::validators::ValidatorRow;

/// Which network a database with this genesis belongs to.
pub(crate) fn identity(genesis: &Genesis) -> ChainIdentity {
    ChainIdentity { chain_id: genesis.chain_id().to_owned(), genesis_hash: genesis.hash() }
}

/// Writes validators, balances, parameters and the first catalog with the owner of the database, and returns the app hash
/// of the state.
pub(crate) async fn write(block: &mut Block<'_>, genesis: &Genesis) -> Result<Hash, NodeFault> {
    const WHAT: &str = "write the genesis state";
    if let Some(hash) = genesis.state_hash() {
        let problem = format!(
            "the genesis document starts from state {hash}, which this release cannot import"
        );
        return Err(NodeFault::invariant(WHAT, problem));
    }
    block.set_network(&identity(genesis)).await?;
    block.store(&inserts(genesis.validators().iter().copied().map(ValidatorRow))).await?;
    block
        .store(&inserts(
            accounts(genesis)?.into_iter().map(|(id, account)| AccountRow { id, account }),
        ))
        .await?;
    let params = rows_of(genesis.params()).map_err(|error| NodeFault::invariant(WHAT, error))?;
    block.store(&inserts(params)).await?;
    block.write_language(Catalog::genesis(Some(genesis.db_owner()))).await?;
    let state_root = block.finish().await?;
    Ok(genesis_app_hash(genesis.initial_height().get(), &state_root))
}

fn inserts<R>(rows: impl IntoIterator<Item = R>) -> Vec<RowChange<R>> {
    rows.into_iter().map(|row| RowChange { old: None, new: Some(row) }).collect()
}

fn accounts(genesis: &Genesis) -> Result<BTreeMap<AccountId, Account>, NodeFault> {
    let mut accounts = BTreeMap::new();
    for alloc in genesis.alloc() {
        let account = Account { balance: alloc.amount.clone(), nonce: 0 };
        if accounts.insert(alloc.account.clone(), account).is_some() {
            let problem = format!("account {} is in the genesis document twice", alloc.account);
            return Err(NodeFault::invariant("write the genesis state", problem));
        }
    }
    Ok(accounts)
}
