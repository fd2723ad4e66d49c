//! What commands that make a transaction of the node have in common.

use kwil_api::admin::{Submitted, TxOptions};
use kwil_types::GoDuration;
use serde::Serialize;

use crate::context::Context;
use crate::error::{CliError, ErrorCode};

/// How long the command stays.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct SubmitArgs {
    /// Wait until the transaction is in a block, at most this long
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true, default_missing_value = "0s")]
    wait: Option<GoDuration>,
}

#[derive(Serialize)]
struct Sent<'a> {
    tx_hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tx_result: Option<&'a kwil_api::TxResult>,
}

impl SubmitArgs {
    pub(crate) fn options(self) -> TxOptions {
        TxOptions { wait: self.wait.is_some(), timeout: self.wait.unwrap_or_default() }
    }
}

/// Prints the hash, and the outcome when it was waited for.
///
/// # Errors
/// The transaction is in a block and failed.
pub(crate) fn print(submitted: &Submitted, context: &mut Context) -> Result<(), CliError> {
    let result = submitted.result.as_ref();
    if let Some(failed) = result.filter(|result| result.code != 0) {
        let message = format!(
            "transaction {} failed: code {}: {}",
            submitted.tx_hash, failed.code, failed.log
        );
        return Err(CliError::new(ErrorCode::TxFailed, message.trim_end_matches(": ").to_owned()));
    }
    let sent = Sent {
        tx_hash: submitted.tx_hash.to_string(),
        height: submitted.height,
        tx_result: result,
    };
    context.output.emit(&sent, || {
        let height = submitted.height.map(|height| format!("\nStatus: success\nHeight: {height}"));
        format!("TxHash: {}{}", submitted.tx_hash, height.unwrap_or_default())
    })
}
