//! `query-tx`: a transaction and what became of it. Asked of a node by its operator or by a user.

use kwil_api::{TxQuery, TxResult};
use kwil_client::{ClientError, UserClient};
use kwil_crypto::Hash;
use kwil_types::{GoDuration, RawTx, Transaction};
use serde::Serialize;

use crate::context::Context;
use crate::error::{CliError, ErrorCode};

/// Which transaction, and how much of it.
#[derive(Clone, Debug, clap::Args)]
pub struct QueryTxArgs {
    /// Transaction id, 64 hex digits
    #[arg(value_name = "HASH")]
    hash: String,
    /// Show the bytes of the transaction
    #[arg(short = 'R', long)]
    raw: bool,
    /// Show the transaction and its result as JSON
    #[arg(short = 'F', long)]
    full: bool,
    /// Wait until the transaction is in a block, at most this long; exits with 6 when it failed
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true, default_missing_value = "30s")]
    wait: Option<GoDuration>,
}

/// A result with the events that clients of old releases look for.
#[derive(Debug, Serialize)]
struct ResultView<'a> {
    code: u32,
    gas: i64,
    log: &'a str,
    events: [(); 0],
}

impl<'a> From<&'a TxResult> for ResultView<'a> {
    fn from(result: &'a TxResult) -> Self {
        Self { code: result.code, gas: result.gas, log: &result.log, events: [] }
    }
}

#[derive(Serialize)]
struct View<'a> {
    hash: String,
    height: i64,
    tx: &'a kwil_api::Transaction,
    tx_result: Option<ResultView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
}

#[derive(Serialize)]
struct FullView<'a> {
    tx_hash: String,
    height: i64,
    tx: &'a kwil_api::Transaction,
    tx_result: Option<ResultView<'a>>,
}

impl QueryTxArgs {
    /// The id that was asked for.
    pub(crate) fn hash(&self) -> Result<Hash, CliError> {
        let text = self.hash.strip_prefix("0x").unwrap_or(&self.hash);
        text.parse()
            .map_err(|error| CliError::usage(format!("error decoding transaction id: {error}")))
    }

    /// Asks, and waits when that is wanted.
    pub(crate) async fn ask(&self, node: &UserClient, hash: Hash) -> Result<TxQuery, ClientError> {
        match self.wait.and_then(|wait| wait.to_std().ok()) {
            Some(limit) => node.wait_for(hash, limit).await,
            None => node.tx_query(hash).await,
        }
    }

    /// Prints the answer.
    pub(crate) fn show(
        &self,
        asked: Hash,
        answer: &TxQuery,
        context: &mut Context,
    ) -> Result<(), CliError> {
        let tx_result = answer.tx_result.as_ref().map(ResultView::from);
        if self.full {
            print_full(answer, context)?;
        } else {
            let raw = raw(answer);
            let received = raw.as_ref().map_or(answer.tx_hash, RawTx::id);
            let warning = (received != asked)
                .then(|| format!("HASH MISMATCH: requested {asked}, received {received}"));
            let bytes = self.raw.then(|| raw.map(|raw| hex(raw.bytes()))).flatten();
            let view = View {
                hash: answer.tx_hash.to_string(),
                height: answer.height,
                tx: &answer.tx,
                tx_result,
                raw: bytes.clone(),
                warning: warning.clone(),
            };
            context.output.emit(&view, || {
                let mut text = match bytes {
                    Some(bytes) => format!("Raw: {bytes}"),
                    None => block(answer),
                };
                if warning.is_some() {
                    text.push_str(&format!(
                        "\nWARNING! HASH MISMATCH:\n\tRequested {asked}\n\tReceived  {received}"
                    ));
                }
                text
            })?;
        }
        match &answer.tx_result {
            Some(result) if result.code != 0 && self.wait.is_some() => {
                Err(CliError::told(ErrorCode::TxFailed))
            }
            Some(_) | None => Ok(()),
        }
    }
}

fn print_full(answer: &TxQuery, context: &mut Context) -> Result<(), CliError> {
    let view = full_view(answer);
    let json = |error| CliError::because("cannot write the result as JSON", &error);
    let tx = serde_json::to_string(view.tx).map_err(json)?;
    let result = serde_json::to_string(&view.tx_result).map_err(json)?;
    context.output.emit(&view, || {
        format!(
            "TxHash: {}\nHeight: {}\nTxInfo: {tx}\nTxResult: {result}",
            answer.tx_hash, answer.height
        )
    })
}

fn full_view(answer: &TxQuery) -> FullView<'_> {
    FullView {
        tx_hash: answer.tx_hash.to_string(),
        height: answer.height,
        tx: &answer.tx,
        tx_result: answer.tx_result.as_ref().map(ResultView::from),
    }
}

/// Prints what became of a transaction that the command itself sent.
pub(crate) fn print_outcome(answer: &TxQuery, context: &mut Context) -> Result<(), CliError> {
    context.output.emit(&full_view(answer), || block(answer))?;
    match &answer.tx_result {
        Some(result) if result.code != 0 => Err(CliError::told(ErrorCode::TxFailed)),
        Some(_) | None => Ok(()),
    }
}

/// The lines about a transaction.
fn block(answer: &TxQuery) -> String {
    let status = match &answer.tx_result {
        _ if answer.height < 0 => "pending",
        None => "pending",
        Some(result) if result.code == 0 => "success",
        Some(_) => "failed",
    };
    let mut lines = vec![
        format!("Transaction ID: {}", answer.tx_hash),
        format!("Status: {status}"),
        format!("Height: {}", answer.height),
    ];
    let log = answer.tx_result.as_ref().map_or("", |result| result.log.as_str());
    if !log.is_empty() {
        lines.push("Logs:".to_owned());
        lines.extend(log.lines().map(|line| format!("  {line}")));
    }
    lines.join("\n")
}

fn raw(answer: &TxQuery) -> Option<RawTx> {
    let transaction = Transaction::try_from(answer.tx.clone()).ok()?;
    RawTx::new(&transaction).ok()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(height: i64, result: Option<(u32, &str)>) -> TxQuery {
        TxQuery {
            tx_hash: Hash([7; 32]),
            height,
            tx: kwil_api::Transaction::default(),
            tx_result: result.map(|(code, log)| TxResult { code, gas: 0, log: log.to_owned() }),
        }
    }

    #[test]
    fn the_lines_say_what_became_of_it() {
        insta::assert_snapshot!(block(&answer(10, Some((0, "This is log\nand more")))), @r"
        Transaction ID: 0707070707070707070707070707070707070707070707070707070707070707
        Status: success
        Height: 10
        Logs:
          This is log
          and more
        ");
        assert!(block(&answer(-1, None)).ends_with("Status: pending\nHeight: -1"));
        assert!(block(&answer(3, Some((7, "")))).ends_with("Status: failed\nHeight: 3"));
    }
}
