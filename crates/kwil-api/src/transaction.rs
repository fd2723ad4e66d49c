//! Transactions as clients write them, and their results.

use serde::{Deserialize, Serialize};

use kwil_crypto::Hash;

pub use kwil_types::json::{Signature, Transaction, TxBody, TxResult};

use crate::text;

/// Parameters of `user.tx_query`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TxQueryRequest {
    /// Transaction id.
    #[serde(with = "text::hash")]
    pub tx_hash: Hash,
}

/// Answer of `user.tx_query`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TxQuery {
    /// Transaction id.
    #[serde(with = "text::hash")]
    pub tx_hash: Hash,
    /// Height of its block, -1 while it waits in the mempool.
    pub height: i64,
    /// The transaction itself.
    pub tx: Transaction,
    /// `None` while it waits.
    pub tx_result: Option<TxResult>,
}
