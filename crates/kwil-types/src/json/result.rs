//! Results of transactions.

use serde::{Deserialize, Serialize};

use super::text;

/// `{"code": n, "gas": n, "log": text}`; an empty log is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TxResult {
    /// Outcome; numbers without a meaning to this build are kept.
    pub code: u32,
    /// Tokens taken.
    #[serde(default, deserialize_with = "text::null_default")]
    pub gas: i64,
    /// Notices and error text.
    #[serde(
        default,
        deserialize_with = "text::null_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub log: String,
}

impl From<&crate::TxResult> for TxResult {
    fn from(result: &crate::TxResult) -> Self {
        Self { code: result.code.code(), gas: result.gas, log: result.log.clone() }
    }
}
